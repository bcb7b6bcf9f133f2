"""The zoo's page and cards, from the index of presets and the folders that hold them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from repository import ROOT

MARK = "<!-- the zoo's tables -->"
HEIGHT = 72  # of thumbnails, in pixels
PROVED = {"no": "", "norm": "norm stable"}
FIRST = (
    "denoise",
    "inpaint",
    "solve",
    "evolve",
    "classify",
    "segment",
    "allocate",
    "represent",
    "operate",
)  # then the others


def entries() -> dict[str, Mapping[str, Any]]:
    """The index."""
    return json.loads((ROOT / "zoo" / "presets.json").read_text(encoding="utf-8"))


def folder(name: str, entry: Mapping[str, Any]) -> Path:
    """Where a preset's files are."""
    return ROOT / "zoo" / str(entry["task"]) / name


def picture(name: str, entry: Mapping[str, Any]) -> Path | None:
    """The first picture of a card, or one that docs/pictures/thumbnails.py made."""
    places = [folder(name, entry) / file for file in ("example.png", "rollout.png")]
    places.append(ROOT / "docs" / "pictures" / "zoo" / f"{name}.jpg")
    return next((path for path in places if path.is_file()), None)


def pages() -> dict[str, str | bytes | Path]:
    """Cards, with their pictures, and thumbnails."""
    made: dict[str, str | bytes | Path] = {}
    for name, entry in entries().items():
        made[f"zoo/{name}.md"] = folder(name, entry) / "README.md"
        if path := picture(name, entry):
            made[f"zoo/thumbnails/{name}.png"] = thumbnail(path)
    return made


def thumbnail(path: Path) -> bytes:
    """A small copy of a picture."""
    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((10_000, HEIGHT))
        out = io.BytesIO()
        small.save(out, "PNG")
    return out.getvalue()


def tables() -> str:
    """A table of presets for each task, the best of each measure first."""
    parts = []
    index = entries()
    tasks = {str(entry["task"]) for entry in index.values()}
    for task in [*FIRST, *sorted(tasks.difference(FIRST))]:
        mine = {name: entry for name, entry in index.items() if entry["task"] == task}
        rows = [row(name, mine[name]) for name in sorted(mine, key=lambda n: order(mine[n]))]
        parts.append(
            f"## {task.capitalize()}\n\n"
            "| preset | what it is | measured | proved | parameters | licence |\n"
            "|---|---|---|---|---|---|\n" + "\n".join(rows)
        )
    return "\n\n".join(parts)


def order(entry: Mapping[str, Any]) -> tuple[bool, str, float]:
    """Trained ones first, those of one measure together, the better first."""
    about = entry["metric"]
    higher = ("denoise", "inpaint", "classify", "segment", "allocate", "represent")
    sign = -1 if entry["task"] in higher else 1
    return not entry["params"], measure(about["name"]), sign * about["value"]


def measure(name: str) -> str:
    """The name of a measure without the seed, which is that of all."""
    return name.removesuffix(", seed 0")


def row(name: str, entry: Mapping[str, Any]) -> str:
    """A preset's line."""
    about, proved = entry["metric"], str(entry["certified"])
    unit = f" {about['unit']}" if about.get("unit") else ""
    value = f"{about['value']:{'.2f' if unit in (' dB', ' %') else '.3g'}}{unit}"
    licence = "non-commercial" if "non-commercial" in entry["licence"] else "Apache-2.0"
    small = ""
    if picture(name, entry):
        small = f"<br>![](zoo/thumbnails/{name}.png){{ loading=lazy .thumbnail }}"
    return (
        f"| [`{name}`](zoo/{name}.md){small} | {entry['description']} |"
        f" {value}, {measure(about['name'])} | {PROVED.get(proved, proved)} |"
        f" {entry['params']:,} | {licence} |"
    )


def drawn(card: str) -> str:
    """A card whose flow chart is a line of arrows: the charts' own program would be fetched."""
    return re.sub(r"```mermaid\n(.*?)```", lambda found: arrows(found[1]), card, flags=re.DOTALL)


def arrows(chart: str) -> str:
    """A flow chart in words, such as "a → b → c"."""
    label = dict(re.findall(r'(\w+)\["([^"]*)"\]', chart))
    edges = re.findall(r"^ *(\w+)(?:\[[^\]]*\])? --> (\w+)", chart, re.MULTILINE)
    lines, at = [], {start: i for i, (start, _) in enumerate(edges)}
    for start, _ in edges:
        if any(end == start and begin != start for begin, end in edges):
            continue  # not where a line begins
        chain, seen = [start], {start}
        while step := next((e for b, e in edges if b == chain[-1] and e not in seen), None):
            chain.append(step)
            seen.add(step)
        lines.append(" → ".join(label[node] for node in chain))
    loops = [label[begin] for begin, end in edges if begin == end]
    lines += [f"again and again: {node}" for node in loops]
    assert at, "a flow chart has edges"
    return "\n".join(f"* {line}" for line in lines)
