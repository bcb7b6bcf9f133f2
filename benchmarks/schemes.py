"""Error against work: explicit, FED, FSI and Du Fort-Frankel schemes on a photograph.

    python benchmarks/schemes.py [--time 100] [--size 256] [--picture schemes.png] [--quick]

All reach the same diffusion time. Work is the number of steps, each one application of K and one of
Kᵀ. The error is relative to the change the diffusion makes, ‖u − reference‖/‖f − reference‖. The
reference is the explicit scheme at 8 and at 16 times its least number of steps in float64,
extrapolated to step size zero; for linear diffusion it is checked against the exact solution by the
cosine transform. The explicit scheme is stable from time/0.25 steps on, so every error larger than
it has there costs that many steps too: that is what a cycle of n FED or FSI steps improves by the
factor (n+1)/3. The number after Du Fort-Frankel is its w.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from _schemes_picture import Point, draw
from _timing import provenance
from rich.console import Console
from rich.table import Table

from keras_pde import DiffusionBlock, DiffusionResNet, FluxActivation, Schedule, schemes

LIMIT = 0.25  # 2/‖K‖² of the gradient by forward differences in 2-D
TOLERANCES = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
console = Console(width=150)


def photograph(size: int) -> np.ndarray:
    """skimage's cameraman in [0, 1], averaged down to size × size, as a batch."""
    from skimage.data import camera
    from skimage.transform import resize

    return resize(camera() / 255.0, (size, size), anti_aliasing=True)[None, :, :, None]


def network(flux: str, contrast: float) -> DiffusionResNet:
    """Coupled diffusion with the gradient operator at the explicit limit, to be re-timed."""
    block = DiffusionBlock(
        "forward", FluxActivation(flux, contrast, coupled=True), step_size=LIMIT, dtype="float64"
    )
    model = DiffusionResNet(schemes.explicit(1), block=block, tied=True, dtype="float64")
    model.build((None, None, None, 1))
    return model


def evolve(
    base: DiffusionResNet, schedule: Schedule, time: float, image: np.ndarray
) -> tuple[np.ndarray, float]:
    """The image at the time, by the schedule, compiled; and the time the model says it reaches."""
    model = base.with_schedule(schedule, time=time)
    return np.asarray(tf.function(model, jit_compile=True)(tf.constant(image))), model.time


def fine_reference(base: DiffusionResNet, image: np.ndarray, time: float, finer: int) -> np.ndarray:
    """2u(2N) − u(N) of explicit runs with N = finer · time/LIMIT steps: error O(τ²)."""
    steps = finer * least_steps(time)
    coarse, fine = (evolve(base, schemes.explicit(n), time, image)[0] for n in (steps, 2 * steps))
    return 2 * fine - coarse


def exact_linear(image: np.ndarray, time: float) -> np.ndarray:
    """exp(−time·KᵀK) of the image.

    KᵀK is diagonal in the cosine basis, with eigenvalues 4sin²(πi/2n) along each axis.
    """
    from scipy.fft import dctn, idctn

    decay = [4 * np.sin(np.pi * np.arange(n) / (2 * n)) ** 2 for n in image.shape[1:3]]
    factor = np.exp(-time * np.add.outer(*decay))[None, :, :, None]
    return idctn(factor * dctn(image, axes=(1, 2), norm="ortho"), axes=(1, 2), norm="ortho")


def least_steps(time: float) -> int:
    """Steps of the explicit scheme to the time at its limit."""
    return len(schemes.explicit(time=time, max_step=LIMIT))


def contestants(time: float, nonlinear: bool, quick: bool) -> list[tuple[str, str, Schedule]]:
    """(scheme, detail, schedule) of every run."""
    reach = time / LIMIT
    least = least_steps(time)
    runs = [
        ("explicit", f"τ = {LIMIT / k:.4g}", schemes.explicit(round(k * least)))
        for k in ((1, 2) if quick else (1, 1.5, 2, 3, 4))
    ]
    most = 1 if quick else 8
    for cycles in (2**i for i in range(most)):
        length = len(schemes.fed(cycles=cycles, time=reach)) // cycles
        if length < 2:
            break
        detail = f"{cycles} × {length}"
        runs.append(("FED", detail, schemes.fed(length, cycles=cycles)))
        runs.append(("FSI", detail, schemes.fsi(length, cycles=cycles)))
        if nonlinear:
            runs.append(("FSI frozen", detail, schemes.fsi(length, cycles=cycles, frozen=True)))
    for w in (4 / 3,) if quick else (1.0, 4 / 3, 1.6, 1.8):
        shortest = len(schemes.dufort_frankel(time=reach, extrapolation=w))
        for factor in (1,) if quick else (1, 2, 4):
            runs.append(
                (
                    f"Du Fort-Frankel {w:.3g}",
                    f"{factor} × {shortest}",
                    schemes.dufort_frankel(factor * shortest, extrapolation=w),
                )
            )
    return runs


