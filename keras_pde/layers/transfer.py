"""Restriction and Prolongation.

Full weighting and linear interpolation between a grid and the next coarser one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified
from keras_pde.certificates.linear_layers import kernel_bound, linear
from keras_pde.operators.boundary import check_boundary, cut, extend, fold
from keras_pde.operators.initializing import starting_from
from keras_pde.operators.transfer import coarse_size, prolong_axis, restrict_axis
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.printed import rounded


def _stencil_kernel(ndim: int, channels: int, taps: Sequence[float]) -> np.ndarray:
    """The product of 1-D taps over all axes, from each channel to itself."""
    window = np.array(1.0)
    for _ in range(ndim):
        window = np.multiply.outer(window, np.asarray(taps))
    return window[..., None, None] * np.eye(channels)


class _Transfer(Gated, Certified):
    def __init__(self, boundary: str = "dirichlet", learned: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boundary = check_boundary(boundary)
        self.learned = gate.flag(learned, "learned")

    _taps: tuple[float, ...] = ()
    ndim: int
    channels: int | None = None  # that a learned kernel is for

    def check_call(self, u: Any = None, **_: Any) -> None:
        """Refuse what is no state of real floats with the axes and channels it was built for."""
        ranks = (self.ndim + 2,) if self.built else gate.SPATIAL
        gate.tensor(u, f"u of {self.name}", ranks=ranks, channels=self.channels)

    def build(self, input_shape: Any) -> None:
        """Create the kernel, where it is learned."""
        shape = input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape
        ndim, channels = len(shape) - 2, shape[-1]
        if not 1 <= ndim <= 3 or channels is None:
            raise ValueError(
                f"{type(self).__name__} needs (batch, *spatial, channels), 1-D to 3-D, channels"
                f" fixed. Received: shape {tuple(shape)}"
            )
        if self.learned:
            self.channels = channels
            start = _stencil_kernel(ndim, channels, self._taps)
            self.kernel = self.add_weight(
                shape=start.shape,
                initializer=starting_from(start),
                name="kernel",
            )
        self.ndim = ndim
        self.built = True

    def certificate(self) -> Certificate:
        """What is proved about the map: a bound of its norm, for every size.

        That of P is √(row sums × column sums) along each axis, whose ends do not see each other
        from 8 points on, and R has 2^(−d) times that. A learned kernel's is bounded on the infinite
        grid. P reads the margin after the last coarse point only, so it meets a point twice at
        most.
        """
        if not self.built:
            raise ValueError(
                "A certificate is computed from weights: build the layer first, by calling it or by"
                " build(input_shape)"
            )
        if self.learned:
            kernel = ops.convert_to_numpy(self.kernel).astype("float64")
            folded = 1.0 if self.boundary == "dirichlet" else 2.0 ** (self.ndim / 2)
            norm = kernel_bound(kernel, (2,) * self.ndim) * folded
        else:
            norm = max(map(self._axis_bound, range(2, 13))) ** self.ndim
        found = linear(self.name, norm, f"norm ≤ {rounded(norm)}")
        return dataclasses.replace(found, assumptions=("spatial sizes of at least 2",))

    def _axis_bound(self, n: int) -> float:
        """Bound of the norm along an axis of n points."""
        points = np.eye(coarse_size(n, self.boundary))[..., None]
        matrix = ops.convert_to_numpy(
            prolong_axis(ops.convert_to_tensor(points), 1, n, self.boundary)
        )
        rows, columns = matrix.sum(axis=0).max(), matrix.sum(axis=1).max()
        return float(np.sqrt(rows * columns)) / 2 * sum(self._taps)

    @property
    def _offset(self) -> int:
        return 1 if self.boundary == "dirichlet" else 0

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "boundary": self.boundary, "learned": self.learned}


@keras.saving.register_keras_serializable(package="keras_pde")
class Restriction(_Transfer):
    r"""Full weighting R u = 2^(−d) Pᵀu with P linear interpolation.

    The weights [1 2 1]/4 along each axis, stride 2.

    R is the exact transpose of `Prolongation` over 2^d, in 1-D, 2-D and 3-D, for every size and
    boundary. Coarse points stand at 1, 3, 5, … for "dirichlet", ⌊n/2⌋ of them, and at 0, 2, 4, …
    for "neumann" and "periodic", ⌈n/2⌉. Axes of one point stay. Cost: one pass over the fine grid
    by slices; learned, a convolution of stride 2.

    Args:
        boundary: "dirichlet" (zero), "neumann" (reflecting) or "periodic".
        learned: a kernel of width 3 from all channels to all channels, which starts as full
            weighting, instead of fixed weights.

    Shapes: (batch, \*spatial, channels) → (batch, \*coarse, channels).

    Raises:
        ValueError: unknown boundary, rank other than 1-D to 3-D, an axis of one point with a
            learned kernel.

    Source: Trottenberg, Oosterlee, Schüller, Multigrid (2001), section 2.3; as a network layer:
    arXiv:2107.14742 (2021).

    Example:
        >>> from keras_pde import Restriction
        >>> u = np.array([0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0]).reshape(1, 7, 1)
        >>> print(np.array(Restriction()(u))[0, :, 0])
        [2. 0. 0.]
    """

    _taps = (0.25, 0.5, 0.25)

    def check_call(self, u: Any = None, **_: Any) -> None:
        """Refuse what is no state, and an axis of one point where the kernel is learned."""
        super().check_call(u)
        if self.learned and 1 in tuple(u.shape)[1:-1]:
            raise ValueError(
                f"u of {self.name}, a learned restriction, needs at least 2 points along each axis."
                f" Received: shape {tuple(u.shape)}"
            )

    def call(self, u: Any) -> Any:
        """R u."""
        ndim = len(u.shape) - 2
        if not self.learned:
            for axis in range(1, ndim + 1):
                if u.shape[axis] != 1:
                    u = restrict_axis(u, axis, self.boundary)
            return u
        sizes = ops.shape(u)[1:-1]
        wide = ops.pad(u, [(0, 0), *[(3 - self._offset, 4)] * ndim, (0, 0)])
        coarse = ops.conv(
            wide,
            ops.convert_to_tensor(self.kernel),
            strides=2,
            padding="valid",
            data_format="channels_last",
        )
        for axis, n in enumerate(sizes, start=1):
            coarse = cut(coarse, axis, None, coarse_size(n, self.boundary) + 2)
        return fold(coarse, [(1, 1)] * ndim, self.boundary)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Coarse sizes."""
        inner = (None if n is None else coarse_size(n, self.boundary) for n in input_shape[1:-1])
        return (input_shape[0], *inner, input_shape[-1])


