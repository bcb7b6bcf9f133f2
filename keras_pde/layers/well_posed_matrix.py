"""Matrices A with μ(A) ≤ 1 − margin for all weights, in the maximum or the Euclidean norm.

Each kind declares its weights, makes A of them, and knows the equilibrium that A belongs to.
"""

from __future__ import annotations

import math
from typing import ClassVar

from keras import ops

from keras_pde.operators.norms import OUTWARD, gram_iteration
from keras_pde.runtime.precision import product
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.equation import CONTRACTION, MONOTONE
from keras_pde.schemes.solvers.equilibrium import (
    Equilibrium,
    EuclideanNorm,
    Law,
    MaximumNorm,
)

ITERATIONS = 7  # squarings of a Gram matrix
DECAY = 0.1  # a at first: its gradient at 0 would be 0


class WellPosedMatrix:
    """A of some weights, each square or a number a unit.

    Attributes:
        square: names of the square weights.
        diagonal: names of the weights with a number a unit, and where they start.
        equation: the kind of equilibrium.
    """

    square: ClassVar[tuple[str, ...]] = ()
    diagonal: ClassVar[dict[str, float]] = {}
    equation: ClassVar[str] = ""
    solver: ClassVar[str] = ""  # that the equilibrium has unless told another

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def spread(self, units: int) -> float:
        """Standard deviation of the square weights at first."""
        raise NotImplementedError

    def matrix(self, weights: dict[str, Tensor]) -> Tensor:
        """A."""
        raise NotImplementedError

    def equilibrium(
        self, f: Tensor, matrix: Tensor, law: Law, weights: dict[str, Tensor]
    ) -> Equilibrium:
        """z = Φ(Az + f)."""
        raise NotImplementedError


class Contracting(WellPosedMatrix):
    """A = D⁻¹MD − diag(|M|1) + γI − diag(a²), D = diag(e^η), γ = 1 − margin, M without a diagonal.

    Row i of μ(A) for the weights h = e^−η is −Σ|Mᵢⱼ| + γ − aᵢ² + Σ|Mᵢⱼ| = γ − aᵢ² ≤ γ (W1).

    Example:
        >>> from keras_pde.layers.well_posed_matrix import Contracting
        >>> zero = ops.zeros(2)
        >>> weights = {"coupling": ops.ones((2, 2)), "log_scaling": zero, "decay": zero}
        >>> ops.convert_to_numpy(Contracting(margin=0.5).matrix(weights)).tolist()
        [[-0.5, 1.0], [1.0, -0.5]]
    """

    square = ("coupling",)
    diagonal: ClassVar[dict[str, float]] = {"log_scaling": 0.0, "decay": DECAY}
    equation = CONTRACTION
    solver = "fixed_point"

    def spread(self, units: int) -> float:
        """Rows of M begin with sums of absolute values near 0.8."""
        return 1 / units

    def matrix(self, weights: dict[str, Tensor]) -> Tensor:
        """A."""
        coupling, scaling = weights["coupling"], weights["log_scaling"]
        eye = ops.eye(int(coupling.shape[0]), dtype=coupling.dtype)
        coupling = coupling * (1 - eye)
        diagonal = 1 - self.margin - ops.square(weights["decay"])
        diagonal = diagonal - ops.sum(ops.abs(coupling), axis=1)
        scaled = coupling * ops.exp(scaling[None, :] - scaling[:, None])
        return scaled + eye * diagonal[:, None]

    def equilibrium(
        self, f: Tensor, matrix: Tensor, law: Law, weights: dict[str, Tensor]
    ) -> MaximumNorm:
        """In the norm of h."""
        m, h = max(0.0, 1 - self.margin), ops.exp(-weights["log_scaling"])
        lowest = ops.min(ops.minimum(ops.diagonal(matrix), 0))
        return MaximumNorm(f, ops.transpose(matrix), law, m - 2 * lowest, m, weights=h)

    def boxes(self, f: Tensor, matrix: Tensor, law: Law, weights: dict[str, Tensor]) -> MaximumNorm:
        """The embedded network: the equilibrium of (z̲, z̄), which has the same μ, q and m (W4).

        Args:
            f: (B⁺u̲ + B⁻ū + b, B⁺ū + B⁻u̲ + b) along the last axis.
            matrix: A.
            law: Φ.
            weights: of A.
        """
        single = self.equilibrium(f, matrix, law, weights)
        eye = ops.eye(int(matrix.shape[0]), dtype=matrix.dtype)
        floor = ops.where(eye > 0, matrix, ops.relu(matrix))
        upper = ops.concatenate([floor, matrix - floor], axis=1)
        lower = ops.concatenate([matrix - floor, floor], axis=1)
        kernel = ops.transpose(ops.concatenate([upper, lower], axis=0))
        h = ops.concatenate([single.weights, single.weights], axis=0)
        return MaximumNorm(f, kernel, law, single.q, single.m, weights=h)


class Monotone(WellPosedMatrix):
    """A = (1 − margin)I − FᵀF + S − Sᵀ, so that ⟨(I − A)v, v⟩ = margin‖v‖² + ‖Fv‖².

    Example:
        >>> from keras_pde.layers.well_posed_matrix import Monotone
        >>> skew = np.array([[0.0, 3.0], [0.0, 0.0]], "float32")
        >>> A = Monotone(margin=0.5).matrix({"factor": ops.eye(2), "skew": skew})
        >>> ops.convert_to_numpy(A).tolist()
        [[-0.5, 3.0], [-3.0, -0.5]]
    """

    square = ("factor", "skew")
    equation = MONOTONE
    solver = "peaceman_rachford"

    def spread(self, units: int) -> float:
        """Norms of F and S begin near 1 and 2."""
        return 0.5 / math.sqrt(units)

    def matrix(self, weights: dict[str, Tensor]) -> Tensor:
        """A."""
        factor, skew = weights["factor"], weights["skew"]
        eye = ops.eye(int(factor.shape[0]), dtype=factor.dtype)
        gram = product(ops.transpose(factor), factor)
        return (1 - self.margin) * eye - gram + skew - ops.transpose(skew)

    def equilibrium(
        self, f: Tensor, matrix: Tensor, law: Law, weights: dict[str, Tensor]
    ) -> EuclideanNorm:
        """With 1 + q ≥ ‖I − A‖ by Gram iteration."""
        rest = ops.eye(int(matrix.shape[0]), dtype=matrix.dtype) - matrix
        squared = gram_iteration(product(rest, ops.transpose(rest)), ITERATIONS, ops)
        q = ops.sqrt(squared * (1 + OUTWARD)) - 1
        return EuclideanNorm(f, ops.transpose(matrix), law, q, 1 - self.margin)


MATRICES: dict[str, type[WellPosedMatrix]] = {"linf": Contracting, "l2": Monotone}
