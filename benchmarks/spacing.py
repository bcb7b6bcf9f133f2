"""What it is worth to state the spacing of a volume with thick slices.

    python benchmarks/spacing.py [PRESET] [--noise 25]

Of the zoo's test slab every second, third and fourth section is kept. The preset filters them as if
they were neighbours, at the spacing that they have (`with_spacing`), and each by itself, as at an
infinite one. PSNR in dB, float noise not clipped, output clipped, seed 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from _timing import provenance
from keras import ops
from rich.console import Console
from rich.table import Table

import keras_pde
from keras_pde.data.recordings import load_recordings
from keras_pde.presets import zoo_root

FACTORS = (1, 2, 3, 4)
APART = 1e6


def measure(preset: str, noise: float) -> list[tuple[int, list[float]]]:
    """The factor, and PSNR as neighbours, at the spacing, and section by section."""
    network = keras_pde.from_preset(preset)
    (slab,) = load_recordings(zoo_root() / "data" / "mri_test", 3)
    rows = []
    for factor in FACTORS:
        clean = slab[::factor].astype("float64")
        rng = np.random.default_rng([0, factor])
        noisy = (clean + noise / 255 * rng.standard_normal(clean.shape)).astype("float32")
        found = []
        for thick in (1, factor, APART):
            model = network if thick == 1 else network.with_spacing((thick, 1, 1))
            inputs = [noisy[None], np.full(1, noise / 255, "float32")]
            out = ops.convert_to_numpy(model(inputs))[0].clip(0, 1)
            found.append(float(-10 * np.log10(np.mean((out - clean) ** 2))))
        rows.append((factor, found))
    return rows


def main(arguments: Sequence[str] | None = None) -> list[tuple[int, list[float]]]:
    """Print the table; returns its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="?", default="gated_resnet_3d")
    parser.add_argument("--noise", type=float, default=25.0)
    args = parser.parse_args(arguments)
    rows, console = measure(args.preset, args.noise), Console(width=100)
    console.print(f"{provenance()}; {args.preset}, noise {args.noise:g}")
    table = Table("section kept", "as neighbours", "at their spacing", "each by itself")
    for factor, found in rows:
        kept = "every one" if factor == 1 else f"one of {factor}"
        table.add_row(kept, *(f"{value:.2f} dB" for value in found))
    console.print(table)
    return rows


if __name__ == "__main__":
    main()
