"""ConvOperator: the linear operator K of a diffusion block, and its exact adjoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators import conv_norms, stencils
from keras_pde.operators.boundary import check_boundary, extend, fold
from keras_pde.operators.convolution import convolve, convolve_adjoint, prefers_xla
from keras_pde.operators.initializing import initializer_of
from keras_pde.operators.normalizing import COLUMNS, check_normalization, described, normalized
from keras_pde.operators.normed_convolution import NormedConvolution
from keras_pde.operators.respacing import respaced
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.allocation import charge_constant
from keras_pde.runtime.compiling import in_classes
from keras_pde.runtime.precision import at_least_float32, drawn_wide
from keras_pde.runtime.types import Shape, Tensor

WIDEST = 1 << 10  # kernels, in points


@keras.saving.register_keras_serializable(package="keras_pde")
class ConvOperator(NormedConvolution):
    r"""Linear operator K u = k ∗ (u extended beyond its boundary), with its exact adjoint.

    ⟨Ku, v⟩ = ⟨u, Kᵀv⟩ to rounding in 1-D, 2-D and 3-D, for every boundary, odd and even kernels and
    sizes. Several convolutions stacked (``filters=(4, 8, 60)``) form one operator: the state is
    extended once, by the total kernel width. Cost: the bare convolutions; classical difference
    stencils run as slices, without convolutions.

    Args:
        filters: channels out; a tuple stacks convolutions; None is the classical stencil named by
            ``initializer`` itself, applied to every channel, without weights.
        kernel_size: width k of each kernel in every axis, odd or even.
        boundary: "neumann" (reflecting), "dirichlet" (zero) or "periodic".
        initializer: a stencil ("forward", "central", "second", "laplacian", "haar", "dct") or a
            Keras initializer.
        zero_mean: subtract each kernel's mean, so that K·1 = 0 and diffusion keeps the average grey
            value (exactly so for "neumann" and "periodic"). Of stacked kernels the first is made
            zero-mean.
        normalize: how ‖K‖ ≤ 1 is kept through training. True divides K by max(1, bound) at every
            call, with a differentiable upper bound of ‖K‖; "columns" divides the kernels of each
            channel of u by the root of a row sum of |KᵀK|, which is AOL (B2), for one convolution.
            Both are tightest for "periodic" and "dirichlet".

    Shapes: (batch, \*spatial, channels) → (batch, \*spatial, filters); spatial sizes are dynamic
    and kept.

    Raises:
        ValueError: unknown boundary, stencil or norm method; options without effect on a fixed
            stencil.

    Source: Alt et al., arXiv:2103.15419 (2021); stacked kernels as in Goujon et al.,
    arXiv:2211.12461 (2022); columns: Prach, Lampert, arXiv:2208.03160 (2022).

    Example:
        >>> from keras_pde import ConvOperator
        >>> K = ConvOperator(initializer="forward")            # the gradient, reflecting boundaries
        >>> u = np.arange(6.0).reshape(1, 6, 1)
        >>> print(np.array(K(u))[0, :, 0])
        [1. 1. 1. 1. 1. 0.]
        >>> round(K.norm_bound() ** 2, 6)                      # explicit steps up to 2/4 are stable
        4.0
        >>> K = ConvOperator((4, 8, 60), 5, boundary="periodic", normalize=True, zero_mean=True)
        >>> tuple(K(np.zeros((1, 32, 32, 1))).shape)
        (1, 32, 32, 60)
    """

    def __init__(
        self,
        filters: int | Sequence[int] | None = None,
        kernel_size: int = 3,
        *,
        boundary: str = "neumann",
        initializer: Any = None,
        zero_mean: bool = False,
        normalize: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(filters, list | tuple):
            self.filters: Any = tuple(gate.count(f, "filters") for f in filters)
            if not filters:
                raise ValueError("filters must name one convolution at least. Received: filters=()")
        else:
            self.filters = None if filters is None else gate.count(filters, "filters")
        self.kernel_size = gate.count(kernel_size, "kernel_size", high=WIDEST)
        self.boundary = check_boundary(boundary)
        self.zero_mean = gate.flag(zero_mean, "zero_mean")
        self.normalize = check_normalization(normalize)
        if self.normalize == COLUMNS and isinstance(filters, list | tuple) and len(filters) > 1:
            raise ValueError(
                "normalize='columns' is for one convolution. Received: filters="
                f"{self.filters}. Use normalize=True."
            )
        if initializer is None:
            initializer = "forward" if filters is None else "orthogonal"
        self.stencil = (
            initializer
            if isinstance(initializer, str)
            and (filters is None or initializer in stencils.STENCILS)
            else None
        )
        if filters is None:
            if self.stencil is None:
                raise ValueError(
                    "filters=None is a fixed stencil and needs initializer to name it. Received:"
                    f" initializer={initializer!r}"
                )
            stencils.check_stencil(self.stencil, "initializer")
            if zero_mean or normalize:
                raise ValueError(
                    "zero_mean and normalize act on learned kernels only: give filters, or leave"
                    " both False"
                )
            self.kernel_size = stencils.kernel_size_of(self.stencil, kernel_size)
        self.initializer = initializer if self.stencil else initializer_of(initializer)
        self.kernels: list[Any] = []

    def _channels_out(self) -> tuple[int, ...]:
        if self.filters is None:
            return ()
        return self.filters if isinstance(self.filters, tuple) else (self.filters,)

    @property
    def fixed(self) -> bool:
        """Whether this is a classical stencil without weights."""
        return self.filters is None

    @property
    def sliced(self) -> bool:
        """Whether K is a classical difference stencil, computed by slices."""
        return self.fixed and stencils.has_slices(str(self.stencil))

    @property
    def prefers_xla(self) -> bool:
        """Whether XLA is the faster way to run K and Kᵀ on a CPU, once built."""
        return self.fixed or prefers_xla(self.kernels, self.boundary, self.compute_dtype)

    @property
    def support(self) -> int:
        """Pixels that KᵀK joins at most: the width of K − 1."""
        return max(1, len(self._channels_out())) * (self.kernel_size - 1)

    @property
    def description(self) -> str:
        """Kernels, boundary and options, for ``print(model)``."""
        kernels = (
            f"the {self.stencil} stencil, no weights"
            if self.fixed
            else f"{self.filters} filters of width {self.kernel_size}"
        )
        options = [f"{self.boundary} boundary"]
        if self.zero_mean:
            options.append("zero-mean")
        return f"{kernels}; {', '.join(filter(None, (*options, described(self.normalize))))}"

    def build(self, input_shape: Shape) -> None:
        """Create the kernels; the rank of the input decides between 1-D, 2-D and 3-D."""
        self.ndim = len(input_shape) - 2
        if not 1 <= self.ndim <= 3 or input_shape[-1] is None:
            raise ValueError(
                "Input must be (batch, *spatial, channels), 1-D to 3-D, channels fixed. Received:"
                f" shape {tuple(input_shape)}"
            )
        self.channels = channels = int(input_shape[-1])
        if self.fixed:
            assert self.stencil is not None
            taps = stencils.stencil(self.stencil, self.ndim, self.kernel_size).shape[-1]
            constant = (*[self.kernel_size] * self.ndim, channels, taps * channels)
            charge_constant(constant)
            self._constant = stencils.Stencil(self.stencil).array(constant)
        for i, out in enumerate(self._channels_out()):
            shape = (*[self.kernel_size] * self.ndim, channels, out)
            self.kernels.append(
                self.add_weight(
                    shape=shape,
                    initializer=drawn_wide(keras.initializers.get(self._initializer(i))),
                    autocast=False,
                    name=f"kernel_{i}",
                )
            )
            channels = out
        self._widths = conv_norms.margins(self.stored())
        self.rows = int(self.stored()[-1].shape[-1])
        self.built = True

    @property
    def ranks(self) -> tuple[int, ...]:
        """Numbers of axes of a state: (batch, *spatial, channels) in 1-D to 3-D."""
        return (self.ndim + 2,) if self.built else gate.SPATIAL

    def _initializer(self, i: int) -> Any:
        """Of the i-th kernel: a stencil fills the first, and those behind it are orthogonal."""
        if self.stencil is None:
            return self.initializer
        return stencils.Stencil(self.stencil) if i == 0 else "orthogonal"

    def stored(self) -> list[Any]:
        """The kernels as they are stored: weights, or the fixed stencil."""
        return [self._constant] if self.fixed else self.kernels

    def kernel_arrays(self) -> list[np.ndarray]:
        """The kernels in use as NumPy arrays of float64, (*k, channels in, channels out) each.

        Example:
            >>> from keras_pde import ConvOperator
            >>> K = ConvOperator(initializer="laplacian")
            >>> K.build((None, None, 1))
            >>> print(K.kernel_arrays()[0][:, 0, 0])
            [ 1. -2.  1.]
        """
        if self.fixed:
            return [self._constant]
        return [ops.convert_to_numpy(k).astype("float64") for k in self.weights_in_use()]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Spatial sizes kept, channels = filters."""
        if not self.fixed:
            return (*input_shape[:-1], self._channels_out()[-1])
        taps = stencils.stencil(str(self.stencil), len(input_shape) - 2, self.kernel_size)
        return (*input_shape[:-1], input_shape[-1] * taps.shape[-1])

    def compute_weights(self) -> list[Tensor]:
        """The kernels, zero-mean and normalised where asked for."""
        kernels = [at_least_float32(ops.convert_to_tensor(k)) for k in self.kernels]
        if self.zero_mean:
            axes, points = tuple(range(self.ndim)), math.prod(kernels[0].shape[: self.ndim])
            # not ops.mean, which sums in float32 on JAX
            kernels[0] = kernels[0] - ops.sum(kernels[0], axes, keepdims=True) / points
        return normalized(kernels, self.boundary, self.normalize)

    def parts(self, u: Tensor, weights: list[Tensor] | None = None) -> list[Tensor]:
        """K u in parts: one array for convolutions, one for each row of a sliced stencil."""
        if self.sliced:
            return stencils.differences(u, str(self.stencil), self.boundary)
        kernels = self._used(weights, u)
        if self.boundary == "dirichlet" and len(kernels) == 1:
            return [convolve(u, kernels[0], self.held is None)]
        wide = extend(u, self._widths, self.boundary)
        for kernel in kernels:
            wide = in_classes(_valid, wide, kernel)
        return [wide]

    def adjoint_of(self, parts: list[Tensor], weights: list[Tensor] | None = None) -> Tensor:
        """Kᵀ of the parts: the exact transpose of `parts`."""
        if self.sliced:
            return stencils.differences_adjoint(parts, str(self.stencil), self.boundary)
        v = parts[0]
        kernels = self._used(weights, v)
        if self.boundary == "dirichlet" and len(kernels) == 1:
            return convolve_adjoint(v, kernels[0], self.held is None)
        for kernel in reversed(kernels):
            v = in_classes(_transposed, v, kernel)
        return fold(v, self._widths, self.boundary)

    def _used(self, weights: list[Tensor] | None, like: Tensor) -> list[Tensor]:
        """The kernels in the precision of a state."""
        if self.fixed:
            return [ops.convert_to_tensor(self._constant, dtype=like.dtype)]
        weights = self.weights_in_use() if weights is None else weights
        return [ops.cast(k, like.dtype) for k in weights]

    def respace(self, factors: Sequence[float]) -> None:
        """Take the kernels in use to another spacing; refuses classical stencils."""
        if self.fixed:
            raise ValueError(f"The {self.stencil} stencil is one of equal spacings")
        for weight, kernel in zip(self.kernels, self.kernel_arrays(), strict=True):
            weight.assign(respaced(kernel, factors))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        initializer = (
            self.initializer if self.stencil else keras.initializers.serialize(self.initializer)
        )
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "boundary": self.boundary,
            "initializer": initializer,
            "zero_mean": self.zero_mean,
            "normalize": self.normalize,
        }


def _valid(u: Tensor, kernel: Tensor) -> Tensor:
    return ops.conv(u, kernel, padding="valid", data_format="channels_last")


def _transposed(v: Tensor, kernel: Tensor) -> Tensor:
    return ops.conv_transpose(v, kernel, padding="valid", data_format="channels_last")
