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

from keras_pde import MultigridUNet, problems, smoothers
from zoo.catalogue import write_catalogue

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Solver:
    """One solver: a problem, a dimension, and a cycle and smoother if not the problem's own."""

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


def recipe(solver: Solver) -> dict[str, Any]:
    """All there is to know to make the preset again."""
    model = solver.model()
    options = {
        "problem": repr(solver.problem),
        "cycle": str(model.cycle_type),
        "smoother": repr(model.smoother),
    }
    about = {"task": solver.task, "description": solver.description, "purpose": solver.about}
    return {"name": solver.name, **about, **options, "command": "python -m zoo.multigrid build"}


def build(solver: Solver) -> None:
    """The files of a preset and its recipe."""
    folder = HERE / solver.task / solver.name
    folder.mkdir(exist_ok=True)
    (folder / "recipe.json").write_text(
        json.dumps(recipe(solver), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    solver.model().write_preset_files(folder)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("build",))
    parser.parse_args()
    for solver in SOLVERS:
        build(solver)
    write_catalogue([HERE / solver.task / solver.name for solver in SOLVERS])


if __name__ == "__main__":
    main()
