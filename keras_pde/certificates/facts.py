"""What a block knows of itself, from which its guarantees follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keras_pde.runtime.bounds import times


@dataclass(frozen=True)
class Rounding:
    """How a block rounds: its precision, γ, and the relative errors ε of K and Kᵀ.

    Example:
        >>> from keras_pde.certificates.facts import BlockFacts, Rounding
        >>> rounding = Rounding("bfloat16", unit=2.0**-8, forward=0.01, adjoint=0.01)
        >>> own, source = rounding.errors(BlockFacts(strength=1.0))
        >>> round(own, 4), source
        (0.0441, 0.0)
    """

    dtype: str
    unit: float
    forward: float
    adjoint: float

    def errors(self, block: BlockFacts) -> tuple[float, float]:
        """(c, d): a computed step differs from M(u) by at most c‖u‖ + d‖f‖."""
        g = max(map(abs, block.diffusivity))
        grown = (1 + self.forward) * (1 + self.adjoint) * (1 + self.unit) ** 5
        source = block.data * ((1 + self.unit) ** 7 - 1)
        return times(block.strength, g, grown - 1) + self.unit + source, source

    def assumptions(self) -> tuple[str, ...]:
        """What is granted, in words."""
        return (
            "convolutions that sum in float32, no overflow or underflow",
            f"for all but the norm exact arithmetic on weights rounded to {self.dtype}",
        )


ROUNDING = 1e-12


@dataclass(frozen=True)
class BlockFacts:
    """What a block knows of itself, from which its guarantees follow.

    Args:
        strength: τκ², κ an upper bound of ‖K‖.
        data: τβ, the step times the weight of the data term.
        diffusivity: (inf g, sup g).
        slope: (inf Φ′, sup Φ′) of the flux, of g as well if it is coupled.
        linear: whether g is constant.
        biased: whether Φ acts on Ku + b.
        assumptions: in words.
        asymmetry: bound of what Φ′ differs by from a matrix with eigenvalues in slope
            (`keras_pde.GatedFlux`).
        potential: whether Φ is a gradient, without which there is no energy and no averagedness.
        guidance: Lipschitz constant of Φ in Kf, where the map's input f opens gates; slope,
            asymmetry and potential are those of Φ with f held.
        rounding: how a block that computes in 16 bits rounds; its strength is enlarged already
            (`keras_pde.certificates.rounding`).

    Example:
        >>> from keras_pde.certificates.facts import BlockFacts
        >>> BlockFacts(strength=2.0).gain((0.0, 1.0))          # at the limit τ‖K‖² = 2/L_g
        1.0
    """

    strength: float
    data: float = 0.0
    diffusivity: tuple[float, float] = (0.0, 1.0)
    slope: tuple[float, float] = (0.0, 1.0)
    linear: bool = False
    biased: bool = False
    assumptions: tuple[str, ...] = ()
    rounding: Rounding | None = None
    asymmetry: float = 0.0
    potential: bool = True
    guidance: float = 0.0

    def scaled(self, factor: float) -> BlockFacts:
        """The same block with its step size multiplied."""
        return replace(self, strength=self.strength * factor, data=self.data * factor)

    def gain(self, bounds: tuple[float, float]) -> float:
        """Norm of I − τβ − τKᵀGK over all G with entries between the bounds."""
        low, high = min(0.0, bounds[0]), max(0.0, bounds[1])
        gain = max(
            abs(1 - self.data - times(self.strength, low)),
            abs(1 - self.data - times(self.strength, high)),
        )
        return 1.0 if 1 < gain <= 1 + ROUNDING else gain

    def norm_gain(self) -> float:
        """Constant of norm stability of one step but for its data term (S1)."""
        return self.gain(self.diffusivity)

    @property
    def guided(self) -> float:
        """What one step adds to the Lipschitz constant because the input opens its gates (F7)."""
        return times(self.strength, self.guidance)

    def lipschitz(self) -> float:
        """Lipschitz constant of one step in u alone, the data term and the gates held (S2)."""
        gain = self.gain(self.slope)
        return gain + times(self.strength, self.asymmetry)


def flaw(blocks: Sequence[BlockFacts]) -> str:
    """Why nothing follows from the facts of some block; empty where something does.

    A bound may be ∞, which says that there is none. A step whose own size is not finite computes
    no numbers, and NaN is no fact.

    Example:
        >>> from keras_pde.certificates.facts import BlockFacts, flaw
        >>> flaw([BlockFacts(strength=1.0)])
        ''
        >>> flaw([BlockFacts(strength=float("nan"))])
        'τ‖K‖² is no finite number: the weights overflow, so no rule applies'
    """
    for block in blocks:
        for name, x in (("τ‖K‖²", block.strength), ("τβ", block.data)):
            if not math.isfinite(x):
                return f"{name} is no finite number: the weights overflow, so no rule applies"
        for x in (*block.diffusivity, *block.slope, block.asymmetry, block.guidance):
            if math.isnan(x):
                return "a bound of the flux is NaN, so no rule applies"
    return ""
