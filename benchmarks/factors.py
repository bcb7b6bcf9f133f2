"""Factors by which a cycle of multigrid lowers the residual, by problem, boundary and size.

Each is measured from a random right-hand side in the cycles behind the second, to the residual
1e-10: python benchmarks/factors.py [--all]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np

from keras_pde import MultigridUNet, problems

SIZES = ((129, 129), (33, 257), (37, 53), (64, 64), (128, 128), (127, 127))
MORE = ((96, 70), (65, 65), (127,), (128,), (101,), (15, 15, 15), (16, 16, 16), (9, 11, 13))
BOUNDARIES = ("dirichlet", "neumann", "periodic")
KINDS = {
    "Poisson": problems.Poisson,
    "ScreenedPoisson": lambda boundary: problems.ScreenedPoisson(100.0, boundary),
    "Biharmonic": problems.Biharmonic,
}


def late_factor(problem: problems.Problem, size: tuple[int, ...]) -> float:
    """The mean factor a cycle behind the second; of all of them where there are not more."""
    b = np.random.default_rng(0).standard_normal((1, *size, 1))
    if problem.singular:
        b -= b.mean()
    r = MultigridUNet(problem).solve(b, 1e-10).residuals[:, 0]
    first = 2 if len(r) > 4 else 0
    return float((r[-1] / r[first]) ** (1 / (len(r) - 1 - first)))


def rows(sizes: Iterable[tuple[int, ...]], kinds: Iterable[str]) -> Iterable[str]:
    """A line for each problem and size."""
    for kind in kinds:
        for size in sizes:
            found = (f"{b} {late_factor(KINDS[kind](b), size):.3f}" for b in BOUNDARIES)
            yield f"{kind:<16} {' × '.join(map(str, size)):<14} {'  '.join(found)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="all problems, also in 1-D and 3-D")
    given = parser.parse_args()
    for row in rows(SIZES + MORE * given.all, KINDS if given.all else ["Poisson"]):
        print(row, flush=True)


if __name__ == "__main__":
    main()
