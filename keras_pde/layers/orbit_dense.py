"""OrbitDense: a dense layer that commutes with permutations, with a weight an orbit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified
from keras_pde.certificates.equivariance import Equivariance
from keras_pde.certificates.linear_layers import linear
from keras_pde.operators.initializing import initializer_of
from keras_pde.operators.orbits import Permutations, check_permutations, orbits, pair_orbits
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.precision import SUMS, at_least_float32, drawn_wide, narrow, unit_roundoff
from keras_pde.runtime.printed import rounded
from keras_pde.runtime.types import Shape, Tensor

GROUP = "the permutations given"


@keras.saving.register_keras_serializable(package="keras_pde")
class OrbitDense(Gated, Certified):
    r"""Dense layer A u + b that commutes with permutations: A(Pu) + b = Q(Au + b).

    The most general such A is constant on the orbits of the index pairs (i, j) under (Q, P), and b
    on the orbits of i (L2); each orbit has one weight for a pair of channels. For the symmetries of
    the square on the 9 velocities of D2Q9 these are 15 + 3 weights instead of 81 + 9. The
    permutations may be a group or generate one. Cost: a matrix product.

    Args:
        permutations: of the n indices of the input, each a list p that moves index i to p[i].
        channels: of the output at each index.
        outputs: of the m indices of the output, as many as ``permutations``; None if they are the
            same.
        use_bias: learn b.
        initializer: a Keras initializer of the weights, (orbits, input channels, channels).

    Shapes: (batch, \*any, n, input channels) → (batch, \*any, m, channels).

    Raises:
        ValueError: lists that are no permutations; an input of another number of indices.

    Source: Ravanbakhsh, Schneider, Póczos, arXiv:1702.08389 (2017); for lattices Ortali, Gabbana,
    Atmodimedjo, Corbetta, arXiv:2405.13850 (2024).

    Example:
        >>> from keras_pde import OrbitDense
        >>> turn = [[1, 2, 3, 0]]  # a circulant matrix
        >>> layer = OrbitDense(turn, channels=2)
        >>> u = np.random.default_rng(0).random((1, 4, 3)).astype("float32")
        >>> gap = layer(np.roll(u, 1, axis=1)) - np.roll(layer(u), 1, axis=1)
        >>> bool(abs(np.asarray(gap)).max() < 1e-6), layer.count_params()
        (True, 26)
    """

    def __init__(
        self,
        permutations: Permutations,
        channels: int = 1,
        *,
        outputs: Permutations | None = None,
        use_bias: bool = True,
        initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        moved = check_permutations(permutations, "permutations")
        to = moved if outputs is None else check_permutations(outputs, "outputs")
        if len(to) != len(moved):
            raise ValueError(
                "outputs must be as many permutations as there are of the input, each with its"
                f" own. Received: {len(to)} outputs and {len(moved)} permutations"
            )
        self.permutations = moved.tolist()
        self.outputs = None if outputs is None else to.tolist()
        self.channels = gate.count(channels, "channels")
        self.use_bias = gate.flag(use_bias, "use_bias")
        self.initializer = initializer_of(initializer)
        self.pairs = pair_orbits(to, moved)  # which weight stands at (i, j)
        self.places = orbits(to)  # which bias stands at i

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create a weight for each orbit and pair of channels."""
        n = self.pairs.shape[1]
        if len(input_shape) < 3 or input_shape[-2] != n or input_shape[-1] is None:
            raise ValueError(
                f"Input must be (batch, ..., {n}, channels), with the {n} indices that are permuted"
                f" and fixed channels. Received: shape {tuple(input_shape)}"
            )
        self.input_channels = int(input_shape[-1])
        self.kernel = self.add_weight(
            shape=(int(self.pairs.max()) + 1, self.input_channels, self.channels),
            initializer=drawn_wide(self.initializer),
            autocast=False,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(int(self.places.max()) + 1, self.channels),
                initializer="zeros",
                autocast=False,
                name="bias",
            )
        self.built = True

    def check_call(self, u: Tensor = None, **_: Any) -> None:
        """Refuse what has not the indices and the channels that the layer was built for."""
        channels = self.input_channels if self.built else None
        gate.tensor(u, f"u of {self.name}", ranks=range(3, 9), channels=channels)
        n = self.pairs.shape[1]
        if u.shape[-2] not in (n, None):
            raise ValueError(
                f"u of {self.name} must have {n} indices along its last axis but one. Received:"
                f" shape {tuple(u.shape)}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """m indices and the channels."""
        return (*input_shape[:-2], self.pairs.shape[0], self.channels)

    def weights_in_use(self) -> tuple[Tensor, Tensor | None]:
        """The matrix (n·input channels, m·channels) and the bias (m, channels) or None.

        They are in at least float32. Compute once for many calls.
        """
        m, n = self.pairs.shape
        table = at_least_float32(ops.convert_to_tensor(self.kernel))
        matrix = ops.reshape(
            ops.transpose(
                ops.reshape(
                    ops.take(table, self.pairs.T.reshape(-1), axis=0),
                    (n, m, self.input_channels, self.channels),
                ),
                (0, 2, 1, 3),
            ),
            (n * self.input_channels, m * self.channels),
        )
        if not self.use_bias:
            return matrix, None
        bias = at_least_float32(ops.convert_to_tensor(self.bias))
        return matrix, ops.take(bias, self.places, axis=0)

    def transformed(self, u: Tensor, weights: tuple[Tensor, Tensor | None]) -> Tensor:
        """A u + b by what `weights_in_use` returned."""
        matrix, bias = weights
        sizes = ops.shape(u)[:-2]
        flat = ops.reshape(u, (-1, matrix.shape[0]))
        matrix = ops.cast(matrix, u.dtype)
        if keras.backend.standardize_dtype(u.dtype) == "float64":
            # Keras's matmul computes in float32 on PyTorch; LiteRT has no einsum
            out = ops.einsum("ni,ij->nj", flat, matrix)
        else:
            out = ops.matmul(flat, matrix)
        out = ops.reshape(out, (*sizes, self.pairs.shape[0], self.channels))
        return out if bias is None else out + ops.cast(bias, u.dtype)

    def call(self, u: Tensor) -> Tensor:
        """A u + b."""
        return narrow(self.transformed(at_least_float32(u), self.weights_in_use()), u)

    def certificate(self) -> Certificate:
        """‖A‖ by its singular values, and the permutations that the layer commutes with."""
        if not self.built:
            raise ValueError(f"{self.name} has no weights yet: build it or call it once")
        matrix, bias = self.weights_in_use()
        values = np.asarray(ops.convert_to_numpy(matrix), np.float64)
        norm = float(np.linalg.norm(values, 2)) * (1 + 1e-12)
        if unit := unit_roundoff(self.compute_dtype):  # sums in float32, and the result's rounding
            sums = 2 * max(values.shape) * SUMS * float(np.linalg.norm(values))
            norm = (norm + sums) * (1 + unit)
        offset = None if bias is None else ops.convert_to_numpy(bias)
        moved, to = (
            tuple(map(tuple, p)) for p in (self.permutations, self.outputs or self.permutations)
        )
        count = float(len(set(zip(moved, to, strict=True))))
        found = linear(self.name, norm, f"‖A‖ ≤ {rounded(norm)}", offset)
        return found.with_guarantees(
            Equivariance(count, "weights on orbits (L2)", group=GROUP, inputs=moved, outputs=to)
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "permutations": self.permutations,
            "channels": self.channels,
            "outputs": self.outputs,
            "use_bias": self.use_bias,
            "initializer": keras.initializers.serialize(self.initializer),
        }
