"""The quick tier touches every public class, every theorem and every preset."""

from __future__ import annotations

import inspect
import re
from collections import Counter

import pytest
from conftest import ROOT
from table import CASES
from theorems import SECTIONS, checks
from tiers import KEPT, LONG, key

import keras_pde
from keras_pde import presets

GOLDEN = "presets::golden_tensors_and_the_index"


def test_what_the_tiers_tell_apart_is_there(collected: dict[str, bool]) -> None:
    met = Counter(key(name) for name in collected)
    unknown = set(KEPT) - set(met)
    assert not unknown, f"tests/tiers.py names tests that do not exist: {sorted(unknown)}"
    assert set(LONG) <= {name.partition("::")[0] for name in met}
    idle = sorted(name for name, kept in KEPT.items() if kept >= met[name])
    assert not idle, f"tests/tiers.py names tests of which it leaves out nothing: {idle}"


def test_every_theorem_has_a_test_in_the_quick_tier(collected: dict[str, bool]) -> None:
    quick = {key(name) for name, stays in collected.items() if stays}
    missing = [
        f"{claim}: {test} ({stem})"
        for claim, section in SECTIONS.items()
        for test, stem in checks(section)
        if key(f"{stem}.py::{test}") not in quick
    ]
    assert not missing


def test_every_preset_is_verified_in_the_quick_tier(collected: dict[str, bool]) -> None:
    quick = {
        name.partition("[")[2].rstrip("]")
        for name, stays in collected.items()
        if stays and key(name) == GOLDEN
    }
    assert quick == set(presets.index())


@pytest.mark.parametrize("test", ["keras_layer_suite", "every_weight_gets_a_gradient"])
def test_every_layer_and_model_of_the_table_is_in_the_quick_tier(
    collected: dict[str, bool], test: str
) -> None:
    quick = {
        name.partition("[")[2].partition("-")[0]
        for name, stays in collected.items()
        if stays and key(name) == f"conformance::{test}"
    }
    assert quick == {case.cls.__name__ for case in CASES}


def test_every_public_class_is_named_by_a_file_of_the_quick_tier(
    collected: dict[str, bool],
) -> None:
    files = {name.partition("::")[0] for name, stays in collected.items() if stays}
    shared = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("*.py")]
    words = {
        word
        for file in {*files, *shared}
        for word in re.findall(r"\w+", (ROOT / file).read_text(encoding="utf-8"))
    }
    public = [getattr(keras_pde, name) for name in keras_pde.__all__]
    classes = {thing.__name__ for thing in public if inspect.isclass(thing)}
    assert classes
    assert not classes - words
