"""Micrographs of nuclei that segmenters are trained and measured on, from ndev-sampledata.

    python -m zoo.cells FILE     # samples/scratch-assay-labeled-10T-2Ch.tiff of the package

A scratch assay (T. Monko, ndev-sampledata 0.0.3, 2025, BSD-3-Clause): ten frames of 210 × 576
pixels of 0.619 µm, so far apart in time that most cells have moved by more than their size. The
channel kept is that of nuclei stained with Hoechst 33342; the labels of nuclei are the package's.
The left of each frame is to train on and the right to test on, and columns between them are left
out, so that no part of the field is in both. Needs tifffile; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent / "data" / "cells"
CLASSES = ("background", "nucleus")
STAINED, NUCLEI = 0, 2  # channels
PARTS = {"train": slice(0, 352), "test": slice(384, 576)}  # columns
BLACK, WHITE = 400, 3500  # of the camera: darkness, and a bright nucleus, as the package shows them


def cells(file: Path) -> None:
    """Write the images to train on and those to test on."""
    import tifffile

    stack = tifffile.imread(file)  # channels, frames, rows, columns
    seen = np.clip((stack[STAINED].astype(float) - BLACK) / (WHITE - BLACK), 0, 1)
    images = np.rint(255 * seen).astype(np.uint8)[..., None]
    labels = (stack[NUCLEI] > 0).astype(np.uint8)
    HERE.mkdir(parents=True, exist_ok=True)
    for name, columns in PARTS.items():
        part = {"images": images[:, :, columns], "labels": labels[:, :, columns]}
        np.savez_compressed(HERE / f"{name}.npz", **part)
    (HERE / "classes.json").write_text(json.dumps(CLASSES) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    cells(parser.parse_args().file)


if __name__ == "__main__":
    main()
