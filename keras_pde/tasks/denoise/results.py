"""Tables of denoising results: presets beside published numbers of the same test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from keras_pde import presets
from keras_pde.tasks.denoise.data import test_set


def results(
    test: str,
    measured: Mapping[str, tuple[str, Mapping[str, Any]]],
    levels: Sequence[str],
    sources: bool = True,
) -> str:
    """Table of presets beside published numbers of the same test.

    Args:
        test: folder of the test images.
        measured: name to guarantee and entry of the index.
        levels: noise levels, the columns.
        sources: name the sources of the published numbers.
    """
    lines = [
        f"| method | guarantee | parameters | {' | '.join(f'σ = {level}' for level in levels)} |",
        f"|---|---|---|{'---|' * len(levels)}",
    ]

    def row(method: str, proved: str, parameters: int | None, psnr: Mapping[str, float]) -> str:
        numbers = " | ".join(f"{psnr[level]:.2f}" if level in psnr else "" for level in levels)
        count = "" if parameters is None else f"{parameters:,}"
        return f"| {method} | {proved} | {count} | {numbers} |"

    lines += [
        row(f"**{name}**", proved, entry["params"], entry["psnr"])
        for name, (proved, entry) in measured.items()
    ]
    published = json.loads((presets.zoo_root() / "published.json").read_text(encoding="utf-8"))
    for other in published.get(test, []):
        source = ", published" if other.get("published", True) else ""
        source = f" ({other['source']})" if sources else source
        lines.append(
            row(other["method"] + source, other["guarantee"], other["parameters"], other["psnr"])
        )
    return "\n".join(lines)


def overview(test: str) -> str:
    """The site's table of a test set: trained presets, the best classical filter, best first.

    It is "" where none is trained.
    """
    entries = {
        name: entry
        for name, entry in presets.index().items()
        if entry.get("psnr") and test_set(entry["channels"], entry["ndim"]) == test
    }
    best = sorted(entries, key=lambda name: -entries[name]["psnr"]["25"])
    trained = [n for n in best if (presets.folder_of(n) / "training.json").is_file()]
    classical = next((name for name in best if name not in trained), None)
    measured = {
        name: (presets.from_preset(name).certificate().summary(assuming=False), entries[name])
        for name in best
        if name == classical or name in trained
    }
    if not trained:
        return ""
    return results(test, measured, ("5", "15", "25", "50"), sources=False)
