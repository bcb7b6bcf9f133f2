"""Which tests run which lines of keras_pde, and how long each takes: a run under coverage."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NEAR = 12  # lines: a default or a part of a long expression counts as the statement beside it


class Contexts:
    """A plugin of pytest that tells coverage which test runs."""

    def __init__(self, measured: Any) -> None:
        self.measured = measured
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        begin = time.monotonic()
        result = yield
        self.seconds[item.nodeid] = time.monotonic() - begin
        self.measured.switch_context("")
        return result  # type: ignore[return-value]


def digest(package: Path) -> str:
    """Of the sources, whose lines a recording is of."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def record(tests: list[str], package: Path, out: Path) -> int:
    """Run tests, write a JSON file of seconds and lines, and return pytest's exit code."""
    from coverage import Coverage

    measured = Coverage(data_file=None, source=[str(package)], messages=False)
    plugin = Contexts(measured)
    measured.start()
    code = pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *tests], plugins=[plugin])
    measured.stop()
    data = measured.get_data()
    names = list(plugin.seconds)
    number = {name: i for i, name in enumerate(names)}
    lines = {
        file: {
            line: [number[name] for name in ran if name in number]
            for line, ran in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    known = {"digest": digest(package), "tests": names, "seconds": plugin.seconds, "lines": lines}
    out.write_text(json.dumps(known))
    return int(code)


def is_recorded(path: Path, package: Path) -> bool:
    """Whether the file is there, and of these sources."""
    return path.exists() and json.loads(path.read_text())["digest"] == digest(package)


class Covering:
    """The tests that run a line, by a file that `record` wrote: the quick ones first."""

    def __init__(self, path: Path) -> None:
        self.known = json.loads(path.read_text())

    def __call__(self, file: str, line: int) -> list[str]:
        """Those of the line, or of the nearest one that any test runs."""
        lines = self.known["lines"].get(file, {})
        for off in sorted(range(-NEAR, NEAR + 1), key=lambda off: (abs(off), off)):
            if found := lines.get(str(line + off)):
                names = {self.known["tests"][i] for i in found}
                return sorted(names, key=self.known["seconds"].__getitem__)
        return []

    def seconds(self, test: str) -> float:
        """How long a test took, under coverage."""
        return float(self.known["seconds"][test])
