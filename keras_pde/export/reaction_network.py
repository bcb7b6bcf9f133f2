"""ReactionNetwork: species and mass-action reactions whose steady state is a network's output."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_pde.export.mass_action import MassAction, Reaction, side
from keras_pde.export.sbml import sbml
from keras_pde.runtime import gate
from keras_pde.runtime.writing import whole

SUFFIXES = (".txt", ".csv", ".xml", ".sbml")
LIFETIMES = 50  # of the slowest part: e⁻⁵⁰ = 2e-22 is left for transients to be larger


class Simulation(NamedTuple):
    """Concentrations over time.

    Args:
        times: (steps,).
        states: (steps, species), in the order of `ReactionNetwork.species`.
        outputs: (steps, outputs), what the states read as.
    """

    times: np.ndarray
    states: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class ReactionNetwork:
    r"""Species z ≥ 0 with ż = Σⱼ kⱼ zₐzᵦ νⱼ, whose steady state reads as a network's output.

    Every unit of the network is a species x with ẋ = h + ax − x², made of the reactions ∅ → X at
    h, 2X → X at 1, and for each entry w of a = Wz + b one that X catalyses: Z + X → Z + 2X at w,
    or Z + X → Z at −w. So no rate is negative, and no species is consumed that is not there. From
    every start x ≥ 0 the units tend to (a + √(a² + 4h))/2, the smooth ReLU (X1), and two states of
    one unit approach each other in log x at least as fast as e^(−2√h t) (X2). Linear outputs of
    either sign are differences Y⁺ − Y⁻ (X3).

    Args:
        inputs: number of the network's inputs.
        species: names: inputs (X), units (H, by layer), outputs (Y).
        reactions: of the network.
        readout: matrix (outputs, species) and offset, by which a state reads as the output.
        halved: whether each input is the difference of two species.
        decay_rate: the slowest of 2√h over the units, and of 1 for linear outputs.

    Source: Anderson, Joshi, Deshpande, arXiv:2010.13290 (2020).

    Example:
        >>> import keras_pde
        >>> from keras_pde.export import to_reactions
        >>> flux = keras_pde.activations.SmoothReLU(0.5)
        >>> net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, flux)])
        >>> net.set_weights([np.array([[1.0], [-2.0]]), np.array([0.5])])
        >>> print(to_reactions(net))
        3 species (2 inputs, 1 unit), 5 reactions, decay rate 1
        X1 + H1_1 -> X1 + 2 H1_1    1
        X2 + H1_1 -> X2             2
        H1_1 -> 2 H1_1              0.5
        0 -> H1_1                   0.25
        2 H1_1 -> H1_1              1
    """

    inputs: int
    species: tuple[str, ...]
    reactions: tuple[Reaction, ...]
    readout: tuple[np.ndarray, np.ndarray]
    halved: bool
    decay_rate: float

    def __str__(self) -> str:
        wide = max(len(r.equation) for r in self.reactions)
        lines = [f"{r.equation:{wide}}    {r.rate:g}" for r in self.reactions]
        return "\n".join([self.summary, *lines])

    @property
    def summary(self) -> str:
        """How many species and reactions, and how fast they settle at least."""
        held, outputs = self.input_species, sum(name[0] == "Y" for name in self.species)
        units = len(self.species) - held - outputs
        parts = [_counted(held, "input"), _counted(units, "unit")]
        parts += [_counted(outputs, "output")] * (outputs > 0)
        return (
            f"{len(self.species)} species ({', '.join(parts)}), {len(self.reactions)} reactions,"
            f" decay rate {self.decay_rate:g}"
        )

    @property
    def input_species(self) -> int:
        """How many species, the first ones, are held at the inputs: no reaction consumes them."""
        return self.inputs * (2 if self.halved else 1)

    def save(self, path: str | Path) -> Path:
        """Write the reactions: .txt as printed, .csv as a table, .xml or .sbml as SBML.

        Args:
            path: of the file. A table's columns are reactants, products and rate_constant.

        Raises:
            ValueError: another suffix.
            ImportError: SBML without python-libsbml, with the line that installs it.
            OSError: naming the file and the reason; an existing file is untouched.

        Example:
            >>> import tempfile, keras_pde
            >>> from keras_pde.export import to_reactions
            >>> flux = keras_pde.activations.SmoothReLU(0.5)
            >>> net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, flux)])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     print(to_reactions(net).save(folder + "/net.csv").read_text().split()[0])
            reactants,products,rate_constant
        """
        path = gate.path(path, "path")
        if path.suffix not in SUFFIXES:
            raise ValueError(
                f"Reactions are written as {', '.join(SUFFIXES)}. Received: path={str(path)!r}"
            )
        if path.suffix in (".xml", ".sbml"):
            text = sbml(self.species, self.input_species, self.reactions, self.readout)
        with whole(path) as stage:
            if path.suffix == ".txt":
                stage.write_text(f"{self}\n", encoding="utf-8")
            elif path.suffix == ".csv":
                with stage.open("w", newline="", encoding="utf-8") as file:
                    table = csv.writer(file, lineterminator="\n")
                    table.writerow(["reactants", "products", "rate_constant"])
                    for r in self.reactions:
                        sides = side(r.reactants), side(r.products)
                        table.writerow([*sides, repr(r.rate)])
            else:
                stage.write_text(text, encoding="utf-8")
        return path

    def state(self, x: Sequence[float] | np.ndarray, units: float | np.ndarray = 0.0) -> np.ndarray:
        """The concentrations for an input, with all other species at ``units``.

        Args:
            x: input of the network, of any shape with its number of entries.
            units: a number ≥ 0, or one for each other species.

        Raises:
            ValueError: another number of entries, or a negative one where inputs are not halved.
        """
        z = gate.array(x, "x", integers=True).astype("float64").reshape(-1)
        if z.size != self.inputs or not np.all(np.isfinite(z)):
            raise ValueError(
                f"x must have {self.inputs} finite numbers, as many as the network has inputs."
                f" Received: {z.size}"
            )
        if not self.halved and z.min() < 0:
            raise ValueError(
                f"A concentration cannot be negative, and the least input is {z.min():g}: make the"
                " reactions with to_reactions(model, signed_inputs=True)"
            )
        held = np.stack([z.clip(0), (-z).clip(0)], -1).reshape(-1) if self.halved else z
        rest = np.broadcast_to(np.asarray(units, float), (len(self.species) - held.size,))
        if not np.all(rest >= 0):
            raise ValueError(f"units must be concentrations >= 0. Received: {units}")
        return np.concatenate([held, rest])

    def law(self, state: np.ndarray) -> MassAction:
        """The speeds of the species that are not held, with the held ones as in a state."""
        return MassAction(self.species, self.reactions, state[: self.input_species])

    def output(self, states: np.ndarray) -> np.ndarray:
        """What states (..., species) read as: the network's output where they are steady."""
        matrix, offset = self.readout
        return states @ matrix.T + offset

    def simulate(
        self,
        x: Sequence[float] | np.ndarray,
        time: float | None = None,
        *,
        units: float | np.ndarray = 0.0,
        tolerance: float = 1e-9,
        times: Sequence[float] | None = None,
    ) -> Simulation:
        """The concentrations over time, by SciPy's LSODA with the exact Jacobian.

        Args:
            x: input of the network, of any shape with its number of entries.
            time: how long; None is 50/`decay_rate`.
            units: concentrations ≥ 0 of all other species at the start.
            tolerance: relative error of a step; the absolute one is a hundredth of it.
            times: where to report; None is wherever the solver stops.

        Raises:
            ValueError: an input that the species cannot hold; time that is no number > 0.
            RuntimeError: the solver failed, and its own message.

        Example:
            >>> import keras_pde
            >>> from keras_pde.export import to_reactions
            >>> flux = keras_pde.activations.SmoothReLU(0.5)
            >>> net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, flux)])
            >>> found = to_reactions(net).simulate([0.3, 0.8]).outputs[-1]
            >>> bool(np.allclose(found, net(np.array([[0.3, 0.8]]))[0], atol=1e-6))
            True
        """
        from scipy.integrate import solve_ivp

        end = LIFETIMES / self.decay_rate if time is None else time
        end = gate.number(end, "time", low=0, low_open=True)
        start = self.state(x, units)
        law = self.law(start)
        found = solve_ivp(
            law.speeds,
            (0.0, end),
            start[self.input_species :],
            "LSODA",
            t_eval=times,
            jac=law.jacobian,
            rtol=gate.number(tolerance, "tolerance", low=1e-13, high=1.0),
            atol=tolerance / 100,
        )
        if not found.success:
            raise RuntimeError(f"The simulation stopped at t = {found.t[-1]:g}: {found.message}")
        held = np.broadcast_to(start[: self.input_species], (len(found.t), self.input_species))
        states = np.concatenate([held, found.y.T], axis=1)
        return Simulation(found.t, states, self.output(states))


def decay_rate(h: Sequence[float], linear: bool) -> float:
    """The slowest of 2√h over the units, and of 1 where there are linear outputs."""
    return min([2 * math.sqrt(x) for x in h] + [1.0] * linear)


def _counted(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
