"""FiniteDifference: derivatives by stencils of a prescribed order, classical or learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.operators import derivatives as orders
from keras_pde.operators import moments
from keras_pde.operators.boundary import check_boundary
from keras_pde.operators.difference_layout import DifferenceLayout
from keras_pde.operators.learned_rows import learned_kernels
from keras_pde.operators.moments import Consistency
from keras_pde.operators.per_channel import PerChannel
from keras_pde.operators.per_channel_convolution import convolve_each, convolve_each_adjoint
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.allocation import charge_constant
from keras_pde.runtime.types import Shape, Tensor

FLOAT32 = 2.0**-23  # the rounding of learned kernels


@keras.saving.register_keras_serializable(package="keras_pde")
class FiniteDifference(PerChannel):
    r"""Linear operator K u, row r of which is Σ cₐ∂ᵃu + O(hⁿ), with its exact adjoint.

    A kernel k on points h apart acts as :math:`\sum_p M_p ∂^p` with the moments
    :math:`M_p = \sum_i k_i (ih)^p/p!`, so its moments say which derivative it is, and to which
    order n (D1). Here they are prescribed: those up to the total degree |a| + n − 1 are the
    derivative's, whatever the weights are (D2). With ``learned=True`` a row is its classical
    stencil plus any kernel whose moments up to that degree vanish; it starts as the stencil.

    The order holds at all points whose window lies inside, everywhere for "periodic". At a
    "neumann" boundary u goes on as its mirror image, so the order holds there for u whose odd
    derivatives across the boundary vanish, and the first derivative of another u is wrong by O(1)
    in the outermost points. "dirichlet" goes on with zeros, which keeps the order for u that goes
    out smoothly.

    Cost: classical stencils are sums of slices that touch their taps alone, learned ones one
    convolution of each channel.

    Args:
        derivatives: the rows: "gradient", "laplacian", or a list. A row is a multi-index such as
            (2, 0), ∂² along the first axis, or a list of (multi-index, coefficient). In 1-D a whole
            number is a multi-index.
        accuracy: the order n; even where a stencil is central.
        spacing: h, of the points; one number, or one an axis.
        boundary: "neumann" (reflecting), "dirichlet" (zero) or "periodic".
        learned: whether the rows are learned, on windows of two more points an axis.
        side: "central"; "forward" or "backward" for one-sided stencils, which look to larger or
            smaller indices only; or one of these for each axis.

    Shapes: (batch, \*spatial, channels) → (batch, \*spatial, rows · channels); row r of channel c
    stands at r · channels + c. Spatial sizes are dynamic and kept.

    Raises:
        ValueError: derivatives that are none; an odd accuracy of central stencils; a state of
            another number of axes.

    Source: Fornberg, Mathematics of Computation 51 (1988); learned rows with prescribed moments:
    Long, Lu, Ma, Dong, PDE-Net, arXiv:1710.09668 (2018).

    Example:
        >>> from keras_pde import FiniteDifference
        >>> x = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        >>> D = FiniteDifference([1, 2], accuracy=4, spacing=x[1], boundary="periodic")
        >>> first, second = np.split(np.array(D(np.sin(x)[None, :, None])), 2, axis=-1)
        >>> bool(np.abs(first[0, :, 0] - np.cos(x)).max() < 4e-6)
        True
        >>> print(D)
        finite differences of order 4, no weights; periodic boundary
          ∂x, order 4, leading error −3.1e-06 ∂x⁵
          ∂x², order 4, leading error −1.03e-06 ∂x⁶
    """

    def __init__(
        self,
        derivatives: Any = "laplacian",
        accuracy: int = 2,
        *,
        spacing: float | Sequence[float] = 1.0,
        boundary: str = "periodic",
        learned: bool = False,
        side: str | Sequence[str] = "central",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.derivatives = orders.checked(derivatives)
        self.accuracy = gate.whole(accuracy, "accuracy", low=1, high=orders.MOST_ACCURATE)
        self.spacing = orders.checked_spacing(spacing)
        self.boundary = check_boundary(boundary)
        self.learned = gate.flag(learned, "learned")
        self.side = orders.checked_side(side)
        self.free: Any = None
        # a name waits for its axes, and all other arguments are looked at now
        lengths = [len(x) for x in (self.spacing, self.side) if isinstance(x, list)]
        self._lay_out(orders.axes_of(self.derivatives) or max([1, *lengths]))

    def _lay_out(self, ndim: int) -> None:
        """The kernels on so many axes."""
        self.ndim = ndim
        self.layout = DifferenceLayout(
            self.derivatives, ndim, self.accuracy, self.spacing, self.side, self.learned
        )
        self._known = None

    @property
    def fixed(self) -> bool:
        """Whether the rows are the classical stencils, without weights."""
        return not self.learned

    @property
    def sliced(self) -> bool:
        """Whether K is computed by slices: as long as it is classical."""
        return not self.learned

    @property
    def support(self) -> int:
        """Pixels that KᵀK joins at most: the width of K − 1."""
        return max(before + after for before, after in self.layout.reach)

    @property
    def ranks(self) -> tuple[int, ...]:
        """Numbers of axes of a state: those of the derivatives."""
        return (self.ndim + 2,) if self._has_axes else gate.SPATIAL

    @property
    def _has_axes(self) -> bool:
        """Whether the number of axes is known: a name waits for ``build``."""
        return self.built or orders.axes_of(self.derivatives) is not None

    @property
    def description(self) -> str:
        """Order, weights and boundary, for ``print(model)``."""
        count = math.prod(self.layout.box) * len(self.layout.rows)
        known = f"learned, {count} weights" if self._has_axes else "learned"
        weights = known if self.learned else "no weights"
        return f"finite differences of order {self.accuracy}, {weights}; {self.boundary} boundary"

    def __str__(self) -> str:
        rows = self.consistency() if self._has_axes else [self.derivatives]
        return "\n".join([self.description, *(f"  {row}" for row in rows)])

    def build(self, input_shape: Shape) -> None:
        """Create the kernels where they are learned."""
        ndim = len(input_shape) - 2
        if ndim + 2 not in self.ranks or input_shape[-1] is None:
            axes = " or ".join(map(str, self.ranks))
            raise ValueError(
                f"Input must be (batch, *spatial, channels) of {axes} axes, channels fixed."
                f" Received: shape {tuple(input_shape)}"
            )
        self._lay_out(ndim)
        self.channels = int(input_shape[-1])
        self.rows = len(self.layout.rows) * self.channels
        charge_constant(self.layout.classical.shape)
        if self.learned:
            self.free = self.add_weight(
                shape=(*self.layout.box, len(self.layout.rows)),
                initializer="zeros",
                autocast=False,
                name="free",
            )
        self.built = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Spatial sizes kept, a number for each row and channel."""
        count = len(orders.rows_of(self.derivatives, len(input_shape) - 2))
        return (*input_shape[:-1], count * int(input_shape[-1] or 0))

    def compute_weights(self) -> list[Tensor]:
        """The learned kernels, (*window, 1, rows of a channel): stencils and what is free."""
        if not self.learned:
            return []
        return [ops.expand_dims(learned_kernels(self.free, self.layout), -2)]

    def kernels(self) -> list[np.ndarray]:
        """The kernel of each row in use, in float64, centred in a window of odd widths.

        Example:
            >>> from keras_pde import FiniteDifference
            >>> print(FiniteDifference([1], side="backward", accuracy=1).kernels()[0])
            [-1.  1.  0.]
        """
        return list(np.moveaxis(self.stacked()[..., 0, :], -1, 0))

    def stacked(self) -> np.ndarray:
        """The kernels in use, (*window, 1, rows of a channel), in float64."""
        self._need_axes()
        if not self.learned or not self.built:
            return self.layout.classical[..., None, :]
        return ops.convert_to_numpy(self.weights_in_use()[0]).astype("float64")

    def absolute(self) -> tuple[np.ndarray, int]:
        """Kernels of the absolute values of all that is added up, and of how many numbers."""
        if self.learned:
            return np.abs(self.stacked()), 1
        taps = self.layout.shifts.kernels
        kernels = [t.absolute(self.layout.window) for t in taps]
        return np.stack(kernels, -1)[..., None, :], max(t.terms for t in taps)

    def _need_axes(self) -> None:
        if not self._has_axes:
            raise ValueError(
                f"{self.name} is not built, so the {self.derivatives} has no number of axes yet:"
                " call it first, or build(input_shape)"
            )

    def symbol(self, frequencies: Any) -> np.ndarray:
        r"""k̂(ω) = Σ kⱼ exp(i⟨j, ω⟩) of each row: K exp(i⟨x/h, ω⟩) = k̂(ω) exp(i⟨x/h, ω⟩).

        On a periodic grid of n points an axis the eigenvalues of a row are k̂ at ω = 2πm/n (D3).

        Args:
            frequencies: angles ω in radians a point, (…, axes).

        Returns:
            (…, rows of a channel), complex.

        Example:
            >>> from keras_pde import FiniteDifference
            >>> print(FiniteDifference([2]).symbol(np.array([[0.0], [np.pi]]))[:, 0].real)
            [ 0. -4.]
        """
        return self.layout.symbol(self.stacked()[..., 0, :], frequencies)

    def consistency(self) -> list[Consistency]:
        """What each row in use is, read off its moments: derivative, order and leading error.

        A row of several degrees has parts that scale differently with the spacing; its order is
        the lowest of theirs.

        Example:
            >>> from keras_pde import FiniteDifference
            >>> print(FiniteDifference([1], side="forward", accuracy=1).consistency()[0])
            ∂x, order 1, leading error 0.5 ∂x²
        """
        kernels = self.kernels()
        wide = not self.learned or self.free is None or self.free.dtype == "float64"
        return [
            self.layout.consistency(kernel, row, moments.UNIT if wide else FLOAT32)
            for kernel, row in zip(kernels, self.layout.rows, strict=True)
        ]

    def separate(self, u: Tensor, weights: list[Tensor] | None = None) -> list[Tensor]:
        """The rows of Ku apart, each of the shape of u."""
        parts = self.parts(u, weights)
        return parts if self.sliced else ops.split(parts[0], len(self.layout.rows), -1)

    def parts(self, u: Tensor, weights: list[Tensor] | None = None) -> list[Tensor]:
        """Ku: an array for each classical row, one for all learned rows."""
        if self.sliced:
            return self.layout.shifts.rows(u, self.boundary)
        return [convolve_each(u, self._used(weights, u), self.boundary)]

    def adjoint_of(self, parts: list[Tensor], weights: list[Tensor] | None = None) -> Tensor:
        """Kᵀ of the parts: the exact transpose of `parts`."""
        if self.sliced:
            return self.layout.shifts.adjoint(parts, self.boundary)
        return convolve_each_adjoint(parts[0], self._used(weights, parts[0]), self.boundary)

    def _used(self, weights: list[Tensor] | None, like: Tensor) -> Tensor:
        """The learned kernels in the precision of a state."""
        (kernel,) = self.weights_in_use() if weights is None else weights
        return ops.cast(kernel, like.dtype)

    def respace(self, factors: Sequence[float]) -> None:
        """Become the same derivatives on points so many times further apart on each axis."""
        self._need_axes()
        self.spacing = [h * float(f) for h, f in zip(self.layout.steps, factors, strict=True)]
        self._lay_out(self.ndim)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "derivatives": orders.checked(self.derivatives),
            "accuracy": self.accuracy,
            "spacing": _plain(self.spacing),
            "boundary": self.boundary,
            "learned": self.learned,
            "side": _plain(self.side),
        }


def _plain(value: Any) -> Any:
    """A list of Python's own."""
    return list(value) if isinstance(value, list | tuple) else value