def error(u: np.ndarray, reference: np.ndarray, image: np.ndarray) -> float:
    """‖u − reference‖/‖image − reference‖."""
    return float(np.linalg.norm(u - reference) / np.linalg.norm(image - reference))


def explicit_steps_for(points: Sequence[Point], wanted: float, least: int) -> float:
    """Steps the explicit scheme needs for an error.

    Interpolated, at least the stable number, NaN beyond the runs.
    """
    runs = sorted((p.error, p.steps) for p in points if p.scheme == "explicit")
    errors, steps = np.log([e for e, _ in runs]), np.log([n for _, n in runs])
    if np.log(wanted) < errors[0]:
        return float("nan")
    return max(float(least), float(np.exp(np.interp(np.log(wanted), errors, steps))))


def report(title: str, points: list[Point], least: int) -> None:
    """The table of all runs, and what each tolerance costs."""
    table = Table(title=title)
    for name in (
        "scheme",
        "cycles × length",
        "steps",
        "time reached",
        "error",
        "explicit steps for it",
        "fewer steps by",
        "theory (n+1)/3",
    ):
        table.add_column(name, justify="left" if name == "scheme" else "right")
    previous = ""
    for p in points:
        if previous and p.scheme != previous:
            table.add_section()
        previous = p.scheme
        needed = explicit_steps_for(points, p.error, least)
        theory = f"{(p.length + 1) / 3:.2f}" if p.length else "–"
        table.add_row(
            p.scheme,
            p.detail,
            str(p.steps),
            f"{p.time:.6g}",
            f"{p.error:.2e}",
            f"{needed:.0f}",
            f"{needed / p.steps:.2f}",
            theory,
        )
    console.print(table)
    names = list(dict.fromkeys(p.scheme for p in points))
    table = Table(
        title=(
            "Least steps to an error, of the runs above; in brackets how many times fewer than"
            f" {least}, the fewest stable explicit steps"
        )
    )
    table.add_column("error at most", justify="right")
    for name in names:
        table.add_column(name, justify="right")
    for tolerance in TOLERANCES:
        cells = []
        for name in names:
            good = min(
                (p for p in points if p.scheme == name and p.error <= tolerance),
                key=lambda p: p.steps,
                default=None,
            )
            cells.append("–" if good is None else f"{good.steps} ({least / good.steps:.1f})")
        table.add_row(f"{tolerance:g}", *cells)
    console.print(table)


def main(arguments: list[str] | None = None) -> dict[str, list[Point]]:
    """Print the tables and write the picture; returns the runs of each case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--time", type=float, default=100.0, help="diffusion time in grid units²")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--flux", default="charbonnier", help="flux of the nonlinear case")
    parser.add_argument(
        "--contrast", type=float, default=0.02, help="contrast λ of the flux, grey values in [0, 1]"
    )
    parser.add_argument("--picture", type=Path, default=Path(__file__).with_name("schemes.png"))
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.time = 32, 5.0
    console.print(provenance())
    image, least = photograph(options.size), least_steps(options.time)
    cases: dict[str, list[Point]] = {}
    for flux, contrast, title in (
        ("linear", 1.0, "linear diffusion"),
        (options.flux, options.contrast, f"{options.flux}, contrast {options.contrast:g}, coupled"),
    ):
        base = network(flux, contrast)
        reference = fine_reference(base, image, options.time, 8)
        if flux == "linear":
            check = error(reference, exact_linear(image, options.time), image)
            console.print(
                "Reference of the linear case against the exact solution by the cosine transform:"
                f" error {check:.1e}."
            )
        points = []
        for scheme, detail, schedule in contestants(options.time, flux != "linear", options.quick):
            u, reached = evolve(base, schedule, options.time, image)
            length = schedule.cycle_length if scheme.startswith(("FED", "FSI")) else 0
            points.append(
                Point(scheme, detail, len(schedule), length, reached, error(u, reference, image))
            )
        order = list(dict.fromkeys(p.scheme for p in points))
        points.sort(key=lambda p: order.index(p.scheme))
        cases[title] = points
        report(
            f"{title}, {options.size}×{options.size} photograph to time {options.time:g}, step"
            f" limit {LIMIT}",
            points,
            least,
        )
    least = least_steps(options.time)
    draw(cases, options.time, least, options.size, options.picture)
    console.print(f"Picture: {options.picture}")
    return cases


if __name__ == "__main__":
    main()
