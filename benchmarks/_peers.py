"""Other solvers of the 2-D Poisson equation, each with its best documented options.

Pyamg, SciPy's LU, conjugate gradients, sines.

Nothing here imports TensorFlow, so that the LU factorisation, which may exhaust the memory, runs in
a light process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

TOLERANCE = 1e-8
MEMORY = 14 << 30  # bytes the LU factorisation may take


@dataclass(frozen=True)
class Solver:
    """A solver that is set up.

    Its name, its seconds of set-up, and a function b ↦ (x, iterations).
    """

    name: str
    setup: float
    run: Callable[[np.ndarray], tuple[np.ndarray, int]]


@dataclass(frozen=True)
class Outcome:
    """What a solver did.

    Args:
        name: of the solver.
        setup: seconds before the first run.
        seconds: of each run.
        iterations: cycles or steps of a run, 1 of a direct solver.
        residual: relative, as `relative_residual` finds it.
    """

    name: str
    setup: float
    seconds: tuple[float, ...]
    iterations: int
    residual: float


def right_hand_side(n: int) -> np.ndarray:
    """Normally distributed, from a seed."""
    return np.random.default_rng(0).standard_normal((n, n))


def relative_residual(x: np.ndarray, b: np.ndarray) -> float:
    """‖b − Ax‖/‖b‖ of the five-point stencil with zero boundary, in float64 from slices.

    The one judge of all solvers.
    """
    r = b - 4 * x
    r[1:] += x[:-1]
    r[:-1] += x[1:]
    r[:, 1:] += x[:, :-1]
    r[:, :-1] += x[:, 1:]
    return float(np.linalg.norm(r) / np.linalg.norm(b))


def measure(solver: Solver, b: np.ndarray) -> Outcome:
    """Run a solver once."""
    start = time.perf_counter()
    x, iterations = solver.run(b)
    seconds = time.perf_counter() - start
    return Outcome(solver.name, solver.setup, (seconds,), iterations, relative_residual(x, b))


def matrix(n: int) -> Any:
    """A of the five-point stencil, compressed by rows."""
    line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    return sp.csr_matrix(sp.kronsum(line, line))


def algebraic(n: int) -> list[Solver]:
    """pyamg's two methods, alone and as preconditioners of conjugate gradients.

    Both with their defaults. At 511² every other option tried was slower: for Ruge-Stüben forward
    and backward sweeps, W cycles, PMIS, a larger coarsest level; for aggregation also Chebyshev
    smoothing, the evolution measure, unimproved candidates, local weights.
    """
    import pyamg

    a = matrix(n)
    methods: dict[str, Callable[[], Any]] = {
        "Ruge-Stüben": lambda: pyamg.ruge_stuben_solver(a),
        "aggregation": lambda: pyamg.smoothed_aggregation_solver(a),
    }
    solvers = []
    for name, make in methods.items():
        start = time.perf_counter()
        levels = make()
        setup = time.perf_counter() - start
        for label, accelerator in ((name, None), (f"{name} + CG", "cg")):

            def run(
                b: np.ndarray, levels: Any = levels, accelerator: str | None = accelerator
            ) -> tuple[np.ndarray, int]:
                residuals: list[float] = []
                x = levels.solve(
                    b.ravel(), tol=TOLERANCE, maxiter=200, accel=accelerator, residuals=residuals
                )
                return x.reshape(b.shape), len(residuals) - 1

            solvers.append(Solver(f"pyamg {label}", setup, run))
    return solvers


def sines(n: int) -> Solver:
    """The direct solver by sine transforms: for a constant stencil on a rectangle only."""
    from scipy.fft import dstn, idstn

    start = time.perf_counter()
    line = 4 * np.sin(np.pi * np.arange(1, n + 1) / (2 * (n + 1))) ** 2
    eigenvalues = np.add.outer(line, line)
    setup = time.perf_counter() - start
    return Solver(
        "SciPy sine transform",
        setup,
        lambda b: (idstn(dstn(b, type=1, workers=-1) / eigenvalues, type=1, workers=-1), 0),
    )


def conjugate_gradients(n: int, limit: float) -> Outcome | str:
    """SciPy's conjugate gradients without preconditioner, or why there is no answer."""
    from scipy.sparse.linalg import cg

    a, b, count, start = matrix(n), right_hand_side(n), 0, time.perf_counter()

    def tick(_: np.ndarray) -> None:
        nonlocal count
        count += 1
        if time.perf_counter() - start > limit:
            raise TimeoutError

    try:
        x, _ = cg(a, b.ravel(), rtol=TOLERANCE, maxiter=20 * n, callback=tick)
    except TimeoutError:
        return f"SciPy CG: stopped after {limit:.0f} s and {count} iterations"
    seconds = time.perf_counter() - start
    return Outcome("SciPy CG", 0.0, (seconds,), count, relative_residual(x.reshape(n, n), b))


def factorised(n: int, limit: float) -> Outcome | str:
    """SciPy's LU factorisation with the best of its orderings, or why there is no answer.

    It runs in a process of its own, which is stopped at the limit.
    """
    try:
        worker = subprocess.run(
            [sys.executable, __file__, str(n)],
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"SciPy splu: stopped after {limit:.0f} s"
    if worker.returncode:
        why = (worker.stderr.strip().splitlines() or ["killed"])[-1]
        return (
            f"SciPy splu: no answer, exit code {worker.returncode}, {why}; {MEMORY >> 30} GiB were"
            " allowed"
        )
    facts = json.loads(worker.stdout)
    return Outcome("SciPy splu", facts["setup"], tuple(facts["seconds"]), 0, facts["residual"])


def _factorise(n: int) -> dict[str, Any]:
    import resource

    from scipy.sparse.linalg import splu

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    a, b = matrix(n).tocsc(), right_hand_side(n)
    start = time.perf_counter()
    # half the fill-in of COLAMD here; SuperLU has no nested dissection
    lu = splu(a, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    setup = time.perf_counter() - start
    runs = [
        measure(Solver("SciPy splu", setup, lambda b: (lu.solve(b.ravel()).reshape(b.shape), 0)), b)
        for _ in range(3)
    ]
    return {
        "setup": setup,
        "seconds": [s for run in runs for s in run.seconds],
        "residual": runs[-1].residual,
    }


if __name__ == "__main__":
    print(json.dumps(_factorise(int(sys.argv[1]))))
