"""ConvOperator: the linear operator K of a diffusion block, and its exact adjoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators import norms, stencils
from keras_pde.operators.boundary import check_boundary, extend, fold
from keras_pde.operators.convolution import convolve, convolve_adjoint, prefers_xla
from keras_pde.runtime.precision import at_least_float32, drawn_wide

IN_GRAPH_BUDGET = 2.2e6  # numbers in the Fourier bound of one training step
IN_GRAPH_UNKNOWNS = 600  # unknowns of the dense reflecting grid of one training step
METHODS = ("auto", "fourier", "gershgorin", "gram", "l1", "reflected")


@keras.saving.register_keras_serializable(package="keras_pde")
class ConvOperator(keras.layers.Layer):
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
        normalize: divide K by max(1, bound) for a differentiable upper bound of ‖K‖ computed at
            every call, so that ‖K‖ ≤ 1 holds through training. Tightest for "periodic" and
            "dirichlet".

    Shapes: (batch, \*spatial, channels) → (batch, \*spatial, filters); spatial sizes are dynamic
    and kept.

    Raises:
        ValueError: unknown boundary, stencil or norm method; options without effect on a fixed
            stencil.

    Source: Alt et al., arXiv:2103.15419 (2021); stacked kernels as in Goujon et al.,
    arXiv:2211.12461 (2022).

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
        normalize: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = (
            filters
            if filters is None or isinstance(filters, int)
            else tuple(int(f) for f in filters)
        )
        self.kernel_size = kernel_size
        self.boundary = check_boundary(boundary)
        self.zero_mean = zero_mean
        self.normalize = normalize
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
            stencils.check_stencil(self.stencil)
            if zero_mean or normalize:
                raise ValueError(
                    "zero_mean and normalize act on learned kernels only: give filters, or leave"
                    " both False"
                )
            self.kernel_size = stencils.kernel_size_of(self.stencil, kernel_size)
        if any(not isinstance(n, int) or n < 1 for n in (*self._channels_out(), self.kernel_size)):
            raise ValueError(
                f"filters and kernel_size must be whole numbers >= 1. Received: filters={filters},"
                f" kernel_size={kernel_size}"
            )
        self.initializer = initializer if self.stencil else keras.initializers.get(initializer)
        # distance of pixels that KᵀK joins: the width of K − 1
        self.reach = max(1, len(self._channels_out())) * (self.kernel_size - 1)
        self.kernels: list[Any] = []
        # the kernels in use, while an export writes them as they are
        self.constants: list[np.ndarray] | None = None
        self._fixed_bound: float | None = None

    def _channels_out(self) -> tuple[int, ...]:
        return (
            self.filters
            if isinstance(self.filters, tuple)
            else ()
            if self.filters is None
            else (self.filters,)
        )

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

    def build(self, input_shape: Sequence[int | None]) -> None:
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
            rows = stencils.stencil(self.stencil, self.ndim, self.kernel_size).shape[-1]
            self._constant = stencils.Stencil(self.stencil).array(
                (*[self.kernel_size] * self.ndim, channels, rows * channels)
            )
        for i, out in enumerate(self._channels_out()):
            initializer = (
                stencils.Stencil(self.stencil)
                if self.stencil and i == 0
                else "orthogonal"
                if self.stencil
                else self.initializer
            )
            shape = (*[self.kernel_size] * self.ndim, channels, out)
            initializer = drawn_wide(keras.initializers.get(initializer))
            self.kernels.append(
                self.add_weight(
                    shape=shape, initializer=initializer, autocast=False, name=f"kernel_{i}"
                )
            )
            channels = out
        count, left = max(1, len(self.kernels)), (self.kernel_size - 1) // 2
        self._widths = [(count * left, count * (self.kernel_size - 1 - left))] * self.ndim
        self.built = True

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Spatial sizes kept, channels = filters."""
        ndim = len(input_shape) - 2
        rows = (
            input_shape[-1] * stencils.stencil(self.stencil, ndim, self.kernel_size).shape[-1]
            if self.fixed
            else self._channels_out()[-1]
        )
        return (*input_shape[:-1], rows)

    def effective_kernels(self) -> list[Any]:
        """The kernels, zero-mean and normalised where asked for, in at least float32.

        A call rounds them once. Compute once for many calls.
        """
        if self.fixed:
            return []
        kernels = [
            at_least_float32(ops.convert_to_tensor(k))
            for k in (self.kernels if self.constants is None else self.constants)
        ]
        if self.constants is not None:
            return kernels
        if self.zero_mean:
            kernels[0] = kernels[0] - ops.mean(
                kernels[0], axis=tuple(range(self.ndim)), keepdims=True
            )
        if self.normalize:
            scale = ops.rsqrt(ops.maximum(self._bound_in_graph(kernels), 1)) ** (1 / len(kernels))
            kernels = [k * scale for k in kernels]
        return kernels

    def squared_norm_bound(self, kernels: list[Any] | None = None) -> Any:
        """Upper bound of ‖K‖², differentiable.

        A number for a fixed or normalised K, else a tensor.
        """
        if self.fixed:
            if self._fixed_bound is None:
                # not the root squared: its rounding would make a step at the limit look unstable
                self._fixed_bound = (
                    float(stencils.SQUARED_NORMS[str(self.stencil)](self.ndim))
                    if self._known_norm
                    else self.norm_bound() ** 2
                )
            return self._fixed_bound
        if self.normalize:
            return 1.0
        return self._bound_in_graph(self.effective_kernels() if kernels is None else kernels)

    def _bound_in_graph(self, kernels: list[Any], xp: Any = ops) -> Any:
        bound = norms.fourier(kernels, xp, IN_GRAPH_BUDGET)
        if self.boundary == "neumann":
            bound = bound * 2**self.ndim
            near = norms.reflected(kernels, [w[0] for w in self._widths], xp, IN_GRAPH_UNKNOWNS)
            bound = bound if near is None else xp.minimum(bound, near)
        return bound * (1 + norms.OUTWARD)

    def norm_bound(
        self, method: str = "auto", *, shape: Sequence[int] | None = None, iterations: int = 6
    ) -> float:
        """Upper bound of ‖K‖₂ for every spatial size, from the weights at hand, in float64.

        Args:
            method: "auto", the least of the others; "fourier", the supremum over frequencies (times
                2^(ndim/2) for a reflecting boundary unless the filters are even or odd); "gram",
                the same by Gram iteration; "gershgorin", row sums of KKᵀ; "l1", Young's inequality;
                "reflected", row sums of (KᵀK)^(2^j) on a reflecting grid of at least
                `smallest_size` points.
            shape: spatial sizes of a periodic grid, for its exact norm.
            iterations: squarings of "gram".

        Raises:
            ValueError: unknown method, a shape without periodic boundary, "reflected" where it does
                not apply.

        Example:
            >>> from keras_pde import ConvOperator
            >>> K = ConvOperator(initializer="second")
            >>> K.build((None, None, None, 1))
            >>> round(K.norm_bound() ** 2, 9), K.norm_bound("fourier") ** 2 >= 32
            (32.0, True)
        """
        if method not in METHODS:
            raise ValueError(
                f"method must be one of {', '.join(METHODS)}. Received: method={method!r}"
            )
        if shape is not None and self.boundary != "periodic":
            raise ValueError(
                "The norm for one shape is known for boundary='periodic' only. Received:"
                f" boundary={self.boundary!r}"
            )
        kernels = (
            [self._constant]
            if self.fixed
            else [ops.convert_to_numpy(k).astype("float64") for k in self.effective_kernels()]
        )
        if self._known_norm and method == "auto" and shape is None:
            return math.sqrt(stencils.SQUARED_NORMS[str(self.stencil)](self.ndim))
        images = 2**self.ndim if self.boundary == "neumann" else 1
        anchor = [w[0] for w in self._widths]
        bounds: dict[str, float] = {}
        if method in ("auto", "fourier"):
            bounds["fourier"] = images * float(norms.fourier(kernels, shape=shape))
            if images > 1:
                whole = norms.composite(kernels)
                pure = norms.pure_part(whole, anchor)
                rest = images * float(norms.absolute_sum([whole - pure]))
                bounds["pure"] = (math.sqrt(float(norms.fourier([pure]))) + math.sqrt(rest)) ** 2
        if method == "gram":
            bounds["gram"] = images * norms.gram(kernels, iterations)
        if method in ("auto", "l1"):
            bounds["l1"] = images * float(norms.absolute_sum(kernels))
        if method == "gershgorin" or (method == "auto" and len(kernels) == 1):
            sums = norms.correlation_sums(norms.composite(kernels), anchor, self.boundary)
            bounds["gershgorin"] = float(sums.sum(axis=1).max())
        if method == "reflected" or (
            method == "auto"
            and self.boundary == "neumann"
            and bounds["pure"] > bounds["fourier"] / images * 1.01
        ):
            near = norms.reflected(kernels, anchor) if self.boundary == "neumann" else None
            if near is not None:
                bounds["reflected"] = float(near)
            elif method == "reflected":
                raise ValueError(
                    "method='reflected' needs boundary='neumann' and a kernel small enough for a"
                    " dense grid. Use 'auto'."
                )
        if method == "auto" and shape is None and not self.fixed:
            # what a training step used: a certificate must never contradict the step it certifies
            bounds["in_graph"] = 1.0 if self.normalize else float(self._bound_in_graph(kernels, np))
        return math.sqrt(min(b if b == 1 else b * (1 + 1e-12) for b in bounds.values()))

    @property
    def _known_norm(self) -> bool:
        # even DCT windows overlap their own mirror image at a reflecting boundary: there ‖K‖
        # exceeds 1
        mirrored = (
            self.stencil == "dct" and self.boundary == "neumann" and self.kernel_size % 2 == 0
        )
        return self.fixed and self.stencil in stencils.SQUARED_NORMS and not mirrored

    @property
    def smallest_size(self) -> int:
        """Spatial size an axis from which the bound for a reflecting boundary holds (1 for the
        others).
        """
        if self.boundary != "neumann" or self._known_norm:
            return 1
        grid = norms.reflected_grid(
            [self._constant] if self.fixed else self.kernels, norms.OFFLINE_BUDGET
        )
        return 1 if grid is None else max(grid[1])

    def gershgorin_sums(self, kernels: list[Any]) -> Any:
        """Row sums Σ_j |KKᵀ|_ij, filter by filter, a tensor of at least float32.

        KKᵀ ⪯ diag of them (Araujo et al., arXiv:2303.03169).
        """
        if len(kernels) != 1:
            raise ValueError(
                "Row sums per filter need one convolution with weights. Received:"
                f" filters={self.filters}"
            )
        return ops.sum(
            norms.correlation_sums(kernels[0], [w[0] for w in self._widths], self.boundary, ops),
            axis=1,
        )

    def call(self, u: Any) -> Any:
        """K u."""
        parts = self.parts(u)
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, -1)

    def adjoint(self, v: Any) -> Any:
        """Kᵀ v."""
        parts = ops.split(v, v.shape[-1] // self.channels, -1) if self.sliced else [v]
        return self.adjoint_of(parts)

    def parts(self, u: Any, kernels: list[Any] | None = None) -> list[Any]:
        """K u in parts: one array for convolutions, one for each row of a sliced stencil."""
        if self.sliced:
            return stencils.differences(u, str(self.stencil), self.boundary)
        kernels = self._used(kernels, u)
        if self.boundary == "dirichlet" and len(kernels) == 1:
            return [convolve(u, kernels[0], self.constants is None)]
        wide = extend(u, self._widths, self.boundary)
        for kernel in kernels:
            wide = ops.conv(wide, kernel, padding="valid", data_format="channels_last")
        return [wide]

    def adjoint_of(self, parts: list[Any], kernels: list[Any] | None = None) -> Any:
        """Kᵀ of the parts: the exact transpose of `parts`."""
        if self.sliced:
            return stencils.differences_adjoint(parts, str(self.stencil), self.boundary)
        v = parts[0]
        kernels = self._used(kernels, v)
        if self.boundary == "dirichlet" and len(kernels) == 1:
            return convolve_adjoint(v, kernels[0], self.constants is None)
        for kernel in reversed(kernels):
            v = ops.conv_transpose(v, kernel, padding="valid", data_format="channels_last")
        return fold(v, self._widths, self.boundary)

    def _used(self, kernels: list[Any] | None, like: Any) -> list[Any]:
        if self.fixed:
            return [ops.convert_to_tensor(self._constant, dtype=like.dtype)]
        return [
            ops.cast(k, like.dtype)
            for k in (self.effective_kernels() if kernels is None else kernels)
        ]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        initializer = (
            self.initializer if self.stencil else keras.initializers.serialize(self.initializer)
        )
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "boundary": self.boundary,
            "initializer": initializer,
            "zero_mean": self.zero_mean,
            "normalize": self.normalize,
        }
