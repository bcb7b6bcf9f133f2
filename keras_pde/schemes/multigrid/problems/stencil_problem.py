"""StencilProblem: an equation of one's own, whose hierarchy follows from its operator."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_pde.operators.near_field import box
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.black_box_level import (
    Offsets,
    OperatorLevel,
    black_box_levels,
    stencils,
)
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import ClassicalLevel
from keras_pde.schemes.multigrid.problems.problem import Problem
from keras_pde.schemes.multigrid.smoothers import Chebyshev, Smoother
from keras_pde.schemes.multigrid.stencil_level import probed

SMALL, LARGEST = 300, 1024  # points of the coarsest grid, of small and of large finest ones
UNEVEN = 1.5  # axes whose spacing is larger than this times the least are not halved


class StencilProblem(Problem):
    r"""Base: A(a)u = b, A symmetric, positive (semi)definite, between neighbours, one's own.

    A subclass says in `apply` how A acts, by ``keras.ops``, and how many channels its coefficient
    has, if it is given one. Everything else follows: the stencil of each point (from the images of
    3^d combs of points), operator-dependent transfers P, Galerkin coarse operators PᵀAP,
    corrections on clusters of strongly coupled points and along lines of coarse grids (M8), and
    conjugate gradients that a V(2, 2) cycle of all this preconditions. P is what a point's own
    equation says about it, so that coefficients may jump.

    Attributes that a subclass sets:
        equation: for printing.
        channels: of the coefficient a, which a model is given as [b, a]; 0 for none.
        singular: whether constants solve A u = 0, for every a.
        spacing: distance of points along each axis, a number or one for each. While one is more
            than 1.5 times the least, only finer axes are halved.

    Source: Alcouffe, Brandt, Dendy, Painter (1981); Dendy, Black box multigrid (1982).

    Example:
        >>> from keras_pde import MultigridUNet, problems
        >>> class Reaction(problems.StencilProblem):
        ...     equation = "au - u″ = b, u = 0 beyond both ends"
        ...     channels = 1
        ...     def apply(self, u, a):
        ...         wide = keras.ops.pad(u, [(0, 0), (1, 1), (0, 0)])
        ...         return (a + 2) * u - wide[:, :-2] - wide[:, 2:]
        >>> b, a = np.ones((1, 9, 1)), np.full((1, 9, 1), 1e6)
        >>> MultigridUNet(Reaction()).solve([b, a]).x.max().round(9).item()
        1e-06
    """

    galerkin = True
    accelerated = True
    default_cycle = "V(2,2)"
    default_smoother: str | Smoother = Chebyshev(symmetric=True)
    channels: int = 0
    singular: bool = False
    spacing: float | tuple[float, ...] = 1.0

    def apply(self, u: Tensor, coefficient: Tensor | None) -> Tensor:
        r"""A(a)u.

        Args:
            u: (batch, \*spatial, channels); each channel by itself.
            coefficient: a, (batch or 1, \*spatial, its channels); None if there is none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no apply(u, coefficient)")

    def offsets(self, ndim: int) -> Offsets:
        """Where the neighbours are that A couples a point with; the middle one is the point."""
        return box(1, ndim)

    def stencil(
        self, coefficient: Tensor | None, sizes: tuple[int, ...], dtype: str
    ) -> list[Tensor]:
        """The weights of `offsets` at every point, found by probing."""
        return probed(lambda u: self.apply(u, coefficient), sizes, 1, dtype)

    @property
    def grid_boundary(self) -> str:
        """Points of even index are coarse, whatever the boundary."""
        return "neumann"

    def distances(self, ndim: int) -> tuple[float, ...]:
        """The spacing of each axis.

        Raises:
            ValueError: the spacing is for another number of axes.
        """
        if isinstance(self.spacing, float | int):
            return (float(self.spacing),) * ndim
        if len(self.spacing) != ndim:
            raise ValueError(
                f"spacing is a number or one for each of the {ndim} axes. Received:"
                f" spacing={self.spacing}"
            )
        return tuple(map(float, self.spacing))

    def coarser(self, grid: Grid) -> Grid:
        """Every second point along the axes of near the least spacing."""
        pairs = zip(grid.axes, self.distances(grid.ndim), strict=True)
        wide = [float(a.spacing) * h if a.coarsens else float("inf") for a, h in pairs]
        return grid.coarser([h <= UNEVEN * min(wide) for h in wide])

    def coarsest(self, points: int) -> int:
        """A grid of 300 points is solved by its inverse, of large ones one of up to 1024.

        What separates at a jump may be too fine for coarser grids.
        """
        return max(SMALL, min(LARGEST, points // 64))

    def coefficient_channels(self, ndim: int) -> int:
        """Channels of the coefficient."""
        return self.channels

    def prepare(self, grids: list[Grid], dtype: str, given: Tensor | None) -> list[Any]:
        """The coefficient, then what every level needs."""
        wide = dtype if given is None else given.dtype
        wide = "float64" if "64" in str(wide) else "float32"
        finest = self.stencil(given, grids[0].sizes, wide)
        offsets = self.offsets(grids[0].ndim)
        found = stencils(grids, dtype, finest, offsets, self.singular)
        return [ops.zeros((1,)) if given is None else given, *found]

    def levels(
        self, grids: list[Grid], dtype: str, data: list[Any] | None = None
    ) -> list[ClassicalLevel]:
        """The stencils that `prepare` found; the operator alone where data has the coefficient."""
        if not data:
            raise ValueError(
                f"The levels of {self!r} are made from its coefficient: give data=prepare(grids,"
                " dtype, coefficient). Received: none"
            )
        coefficient, *found = data
        if not found:
            given = coefficient if self.coefficient_channels(grids[0].ndim) else None
            return [OperatorLevel(grids[0], dtype, lambda u: self.apply(u, given))]
        return black_box_levels(grids, dtype, found, self.offsets(grids[0].ndim))


def checked_spacing(spacing: Any) -> float | tuple[float, ...]:
    """A spacing > 0, or one for each axis.

    Raises:
        ValueError: another one.

    Example:
        >>> checked_spacing([1, 2])
        (1.0, 2.0)
    """
    if isinstance(spacing, list | tuple):
        return tuple(gate.number(h, "spacing", low=0, low_open=True) for h in spacing)
    return gate.number(spacing, "spacing", low=0, low_open=True)
