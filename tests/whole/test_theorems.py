"""docs/theorems.md holds every claim that docstrings and tests name, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from theorems import DOCUMENT, ROOT, SECTIONS, checks

HEADINGS = re.findall(r"^## (.*)$", DOCUMENT, re.MULTILINE)
LETTERS = "".join(sorted({claim[0] for claim in SECTIONS}))
STEPS = [f"S{i}" for i in range(1, 8)]


def sources() -> dict[Path, str]:
    """Every Python file of the package and of the tests but this one."""
    files = [path for folder in ("keras_pde", "tests") for path in (ROOT / folder).rglob("*.py")]
    this = Path(__file__).resolve()
    return {path: path.read_text(encoding="utf-8") for path in files if path.resolve() != this}


def named(text: str) -> set[str]:
    """Claims that a text names: S1, S2, … anywhere, the other letters in parentheses, as (N2)."""
    inside = re.findall(rf"\(((?:[{LETTERS}]\d\d?(?:, | and | to )?)+)\)", text)
    return {*re.findall(r"\bS\d+\b", text), *re.findall(r"[A-Z]\d+", " ".join(inside))}


def test_every_heading_is_a_claim_with_an_identifier_of_its_own() -> None:
    assert len(SECTIONS) == len(HEADINGS) > 40


def test_every_claim_that_is_named_is_stated() -> None:
    unknown = {
        str(p): found for p, text in sources().items() if (found := named(text) - set(SECTIONS))
    }
    assert not unknown
    assert named(DOCUMENT) <= set(SECTIONS)


@pytest.mark.parametrize("claim", STEPS)
def test_every_step_claim_is_named_somewhere(claim: str) -> None:
    assert any(claim in named(text) for text in sources().values())


@pytest.mark.parametrize("claim", SECTIONS)
def test_every_claim_names_tests_that_exist(claim: str) -> None:
    found = checks(SECTIONS[claim])
    assert SECTIONS[claim].count("\nChecked by:") == 1
    assert len(found) == SECTIONS[claim].rpartition("\nChecked by:")[2].count("`test_") > 0
    for test, stem in found:
        files = list((ROOT / "tests").rglob(f"{stem}.py"))
        assert files, f"{claim}: no file {stem}.py below tests/"
        defined = any(f"def {test}(" in path.read_text(encoding="utf-8") for path in files)
        assert defined, f"{claim}: no test {test} in {stem}.py"
