"""The task "solve": right-hand sides b to solutions of A u = b."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.tasks.metric import Metric
from keras_pde.tasks.section import Section
from keras_pde.tasks.task import Entry, Task

GRIDS = {1: (1023,), 2: (127, 127), 3: (31, 31, 31)}  # of the convergence factor
CYCLES, LAST, SEED = 25, 5, 0


class Solve(Task):
    """An equation is solved by an iterated network; its convergence factor is measured.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("solve").row({"metric": {"value": 0.0276}})
        '0.028 a cycle'
    """

    name = "solve"
    metric = Metric("factor", unit="a cycle", digits=3, higher_is_better=False, tolerance=0.002)
    inputs = ("right-hand side b",)
    target = "solution u of A u = b"
    licence = "Apache-2.0 (no weights)"

    def check(self, network: Any) -> None:
        """Refuse a network without an equation, a learned one, and one that is given a mask.

        Raises:
            ValueError: a network of another task.
        """
        from keras_pde.models.multigrid_solver import MultigridSolver

        solves = isinstance(network, MultigridSolver) and network.channels is None
        if not solves or network.named_inputs != ("image",):
            raise ValueError(
                f"{network.name} is no solver of an equation. keras-pde list --task solve shows"
                " those."
            )

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

    def measure(self, network: Any, folder: Path, data: str | Path | None = None) -> dict[str, Any]:
        """The factor; there is no metrics.json."""
        grid = " × ".join(map(str, GRIDS[network.ndim]))
        name = (
            f"factor of the residual, {network.cycle_type} on {grid} points, cycles"
            f" {CYCLES - LAST + 1} to {CYCLES}"
        )
        metric = self.metric.entry(name, self.evaluate(network)["factor"])
        return {"metric": metric, "data": self.data_source, "licence": self.licence}

    def sections(self, folder: Path, network: Any, entry: Entry) -> list[Section]:
        """One: what it solves, an example, its number."""
        from keras_pde.tasks.solve import card

        network.sizes = GRIDS[network.ndim]  # of the levels that the card prints
        return card.solver_sections(
            folder,
            network,
            entry,
            self.metric,
            example=card.example(network.ndim),
            limits="variable coefficients",
            grid=card.grid_size(network.problem),
        )
