"""The solvers of the zoo.

Multigrid cycles as U-nets without weights, each with its measured convergence factor.

    python -m zoo.multigrid build

There is nothing to train or to tune: a preset is a problem, a cycle and a smoother. Its number is
the factor by which a cycle reduces the residual in the long run, on a stated grid; for inpainting
the PSNR of a photograph from a tenth of its pixels.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import keras_pde
from keras_pde import MultigridUNet, problems, smoothers
from keras_pde.presets.metric_text import metric_text

HERE = Path(__file__).resolve().parent
GRIDS = {1: (1023,), 2: (127, 127), 3: (31, 31, 31)}  # of the convergence factor
CYCLES, LAST = 25, 5
SHARE, SEED = 0.1, 0


@dataclass(frozen=True)
class Solver:
    """One solver: a problem, a dimension, and what differs from the problem's own cycle and
    smoother.
    """

    name: str
    problem: problems.Problem
    description: str
    about: str
    ndim: int = 2
    cycle: str | None = None
    smoother: smoothers.Smoother | None = None

    @property
    def task(self) -> str:
        """What it is for: "solve" or "inpaint"."""
        return "inpaint" if self.problem.masked else "solve"

    def model(self) -> MultigridUNet:
        """The cycle, built for one channel."""
        model = MultigridUNet(self.problem, self.cycle, smoother=self.smoother, name=self.name)
        shape = (None,) * (self.ndim + 1) + (1,)
        model.build([shape, shape] if self.problem.masked else shape)
        return model


SOLVERS = [
    Solver(
        "multigrid_poisson_1d",
        problems.Poisson(),
        "Poisson's equation on a line, zero boundary",
        "lines, and learning how multigrid works: two grids with one step before and one after have"
        " the factor 1/9 exactly",
        ndim=1,
        cycle="V(2,1)",
        smoother=smoothers.Jacobi(2 / 3),
    ),
    Solver(
        "multigrid_poisson_2d",
        problems.Poisson(),
        "Poisson's equation on a rectangle, zero boundary",
        "potentials, gradient-domain editing, pressure projection; a preconditioner",
    ),
    Solver(
        "multigrid_poisson_3d",
        problems.Poisson(),
        "Poisson's equation in a box, zero boundary",
        "volumes: potentials, pressure projection; a preconditioner",
        ndim=3,
    ),
    Solver(
        "multigrid_screened_poisson_2d",
        problems.ScreenedPoisson(step_size=10.0),
        "the screened Poisson equation u - 10Δu = b, reflecting boundary",
        "an implicit step of homogeneous diffusion, smoothing in one step of any length;"
        " gradient-domain fusion with a data term",
    ),
    Solver(
        "multigrid_biharmonic_2d",
        problems.Biharmonic(),
        "the biharmonic equation on a rectangle, a simply supported plate",
        "plates, smooth interpolation, implicit steps of fourth-order diffusion",
    ),
    Solver(
        "multigrid_inpaint_2d",
        problems.Inpainting(),
        "inpainting by homogeneous diffusion, from few known pixels or around holes",
        "images from a tenth of their pixels, scratches and holes; colour channels side by side."
        " `keras-pde inpaint` is the same at the command line",
    ),
]


def convergence_factor(model: Any) -> float:
    """Mean reduction of the residual by each of cycles 21 to 25, for b = 0 from a random start.

    The asymptotic factor.

    Example:
        >>> import keras_pde
        >>> from zoo.multigrid import convergence_factor
        >>> convergence_factor(keras_pde.from_preset("multigrid_poisson_1d")) < 0.13
        True
    """
    start = np.random.default_rng(SEED).standard_normal((1, *GRIDS[model.ndim], 1))
    # b = 0 has no rounding floor: the error can fall as far as float64's exponents reach
    residuals = model.solve(
        np.zeros_like(start), tolerance=1e-250, guess=start, max_cycles=CYCLES
    ).residuals.max(axis=1)
    return float((residuals[-1] / residuals[-1 - LAST]) ** (1 / LAST))


def inpainting_psnr(model: Any) -> float:
    """PSNR in dB of scikit-image's camera from a tenth of its pixels.

    Residual 1e-6, result clipped, peak 1.
    """
    from skimage.metrics import peak_signal_noise_ratio

    from keras_pde.data.photograph import sample
    from keras_pde.tasks.inpaint import random_mask

    clean = sample(1, 2)
    mask = random_mask(clean.shape[1:3], SHARE, SEED)[None, ..., None].astype("float64")
    found = model.solve([clean * mask, mask], tolerance=1e-6, accelerate=True).x
    return float(peak_signal_noise_ratio(clean, found.clip(0, 1), data_range=1.0))


def metric(model: Any) -> dict[str, Any]:
    """Name, value, unit and tolerance of the number of a solver, computed."""
    if model.problem.masked:
        name = f"PSNR of scikit-image's camera from {100 * SHARE:g} % of its pixels, seed {SEED}"
        return {
            "name": name,
            "value": round(inpainting_psnr(model), 3),
            "unit": "dB",
            "tolerance": 0.02,
        }
    grid = " × ".join(map(str, GRIDS[model.ndim]))
    name = (
        f"factor of the residual, {model.cycle_type} on {grid} points, cycles {CYCLES - LAST + 1}"
        f" to {CYCLES}"
    )
    return {
        "name": name,
        "value": round(convergence_factor(model), 4),
        "unit": "a cycle",
        "tolerance": 0.002,
    }


def recipe(solver: Solver) -> dict[str, Any]:
    """All there is to know to make the preset again."""
    model = solver.model()
    options = {
        "problem": repr(solver.problem),
        "cycle": str(model.cycle_type),
        "smoother": repr(model.smoother),
    }
    return {"name": solver.name, **options, "command": "python -m zoo.multigrid build"}


def card(solver: Solver, entry: dict[str, Any], model: Any) -> str:
    """The card of a solver.

    What it solves, an example to run, its number, and how to make it again.
    """
    spatial = {1: "length", 2: "height, width", 3: "depth, height, width"}[solver.ndim]
    small = {1: (255,), 2: (63, 63), 3: (15, 15, 15)}[solver.ndim]
    if solver.problem.masked:
        example = f"""from skimage import data
