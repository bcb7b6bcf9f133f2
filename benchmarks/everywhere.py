"""Every preset in every export format, run by that format's own runtime: the largest difference from the original, and the bytes.

    python benchmarks/everywhere.py [PRESET ...] [--out FILE.csv]

SavedModel by TensorFlow's plain loader, ONNX by ONNX Runtime, LiteRT by ai-edge-litert, float32, on the preset's golden input. Sizes are dynamic;
a multigrid solver, whose number of levels follows from them, is exported for fixed ones.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

from _timing import provenance
from rich.console import Console
from rich.table import Table

from keras_pde import presets
from keras_pde.export import FORMATS, export

SIZES = ((33,), (33, 18), (17, 9, 9))
console = Console(width=140)


def measured(name: str, folder: Path) -> dict[str, str]:
    """A row: difference and bytes by format, or the reason why there is none."""
    entry, row = presets.index()[name], {"preset": name}
    size = SIZES[entry["ndim"] - 1] if entry["class"] == "MultigridUNet" else None
    for kind, (_, suffix) in FORMATS.items():
        try:
            made = export(name, folder / f"{name}{suffix}", kind, size=size, verify=True)
            row |= {kind: f"{made.difference:.1e}", f"{kind}_bytes": str(made.bytes)}
        except Exception as error:  # the reason is the finding
            row[kind] = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return {**row, "sizes": "fixed" if size else "dynamic"}


def main(arguments: Sequence[str] | None = None) -> list[dict[str, str]]:
    """Print the table and write it; returns its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.preset or sorted(presets.index()):
            rows.append(measured(name, Path(folder)))
            console.print(" ".join(f"{k}={v}" for k, v in rows[-1].items()), highlight=False)
    table = Table(title=f"largest difference between original and exported outputs; {provenance()}")
    for column in ("preset", *FORMATS, "sizes"):
        table.add_column(column)
    for row in rows:
        table.add_row(*[row[column] for column in ("preset", *FORMATS, "sizes")])
    console.print(table)
    if args.out:
        columns = ["preset", "sizes", *FORMATS, *[f"{kind}_bytes" for kind in FORMATS]]
        with args.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return rows


if __name__ == "__main__":
    main()
