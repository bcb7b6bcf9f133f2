"""Reactions, and the law of mass action: speeds of species from a list of reactions alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["MassAction", "Reaction"]


class Reaction(NamedTuple):
    """A reaction with its rate constant k: its speed is k times the product of its reactants.

    Args:
        reactants: names of the species that meet, at most two.
        products: names of the species that come of it.
        rate: k ≥ 0.

    Example:
        >>> from keras_pde.export.mass_action import Reaction
        >>> print(Reaction(("X", "H"), ("X", "H", "H"), 0.5))
        X + H -> X + 2 H    0.5
    """

    reactants: tuple[str, ...]
    products: tuple[str, ...]
    rate: float

    @property
    def equation(self) -> str:
        """Both sides, in words that chemists read."""
        return f"{side(self.reactants)} -> {side(self.products)}"

    def __str__(self) -> str:
        return f"{self.equation}    {self.rate:g}"


def side(names: Sequence[str]) -> str:
    """One side of a reaction, such as "X + 2 H"; "0" where nothing is there."""
    counts = {name: names.count(name) for name in names}
    return " + ".join(f"{n} {x}" if n > 1 else x for x, n in counts.items()) or "0"


class MassAction:
    """The speeds of the species that are not held, from the list of reactions alone.

    Args:
        species: names, those that are held first.
        reactions: of at most two reactants each.
        held: concentrations of the species that are held.

    Example:
        >>> from keras_pde.export.mass_action import MassAction, Reaction
        >>> decay = MassAction(("H",), [Reaction(("H", "H"), ("H",), 1.0)], np.zeros(0))
        >>> print(decay.speeds(0.0, np.array([3.0])), decay.jacobian(0.0, np.array([3.0])))
        [-9.] [[-6.]]
    """

    def __init__(
        self, species: Sequence[str], reactions: Sequence[Reaction], held: np.ndarray
    ) -> None:
        from scipy.sparse import coo_matrix

        place = {name: i for i, name in enumerate(species)}
        absent = len(place)  # stands for a concentration of 1
        pairs, rows, columns, signs = [], [], [], []
        for j, reaction in enumerate(reactions):
            pairs.append(([place[n] for n in reaction.reactants] + [absent] * 2)[:2])
            for names, sign in ((reaction.reactants, -1.0), (reaction.products, 1.0)):
                rows += [place[name] for name in names]
                columns += [j] * len(names)
                signs += [sign] * len(names)
        self.held = held
        self.first, self.second = np.array(pairs).T
        self.rates = np.array([reaction.rate for reaction in reactions])
        shape = (absent, len(pairs))
        changes = coo_matrix((signs, (rows, columns)), shape).tocsr()
        self.changes = changes[len(self.held) :]
        self.numbers = np.arange(len(pairs))
        self.shape = (len(pairs), absent + 1)

    def speeds(self, time: float, moving: np.ndarray) -> np.ndarray:
        """ż of the species that move."""
        z = np.concatenate([self.held, moving, [1.0]])
        return self.changes @ (self.rates * z[self.first] * z[self.second])

    def jacobian(self, time: float, moving: np.ndarray) -> np.ndarray:
        """∂ż/∂z of the species that move."""
        from scipy.sparse import coo_matrix

        z = np.concatenate([self.held, moving, [1.0]])
        values = np.concatenate([self.rates * z[self.second], self.rates * z[self.first]])
        rows = np.concatenate([self.numbers, self.numbers])
        slopes = coo_matrix((values, (rows, np.concatenate([self.first, self.second]))), self.shape)
        return (self.changes @ slopes.tocsr()).toarray()[:, len(self.held) : -1]
