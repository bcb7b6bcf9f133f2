"""What a call of the public interface means without its options: defaults do not change unsaid."""

from __future__ import annotations

import inspect
import json

from conftest import ROOT

import keras_pde

STORED = ROOT / "tests" / "golden" / "defaults.json"


def defaults() -> dict[str, dict[str, str]]:
    """The defaults of everything public that can be called and has any."""
    found = {}
    for name in sorted(keras_pde.__all__):
        thing = getattr(keras_pde, name)
        if callable(thing):
            parameters = inspect.signature(thing).parameters.values()
            with_default = {
                p.name: repr(p.default).partition(" at 0x")[0]
                for p in parameters
                if p.default is not p.empty
            }
            if with_default:
                found[name] = with_default
    return found


def test_public_defaults_are_those_on_record() -> None:
    """Who means to change one writes json.dumps(defaults(), indent=1) to the file."""
    assert defaults() == json.loads(STORED.read_text(encoding="utf-8"))
