"""zoo/published.json: rows of other methods, which cards show beside presets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parent / "published.json"


def add(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write rows in place of those that a test, or a preset, has."""
    published = json.loads(PATH.read_text(encoding="utf-8")) | dict(rows)
    parts = [
        f' "{test}": [\n'
        + ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in found)
        + "\n ]"
        for test, found in published.items()
    ]
    PATH.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
