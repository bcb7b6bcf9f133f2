"""The task "solve": right-hand sides b to solutions of A u = b."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.tasks.task import Entry, Metric, Task

GRIDS = {1: (1023,), 2: (127, 127), 3: (31, 31, 31)}  # of the convergence factor
CYCLES, LAST, SEED = 25, 5, 0


class Solve(Task):
    """An equation is solved by an iterated network; its convergence factor is measured.

    Example:
        >>> from keras_pde.tasks import task
        >>> task.get("solve").row({"metric": {"value": 0.0276}})
        '0.028 a cycle'
    """

    name = "solve"
    metric = Metric("factor", unit="a cycle", digits=3, higher_is_better=False, tolerance=0.002)
    inputs = ("right-hand side b",)
    target = "solution u of A u = b"

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """Mean reduction of the residual by each of cycles 21 to 25, for b = 0, a random start.

        That is the asymptotic convergence factor. No data are needed.
        """
        self.check(network)
        start = np.random.default_rng(SEED).standard_normal((1, *GRIDS[network.ndim], 1))
        # b = 0 has no rounding floor: the error can fall as far as float64's exponents reach
        residuals = network.solve(
            np.zeros_like(start), tolerance=1e-250, guess=start, max_cycles=CYCLES
        ).residuals.max(axis=1)
        return {"factor": round(float((residuals[-1] / residuals[-1 - LAST]) ** (1 / LAST)), 4)}
