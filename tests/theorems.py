"""docs/theorems.md, claim by claim, and the tests that each names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
DOCUMENT = (ROOT / "docs" / "theorems.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([A-Z]\d+): [^\n]+\n(.*?)(?=^## |\Z)", DOCUMENT, re.M | re.S))


def checks(section: str) -> list[tuple[str, str]]:
    """(test, file stem) of a section's last paragraph, "Checked by: `a`, `b` (stem), …"."""
    listed = " ".join(section.rpartition("\nChecked by:")[2].split())
    groups = re.findall(r"((?:`\w+`,? )+)\((\w+)\)", listed)
    return [(test, stem) for tests, stem in groups for test in re.findall(r"`(\w+)`", tests)]
