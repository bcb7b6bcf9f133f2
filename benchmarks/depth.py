"""Networks as functions of depth: weights stay smooth through training, and PSNR against depth.

    python benchmarks/depth.py [--steps 300] [--quick]

First xₖ₊₁ = xₖ + (1/L)Vₖσ(Wₖxₖ) is trained for L = 4 … 256: how the largest difference between
neighbours falls with L, from a smooth and from an independent start, by each optimizer (H3). Then
untied denoisers of 8 blocks are trained on photographs of scikit-image at noise 25, and
`with_depth` makes networks of other depths of them, without training (H4). PSNR is that of three
photographs that are not trained on. The picture is depth.png.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _residual_ode as ode
import keras
import numpy as np
from rich.console import Console
from rich.table import Table
from skimage import color, data

import keras_pde
from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, SmoothInDepth, schemes

NOISE = 25 / 255
BLOCKS, TIME = 8, 4.0
DEPTHS = (4, 5, 6, 8, 12, 16, 24, 32, 64)
PHOTOGRAPHS = (data.coins, data.moon, data.brick, data.page, data.clock, data.gravel)
PATCH, BATCH, EPOCH = 32, 8, 100
console = Console(width=110)


@dataclass
class Run:
    """A trained denoiser: what the picture shows of it."""

    name: str
    roughness: float = 0.0
    scores: dict[int, float] = field(default_factory=dict)
    short: dict[int, float] = field(default_factory=dict)  # on FSI schedules


def slopes(depths: Sequence[int]) -> dict[str, np.ndarray]:
    """maxₖ‖Vₖ₊₁ − Vₖ‖ for each L, by start and optimizer; a table of the exponents."""
    cases: dict[str, tuple[Callable[[int], np.ndarray], Callable[[], ode.Rule]]] = {
        "smooth, DepthSGD": (ode.smooth_start, lambda: ode.descent(0.03)),
        "smooth, DepthAdam": (ode.smooth_start, lambda: ode.adam(0.003, common=True)),
        "smooth, Adam": (ode.smooth_start, lambda: ode.adam(0.003, common=False)),
        "independent, DepthSGD": (ode.independent_start, lambda: ode.descent(0.03)),
        "independent, DepthAdam": (ode.independent_start, lambda: ode.adam(0.003, common=True)),
    }
    table = Table("start, optimizer", "V", "W", "outputs of L and 2L", "loss at the largest L")
    found = {}
    for name, (start, rule) in cases.items():
        weights = [ode.train(start(n), rule()) for n in depths]
        jumps = np.stack([ode.jumps(w) for w in weights])
        outputs = [ode.states(w)[-1] for w in weights]
        gaps = [np.abs(a - b).max() for a, b in itertools.pairwise(outputs)]
        exponents = [*(ode.slope(depths, jumps[:, i]) for i in range(2))]
        exponents.append(ode.slope(depths[:-1], gaps))
        last = f"{ode.loss(start(depths[-1])):.2f} to {ode.loss(weights[-1]):.2f}"
        table.add_row(name, *(f"L^{p:+.3f}" for p in exponents), last)
        found[name] = jumps[:, 0]
    console.print(table)
    return found


def batches(seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Noisy and clean patches, without end."""
    rng = np.random.default_rng(seed)
    pictures = [np.asarray(photograph(), "float32") / 255 for photograph in PHOTOGRAPHS]
    while True:
        clean = np.empty((BATCH, PATCH, PATCH, 1), "float32")
        for i, k in enumerate(rng.integers(len(pictures), size=BATCH)):
            top, left = (rng.integers(n - PATCH) for n in pictures[k].shape)
            clean[i, ..., 0] = pictures[k][top : top + PATCH, left : left + PATCH]
        yield clean + NOISE * rng.standard_normal(clean.shape, dtype="float32"), clean


