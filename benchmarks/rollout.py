"""Rollouts of exact schemes beside trained surrogates, and steps beside other solvers.

    python benchmarks/rollout.py [--steps 3000] [--only NAME] [--picture rollout.png] [--quick]

First part: 1-D scenarios of APEBench (Köhler et al., arXiv:2411.00180): 160 points of a unit
circle, difficulties by default, 50 training trajectories of 50 steps, 30 test states, 200 steps. In
each, one run has the exact scheme as a network without weights; a scheme of learned stencils, which
starts as the classical one and is trained further; and a convolutional network and a Fourier neural
operator, trained on the same data by as many steps (Adam, cosine decay, increments over their
deviation, batches of 20). The number is nRMSE against the spectral solution in float64. Times are
those of one step of 30 states, over the exact scheme's, all in turn.

Second part: the heat equation on 1024² points, beside NumPy, SciPy and, where they are installed,
py-pde and exponax: time of a step over ours and the error after ten steps, all in turn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from _rollout_peers import PEERS
from _rollout_solvers import beside_solvers
from _timing import compiled, provenance, race
from rich.console import Console
from rich.table import Table

from keras_pde import MethodOfLines
from keras_pde.data.trajectories import Trajectories
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.evolve.metrics import rollout_errors
from keras_pde.tasks.evolve.scenario import Scenario

console = Console(width=130)
N, MARKS = 160, (1, 10, 50, 100, 200)
TRAJECTORIES, HORIZON, TRAINING_SEED, BATCH = 50, 50, 1, 20
# of APEBench's paper: (network, steps, nRMSE)
PUBLISHED = {
    "advection": ("Fourier neural operator, APEBench", 200, 2.3e-2),
    "burgers": ("Fourier neural operator, APEBench", 10, 2.9e-3),
}


def coefficient(order: int, difficulty: float) -> float:
    """a of a ∂ᵒʳᵈᵉʳu for a difficulty γ = a Nᵒʳᵈᵉʳ 2ᵒʳᵈᵉʳ⁻¹ of a unit step on a unit circle."""
    return difficulty if order == 0 else difficulty / (N**order * 2 ** (order - 1))


@dataclass(frozen=True)
class Case:
    """A scenario, the terms of its equation, and steps of an explicit scheme in one.

    Args:
        name: of the reference's equation.
        coefficients: of it.
        terms: of `keras_pde.equations`, the same by differentials.
        substeps: of RK4 with learned stencils of order 4, in a unit step.
        initial: options of the waves.
        exact: an integrator and its accuracy, and its steps in a unit.
    """

    name: str
    coefficients: dict[str, float]
    terms: list[Any]
    substeps: int
    initial: dict[str, Any] = field(default_factory=dict)
    exact: tuple[str, int | str, int] = ("exponential_euler", "spectral", 1)

    @property
    def scenario(self) -> Scenario:
        """Of the test."""
        return Scenario(
            self.name, self.coefficients, points=N, initial_options=self.initial, substeps=8
        )

    def network(self, integrator: str, accuracy: Any, steps: int, **options: Any) -> MethodOfLines:
        """A network for a unit of time a call."""
        made = MethodOfLines.from_equation(
            self.terms,
            integrator,
            1 / steps,
            steps,
            spacing=1 / N,
            accuracy=accuracy,
            **options,
        )
        made.build((None, N, 1))
        return made


def linear(order: int, value: float) -> list[Any]:
    """The term value · ∂ᵒʳᵈᵉʳu."""
    return [value, [(0, (order,))]]


def transport(value: float) -> list[Any]:
    """The term −½ value · ∂ₓu²."""
    return [-value / 2, [(0, ()), (0, ())], (1,)]


def cases() -> list[Case]:
    """APEBench's, with its default difficulties."""
    speed, diffusion = 4 / N, coefficient(2, 4.0)
    third, fourth = coefficient(3, 4.0), coefficient(4, 4.0)
    convection, viscosity = 1.5 / N, coefficient(2, 1.5)
    growth, spread = 0.02, coefficient(2, 0.2)
    wave, xi, zeta = 2.0 / N, coefficient(3, 14.0), coefficient(4, 9.0)
    return [
        Case(
            "advection",
            {"velocity": speed},
            [linear(1, -speed)],
            4,
            exact=("euler", 1, 4),
        ),
        Case("heat", {"diffusivity": diffusion}, [linear(2, diffusion)], 5),
        Case(
            "advection_diffusion",
            {"velocity": speed, "diffusivity": diffusion},
            [linear(1, -speed), linear(2, diffusion)],
            6,
        ),
        Case("dispersion", {"dispersivity": third}, [linear(3, third)], 3),
        Case("hyper_diffusion", {"diffusivity": fourth}, [linear(4, -fourth)], 8),
        Case(
            "burgers",
            {"convection": convection, "viscosity": viscosity},
            [transport(convection), linear(2, viscosity)],
            3,
            exact=("etdrk4", "spectral", 2),
        ),
        Case(
            "fisher",
            {"rate": growth, "diffusivity": spread},
            [linear(0, growth), [-growth, [(0, ()), (0, ())]], linear(2, spread)],
            1,
            {"limits": [0, 1], "offset": 0.5},
            ("etdrk4", "spectral", 1),
        ),
        Case(
            "korteweg_de_vries",
            {"convection": wave, "dispersivity": xi, "hyper_diffusivity": zeta},
            [transport(wave), linear(3, -xi), linear(4, -zeta)],
            16,
            exact=("etdrk4", "spectral", 4),
        ),
    ]


