"""The lid-driven cavity at Reynolds number 100, by BGK on D2Q9.

    python benchmarks/cavity.py [--sizes 32 64 128]

The network runs until 500 steps change no velocity by more than 1e-5 of the lid's. Its velocities
along the centre lines are compared with the table of Ghia, Ghia and Shin (J. Comput. Phys. 48,
1982), which was computed on 129² points, and its extrema with those of the spectral solution of
Botella and Peyret (Computers & Fluids 27, 1998), which has seven digits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from _timing import provenance
from rich.console import Console
from rich.table import Table
from scipy.interpolate import CubicSpline

from keras_pde import LatticeBoltzmann

REYNOLDS = 100
# along the vertical centre line: the height, and the velocity along the lid
GHIA_U = [
    *[(0.9766, 0.84123), (0.9688, 0.78871), (0.9609, 0.73722), (0.9531, 0.68717)],
    *[(0.8516, 0.23151), (0.7344, 0.00332), (0.6172, -0.13641), (0.5000, -0.20581)],
    *[(0.4531, -0.21090), (0.2813, -0.15662), (0.1719, -0.10150), (0.1016, -0.06434)],
    *[(0.0703, -0.04775), (0.0625, -0.04192), (0.0547, -0.03717)],
]
# along the horizontal one: the place, and the velocity across
GHIA_V = [
    *[(0.9688, -0.05906), (0.9609, -0.07391), (0.9531, -0.08864), (0.9453, -0.10313)],
    *[(0.9063, -0.16914), (0.8594, -0.22445), (0.8047, -0.24533), (0.5000, 0.05454)],
    *[(0.2344, 0.17527), (0.2266, 0.17507), (0.1563, 0.16077), (0.0938, 0.12317)],
    *[(0.0781, 0.10890), (0.0703, 0.10091), (0.0625, 0.09233)],
]
SPECTRAL = (-0.2140424, 0.1795728, -0.2538030)  # least u, largest and least v


def cavity(n: int, lid: float) -> LatticeBoltzmann:
    """The network for n² points and a lid that moves by so much a step."""
    return LatticeBoltzmann("D2Q9", lid * n / REYNOLDS, boundary="walls", lids={"y+": (lid, 0.0)})


def steady(n: int, lid: float, every: int = 500) -> tuple[np.ndarray, int, float]:
    """The velocity (n, n, 2) over the lid's once nothing changes, the steps, and the seconds."""
    net = cavity(n, lid)
    start = net.equilibrium(np.ones((1, n, n)), np.zeros((1, n, n, 2)))
    net.rollout(start, 2)  # compile
    velocities, steps = [np.zeros((n, n, 2))], [0]

    def settled(step: int, state: np.ndarray) -> bool:
        velocities.append(net.moments(state)[1][0] / lid)
        steps.append(step)
        return bool(np.abs(velocities[-1] - velocities.pop(0)).max() < 1e-5)

    begun = time.perf_counter()
    net.rollout(start, 120 * every, every=every, callback=settled)
    return velocities[-1], steps[-1], time.perf_counter() - begun


def centre_lines(velocity: np.ndarray) -> tuple[CubicSpline, CubicSpline]:
    """u along the vertical and v along the horizontal centre line, with what the walls say."""
    n = len(velocity)
    middle = slice((n - 1) // 2, n // 2 + 1)
    places = np.concatenate([[0], (np.arange(n) + 0.5) / n, [1]])
    u = np.concatenate([[0], velocity[middle, :, 0].mean(0), [1]])
    v = np.concatenate([[0], velocity[:, middle, 1].mean(1), [0]])
    return CubicSpline(places, u), CubicSpline(places, v)


def compare(velocity: np.ndarray) -> tuple[float, float, list[float]]:
    """Largest difference from Ghia's u and v, and the extrema."""
    u, v = centre_lines(velocity)
    gaps = [
        max(abs(float(line(x)) - y) for x, y in table) for line, table in ((u, GHIA_U), (v, GHIA_V))
    ]
    fine = np.linspace(0, 1, 4001)
    return *gaps, [float(u(fine).min()), float(v(fine).max()), float(v(fine).min())]


def main(arguments: Sequence[str] | None = None) -> list[tuple[float, float, list[float]]]:
    """Run each size and print; what `compare` found of each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--lid", type=float, default=0.1, help="points a step")
    parser.add_argument("--quick", action="store_true", help="16 points")
    args = parser.parse_args(arguments)
    console, found = Console(), []
    console.print(provenance())
    table = Table(
        title=f"lid-driven cavity, Re {REYNOLDS}, lid {args.lid:g} points a step; u, v: from Ghia's"
    )
    columns = ("points", "steps", "s", "10⁶/s", "u", "v")
    for column in (*columns, "least u", "most v", "least v"):
        table.add_column(column, justify="right")
    for n in [16] if args.quick else args.sizes:
        velocity, steps, seconds = steady(n, args.lid)
        found.append(compare(velocity))
        gap_u, gap_v, extrema = found[-1]
        rate = n * n * steps / seconds / 1e6
        numbers = [f"{gap_u:.4f}", f"{gap_v:.4f}", *(f"{x:.4f}" for x in extrema)]
        table.add_row(f"{n}²", str(steps), f"{seconds:.1f}", f"{rate:.1f}", *numbers)
    table.add_row("exact", *[""] * 5, *(f"{x:.4f}" for x in SPECTRAL))
    console.print(table)
    return found


if __name__ == "__main__":
    main()
