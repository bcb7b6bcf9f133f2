"""The largest difference of every preset in every precision, backend and export format.

    python benchmarks/everywhere.py [PRESET ...] [--fresh] [--out everywhere.csv]

It is measured on the preset's golden input, relative to the output's size where that exceeds 1.
Precisions and backends are compared with float64 by TensorFlow. An artifact is compared with the
network it was exported from, and runs in its format's own runtime: a SavedModel by TensorFlow's
plain loader, ONNX by ONNX Runtime, LiteRT by ai-edge-litert, in float32, with dynamic sizes but for
a multigrid solver, whose number of levels follows from them. The table lies beside this script, as
CSV and as a page to read. It grows row by row: a run goes on where the last one stopped, and
measures again what has changed since (by the sha256 of the preset's files), or with ``--fresh`` all
that it is asked for: then the larger number stays, as processors round differently
(in bfloat16 some keep sums of float32). A cell without a number holds its reason.
"""

from __future__ import annotations

import argparse
import csv
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from keras_pde import presets
from keras_pde.export import export
from keras_pde.export.formats import FORMATS
from keras_pde.presets.files import GOLDEN

SIZES = ((33,), (33, 18), (17, 9, 9))
MIXED = ("float32", "mixed_bfloat16", "mixed_float16")
# by backend
PRECISIONS = {"tensorflow": (*MIXED, "bfloat16", "float16"), "jax": MIXED, "torch": MIXED}
CELLS = [
    f"{backend} {precision}" for backend, several in PRECISIONS.items() for precision in several
]
COLUMNS = ["preset", "of", *CELLS, *FORMATS, *[f"{kind} bytes" for kind in FORMATS], "sizes"]
HERE = Path(__file__).resolve().parent


def digest(name: str) -> str:
    """What a row is of: a short hash of the preset's hashes."""
    return hashlib.sha256(
        json.dumps(presets.index()[name]["sha256"], sort_keys=True).encode()
    ).hexdigest()[:12]


def attempt(measure: Callable[[], dict[str, str]], column: str) -> dict[str, str]:
    """Cells, or the reason why there are none."""
    try:
        return measure()
    except Exception as error:  # the reason is the finding
        return {column: f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"}


def output(name: str, precision: str) -> np.ndarray:
    """The preset's output for its golden input, on the backend that runs."""
    with np.load(presets.folder_of(name) / GOLDEN) as golden:
        inputs = {k: golden[k] for k in golden.files if k != "output"}
    return presets.predict_golden(presets.from_preset(name, dtype=precision), inputs).astype(
        "float64"
    )


def precisions(name: str, reference: np.ndarray) -> dict[str, str]:
    """Largest difference from the reference by precision."""
    row: dict[str, str] = {}
    for precision in PRECISIONS[keras.backend.backend()]:
        column = f"{keras.backend.backend()} {precision}"

        row |= attempt(functools.partial(_deviation, name, precision, column, reference), column)
    return row


def _deviation(name: str, precision: str, column: str, reference: np.ndarray) -> dict[str, str]:
    difference = np.abs(output(name, precision) - reference).max()
    return {column: f"{difference / max(1.0, np.abs(reference).max()):.1e}"}


def formats(name: str, folder: Path) -> dict[str, str]:
    """Difference and bytes by export format."""
    entry = presets.index()[name]
    size = (
        SIZES[entry["ndim"] - 1]
        if entry["class"] == "MultigridUNet" and not entry["params"]
        else None
    )
    dynamic = size is None and None in presets.from_preset(name).export_sizes
    row = {"sizes": "dynamic" if dynamic else "fixed"}
    with np.load(presets.folder_of(name) / GOLDEN) as golden:
        scale = max(1.0, float(np.abs(golden["output"]).max()))
    for kind, (_, suffix) in FORMATS.items():

        def measure(kind: str = kind, suffix: str = suffix) -> dict[str, str]:
            made = export(name, folder / f"{name}{suffix}", kind, size=size, verify=True)
            return {kind: f"{made.difference / scale:.1e}", f"{kind} bytes": str(made.bytes)}

        row |= attempt(measure, kind)
    return row


def elsewhere(backend: str, references: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The rows of another backend, by one process for all presets."""
    if importlib.util.find_spec(backend) is None:
        return {
            name: {f"{backend} {p}": f"{backend} is not installed" for p in PRECISIONS[backend]}
            for name in names
        }
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        *names,
        "--references",
        str(references),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        return {
            name: {
                f"{backend} {p}": f"the process failed with exit status {done.returncode}"
                for p in PRECISIONS[backend]
            }
            for name in names
        }
    rows: dict[str, dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def read(path: Path) -> dict[str, dict[str, str]]:
    """The rows of an earlier run that are still of the presets at hand."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["preset"]: row for row in csv.DictReader(file)}
    return {
        name: row
        for name, row in rows.items()
        if name in presets.index() and row.get("of") == digest(name)
    }


def write(path: Path, rows: dict[str, dict[str, str]]) -> None:
    """The table, whole."""
    stage = path.with_suffix(".part")
    with stage.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))
    stage.replace(path)


