"""What setup.py asks for is explained, and its lowest versions are what the table says."""

from __future__ import annotations

import re

import minima
from conftest import ROOT


def test_the_table_of_dependencies_is_that_of_setup() -> None:
    stated: dict[str, tuple[str, str, set[str]]] = {}
    for extra, lines in minima.requirements().items():
        for line in lines:
            name, _, version = line.split(";")[0].partition(">=")
            low, _, high = version.partition(",<")
            extras = stated.get(name, ("", "", set()))[2] | {extra}
            stated[name] = (low, high, extras)
    found = {}
    for row in re.findall(
        r"^\| (\S+) \| (\d.*) \|$", (ROOT / "docs" / "dependencies.md").read_text(), re.M
    ):
        cells = [row[0], *(cell.strip() for cell in row[1].split("|"))]
        low, _, high = cells[1].partition(", below ")
        extras = {""} if len(cells) == 5 else set(cells[2].split(", "))
        found[cells[0]] = (low, high, extras)
        assert all(cells), cells  # what for, why this one, licence
    assert found == stated


def test_the_lowest_versions_are_one_a_package() -> None:
    lines = minima.minima(*minima.requirements())
    assert "numpy==1.26" in lines
    assert len({line.split("==")[0] for line in lines}) == len(lines)
