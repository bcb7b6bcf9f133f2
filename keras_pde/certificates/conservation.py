"""Conservation: a quantity of the state that a map keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True)
class Conserved(Guarantee):
    """Q(N(u)) = Q(u) for a quantity Q, proved where the constant is 1.

    A kind is a subclass for one quantity; it holds in exact arithmetic, and to rounding in any
    other. Two maps that keep Q keep it one after the other; a mean of them keeps it if Q is linear.

    Example:
        >>> from keras_pde.certificates.conservation import MeanKept
        >>> kept = MeanKept(1.0, "K·1 = 0")
        >>> kept.proved, kept.then(kept).proved, kept.then(MeanKept()).proved
        (True, True, False)
    """

    least = 1.0
    quantity: ClassVar[str] = ""  # Q(u) in a formula, {} for the argument
    state: ClassVar[str] = "u"  # what the argument is called
    linear: ClassVar[bool] = True  # whether Q is

    @property
    def formula(self) -> str:
        """What is kept, if it is."""
        after, before = (self.quantity.format(u) for u in (f"N({self.state})", self.state))
        return f"{after} = {before}" if self.proved else ""

    @property
    def words(self) -> str:
        """For a card."""
        return self.title if self.proved else ""

    def then(self, other: Self) -> Self:
        """Kept by both."""
        both = self.proved and other.proved
        return self.composed(other, 1.0 if both else None)

    def mixed(self, other: Self, weight: float) -> Self:
        """Kept by both, for a linear quantity."""
        return self.then(other) if self.linear else self.lost(f"{self.title}: Q is not linear")


@dataclass(frozen=True)
class MeanKept(Conserved):
    """The mean over all points of each channel is kept.

    Example:
        >>> from keras_pde.certificates.conservation import MeanKept
        >>> MeanKept(1.0).formula
        'mean N(u) = mean u'
    """

    key = "mean"
    title = "mean kept"
    quantity = "mean {}"
    place = 5


@dataclass(frozen=True)
class NormKept(Conserved):
    """The Euclidean norm over all points and channels is kept.

    Example:
        >>> from keras_pde.certificates.conservation import NormKept
        >>> NormKept(1.0).formula
        '‖N(u)‖ = ‖u‖'
    """

    key = "norm_kept"
    title = "norm kept"
    quantity = "‖{}‖"
    linear = False
    place = 5


@dataclass(frozen=True)
class MassKept(Conserved):
    """The sum of all populations of a lattice is kept.

    Example:
        >>> from keras_pde.certificates.conservation import MassKept
        >>> MassKept(1.0).formula
        'Σ N(f) = Σ f'
    """

    key = "mass"
    title = "mass kept"
    quantity = "Σ {}"
    place = 5
    state = "f"


@dataclass(frozen=True)
class MomentumKept(Conserved):
    """The sum of velocity times population over a lattice is kept.

    Example:
        >>> from keras_pde.certificates.conservation import MomentumKept
        >>> MomentumKept(1.0).formula
        'Σ c N(f) = Σ c f'
    """

    key = "momentum"
    title = "momentum kept"
    quantity = "Σ c {}"
    place = 6
    state = "f"
