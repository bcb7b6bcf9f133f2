"""Every link of a page, a card or a tutorial leads to a file, and to a heading of it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from conftest import ROOT

from keras_pde.presets import index

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("tutorials/*.py")]
    + [p for folder in ("docs", "zoo", "benchmarks") for p in ROOT.glob(f"{folder}/**/*.md")]
)
MADE = {ROOT / "docs" / "zoo.md": {entry["task"] for entry in index().values()}}  # by the site


def prose(page: Path) -> str:
    """The text without its blocks of code."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a link may name: the headings, as MkDocs writes them, and ids."""
    found = set(re.findall(r'id="([^"]+)"', prose(page))) | MADE.get(page, set())
    for title in re.findall(r"^(?:# )?#+ (.*)$", prose(page), flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
        found.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return found


def lost(page: Path, link: str) -> bool:
    """Whether a relative link leads nowhere."""
    place, _, anchor = link.partition("#")
    target = (page.parent / place).resolve() if place else page
    wanted = anchor if target.suffix == ".md" else ""
    return not target.exists() or bool(wanted and wanted not in anchors(target))


@pytest.mark.parametrize("folder", ["", "docs", "zoo", "benchmarks", "tutorials"])
def test_links_lead_somewhere(folder: str) -> None:
    pages = [
        p for p in PAGES if p.relative_to(ROOT).parts[:-1][:1] == ((folder,) if folder else ())
    ]
    assert pages
    found = {
        (page.relative_to(ROOT).as_posix(), link)
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", prose(page))
        if not re.match(r"[a-z]+:", link) and lost(page, link)
    }
    assert not found


def test_a_link_to_no_heading_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("# Green's functions: `x`\n\n```sh\n# no heading\n```\n", encoding="utf-8")
    assert not lost(page, "#greens-functions-x")
    assert lost(page, "#green-s-functions-x")
    assert lost(page, "#no-heading")
    assert lost(page, "b.md")
