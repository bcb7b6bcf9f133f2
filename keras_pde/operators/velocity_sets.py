"""The velocity sets of lattice Boltzmann methods: velocities, weights, opposites, symmetries.

DdQq has q velocities c in {−1, 0, 1}ᵈ and weights w(|c|²) > 0 with the moments Σ w = 1,
Σ w cc = I/3, and of fourth order those of a Gaussian with the variance c_s² = 1/3. Its point group
is that of the d-cube: 2, 8, 48 signed permutations R of the axes, each of which permutes the
velocities.

Source: Qian, d'Humières, Lallemand, Europhys. Lett. 17 (1992).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from keras_pde.runtime import gate

# weights by |c|²
WEIGHTS = {
    "D1Q3": (2 / 3, 1 / 6),
    "D2Q9": (4 / 9, 1 / 9, 1 / 36),
    "D3Q19": (1 / 3, 1 / 18, 1 / 36),
    "D3Q27": (8 / 27, 2 / 27, 1 / 54, 1 / 216),
}


@dataclass(frozen=True)
class VelocitySet:
    """A velocity set as arrays; the velocity 0 comes first.

    Args:
        name: "D2Q9" and so on.
        velocities: c, (q, d) whole numbers.
        weights: w, (q,).
        opposite: the index of −c for each c.
        rotations: the point group, (elements, d, d) signed permutations R; the identity first.
        permutations: what each R does to the velocities, (elements, q): c at p[i] is R c at i.

    Example:
        >>> from keras_pde.operators.velocity_sets import velocity_set
        >>> square = velocity_set("D2Q9")
        >>> square.velocities.shape, square.permutations.shape, int(square.opposite[1])
        ((9, 2), (8, 9), 4)
    """

    name: str
    velocities: np.ndarray
    weights: np.ndarray
    opposite: np.ndarray
    rotations: np.ndarray
    permutations: np.ndarray

    def moments(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Density Σf and velocity Σcf/Σf of populations (…, q): shapes (…) and (…, d)."""
        f = np.asarray(f, np.float64)
        density = f.sum(-1)
        return density, f @ self.velocities / density[..., None]

    def equilibrium(self, density: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """The populations (…, q) of a density (…) and a velocity (…, d) in equilibrium."""
        density, velocity = np.asarray(density, np.float64), np.asarray(velocity, np.float64)
        along = velocity @ self.velocities.T
        square = (velocity**2).sum(-1, keepdims=True)
        series = 1 + 3 * along + 4.5 * along**2 - 1.5 * square
        return self.weights * density[..., None] * series


def velocity_set(name: str) -> VelocitySet:
    """The velocity set of a name.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> from keras_pde.operators.velocity_sets import velocity_set
        >>> velocity_set("D1Q3").velocities.ravel().tolist()
        [0, -1, 1]
    """
    gate.word(name, "lattice", WEIGHTS)
    d, q = int(name[1]), int(name[3:])
    by_length = WEIGHTS[name]
    every = sorted(itertools.product((-1, 0, 1), repeat=d), key=lambda c: sum(map(abs, c)))
    velocities = np.array([c for c in every if sum(map(abs, c)) < len(by_length)])
    assert len(velocities) == q
    weights = np.array([by_length[int(c @ c)] for c in velocities])
    rotations = np.array(
        [
            np.diag(signs)[list(axes)]
            for axes in itertools.permutations(range(d))
            for signs in itertools.product((1, -1), repeat=d)
        ]
    )
    places = {tuple(c): i for i, c in enumerate(velocities.tolist())}
    moved = [[places[tuple(R @ c)] for c in velocities] for R in rotations]
    opposite = np.array([places[tuple(-c)] for c in velocities])
    return VelocitySet(name, velocities, weights, opposite, rotations, np.array(moved))
