"""TaylorGreen: decaying vortices on a lattice of populations, whose exact velocity is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_pde.operators.velocity_sets import velocity_set
from keras_pde.tasks.evolve.grid import PeriodicGrid
from keras_pde.tasks.evolve.reference import Quantity, Reference

__all__ = ["TaylorGreen"]

LATTICE = "D2Q9"
WAVES = 3  # the most of a vortex along an axis
VORTICES = 4  # of a flow to learn from


@dataclass(frozen=True)
class Vortex:
    """v = A(cos x′ sin y′, −(a/b) sin x′ cos y′), x′ = ax + φ, y′ = by + ψ: it decays and stays.

    With the pressure p = −A²/4 (cos 2x′ + (a/b)² cos 2y′) it solves the Navier-Stokes equations,
    A = A₀ e^(−ν(a² + b²)t).
    """

    numbers: tuple[float, float]
    phases: tuple[float, float]
    amplitude: float

    def fields(self, grid: PeriodicGrid, decay: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pressure, velocity (*points, 2) and its gradient (*points, from, of)."""
        (a, b), A = self.numbers, self.amplitude * decay
        x, y = (
            k * place + phase
            for k, place, phase in zip(self.numbers, grid.places(), self.phases, strict=True)
        )
        (cx, sx), (cy, sy) = ((np.cos(z), np.sin(z)) for z in (x, y))
        pressure = -(A**2) / 4 * (np.cos(2 * x) + (a / b) ** 2 * np.cos(2 * y))
        velocity = A * np.stack([cx * sy, -a / b * sx * cy], -1)
        across = [-a * sx * sy, -(a**2) / b * cx * cy], [b * cx * cy, a * sx * sy]
        gradient = A * np.stack([np.stack(part, -1) for part in across], -2)
        return pressure, velocity, gradient


class TaylorGreen(Reference):
    """Populations of D2Q9 that start as vortices, compared by their velocity with the exact one.

    To learn from, flows of several vortices are advanced by collisions after Bhatnagar, Gross and
    Krook, here in NumPy.

    Args:
        grid: of the lattice, with the spacing 1.
        viscosity: ν, (spacing)²/step.
        speed: the largest velocity, points a step: errors of compressibility are of its square.

    Source: Taylor and Green, Mechanism of the production of small eddies from large ones (1937).

    Example:
        >>> from keras_pde.tasks.evolve.grid import PeriodicGrid
        >>> from keras_pde.tasks.evolve.taylor_green import TaylorGreen
        >>> reference = TaylorGreen(PeriodicGrid((16, 16), (16.0, 16.0)), viscosity=0.05)
        >>> f = reference.initial(2, seed=0)
        >>> f.shape, reference.rollout(f, (1, 10))[1].shape
        ((2, 16, 16, 9), (2, 16, 16, 2))
    """

    def __init__(self, grid: PeriodicGrid, viscosity: float, speed: float = 0.02) -> None:
        self.grid = grid
        self.ndim = grid.ndim
        self.viscosity = viscosity
        self.speed = speed
        self.lattice = velocity_set(LATTICE)
        self.channels = len(self.lattice.weights)
        self.relaxation_time = 3 * viscosity + 0.5
        self._vortices: list[Vortex] = []

    def start(self, count: int, seed: int) -> np.ndarray:
        """Populations of a vortex each, of random wave numbers and phases."""
        self._vortices = [self._vortex(np.random.default_rng([seed, i])) for i in range(count)]
        return np.stack([self._populations([vortex]) for vortex in self._vortices])

    def initial(self, count: int, seed: int) -> np.ndarray:
        """The same, as float32 holds them."""
        return self.start(count, seed).astype("float32").astype("float64")

    def rollout(self, initial: np.ndarray, marks: Sequence[int]) -> list[np.ndarray]:
        """The exact velocities of the vortices that `initial` has made last."""
        assert len(initial) <= len(self._vortices)
        return [
            np.stack(
                [
                    vortex.fields(self.grid, self._decay(vortex, mark))[1]
                    for vortex in self._vortices[: len(initial)]
                ]
            )
            for mark in marks
        ]

    def lessons(self, count: int, horizon: int, seed: int) -> np.ndarray:
        """Trajectories (count, 1 + horizon, *points, 9) of several vortices each."""
        rngs = [np.random.default_rng([seed, i]) for i in range(count)]
        f = np.stack([self._populations([self._vortex(r) for _ in range(VORTICES)]) for r in rngs])
        found = [f]
        for _ in range(horizon):
            found.append(self._advance(found[-1]))
        return np.stack(found, 1)

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Velocities."""
        return self.lattice.moments(state)[1]

    def quantities(self) -> dict[str, Quantity]:
        """Mass, and momentum relative to a fluid at the largest velocity."""
        c = self.lattice.velocities / self.speed
        return {
            "mass": lambda f: f.sum(-1).mean((1, 2))[..., None],
            "momentum": lambda f: (f @ c).mean((1, 2)),
        }

    def scale(self, name: str, initial: np.ndarray) -> np.ndarray:
        """1: both are relative already."""
        return np.ones((len(initial), 1))

    def _vortex(self, rng: np.random.Generator) -> Vortex:
        waves = rng.integers(1, WAVES + 1, 2)
        a, b = (2 * np.pi * n / side for n, side in zip(waves, self.grid.length, strict=True))
        phases = rng.uniform(0, 2 * np.pi, 2)
        size = self.speed / max(1.0, a / b)
        return Vortex((float(a), float(b)), (float(phases[0]), float(phases[1])), size)

    def _decay(self, vortex: Vortex, time: float) -> float:
        a, b = vortex.numbers
        return float(np.exp(-self.viscosity * (a**2 + b**2) * time))

    def _populations(self, vortices: Sequence[Vortex]) -> np.ndarray:
        """Equilibrium, and the part −3τwρ Σ(c cᵀ − I/3):∇v that friction adds to it."""
        parts = [vortex.fields(self.grid, 1.0) for vortex in vortices]
        share = 1 / np.sqrt(len(vortices))
        density = 1 + 3 * share**2 * sum(p for p, _, _ in parts)
        velocity, gradient = (share * sum(part[i] for part in parts) for i in (1, 2))
        c = self.lattice.velocities.astype(float)
        tensors = c[:, :, None] * c[:, None, :] - np.eye(self.ndim) / 3
        friction = np.einsum("...ab,qab->...q", gradient, tensors)
        apart = -3 * self.relaxation_time * self.lattice.weights * density[..., None] * friction
        return self.lattice.equilibrium(density, velocity) + apart

    def _advance(self, f: np.ndarray) -> np.ndarray:
        density, velocity = self.lattice.moments(f)
        f = f + (self.lattice.equilibrium(density, velocity) - f) / self.relaxation_time
        moved = [
            np.roll(f[..., q], shift, axis=(1, 2))
            for q, shift in enumerate(self.lattice.velocities.tolist())
        ]
        return np.stack(moved, -1)
