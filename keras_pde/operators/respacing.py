"""Kernels on grids with another spacing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.runtime import gate

__all__ = ["MOST_TAPS", "relative", "respaced"]

MOST_TAPS = 7  # the polynomial through more equidistant points oscillates


def respaced(kernel: np.ndarray, factors: Sequence[float]) -> np.ndarray:
    r"""A kernel for data whose points are further apart along some axes.

    Between the points of the coarser grid the data are the polynomial through as many of them as
    the kernel has taps, and to that the kernel is applied: with nodes nᵢ = i − (k − 1)/2 and
    Lagrange's basis :math:`L_i` of the points f·nᵢ,

    .. math:: k'_i = \sum_j k_j L_i(n_j)

    along an axis with the factor f. So the moments Σ kᵢnᵢᵅ, α < k, are the same in the units of the
    fine grid: a mean stays a mean, a first difference is divided by f, a second one by f². For
    f → ∞ only the mean along the axis is left.

    Args:
        kernel: (\*k, channels in, channels out), odd widths up to 7.
        factors: of each axis, > 0.

    Raises:
        ValueError: another width.

    Example:
        >>> import numpy as np
        >>> from keras_pde.operators.respacing import respaced
        >>> print(respaced(np.array([1.0, -2.0, 1.0])[:, None, None], [2])[:, 0, 0])
        [ 0.25 -0.5   0.25]
    """
    for axis, factor in enumerate(factors):
        if factor == 1:
            continue
        width = kernel.shape[axis]
        if width % 2 == 0 or width > MOST_TAPS:
            raise ValueError(
                f"Kernels of odd widths up to {MOST_TAPS} have another spacing. Received: width"
                f" {width} along axis {axis}. Resample the data instead"
            )
        fine = np.arange(width) - width // 2
        coarse = fine * factor
        lagrange = np.ones((width, width))
        for i in range(width):
            for m in range(width):
                if m != i:
                    lagrange[i] *= (fine - coarse[m]) / (coarse[i] - coarse[m])
        kernel = np.moveaxis(np.tensordot(lagrange, kernel, (1, axis)), 0, axis)
    return kernel


def relative(spacing: Any, ndim: int) -> tuple[float, ...]:
    """Spacings over the finest of them.

    Args:
        spacing: a number for each axis, in any unit.
        ndim: number of axes.

    Raises:
        ValueError: something else.

    Example:
        >>> from keras_pde.operators.respacing import relative
        >>> relative((3.0, 1.5, 1.5), 3)
        (2.0, 1.0, 1.0)
    """
    if not isinstance(spacing, list | tuple | np.ndarray) or len(spacing) != ndim:
        raise ValueError(
            f"spacing must be {ndim} numbers > 0, one for each axis. Received:"
            f" spacing={gate.said(spacing)}"
        )
    checked = [gate.number(h, "spacing", low=0, low_open=True) for h in spacing]
    return tuple(h / min(checked) for h in checked)
