"""Memory of one process that denoises images of many sizes, and at many noise levels.

Growth is counted from the end of the first image, when TensorFlow, the network and its first
program are there. ``--program compiled`` shows what a program of XLA for each size would take.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np


def resident() -> float:
    """Megabytes of this process's own, in memory or swapped out; pages of files are left out."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return (
        sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "VmSwap"))) / 1e3
    )


def cases(images: int, sizes: int, levels: int, rng: np.random.Generator) -> Iterator[tuple]:
    """(height, width, noise level) of every image: sizes in random order, then the levels."""
    side = int(np.ceil(np.sqrt(sizes)))
    every = [(48 + 5 * i, 48 + 7 * j) for i in range(side) for j in range(side)][:sizes]
    for k in range(images):
        yield (*every[k % sizes if k < sizes else int(rng.integers(sizes))], 25.0)
    for k in range(levels):
        yield (64, 80, 10 + 0.2 * (k + 1))


def curve(preset: str, run: Sequence[tuple], program: str) -> list[float]:
    """Memory after each image."""
    import keras_pde
    from keras_pde.runtime import compiled
    from keras_pde.tasks.denoise import choosing

    rng = np.random.default_rng(0)
    memory = []
    one = choosing.choose_denoiser(preset, (64, 64, 1), 25.0).compiled_by(compiled)
    for height, width, level in run:
        pixels = rng.random((height, width, 1), dtype="float32")
        if program == "compiled":
            one(pixels, level)
        else:
            keras_pde.denoise(pixels, level, preset)
        memory.append(resident())
    return memory


def draw(memory: dict[str, list[float]], images: int, path: Path) -> None:
    """The curves, less their first value, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.2), layout="constrained")
    for name, values in memory.items():
        axes.plot(np.arange(1, len(values) + 1), np.array(values) - values[0], label=name)
    axes.axvline(images, color="0.7", linewidth=0.8)
    axes.axhline(300, color="0.7", linewidth=0.8, linestyle="--")
    axes.set_xlabel("images; right of the line each has a noise level of its own")
    axes.set_ylabel("growth of memory (MB)")
    axes.legend()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Print the growth of memory for each preset, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["auto", "perona_malik_2d"])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--sizes", type=int, default=500)
    parser.add_argument("--levels", type=int, default=200)
    parser.add_argument("--program", choices=["bounded", "compiled"], default="bounded")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--quick", action="store_true", help="few images, to check that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.images, options.sizes, options.levels = 12, 6, 3
    run = list(cases(options.images, options.sizes, options.levels, np.random.default_rng(1)))
    memory = {name: curve(name, run, options.program) for name in options.presets}
    growth = {}
    for name, values in memory.items():
        sizes, growth[name] = values[options.images - 1] - values[0], max(values) - values[0]
        print(
            f"{name}: {options.images:,} images of {options.sizes} sizes: {sizes:.0f} MB more;"
            f" with {options.levels} noise levels {values[-1] - values[0]:.0f} MB,"
            f" at most {growth[name]:.0f} MB"
        )
    if options.picture is not None:
        draw(memory, options.images, options.picture)
    return growth


if __name__ == "__main__":
    main()