@dataclass(frozen=True)
class Row:
    """What one network did in a scenario."""

    network: str
    weights: int
    errors: dict[str, float]
    advance: Callable[[Any], Any]  # one unit step, compiled


def trained(model: Any, pairs: Trajectories, steps: int, rate: float) -> None:
    """Train a network on pairs, by the loss of the task."""
    weight = (1 / pairs.deviation).astype("float32")
    task = tasks.get("evolve")
    warmup = steps // 5
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss=task.loss, jit_compile=False)

    def batches() -> Any:
        for step in range(steps):
            first, later = pairs.batch(step)
            yield first, np.concatenate([later, np.broadcast_to(weight, later.shape)], -1)

    model.fit(batches(), steps_per_epoch=steps, verbose=0, shuffle=False)


def measured(name: str, model: Any, reference: Any, initial: np.ndarray) -> Row:
    """A network's errors, by one compiled step."""
    run = compiled(model, xla=True)

    def advance(u: np.ndarray, steps: int) -> np.ndarray:
        for _ in range(steps):
            u = run(u)
        return np.array(u)

    found = rollout_errors(advance, reference, initial, MARKS)
    return Row(name, model.count_params(), {str(m): found[str(m)] for m in MARKS}, run)


def rows(case: Case, steps: int) -> list[Row]:
    """All networks of a scenario."""
    reference = case.scenario.reference()
    initial = reference.initial(case.scenario.states, case.scenario.seed)
    integrator, accuracy, parts = case.exact
    exact = case.network(integrator, accuracy, parts, upwind=accuracy == 1)
    found = [measured("exact", exact, reference, initial)]
    lessons = reference.lessons(TRAJECTORIES, HORIZON, TRAINING_SEED)
    pairs = Trajectories(lessons, BATCH)
    stencils = case.network("rk4", 4, case.substeps, learned=True)
    found.append(measured("stencils of order 4", stencils, reference, initial))
    trained(stencils, pairs, steps, 1e-3)
    found.append(measured("the same, trained further", stencils, reference, initial))
    for name, make in PEERS.items():
        keras.utils.set_random_seed(0)
        peer = make(N, 1, pairs.deviation)
        trained(peer, pairs, steps, 3e-3)
        found.append(measured(name, peer, reference, initial))
    return found


def show(case: Case, found: Sequence[Row], rounds: int) -> None:
    """Print a scenario's table."""
    u = case.scenario.reference().initial(30, 5).astype("float32")
    times = race({row.network: (lambda r=row: r.advance(u)) for row in found}, rounds)
    table = Table(title=case.name, title_justify="left")
    heads = ["weights", *[f"{m} step{'s' * (m > 1)}" for m in MARKS], "time"]
    for head in ("network", *heads):
        table.add_column(head, justify="left" if head == "network" else "right")
    for row in found:
        errors = [f"{row.errors[str(m)]:.1e}" for m in MARKS]
        ratio = times.ratio(row.network, "exact")
        table.add_row(row.network, f"{row.weights:,}", *errors, f"{ratio:.2f}")
    if case.name in PUBLISHED:
        name, at, value = PUBLISHED[case.name]
        errors = [f"{value:.1e}" if m == at else "" for m in MARKS]
        table.add_row(name, "", *errors, "")
    console.print(table)


def draw(results: dict[str, list[Row]], path: Path) -> None:
    """Error against steps, a panel a scenario."""
    from matplotlib.figure import Figure

    columns = min(4, len(results))
    lines = -(-len(results) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.9 * lines), layout="constrained")
    axes = np.atleast_1d(figure.subplots(lines, columns, sharex=True, sharey=True)).ravel()
    for axis, (name, found) in zip(axes, results.items(), strict=False):
        for row in found:
            values = [row.errors[str(m)] for m in MARKS]
            axis.loglog(MARKS, values, marker="o", markersize=3, label=row.network)
        if name in PUBLISHED:
            _, at, value = PUBLISHED[name]
            axis.plot([at], [value], "k*", label="published")
        axis.set_title(name.replace("_", " "), fontsize=9)
        axis.set_ylim(1e-9, 10)
        axis.grid(alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    for axis in axes[-columns:]:
        axis.set_xlabel("steps", fontsize=9)  # beside the legend, which would hide the figure's
    figure.supylabel("nRMSE", fontsize=9)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> dict[str, list[Row]]:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=3000, help="of training")
    parser.add_argument("--rounds", type=int, default=10, help="of timing")
    parser.add_argument("--only", default="", help="scenarios whose names contain this")
    parser.add_argument("--picture", type=Path, help="of the errors")
    parser.add_argument("--quick", action="store_true", help="one scenario, few steps, 64²")
    args = parser.parse_args(arguments)
    steps, rounds = (20, 2) if args.quick else (args.steps, args.rounds)
    console.print(provenance())
    results = {}
    for case in cases():
        if args.only not in case.name or (args.quick and case.name != "advection"):
            continue
        results[case.name] = rows(case, steps)
        show(case, results[case.name], rounds)
    console.print(beside_solvers(64 if args.quick else 1024, rounds))
    if args.picture:
        draw(results, args.picture)
    numbers = {name: {r.network: r.errors for r in found} for name, found in results.items()}
    console.print_json(json.dumps(numbers), indent=None)
    return results


if __name__ == "__main__":
    main()