@keras.saving.register_keras_serializable(package="keras_pde")
class Prolongation(_Transfer):
    r"""Linear interpolation P u.

    The weights [1 2 1]/2 along each axis, from every second point to all of them.

    Multilinear functions that meet the boundary condition are interpolated exactly. The transpose
    of `Restriction` times 2^d. Cost: one pass over the fine grid by slices; learned, a transposed
    convolution of stride 2.

    Args:
        boundary: "dirichlet" (zero), "neumann" (reflecting) or "periodic".
        learned: a kernel of width 3 from all channels to all channels, which starts as linear
            interpolation.

    Call args: ``u`` (batch, \*coarse, channels); ``like``, a tensor with the fine sizes, or
    ``sizes``, the fine sizes themselves. Returns (batch, \*fine, channels).

    Raises:
        ValueError: unknown boundary; fine sizes missing, or of another coarse grid.

    Source: Trottenberg, Oosterlee, Schüller, Multigrid (2001), section 2.3; as a network layer:
    arXiv:2107.14742 (2021).

    Example:
        >>> from keras_pde import Prolongation
        >>> e = np.array([2.0, 4.0]).reshape(1, 2, 1)
        >>> print(np.array(Prolongation()(e, sizes=(5,)))[0, :, 0])
        [1. 2. 3. 4. 2.]
    """

    _taps = (0.5, 1.0, 0.5)
    sized_by = ("like", "sizes")

    def check_call(
        self, u: Any = None, like: Any = None, sizes: Sequence[Any] | None = None, **_: Any
    ) -> None:
        """Refuse what is no state, and fine sizes that are missing or of another coarse grid."""
        super().check_call(u)
        name = f"sizes of {self.name}"
        if sizes is not None:
            fine = sizes
            if not isinstance(sizes, list | tuple) or len(sizes) != len(u.shape) - 2:
                raise ValueError(
                    f"{name} must be a tuple, a size for each of {len(u.shape) - 2} axes. Received:"
                    f" sizes={gate.said(sizes)}"
                )
        elif like is not None:
            name = f"like of {self.name}"
            gate.tensor(like, name, ranks=(len(u.shape),))
            fine = tuple(like.shape)[1:-1]
        else:
            raise ValueError(
                f"{self.name} needs the fine grid, as two sizes have the same coarse one: give"
                " like=tensor or sizes=(…)"
            )
        for n, c in zip(fine, tuple(u.shape)[1:-1], strict=True):
            if isinstance(n, bool | float | str) or (isinstance(n, int) and n < 1):
                raise ValueError(
                    f"{name} must be whole numbers >= 1. Received: {gate.said(tuple(fine))}"
                )
            if isinstance(n, int) and c is not None and coarse_size(n, self.boundary) != c:
                raise ValueError(
                    f"{name} {tuple(fine)} are not those of the coarse ones {tuple(u.shape)[1:-1]}:"
                    f" {n} points have {coarse_size(n, self.boundary)} coarse ones, not {c}"
                )

    def call(self, u: Any, like: Any = None, sizes: Sequence[Any] | None = None) -> Any:
        """P u."""
        fine = tuple(ops.shape(like)[1:-1]) if sizes is None else tuple(sizes)
        if not self.learned:
            for axis, n in enumerate(fine, start=1):
                if not (isinstance(n, int) and n == 1):
                    u = prolong_axis(u, axis, n, self.boundary)
            return u
        ndim = len(fine)
        wide = extend(u, [(1, 1)] * ndim, self.boundary)
        out = ops.conv_transpose(
            wide,
            ops.convert_to_tensor(self.kernel),
            strides=2,
            padding="valid",
            data_format="channels_last",
        )
        for axis, n in enumerate(fine, start=1):
            out = cut(out, axis, 3 - self._offset, 3 - self._offset + n)
        return out

    def compute_output_shape(self, u_shape: Any, like_shape: Any = None) -> tuple[int | None, ...]:
        """The fine sizes, as far as they are known."""
        inner = like_shape[1:-1] if like_shape is not None else (None,) * (len(u_shape) - 2)
        return (u_shape[0], *inner, u_shape[-1])
