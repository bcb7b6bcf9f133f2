"""The time steppers of the zoo: numerical schemes as networks without weights.

    python -m zoo.evolve build [--only NAME]

There is nothing to train or to tune: a preset is an equation, its discretisation in space, an
integrator and a step. Its number is the relative error of its rollouts after 200 steps, measured
against the spectral solution of the equation that `keras_pde.tasks.evolve` computes by NumPy.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde import LatticeBoltzmann, MethodOfLines
from keras_pde.models.time_stepper import TimeStepper
from keras_pde.tasks.evolve.scenario import Scenario
from zoo.catalogue import write_catalogue

HERE = Path(__file__).resolve().parent
POINTS = {1: (64,), 2: (24, 20), 3: (12, 10, 8)}  # of golden states


@dataclass(frozen=True)
class Stepper:
    """One network: its scenario, and how it discretises space and time.

    Args:
        name: of the preset.
        description: in a few words, for lists.
        purpose: what it is for.
        scenario: its equation, grid, step, and initial states.
        integrator: of `keras_pde.schemes.integrators`.
        accuracy: of the derivatives.
        options: further arguments of `MethodOfLines.from_equation`.
    """

    name: str
    description: str
    purpose: str
    scenario: Scenario
    integrator: str = "etdrk4"
    accuracy: int | str = "spectral"
    upwind: bool = False

    def model(self) -> TimeStepper:
        """The network, built for states of any size."""
        s = self.scenario
        model: TimeStepper
        if s.equation == "taylor_green":
            model = LatticeBoltzmann("D2Q9", s.coefficients["viscosity"], name=self.name)
        else:
            model = MethodOfLines.from_equation(
                s.equation,
                self.integrator,
                s.dt,
                spacing=list(s.grid.spacing),
                accuracy=self.accuracy,
                upwind=self.upwind,
                name=self.name,
                **coefficients(s),
            )
        model.build((None,) * (s.ndim + 1) + (s.reference().channels,))
        return model


def coefficients(scenario: Scenario) -> dict[str, Any]:
    """The coefficients of a scenario's equation, and its axes where it may have several."""
    alone = scenario.equation == "korteweg_de_vries"
    return {**scenario.coefficients, **({} if alone else {"ndim": scenario.ndim})}


def example(stepper: Stepper) -> dict[str, np.ndarray]:
    """A state of the scenario's kind, from which the golden output is computed."""
    import dataclasses

    size = POINTS[stepper.scenario.ndim]
    h = stepper.scenario.grid.spacing
    sides = tuple(n * x for n, x in zip(size, h, strict=True))
    known = dataclasses.replace(
        stepper.scenario, points=size, length=sides, states=1, seed=0, warmup=0
    )
    return {"input": known.start(known.reference().channels).astype("float32")}


# diffusion of APEBench's difficulty γ = 4: νΔt/h² = 2, four times the limit of explicit steps
DIFFUSION = 2 / 160**2
CELL = 1 / 160

