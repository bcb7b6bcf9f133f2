"""Inpainting: unknown pixels from known ones by the Laplace or the biharmonic equation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import ClassicalLevel, Level
from keras_pde.schemes.multigrid.masked_level import MaskedLevel
from keras_pde.schemes.multigrid.problems.problem import Problem
from keras_pde.schemes.multigrid.smoothers import Chebyshev
from keras_pde.schemes.multigrid.stencil_level import StencilLevel, coarser_stencil


@keras.saving.register_keras_serializable(package="keras_pde")
class Inpainting(Problem):
    """u = f where the mask is 1; −Δu = 0 (order 2) or Δ²u = 0 (order 4) elsewhere.

    The boundary is reflecting.

    Args:
        order: 2, homogeneous diffusion, obeys the max-min principle; 4, biharmonic, is smoother and
            may overshoot.

    Raises:
        ValueError: another order.

    Source: Masnou, Morel (1998); Galić et al. (2008); Mainberger et al. (2012).

    Example:
        >>> from keras_pde import MultigridUNet, problems
        >>> f = np.zeros((1, 5, 5, 1)); f[0, 0] = 1.0
        >>> mask = np.zeros((1, 5, 5, 1)); mask[0, 0] = mask[0, 4] = 1.0
        >>> u = MultigridUNet(problems.Inpainting()).solve([f, mask]).x
        >>> np.round(u[0, :, 2, 0], 6).tolist()
        [1.0, 0.75, 0.5, 0.25, 0.0]
    """

    masked = True
    galerkin = True
    default_cycle = "V(2,2)"
    default_smoother = Chebyshev(symmetric=True)  # for conjugate gradients

    def __init__(self, order: int = 2) -> None:
        super().__init__("neumann")
        if order not in (2, 4):
            raise ValueError(
                "Inpainting is of order 2 (homogeneous diffusion) or 4 (biharmonic). Received:"
                f" order={order}"
            )
        self.order = order
        self.equation = f"u = f where known, {'-Δu' if order == 2 else 'Δ²u'} = 0 elsewhere"

    def levels(
        self, grids: list[Grid], dtype: str, data: list[Any] | None = None
    ) -> list[ClassicalLevel]:
        """The masked operator, and Galerkin stencils below it."""
        if not data:
            raise ValueError(
                "The operators of inpainting depend on its mask: give data=prepare(grids, dtype,"
                " mask). Received: none"
            )
        unknown, *stencils = data
        return [
            MaskedLevel(grids[0], dtype, unknown, self.order),
            *(StencilLevel(g, dtype, s) for g, s in zip(grids[1:], stencils, strict=True)),
        ]

    def prepare(self, grids: list[Grid], dtype: str, given: Tensor | None) -> list[Any]:
        """Unknown pixels and the weights of every coarser operator."""
        mask: Any = given
        unknown = 1 - ops.cast(mask > 0, dtype)
        level: Level = MaskedLevel(grids[0], dtype, unknown, self.order)
        data = [unknown]
        for grid in grids[1:]:
            data.append(coarser_stencil(level, self.order // 2))
            level = StencilLevel(grid, dtype, data[-1])
        return data

    def source(self, f: Tensor, finest: Grid, dtype: str, data: list[Any]) -> Tensor:
        """−M Lᵏ C f + C f with M the unknown pixels, C the known ones, k = order/2."""
        return MaskedLevel(finest, dtype, data[0], self.order).source(f)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"order": self.order}
