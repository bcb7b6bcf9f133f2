"""Tutorials as pages: a notebook's text, code, and the output that is stored in it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from repository import FENCED, ROOT, for_site, targets

FOLDER = ROOT / "tutorials"
FORMULA = re.compile(r"\$\$?([^$]+?)\$\$?")


def linked() -> set[str]:
    """Files of the repository that notebooks link to."""
    found = set()
    for path in FOLDER.glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                found |= targets("".join(cell["source"]), f"tutorials/{path.name}")
    return found


def pages(repo_url: str | None = None) -> dict[str, str | bytes | Path]:
    """A page for each notebook, its pictures, and a page that lists them.

    Args:
        repo_url: address of the repository, as mkdocs.yml states it, or None.
    """
    made: dict[str, str | bytes | Path] = {}
    lines = []
    for path in sorted(FOLDER.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text, pictures = page(path.stem, cells)
        made[f"tutorials/{path.stem}.md"] = text
        made |= pictures
        if repo_url and (link := in_colab(repo_url, path.stem)):
            made[f"tutorials/{path.stem}.md"] = text.replace("\n\n", f"\n\n{link}\n\n", 1)
        title = re.search(r"^# (.*)$", text, re.MULTILINE)
        first = next((p for p in text.split("\n\n")[1:] if p[:1].isalpha()), "")
        lines.append(f"* [{title[1] if title else path.stem}]({path.stem}.md): {first.strip()}")
    made["tutorials/index.md"] = (
        "# Tutorials\n\nEach is a notebook in the folder `tutorials`, run by the tests, and ends in"
        " a picture and a measured number (`pip install '.[tutorials,export]'`).\n\n"
        + "\n".join(lines)
        + "\n\n**Next:** [how to do one thing](../how-to/index.md), or [the zoo](../zoo.md).\n"
    )
    return made


def in_colab(repo_url: str, stem: str) -> str | None:
    """A link that opens a notebook in Colab, which reads GitHub only; None for other hosts."""
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", repo_url)
    if not found:
        return None
    address = (
        f"https://colab.research.google.com/github/{found[1]}/blob/main/tutorials/{stem}.ipynb"
    )
    install = f"%pip install git+https://github.com/{found[1]}"
    return f"[Open in Colab]({address}); there run `{install}` first."


def formula(found: re.Match[str]) -> str:
    """A formula within its line; else one that begins a line would be a paragraph."""
    return f"<span>{convert(found[1])}</span>"


def with_formulas(text: str) -> str:
    """Markdown whose LaTeX is MathML, which browsers draw without a program that is fetched."""
    parts = FENCED.split(text)
    parts[::2] = [FORMULA.sub(formula, part) for part in parts[::2]]
    return "".join(parts)


def page(stem: str, cells: list[Mapping[str, Any]]) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and its pictures by their place on the site."""
    parts, pictures = [], {}
    for cell in cells:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            text = for_site(source, f"tutorials/{stem}.ipynb", f"tutorials/{stem}.md")
            parts.append(with_formulas(text))
            continue
        parts.append(f"```python\n{source}\n```")
        printed = ""
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if output.get("name") == "stderr":
                continue
            if "image/png" in data:
                name = f"{stem}_{len(pictures)}.png"
                encoded = data["image/png"]
                pictures[f"tutorials/{name}"] = base64.b64decode("".join(encoded))
                parts.append(f"![output]({name})")
                continue
            printed += "".join(output.get("text", data.get("text/plain", "")))
        if printed.strip():
            parts.append(f"```text\n{printed.rstrip()}\n```")
    return "\n\n".join(parts) + "\n", pictures