STEPPERS = [
    Stepper(
        "heat_1d",
        "the heat equation on a circle, by its Fourier series",
        "diffusion by steps of any length, exact in space and time; a baseline for surrogates",
        Scenario("heat", {"diffusivity": DIFFUSION}),
        "exponential_euler",
    ),
    Stepper(
        "heat_2d",
        "the heat equation in the plane, differences of order 8 and RK4",
        "diffusion of pictures and fields by stencils alone, which every format exports",
        Scenario("heat", {"diffusivity": 0.2 / 64**2}, ndim=2, points=64, states=10),
        "rk4",
        8,
    ),
    Stepper(
        "heat_3d",
        "the heat equation in a box, differences of order 8 and RK4",
        "diffusion of volumes by stencils alone, which every format exports",
        Scenario(
            "heat",
            {"diffusivity": 0.1 / 24**2},
            ndim=3,
            points=24,
            states=2,
            initial_options={"cutoff": 2},
        ),
        "rk4",
        8,
    ),
    Stepper(
        "advection_1d",
        "transport on a circle, a point a step",
        "moving a signal without changing it: upwind differences at the Courant number 1 are a"
        " shift",
        Scenario("advection", {"velocity": 1.0}, dt=CELL),
        "euler",
        1,
        upwind=True,
    ),
    Stepper(
        "advection_diffusion_1d",
        "transport with diffusion on a circle, by its Fourier series",
        "both at APEBench's difficulties of four cells and γ = 4 a step",
        Scenario("advection_diffusion", {"velocity": 4 * CELL, "diffusivity": DIFFUSION}),
        "exponential_euler",
    ),
    Stepper(
        "dispersion_1d",
        "waves whose speed depends on their length, by their Fourier series",
        "dispersion at APEBench's difficulty γ = 4",
        Scenario("dispersion", {"dispersivity": 1 / 160**3}),
        "exponential_euler",
    ),
    Stepper(
        "burgers_1d",
        "Burgers' equation on a circle, spectral, ETDRK4",
        "waves that steepen to shocks of a viscous fluid, at APEBench's difficulty",
        Scenario("burgers", {"viscosity": 1 / 320}, dt=1.5 * CELL / 2, substeps=8),
    ),
    Stepper(
        "burgers_2d",
        "Burgers' equation in the plane, spectral, ETDRK4",
        "two velocities that carry each other",
        Scenario("burgers", {"viscosity": 0.01}, ndim=2, points=64, dt=0.005, states=4, substeps=2),
    ),
    Stepper(
        "fisher_1d",
        "Fisher's equation on a circle, spectral, ETDRK4",
        "growth to a capacity of 1 that spreads as a front; for states in [0, 1]",
        Scenario(
            "fisher",
            {"diffusivity": 0.1 / 160**2 / 0.02, "rate": 1.0},
            dt=0.02,
            initial_options={"limits": [0, 1]},
        ),
    ),
    Stepper(
        "allen_cahn_2d",
        "the Allen-Cahn equation in the plane, spectral, ETDRK4",
        "two phases, -1 and 1, whose interfaces shrink by their curvature; segmentation",
        Scenario(
            "allen_cahn",
            {"diffusivity": 1e-3, "rate": 1.0},
            ndim=2,
            points=64,
            dt=0.1,
            states=4,
            substeps=2,
        ),
    ),
    Stepper(
        "gray_scott_2d",
        "the Gray-Scott reaction in the plane, spectral, ETDRK4",
        "spots and stripes that grow from seeds; for states near (1, 0) with spots of (1/2, 1/4)",
        Scenario(
            "gray_scott",
            {"feed": 0.04, "kill": 0.06, "diffusivities": [2e-5, 1e-5]},
            ndim=2,
            points=64,
            length=0.64,
            initial="seeds",
            states=3,
            substeps=2,
        ),
    ),
    Stepper(
        "kuramoto_sivashinsky_1d",
        "the Kuramoto-Sivashinsky equation on a circle, spectral, ETDRK4",
        "chaos: errors grow e-fold in about 10 units of time, so that its number is of 20 units;"
        " its statistics stay right for ever",
        Scenario(
            "kuramoto_sivashinsky",
            length=60.0,
            dt=0.1,
            warmup=1000,
            substeps=2,
        ),
    ),
    Stepper(
        "wave_2d",
        "the wave equation in the plane, by its Fourier series",
        "waves of a membrane (displacement, velocity), exact in space and time",
        Scenario(
            "wave", {"speed": 1.0}, ndim=2, points=64, dt=0.01, initial="waves_at_rest", states=6
        ),
        "exponential_euler",
    ),
    Stepper(
        "taylor_green_bgk_2d",
        "flow of a viscous fluid in the plane by lattice Boltzmann, BGK on D2Q9",
        "nearly incompressible flow; its number is that of decaying vortices of 1 to 3 waves,"
        " whose exact velocity is known",
        Scenario("taylor_green", {"viscosity": 0.05}, ndim=2, points=64, states=8),
    ),
]


def recipe(stepper: Stepper) -> dict[str, Any]:
    """All there is to know to make the preset again."""
    return {
        "name": stepper.name,
        "task": "evolve",
        "description": stepper.description,
        "purpose": stepper.purpose,
        "scenario": stepper.scenario.facts(),
        "command": "python -m zoo.evolve build",
    }


def build(stepper: Stepper) -> Path:
    """The files of a preset and its recipe."""
    folder = HERE / "evolve" / stepper.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(
        json.dumps(recipe(stepper), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    stepper.model().write_preset_files(folder, example(stepper))
    return folder


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("build",))
    parser.add_argument("--only", default="", help="names that contain this")
    args = parser.parse_args()
    write_catalogue([build(s) for s in STEPPERS if args.only in s.name])


if __name__ == "__main__":
    main()