def held_out(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Three photographs with noise, and clean."""
    grey = [data.camera() / 255, *(color.rgb2gray(x()) for x in (data.astronaut, data.chelsea))]
    clean = np.stack([g[20 : 20 + size, 100 : 100 + size] for g in grey])[..., None]
    noise = NOISE * np.random.default_rng(1).standard_normal(clean.shape)
    return (clean + noise).astype("float32"), clean.astype("float32")


def psnr(network: Any, noisy: np.ndarray, clean: np.ndarray) -> float:
    """Mean PSNR of the pictures."""
    # not compiled: programs of 64 blocks take longer to compile than a few pictures
    out = np.clip(keras.ops.convert_to_numpy(network.program(snapshot=True)(noisy)), 0, 1)
    errors = np.mean((out - clean) ** 2, axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(errors)))


def trained(name: str, start: Any, optimizer: Any, steps: int, tied: bool = False) -> Any:
    """A denoiser of 8 blocks, and its roughness."""
    operator = ConvOperator(
        8, 5, boundary="dirichlet", initializer=start, zero_mean=True, normalize=True
    )
    flux = keras_pde.FluxActivation("perona_malik", 0.1, learn_contrast=True, per_channel=True)
    block = DiffusionBlock(operator, flux)
    network = DiffusionResNet(schemes.explicit(BLOCKS, time=TIME), block=block, tied=tied)
    network.build((None, None, None, 1))
    rate = keras.optimizers.schedules.CosineDecay(5e-3, steps)
    network.compile(optimizer(rate), "mse", jit_compile=False)
    smoothness = [] if tied else [keras_pde.callbacks.DepthSmoothness()]
    begin = time.perf_counter()
    epoch = min(EPOCH, steps)
    history = network.fit(
        batches(),
        steps_per_epoch=epoch,
        epochs=steps // epoch,
        callbacks=smoothness,
        verbose=0,
        shuffle=False,
    ).history
    rough = history["depth_smoothness"][-1] if smoothness else 0.0
    console.print(f"{name}: {time.perf_counter() - begin:.0f} s, L·max‖θₖ₊₁ − θₖ‖ = {rough:.2f}")
    return network, rough


def measured(name: str, network: Any, rough: float, size: int, depths: Sequence[int]) -> Run:
    """PSNR at each depth, by explicit steps and by few steps of FSI."""
    noisy, clean = held_out(size)
    run = Run(name, rough)
    other = network.with_schedule if network.tied else network.with_depth
    for n in depths:
        run.scores[n] = psnr(other(schemes.explicit(n, time=TIME)), noisy, clean)
    for n in (3, 4, 6):
        run.short[n] = psnr(other(schemes.fsi(n)), noisy, clean)
    return run


def draw(jumps: dict[str, np.ndarray], counts: Sequence[int], runs: list[Run], path: Path) -> None:
    """Differences of neighbours against L, and PSNR against the number of blocks."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
    for name, values in jumps.items():
        dashed = "--" if name.startswith("independent") else "-"
        left.loglog(counts, values, dashed, marker="o", markersize=4, label=name)
    left.loglog(counts, values[0] * counts[0] / np.array(counts), ":", color="grey", label="1/L")
    left.set(xlabel="blocks L", ylabel="largest difference of neighbours, V")
    left.set_title("After 50 steps of training")
    for run, shade in zip(runs, ("tab:blue", "tab:green", "tab:red", "grey"), strict=True):
        right.semilogx(
            list(run.scores), list(run.scores.values()), "o-", color=shade, label=run.name
        )
        right.plot(list(run.short), list(run.short.values()), "^:", color=shade, fillstyle="none")
    right.axvline(BLOCKS, color="black", linewidth=0.5)
    right.set(xlabel="blocks (triangles: FSI)", ylabel="PSNR in dB, noise 25")
    right.set_xticks((3, *DEPTHS), [str(n) for n in (3, *DEPTHS)])
    right.minorticks_off()
    right.set_title(f"Trained with {BLOCKS} blocks, at other depths by with_depth")
    for panel in (left, right):
        panel.legend(fontsize=8)
        panel.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=300, help="of training each denoiser")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("depth.png"))
    parser.add_argument("--quick", action="store_true", help="check that it runs")
    args = parser.parse_args(arguments)
    steps, size = (2, 48) if args.quick else (args.steps, 180)
    counts = [4, 8, 16] if args.quick else [4, 8, 16, 32, 64, 128, 256]
    depths = (4, 8, 9) if args.quick else DEPTHS
    print(f"Keras {keras.__version__}, {keras.backend.backend()}, {steps} steps")
    jumps = slopes(counts)
    tied = SmoothInDepth(keras.initializers.Orthogonal(), length=None, seed=1)
    independent = keras.initializers.Orthogonal()
    cases = (
        ("equal start, DepthAdam", tied, keras_pde.optimizers.DepthAdam, False),
        ("equal start, Adam", tied, keras.optimizers.Adam, False),
        ("independent start, Adam", independent, keras.optimizers.Adam, False),
        ("one block for all steps, Adam", tied, keras.optimizers.Adam, True),
    )
    runs = []
    for name, start, optimizer, one in cases:
        keras.utils.set_random_seed(0)
        network, rough = trained(name, start, optimizer, steps, one)
        runs.append(measured(name, network, rough, size, depths))
    table = Table("blocks", *(run.name for run in runs))
    for n in depths:
        table.add_row(str(n), *(f"{run.scores[n]:.2f}" for run in runs))
    for n in runs[0].short:
        table.add_row(f"{n}, FSI", *(f"{run.short[n]:.2f}" for run in runs))
    console.print(table)
    draw(jumps, counts, runs, args.output)


if __name__ == "__main__":
    main()
