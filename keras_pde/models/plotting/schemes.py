"""Pictures of schemes: what a cycle does to each frequency, and how iterations converge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_pde.models.plotting.canvas import checked, panel
from keras_pde.runtime import gate
from keras_pde.schemes.multigrid.iteration import Solution
from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.solvers.solver import SolverResult

__all__ = ["plot_amplification", "plot_convergence"]

DASHES = ("-", "--", ":", "-.")
WIDEST = 3.0  # line of several, of which each later one is drawn narrower, above the earlier


def plot_amplification(
    schedules: Schedule | Sequence[Schedule], points: int = 2000, ax: Any = None
) -> Any:
    """Amplification polynomials |p(λ)| of one cycle of each schedule, over λ·max_step in [0, 2.2].

    The stable range ends at 2, where a broken line stands. Later curves are narrower and dashed, so
    that of curves that coincide each is seen.

    Args:
        schedules: a `Schedule`, or several.
        points: samples of each curve.
        ax: axes to draw into; None makes a figure.

    Returns:
        The axes.

    Raises:
        ValueError: what is no schedule.

    Example:
        >>> from keras_pde import plotting, schemes
        >>> axes = plotting.plot_amplification([schemes.explicit(10), schemes.fed(10)])
        >>> axes.get_legend_handles_labels()[1]
        ['explicit, 10 steps', 'fed, 10 steps']
    """
    points = gate.count(points, "points", high=10**7)
    given = [schedules] if isinstance(schedules, Schedule) else schedules
    if not isinstance(given, list | tuple):
        raise ValueError(
            f"schedules must be a Schedule, or a list of them. Received: {gate.said(schedules)}"
        )
    for schedule in given:
        checked(schedule, "schedules", Schedule)
    axis = panel(5.0, 3.4, ax)
    z = np.linspace(1e-4, 2.2, points)
    for k, schedule in enumerate(given):
        cycle = schedule.cycles[0]
        axis.semilogy(
            z,
            np.abs(cycle.amplification(z / cycle.max_step)) + 1e-12,
            label=f"{cycle.kind}, {len(cycle)} step{'s' * (len(cycle) > 1)}",
            **_line(k, len(given)),
        )
    axis.axvline(2, color="0.5", linestyle="--", linewidth=1)
    axis.axhline(1, color="0.5", linewidth=0.8)
    axis.set(xlabel="eigenvalue λ × step-size limit", ylabel="|p(λ)|", ylim=(1e-6, 1e2))
    if given:
        axis.legend(fontsize="small")
    return axis


def plot_convergence(histories: Any, ax: Any = None) -> Any:
    """Relative residuals ‖r‖ over the cycles or iterations that took them there, on a log scale.

    Args:
        histories: a `Solution` of `MultigridUNet.solve`, a solver's result with its trace, or
            residuals as a list or array, (steps,) or (steps, batch), of which the largest sample is
            drawn; several by their names in a dictionary.
        ax: axes to draw into; None makes a figure.

    Returns:
        The axes.

    Raises:
        ValueError: a result without a trace; no residuals at all.

    Example:
        >>> from keras_pde import MultigridUNet, plotting
        >>> solver, b = MultigridUNet("poisson"), np.ones((1, 15, 15, 1))
        >>> found = {"V": solver.solve(b), "accelerated": solver.solve(b, accelerate=True)}
        >>> axes = plotting.plot_convergence(found)
        >>> [len(line.get_xdata()) == s.cycles + 1 for line, s in zip(axes.lines, found.values())]
        [True, True]
    """
    named = histories if isinstance(histories, Mapping) else {"": histories}
    curves = {str(name): _residuals(history) for name, history in named.items()}
    axis = panel(4.4, 3.2, ax)
    for k, (name, curve) in enumerate(curves.items()):
        axis.semilogy(curve, label=name, marker=".", markersize=4, **_line(k, len(curves)))
    axis.set(xlabel="cycles or iterations", ylabel="relative residual")
    axis.grid(alpha=0.3)
    if any(curves):
        axis.legend(fontsize="small")
    return axis


def _line(k: int, count: int) -> dict[str, Any]:
    """Width and dashes of one of several curves."""
    width = WIDEST - (WIDEST - 1.5) * k / max(count - 1, 1) if count > 1 else 1.6
    return {"linewidth": width, "linestyle": DASHES[k % len(DASHES)]}


def _residuals(history: Any) -> np.ndarray:
    """The largest residual of each step; nan where all samples have ended, or it is 0."""
    from keras import ops

    if isinstance(history, SolverResult):
        if history.trace is None:
            raise ValueError("The solver's result has no trace: call solve(..., trace=True)")
        found = np.asarray(ops.convert_to_numpy(history.trace), np.float64)
    elif isinstance(history, Solution):
        found = history.residuals
    else:
        found = gate.array(history, "histories").astype(np.float64)
    if found.ndim not in (1, 2) or not found.size:
        raise ValueError(
            f"Residuals are (steps,) or (steps, batch), at least one. Received: shape {found.shape}"
        )
    most = found if found.ndim == 1 else found.max(axis=1)
    return np.where(most > 0, most, np.nan)
