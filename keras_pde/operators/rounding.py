"""How a linear operator rounds: what a certificate of a network in 16 bits needs to know of K.

Let γ be the unit roundoff, fl(x ∘ y) = (x ∘ y)(1 + δ), |δ| ≤ γ. The weights in use are computed in
float32 and rounded once, so K̂ differs from K by at most γ|K| entry by entry. Sums run in float32
and their result is rounded, so of n terms fl(K̂u) − K̂u is at most γ|K̂u| + (1 + γ)σ|K̂||u|, σ =
nε/(1 − nε) with ε the roundoff of float32 (Higham, Accuracy and Stability of Numerical Algorithms,
2002, chapters 2 and 3).
"""

from __future__ import annotations

from typing import NamedTuple

from keras_pde.runtime.precision import SUMS


class RoundingErrors(NamedTuple):
    """Norms of the errors of K in 16 bits.

    Args:
        cast: bound of ‖K̂ − K‖, for the weights K̂ that are rounded.
        forward: bound of ‖fl(K̂u) − K̂u‖ for ‖u‖ = 1.
        adjoint: bound of ‖fl(K̂ᵀv) − K̂ᵀv‖ for ‖v‖ = 1.
    """

    cast: float
    forward: float
    adjoint: float


def rounding_errors(
    unit: float,
    norm: float,
    absolute: float,
    roundings: tuple[int, int],
    *,
    products: int = 1,
    terms: int = 0,
    exact_weights: bool = False,
) -> RoundingErrors:
    """Errors of an operator that is a product of matrices, from the number of its roundings.

    Args:
        unit: γ.
        norm: upper bound of ‖K‖.
        absolute: upper bound of ‖|K|‖, the norm of K's absolute values.
        roundings: how often a value is rounded on its way through K, and through Kᵀ.
        products: of how many matrices K is the product, each with weights and sums of its own.
        terms: of the longest sum.
        exact_weights: whether 16 bits hold the weights exactly.

    Example:
        >>> from keras_pde.operators.rounding import rounding_errors
        >>> rounding_errors(2**-8, 1.0, 1.0, (1, 1), exact_weights=True)
        RoundingErrors(cast=0.0, forward=0.00390625, adjoint=0.00390625)
    """
    sums = terms * SUMS / (1 - terms * SUMS)
    cast = 0.0 if exact_weights else ((1 + unit) ** products - 1) * absolute
    wide = absolute + cast

    def error(times: int) -> float:
        # one rounding, the last, is of K̂u itself, and not of sums of absolute values
        if times == 1:
            return unit * (norm + cast) + (1 + unit) * sums * wide
        return ((1 + unit) ** times * (1 + sums) ** products - 1) * wide

    return RoundingErrors(cast, *map(error, roundings))
