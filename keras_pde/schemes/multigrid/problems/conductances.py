"""Conductances of a grid of cells: those of the edges between them, and of the walls."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from keras_pde.operators.boundary import cut
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.multigrid.problems.walls import Wall, conductance


def conductances(
    a: Tensor,
    layout: str | None,
    step_size: float,
    spacing: Sequence[float],
    faces: Sequence[tuple[Wall, Wall]],
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """What flows for a difference of 1: through edges, walls before, walls behind, for each axis.

    Args:
        a: the coefficient.
        layout: "cells" or "edges".
        step_size: by which all are multiplied.
        spacing: h of each axis; flows are divided by it, as they are those into a cell's volume.
        faces: the walls before and behind each axis.
    """
    found = []
    for k, (h, walls) in enumerate(zip(spacing, faces, strict=True)):
        before, behind = (
            (step_size / h) * conductance(wall, value, h)[0] * ops.ones_like(value)
            for wall, value in zip(walls, near_walls(a, k, layout), strict=True)
        )
        found.append((between(a, k, layout) * (step_size / h**2), before, behind))
    return found


def between(a: Tensor, k: int, layout: str | None) -> Tensor:
    """The coefficient of the edges along axis k: given, or the harmonic mean of both cells.

    Example:
        >>> import numpy as np
        >>> between(np.array([1.0, 3.0]).reshape(1, 2, 1), 0, "cells")[0, 0, 0].item()
        1.5
    """
    if layout == "edges":
        return cut(a[..., k : k + 1], k + 1, None, -1)
    left, right = cut(a[..., :1], k + 1, None, -1), cut(a[..., :1], k + 1, 1, None)
    return 2 * left * right / (left + right)


def near_walls(a: Tensor, k: int, layout: str | None) -> tuple[Tensor, Tensor]:
    """The coefficient at the walls before and behind axis k.

    Example:
        >>> import numpy as np
        >>> [x.item() for x in near_walls(np.array([1.0, 3.0]).reshape(1, 2, 1), 0, "cells")]
        [1.0, 3.0]
    """
    along = a[..., k : k + 1] if layout == "edges" else a[..., :1]
    return cut(along, k + 1, None, 1), cut(along, k + 1, -1, None)
