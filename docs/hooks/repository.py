"""Where a file of the repository is on the site, and links from one page to another.

Pages link as on any host of repositories: by the path from the page's file to the other file. Here
such a path becomes that of the page which shows the file, or of a copy of the picture.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = {  # pages that stand outside docs/
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "performance.md",
    "benchmarks/everywhere.md": "everywhere.md",
    "keras_pde/__init__.py": "api/index.md",
    "tutorials": "tutorials/index.md",
}
PICTURES = (".png", ".gif", ".svg")
FENCED = re.compile(r"(^ *```.*?^ *```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
TARGET = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")


def site_path(path: str) -> str:
    """The site's file for a file of the repository, both from their roots."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if card := re.fullmatch(r"zoo/\w+/(\w+)/README\.md", path):
        return f"zoo/{card[1]}.md"
    if path.endswith(".ipynb"):
        return f"{path.removesuffix('.ipynb')}.md"
    return f"files/{path}" if path.endswith(PICTURES) else f"source/{path}.md"


def each_target(text: str, change: Callable[[str], str]) -> str:
    """Markdown with every link's target changed; code stays as it is."""
    parts = FENCED.split(text)
    parts[::2] = [TARGET.sub(lambda found: change(found[1]), part) for part in parts[::2]]
    return "".join(parts)


def resolve(target: str, page: str) -> str | None:
    """The repository's file that a link leads to; None for other sites and the same page."""
    if re.match(r"[a-z]+:|#", target):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target.partition("#")[0]))


def targets(text: str, page: str) -> set[str]:
    """Files of the repository that a page links to."""
    found = set()

    def note(target: str) -> str:
        if path := resolve(target, page):
            found.add(path)
        return target

    each_target(text, note)
    return found


def for_site(text: str, page: str, shown_at: str) -> str:
    """A page's Markdown with its links those of the site.

    Args:
        text: of the page.
        page: its file in the repository.
        shown_at: its file on the site.
    """

    def change(target: str) -> str:
        if (path := resolve(target, page)) is None:
            return target
        anchor = target.partition("#")[1:]
        return posixpath.relpath(site_path(path), posixpath.dirname(shown_at)) + "".join(anchor)

    return each_target(text, change)
