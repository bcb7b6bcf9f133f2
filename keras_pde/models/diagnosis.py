"""Diagnosis: what the solvers of an implicit network did, step by step and sample by sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Diagnosis"]


@dataclass(frozen=True)
class Diagnosis:
    """Iterations and relative residuals of each implicit step, arrays (steps, batch).

    Args:
        subject: class and name of the network.
        solver: in words.
        tolerance: of the relative residual.
        max_iterations: after which a solve is given up.
        iterations: how many each solve took.
        converged: whether its residual is within the tolerance.
        residual: the last one.
        traces: all of them, (steps, batch, max_iterations + 1), NaN after the end.

    Example:
        >>> import keras_pde
        >>> block = keras_pde.ImplicitDiffusion("forward", step_size=2.0)
        >>> net = keras_pde.ImplicitRecurrent(2, block=block)
        >>> diagnosis = net.diagnose(np.eye(8)[None, ..., None])
        >>> diagnosis.iterations.shape, diagnosis.all_converged
        ((2, 1), True)
        >>> bool(diagnosis.largest_residual < 1e-5)
        True
    """

    subject: str
    solver: str
    tolerance: float
    max_iterations: int
    iterations: np.ndarray
    converged: np.ndarray
    residual: np.ndarray
    traces: np.ndarray

    @classmethod
    def of(cls, subject: str, solver: str, tolerance: float, traces: np.ndarray) -> Diagnosis:
        """From residuals (steps, iterations + 1, batch) with −1 after the end."""
        found = np.moveaxis(traces, 1, -1)
        count = (found != -1).sum(-1) - 1  # NaN, of a sample that is not finite, counts
        last = np.take_along_axis(found, count[..., None], -1)[..., 0]
        converged = last <= np.asarray(tolerance, dtype=last.dtype)
        return cls(
            subject,
            solver,
            tolerance,
            found.shape[-1] - 1,
            count,
            converged,
            last,
            np.where(found == -1, np.nan, found),
        )

    @property
    def all_converged(self) -> bool:
        """Whether every solve did."""
        return bool(self.converged.all())

    @property
    def largest_residual(self) -> float:
        """The largest relative residual left; NaN if one is not finite."""
        return float(self.residual.max(initial=0.0))

    def summary(self) -> str:
        """One line: the iterations and the largest residual; whether a solve did not converge."""
        least, most = (
            int(x)
            for x in (
                self.iterations.min(initial=self.max_iterations),
                self.iterations.max(initial=0),
            )
        )
        count = f"{most}" if least == most else f"{least} to {most}"
        line = (
            f"{self.solver}: {count} iterations a step, largest relative residual"
            f" {self.largest_residual:.2g}"
        )
        if self.all_converged:
            return f"{line} (tolerance {self.tolerance:g})"
        failed = int((~self.converged).sum())
        return (
            f"{line}; NOT CONVERGED: {failed} of {self.converged.size} solves are above the"
            f" tolerance {self.tolerance:g}"
        )

    def __str__(self) -> str:
        lines = [f"Diagnosis of {self.subject}", f"  {self.summary()}"]
        for k, (count, residual, converged) in enumerate(
            zip(self.iterations, self.residual, self.converged, strict=True)
        ):
            shown = [
                f"{n} ({r:.1e}{'' if ok else ', not converged'})"
                for n, r, ok in zip(count[:8], residual[:8], converged[:8], strict=True)
            ]
            lines.append(
                f"  step {k + 1}: iterations (residual) by sample:"
                f" {', '.join(shown)}{', ...' * (len(count) > 8)}"
            )
        return "\n".join(lines)
