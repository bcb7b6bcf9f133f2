"""The work of the full approximation scheme against that of lagged diffusivity."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from keras_pde import MultigridUNet, activations, problems

console = Console(width=130)


def evaluations(model: MultigridUNet, n: int) -> float:
    """Work of one cycle of the full approximation scheme, in evaluations on the finest grid.

    Each level takes one for each smoothing step (a half step of red-black counts as a whole, as it
    is computed), one for the residual, and below the finest one for the right-hand side.
    """
    points = [grid.points for grid in model.grids((n, n))]
    before, after = model.smoother.steps(
        model.cycle_type.before, model.cycle_type.after, (0.5, 2.0), 2
    )
    return sum(
        p / points[0] * (len(before) + len(after) + 1 + (i > 0)) for i, p in enumerate(points)
    )


def lagged_diffusivity(
    f: np.ndarray, tau: float, contrast: float, tolerance: float, inner: float
) -> tuple[int, int]:
    """Evaluations of KᵀG K and outer steps of (I + τKᵀG(uˡ)K)uˡ⁺¹ = f.

    Conjugate gradients lower the residual of each system to its part ``inner``.
    """

    def gradient(u: np.ndarray) -> np.ndarray:
        return np.stack([np.diff(u, axis=a, append=u.take([-1], axis=a)) for a in (0, 1)])

    def adjoint(p: np.ndarray) -> np.ndarray:
        return sum(
            -np.diff(np.concatenate([np.zeros_like(q.take([0], axis=a)), q], axis=a), axis=a)
            for a, q in enumerate(p)
        )

    u, work, outer = f.copy(), 0, 0
    while True:
        g = 1 / np.sqrt(1 + (gradient(u) ** 2).sum(axis=0) / contrast**2)
        r = f - u - tau * adjoint(g * gradient(u))
        work += 1
        squared = float((r * r).sum())
        if squared <= tolerance**2 * float((f * f).sum()):
            return work, outer
        goal, p, outer = inner**2 * squared, r, outer + 1
        while squared > goal:
            image = p + tau * adjoint(g * gradient(p))
            work += 1
            alpha = squared / float((p * image).sum())
            u, r = u + alpha * p, r - alpha * image
            before, squared = squared, float((r * r).sum())
            p = r + squared / before * p


def full_approximation(n: int, step_sizes: list[float]) -> dict[float, float]:
    """Work of the full approximation scheme over that of lagged diffusivity, by step size.

    The problem is an implicit step of Charbonnier diffusion of a noisy photograph.
    """
    from skimage import data

    console.print(
        f"u + τKᵀΦ(Ku) = f, Charbonnier, contrast 0.05, noisy camera {n} × {n}, residual 1e-8; work"
        " in operator evaluations"
    )
    table = Table()
    for column in (
        "τ",
        "FAS cycles",
        "factor",
        "FAS work",
        "lagged steps",
        "lagged work",
        "FAS/lagged",
    ):
        table.add_column(column, justify="right")
    f = data.camera()[:n, 128 : 128 + n] / 255 + 25 / 255 * np.random.default_rng(
        2
    ).standard_normal((n, n))
    ratios = {}
    for tau in step_sizes:
        model = MultigridUNet(problems.Diffusion(activations.Charbonnier(0.05), step_size=tau))
        found = model.solve(f[None, ..., None], tolerance=1e-8, max_cycles=60)
        work = found.cycles * evaluations(model, n)
        least, steps = min(
            lagged_diffusivity(f, tau, 0.05, 1e-8, inner) for inner in (0.5, 0.3, 0.1, 0.03)
        )
        ratios[tau] = work / least if found.converged else np.inf
        cells = (
            f"{found.cycles}",
            f"{found.factor:.3f}",
            f"{work:.0f}",
            f"{steps}",
            f"{least}",
            f"{ratios[tau]:.2f}",
        )
        table.add_row(f"{tau:g}", *cells)
    console.print(table)
    return ratios
