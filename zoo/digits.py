"""Handwritten digits that small classifiers are trained and measured on, from scikit-learn's wheel.

    python -m zoo.digits FILE     # digits.csv.gz, of scikit-learn: sklearn/datasets/data

Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998, UCI Machine Learning
Repository, licensed under CC BY 4.0): 1,797 images of 8 × 8 points with values 0 to 16, the test
set of 13 writers. Every fourth image in a random order, 449, is to test on. Nothing is downloaded,
and no package beyond NumPy is imported.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent / "data" / "digits"
SEED, PART, WHITE = 0, 4, 16


def digits(file: Path) -> None:
    """Write the images to train on and those to test on."""
    table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    table = table[np.random.default_rng(SEED).permutation(len(table))]
    HERE.mkdir(parents=True, exist_ok=True)
    for name, part in (
        ("test", table[::PART]),
        ("train", table[np.arange(len(table)) % PART > 0]),
    ):
        images = part[:, :-1].reshape(-1, 8, 8, 1)
        np.savez_compressed(HERE / f"{name}.npz", images=images, labels=part[:, -1], white=WHITE)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    digits(parser.parse_args().file)


if __name__ == "__main__":
    main()
