"""Sections of a solver's card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_pde.models.multigrid_solver import MultigridSolver
from keras_pde.schemes.multigrid.problems import Problem
from keras_pde.tasks.metric import Metric
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.section import Section, sentence

AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}
SMALL = {1: (255,), 2: (63, 63), 3: (15, 15, 15)}


def solver_sections(
    folder: Path,
    network: MultigridSolver,
    entry: Mapping[str, Any],
    metric: Metric,
    *,
    example: str,
    limits: str,
    grid: str = "",
) -> list[Section]:
    """What a solver solves, an example to run, its number, and how to make it again.

    Args:
        folder: with its recipe.json.
        network: as loaded from it.
        entry: of the index.
        metric: of the task.
        example: lines of Python that go on from ``solver``.
        limits: what it is not for.
        grid: a sentence about grid sizes.
    """
    recipe, about = recipe_in(folder), entry["metric"]
    number = metric.full(about["value"], about["tolerance"])
    return [
        Section(
            "",
            f"""{sentence(entry["description"])}: a multigrid cycle as a U-net, without weights.

```python
import numpy as np
import keras_pde

solver = keras_pde.from_preset("{network.name}")
{example}
```

For: {recipe["purpose"]}. Any size, any batch.{grid}
Not for: {limits}.

```
{network}
```

| measure | value | command |
|---|---|---|
| {about["name"]} | {number} | `{recipe["command"]}` |

No certificate: the cycle is no filter, and its guarantee is the residual that `solve` computes in
float64 after every cycle.
Data: none. Licence: {entry["licence"]}.

Cite: Alt, Schrader, Augustin, Peter, Weickert, Connections between Numerical Algorithms for PDEs
and Neural Networks, arXiv:2107.14742 (2021);
Brandt, Multi-level adaptive solutions to boundary-value problems, Mathematics of Computation 31
(1977).""",
        )
    ]


def example(ndim: int) -> str:
    """Lines of Python that solve A x = b, and take one cycle."""
    b = f"b = np.random.default_rng(0).standard_normal({(1, *SMALL[ndim], 1)})"
    return f"""{b}  # (batch, {AXES[ndim]}, channels)
solution = solver.solve(b, tolerance=1e-10)
{"print(solution)":<67}# converged, residual, cycles
{"x = solution.x":<67}# float64
{"once = solver(b)":<67}# one cycle from 0, a network without weights"""


def grid_size(problem: Problem) -> str:
    """How to solve on a grid whose points are not 1 apart."""
    scaled = (
        f"take {problem.stiffness:g}/h² for the step size"
        if problem.screening
        else f"multiply b by h{'²⁴'[problem.order // 4]}"
    )
    return f" Grid size 1: for a grid size h {scaled}."