from keras_pde.inpainting import random_mask

f = data.camera()[None, ::4, ::4, None] / 255.0                    # (batch, {spatial}, channels)
mask = random_mask(f.shape[1:3], 0.1)[None, ..., None]             # (batch, {spatial}, 1), true where f is known
solution = solver.solve([f * mask, mask], tolerance=1e-6, accelerate=True)
print(solution)                                                    # converged, residual, cycles
u = solution.x                                                     # float64, equal to f on known pixels"""
    else:
        example = f"""b = np.random.default_rng(0).standard_normal({(1, *small, 1)})  # (batch, {spatial}, channels)
solution = solver.solve(b, tolerance=1e-10)
print(solution)                                                    # converged, residual, cycles
x = solution.x                                                     # float64
once = solver(b)                                                   # one cycle from 0, a network without weights"""
    never = (
        "texture: large holes are filled smoothly"
        if solver.problem.masked
        else "variable coefficients"
    )
    scaled = (
        f"take {solver.problem.stiffness:g}/h² for the step size"
        if solver.problem.screening
        else f"multiply b by h{'²⁴'[solver.problem.order // 4]}"
    )
    grid = "" if solver.problem.masked else f" Grid size 1: for a grid size h {scaled}."
    return f"""# {solver.name}

{entry["description"][0].upper()}{entry["description"][1:]}: a multigrid cycle as a U-net, without weights.

```python
import numpy as np
import keras_pde

solver = keras_pde.from_preset("{solver.name}")
{example}
```

For: {solver.about}. Any size, any batch.{grid}
Not for: {never}.

```
{model}
```

| measure | value | command |
|---|---|---|
| {entry["metric"]["name"]} | {metric_text(entry["metric"], tolerance=True)} | `{recipe(solver)["command"]}` |

No certificate: the cycle is no filter, and its guarantee is the residual that `solve` computes in float64 after every cycle.
Data: none. Licence: {entry["licence"]}.

Cite: Alt, Schrader, Augustin, Peter, Weickert, Connections between Numerical Algorithms for PDEs and Neural Networks, arXiv:2107.14742 (2021);
Brandt, Multi-level adaptive solutions to boundary-value problems, Mathematics of Computation 31 (1977).
"""


def build(solver: Solver) -> None:
    """The files of a preset and its recipe."""
    folder = HERE / solver.task / solver.name
    folder.mkdir(exist_ok=True)
    (folder / "recipe.json").write_text(
        json.dumps(recipe(solver), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    solver.model().write_preset_files(folder)


def write_entries() -> None:
    """The solvers' entries of presets.json and their cards, every number computed from the files."""
    from keras_pde.tasks.index_entry import entry, write_index

    entries = {}
    for solver in SOLVERS:
        model = keras_pde.from_preset(HERE / solver.task / solver.name)
        entries[solver.name] = made = entry(
            model,
            HERE / solver.task / solver.name,
            task=solver.task,
            description=solver.description,
            ndim=solver.ndim,
            channels=1,
            metric=metric(model),
            data="none",
            licence="Apache-2.0 (no weights)",
        )
        (HERE / solver.task / solver.name / "README.md").write_text(
            card(solver, made, model), encoding="utf-8"
        )
        print(f"{solver.name:<32} {metric_text(made['metric'])}", flush=True)
    write_index(entries)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("build",))
    parser.parse_args()
    for solver in SOLVERS:
        build(solver)
    write_entries()


if __name__ == "__main__":
    main()