def page(rows: dict[str, dict[str, str]]) -> str:
    """The table as markdown: a page to read, with the reasons below it."""
    reasons: dict[str, str] = {}

    def cell(text: str) -> str:
        if not text or text[0].isdigit():
            return text or "not measured"
        return f"[{reasons.setdefault(text, str(len(reasons) + 1))}]"

    shown = [*CELLS, *FORMATS]
    worst = [
        max((float(row[c]) for row in rows.values() if row[c][:1].isdigit()), default=float("nan"))
        for c in shown
    ]
    body = [
        f"| {name} | {' | '.join(cell(rows[name][c]) for c in shown)} | {rows[name]['sizes']} |"
        for name in sorted(rows)
    ]
    versions = {
        name: importlib.metadata.version(name)
        for name in ("keras", "tensorflow", "jax", "torch", "onnxruntime", "ai-edge-litert")
        if found(name)
    }
    return "\n".join(
        [
            "# Every preset, everywhere",
            "",
            (
                "Written by `python benchmarks/everywhere.py`, which says what is measured. Largest"
                " difference on the golden input: precisions and"
            ),
            "backends from float64 by TensorFlow, artifacts (float32) from the network exported. "
            + ", ".join(f"{k} {v}" for k, v in versions.items())
            + ".",
            "",
            f"| preset | {' | '.join(shown)} | sizes |",
            f"|---|{'---|' * (len(shown) + 1)}",
            *body,
            f"| **largest** | {' | '.join(f'**{x:.1e}**' for x in worst)} | |",
            "",
            *[f"[{number}] {text}\n" for text, number in reasons.items()],
        ]
    )


def found(name: str) -> bool:
    """Whether a distribution is installed."""
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def larger(one: str, other: str) -> str:
    """The larger of two numbers, or the one of a number and a reason."""
    numbers = [x for x in (one, other) if x[:1].isdigit()]
    return max(numbers, key=float) if numbers else other


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, str]]:
    """Measure what is missing and write the table; returns its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--out", type=Path, default=HERE / "everywhere.csv")
    parser.add_argument(
        "--fresh", action="store_true", help="measure the presets again, changed or not"
    )
    # a process of another backend: outputs in float64
    parser.add_argument("--references", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    names = args.preset or sorted(presets.index())
    say = functools.partial(print, file=sys.stderr, flush=True)
    start = time.perf_counter()
    if args.references:
        with np.load(args.references) as file:
            rows = {}
            for name in names:
                rows[name] = precisions(name, file[name])
                say(
                    f"{time.perf_counter() - start:5.0f} s  {keras.backend.backend()}  {name} "
                    f" {rows[name]}"
                )
        print(json.dumps(rows))
        return rows
    rows = read(args.out)
    before = {name: rows.pop(name) for name in names if args.fresh and name in rows}
    for name in names:
        rows.setdefault(name, dict.fromkeys(COLUMNS, "") | {"preset": name, "of": digest(name)})

    def lacks(name: str, columns: Sequence[str]) -> bool:
        return not all(rows[name][c][:1].isdigit() for c in columns)  # a reason may have gone since

    def missing(*columns: str) -> list[str]:
        return [name for name in names if lacks(name, columns)]

    asked = missing(*CELLS, *FORMATS)
    with tempfile.TemporaryDirectory() as folder:
        references = {name: output(name, "float64") for name in missing(*CELLS)}
        np.savez(Path(folder) / "references.npz", **references)
        for backend in PRECISIONS:
            cells = [c for c in CELLS if c.startswith(backend)]
            if backend != keras.backend.backend() and missing(*cells):
                for name, row in elsewhere(
                    backend, Path(folder) / "references.npz", missing(*cells)
                ).items():
                    rows[name] |= row
                write(args.out, rows)
        own = [c for c in CELLS if c.startswith(keras.backend.backend())]
        for name in missing(*own, *FORMATS):
            rows[name] |= precisions(name, references[name]) if lacks(name, own) else {}
            rows[name] |= formats(name, Path(folder)) if lacks(name, list(FORMATS)) else {}
            say(f"{time.perf_counter() - start:5.0f} s  {name}  {rows[name]}")
            write(args.out, rows)
    for name, row in before.items():
        rows[name] |= {c: larger(row[c], rows[name][c]) for c in [*CELLS, *FORMATS]}
    write(args.out, rows)
    args.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")
    say(
        f"{time.perf_counter() - start:5.0f} s  {args.out}: {len(rows)} presets, {len(asked)}"
        " measured now"
    )
    return rows


if __name__ == "__main__":
    main()
