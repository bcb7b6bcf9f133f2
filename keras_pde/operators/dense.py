"""DenseOperator: a matrix K over the channels, the linear operator of fully connected networks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators.initializing import initializer_of
from keras_pde.operators.normalizing import COLUMNS, check_normalization, column_scaled, described
from keras_pde.operators.norms import OUTWARD, gram_iteration, scaled_sums
from keras_pde.operators.operator import Operator
from keras_pde.operators.rounding import RoundingErrors, rounding_errors
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.precision import at_least_float32, drawn_wide
from keras_pde.runtime.types import Number, Shape, Tensor

ITERATIONS = 7  # squarings of the Gram matrix, which is at most n^(1/128) too large
ROUNDING = 2.0**-52  # of float64


@keras.saving.register_keras_serializable(package="keras_pde")
class DenseOperator(Operator):
    r"""Linear operator K u, (K u)ᵢ = Σⱼ Kᵢⱼuⱼ over the last axis, with the exact adjoint Kᵀ.

    With it u − τKᵀΦ(Ku) is a symmetric fully connected residual block. ‖K‖ is the largest singular
    value: a certificate computes it in float64 and rounds outwards. A training step uses ‖K‖² ≤
    (tr G^(2^j))^(1/2^j) with the smaller Gram matrix G of K and j = 7 squarings, which is
    differentiable, never too small, and at most n^(1/128) too large for n = min(rows, channels).
    Cost: a matrix product.

    Args:
        rows: numbers of Ku.
        initializer: a Keras initializer of the matrix, stored as (channels, rows).
        normalize: how ‖K‖ ≤ 1 is kept through training: True divides K by max(1, bound) at every
            call; "columns" divides each column by the root of a row sum of |KᵀK|, which is AOL
            (B2); False leaves K free.

    Shapes: (batch, channels) → (batch, rows); also (batch, \*spatial, channels), where the one
    matrix acts at every point.

    Raises:
        ValueError: rows that are no whole number ≥ 1; a state without a fixed last axis.

    Source: Ruthotto, Haber, arXiv:1804.04272 (2018), symmetric layers; Gram iteration: Delattre et
    al., arXiv:2305.16173 (2023); columns: Prach, Lampert, arXiv:2208.03160 (2022).

    Example:
        >>> from keras_pde import DenseOperator, DiffusionBlock
        >>> block = DiffusionBlock(DenseOperator(8, normalize=True), "charbonnier", step_size=2.0)
        >>> u = keras.random.normal((4, 5), seed=0)
        >>> bool(ops.all(ops.norm(block(u), axis=-1) <= ops.norm(u, axis=-1) + 1e-6))
        True
        >>> block.certificate().norm_stable, block.certificate().lipschitz
        (True, 1.0)
    """

    def __init__(
        self,
        rows: int = 32,
        *,
        initializer: Any = "orthogonal",
        normalize: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rows = gate.count(rows, "rows")
        self.initializer = initializer_of(initializer)
        self.normalize = check_normalization(normalize)

    @property
    def bound_is_constant(self) -> bool:
        """Whether K is normalised."""
        return bool(self.normalize)

    @property
    def description(self) -> str:
        """Size and options, for ``print(model)``."""
        normalised = f", {described(self.normalize)}" if self.normalize else ""
        return f"a matrix of {self.rows} rows{normalised}"

    def build(self, input_shape: Shape) -> None:
        """Create the matrix for states whose last axis has a known length."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                "Input must be (batch, channels) or (batch, *spatial, channels), channels fixed."
                f" Received: shape {tuple(input_shape)}"
            )
        self.ndim = len(input_shape) - 2
        self.channels = int(input_shape[-1])
        self.kernel = self.add_weight(
            shape=(self.channels, self.rows),
            initializer=drawn_wide(self.initializer),
            autocast=False,
            name="kernel",
        )
        self.built = True

    @property
    def ranks(self) -> range:
        """Numbers of axes of a state: the matrix acts on the last, whatever is before it."""
        return range(2, 9)

    def compute_weights(self) -> list[Tensor]:
        """The matrix (channels, rows), normalised where asked for."""
        kernel = at_least_float32(ops.convert_to_tensor(self.kernel))
        if self.normalize == COLUMNS:
            absolute = ops.abs(ops.matmul(kernel, ops.transpose(kernel)))
            kernel = column_scaled(kernel, ops.sum(absolute, axis=1))
        elif self.normalize:
            kernel = kernel * ops.rsqrt(ops.maximum(_in_graph_bound(kernel), 1))
        return [kernel]

    def parts(self, u: Tensor, weights: list[Tensor] | None = None) -> list[Tensor]:
        """K u, one array."""
        return [ops.matmul(u, self._used(weights, u))]

    def adjoint_of(self, parts: list[Tensor], weights: list[Tensor] | None = None) -> Tensor:
        """Kᵀ of the one part: the exact transpose of `parts`."""
        (v,) = parts
        return ops.matmul(v, ops.transpose(self._used(weights, v)))

    def _used(self, weights: list[Tensor] | None, like: Tensor) -> Tensor:
        (kernel,) = self.weights_in_use() if weights is None else weights
        return ops.cast(kernel, like.dtype)

    def squared_norm_bound(self, weights: list[Tensor] | None = None) -> Number:
        """Upper bound of ‖K‖², differentiable; 1 for a normalised K."""
        if self.normalize:
            return 1.0
        (kernel,) = self.weights_in_use() if weights is None else weights
        return _in_graph_bound(kernel)

    def _matrix(self) -> np.ndarray:
        """K in use, (rows, channels), in float64."""
        (kernel,) = self.weights_in_use()
        return np.array(ops.convert_to_numpy(kernel), dtype=np.float64).T

    def norm_bound(self) -> float:
        """‖K‖ from the weights at hand: the largest singular value, rounded outwards.

        Example:
            >>> from keras_pde import DenseOperator
            >>> K = DenseOperator(2, initializer="identity")
            >>> K.build((None, 2))
            >>> 1 <= K.norm_bound() < 1 + 1e-12
            True
        """
        bound = _spectral_norm(self._matrix())
        return min(bound, 1.0) if self.normalize else bound

    def max_norm_bound(self) -> float:
        """‖K‖∞: the largest sum of the absolute values of a row, rounded outwards."""
        matrix = self._matrix()
        return float(np.abs(matrix).sum(axis=1).max()) * (1 + matrix.shape[1] * ROUNDING)

    def row_sums(self, weights: list[Tensor], scaling: Tensor | None = None) -> Tensor:
        """Row sums Σⱼ|KKᵀ|ᵢⱼqⱼ/qᵢ: KKᵀ ⪯ diag of them (B1)."""
        (kernel,) = weights
        return scaled_sums(ops.abs(ops.matmul(ops.transpose(kernel), kernel)), scaling, ops)

    def rounding_errors(self, unit: float) -> RoundingErrors:
        """Bounds of the errors of K in 16 bits: one rounding of the matrix, and one of a sum."""
        return rounding_errors(
            unit,
            self.norm_bound(),
            _spectral_norm(np.abs(self._matrix())),
            (1, 1),
            terms=max(self.rows, self.channels),
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "rows": self.rows,
            "initializer": keras.initializers.serialize(self.initializer),
            "normalize": self.normalize,
        }


def _in_graph_bound(kernel: Tensor) -> Tensor:
    """‖K‖² from above by Gram iteration, with a margin for rounding in float32."""
    channels, rows = (int(n) for n in kernel.shape)
    transposed = ops.transpose(kernel)
    gram = ops.matmul(kernel, transposed) if channels <= rows else ops.matmul(transposed, kernel)
    return gram_iteration(gram, ITERATIONS, ops) * (1 + OUTWARD)


def _spectral_norm(matrix: np.ndarray) -> float:
    """The largest singular value, and what its computation may have lost."""
    return float(np.linalg.norm(matrix, 2)) * (1 + 4 * sum(matrix.shape) * ROUNDING)
