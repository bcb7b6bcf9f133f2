"""NormedConvolution: bounds of the norm, row sums and roundings of a convolution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from keras_pde.operators import conv_norms, reflection, stencils
from keras_pde.operators.norms import scaled_sums
from keras_pde.operators.operator import Operator
from keras_pde.operators.rounding import RoundingErrors, rounding_errors
from keras_pde.runtime.types import Number, Tensor


class NormedConvolution(Operator):
    """Bounds of K = restriction · (k₁ * … * kₘ) · boundary extension, from its kernels.

    Of a classical stencil ‖K‖ is known in closed form; of other kernels it is the least of several
    upper bounds (`conv_norms`). A subclass gives the kernels and applies them.

    Attributes:
        boundary: "neumann", "dirichlet" or "periodic".
        stencil: name of the classical stencil that K is, or that its first kernel starts as.
        kernel_size: width of each kernel in every axis.
        normalize: whether and how K is scaled to ‖K‖ ≤ 1, True, False or "columns".
    """

    boundary: str
    stencil: str | None
    kernel_size: int
    normalize: bool | str
    _fixed_bound: float | None = None

    def stored(self) -> list[Tensor]:
        """The kernels as they are stored: weights, or the fixed stencil."""
        raise NotImplementedError

    def kernel_arrays(self) -> list[np.ndarray]:
        """The kernels in use as NumPy arrays of float64, (*k, channels in, channels out) each."""
        raise NotImplementedError

    @property
    def bound_is_constant(self) -> bool:
        """Whether K is fixed or normalised."""
        return self.fixed or bool(self.normalize)

    def squared_norm_bound(self, weights: list[Tensor] | None = None) -> Number:
        """Upper bound of ‖K‖², differentiable.

        A number for a fixed or normalised K, else a tensor.
        """
        if self.fixed:
            if self._fixed_bound is None:
                # not the root squared: its rounding would make a step at the limit look unstable
                known = self._known_squared_norm
                self._fixed_bound = self.norm_bound() ** 2 if known is None else known
            return self._fixed_bound
        if self.normalize:
            return 1.0
        kernels = self.weights_in_use() if weights is None else weights
        return conv_norms.in_graph_bound(kernels, self.boundary)

    def norm_bound(
        self, method: str = "auto", *, shape: Sequence[int] | None = None, iterations: int = 6
    ) -> float:
        """Upper bound of ‖K‖₂ for every spatial size, in float64.

        Args:
            method: "auto", the least of the others; "fourier", the supremum over frequencies (times
                2^(ndim/2) for a reflecting boundary unless the filters have a parity); "gram",
                the same by Gram iteration; "gershgorin", row sums of KKᵀ; "l1", Young's inequality;
                "reflected", row sums of (KᵀK)^(2^j) on reflecting grids, and the norm itself on
                those too small for them.
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
        known = self._known_squared_norm
        if known is not None and method == "auto" and shape is None:
            return math.sqrt(known)
        kernels = self.kernel_arrays()
        if not all(np.isfinite(kernel).all() for kernel in kernels):
            return math.inf  # in use they overflow
        bounds = conv_norms.squared_bounds(kernels, self.boundary, method, shape, iterations)
        if method == "auto" and shape is None and not self.fixed:
            # what a training step used: a certificate must never contradict the step it certifies
            bounds["in_graph"] = (
                1.0
                if self.normalize
                else float(conv_norms.in_graph_bound(kernels, self.boundary, np))
            )
        return math.sqrt(min(b if b == 1 else b * (1 + 1e-12) for b in bounds.values()))

    @property
    def _known_squared_norm(self) -> float | None:
        """‖K‖² where it is known in closed form."""
        # even DCT windows overlap their own mirror image at a reflecting boundary: there ‖K‖
        # exceeds 1
        mirrored = (
            self.stencil == "dct" and self.boundary == "neumann" and self.kernel_size % 2 == 0
        )
        if not self.fixed or mirrored or self.stencil not in stencils.SQUARED_NORMS:
            return None
        return float(stencils.SQUARED_NORMS[str(self.stencil)](self.ndim))

    def row_weighing(self, points: int) -> tuple[np.ndarray, Callable[[np.ndarray], float]] | None:
        """k̂, and bounds of ‖diag(w)K‖ as of ‖K‖, for one learned convolution of few channels.

        Example:
            >>> from keras_pde import ConvOperator
            >>> K = ConvOperator(2, 1, boundary="periodic", initializer="ones")
            >>> K.build((None, 8, 1))
            >>> _, bound = K.row_weighing(4)
            >>> round(bound(np.array([3.0, 4.0])), 9)
            5.0
        """
        if self.fixed or len(self.stored()) > 1 or self.channels > 4 or self.rows > 512:
            return None
        (kernel,) = self.kernel_arrays()
        axes = tuple(range(kernel.ndim - 2))
        found = np.fft.fftn(kernel, [max(points, n) for n in kernel.shape[:-2]], axes)
        symbols = np.swapaxes(found.reshape(-1, *kernel.shape[-2:]), 1, 2)
        return symbols, lambda w: conv_norms.quick_bound([kernel * w], self.boundary)

    def max_norm_bound(self) -> float:
        """‖K‖∞ for every spatial size: the largest sum of a filter's absolute values.

        Example:
            >>> from keras_pde import ConvOperator
            >>> K = ConvOperator(initializer="forward")
            >>> K.build((None, None, None, 1))
            >>> round(K.max_norm_bound(), 9)
            2.0
        """
        return conv_norms.max_norm(self.kernel_arrays())

    def row_sums(self, weights: list[Tensor], scaling: Tensor | None = None) -> Tensor:
        """Row sums Σⱼ|KKᵀ|ᵢⱼqⱼ/qᵢ, filter by filter, a tensor of at least float32.

        KKᵀ ⪯ diag of them for every q > 0 (B1; Araujo et al., arXiv:2303.03169).
        """
        if len(weights) != 1:
            raise ValueError(
                "Row sums per filter need one convolution with weights. Received:"
                f" filters={self.filters}"
            )
        anchor = [before for before, _ in conv_norms.margins(weights)]
        absolute = reflection.correlation_sums(weights[0], anchor, self.boundary, ops)
        return scaled_sums(absolute, scaling, ops)

    def rounding_errors(self, unit: float) -> RoundingErrors:
        """Bounds of the errors of K in 16 bits."""
        norm = self.norm_bound()
        if self.sliced:
            # of difference stencils Young's bound is the norm itself, also at a reflecting
            # boundary, where margins cancel and do not add; entries are whole numbers and halves
            first = self.stencil == "forward"
            roundings = (1, self.ndim) if first else (self.ndim + 2, self.ndim + 5)
            return rounding_errors(unit, norm, norm, roundings, exact_weights=True)
        kernels = self.stored()
        count, folds = len(kernels), 0 if self.boundary == "dirichlet" else 2 * self.ndim
        # on an axis shorter than its margins one entry takes several, summed in float32
        margins = sum(map(sum, conv_norms.margins(kernels))) if folds else 0
        return rounding_errors(
            unit,
            norm,
            self.norm_bound("l1"),
            (count, count + folds),
            products=count,
            terms=margins + max(math.prod(k.shape[:-2]) * max(k.shape[-2:]) for k in kernels),
        )
