"""The bound of ‖K‖ of a convolution, chosen from all that hold for its boundary condition.

`fourier` is exact but for 0.5 % on periodic and zero boundaries. At a reflecting boundary it needs
the factor 2^(ndim/2) unless the filters are even or odd, and the least of four bounds counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.operators import fourier, norms, reflecting_grids, reflection
from keras_pde.runtime.types import Number, Tensor

IN_GRAPH_BUDGET = 2.2e6  # numbers in the Fourier bound of one training step
QUICK_BUDGET = 7e6
METHODS = ("auto", "fourier", "gershgorin", "gram", "l1", "reflected")


def margins(kernels: Sequence[Tensor]) -> list[tuple[int, int]]:
    """By how many pixels the state is extended before and after each axis, for stacked kernels."""
    widths = [[int(k.shape[axis]) for k in kernels] for axis in range(len(kernels[0].shape) - 2)]
    return [(sum((w - 1) // 2 for w in axis), sum(w // 2 for w in axis)) for axis in widths]


def in_graph_bound(kernels: Sequence[Tensor], boundary: str, xp: Any = ops) -> Number:
    """Upper bound of ‖K‖², differentiable and cheap enough for every training step."""
    bound = fourier.supremum(kernels, xp, IN_GRAPH_BUDGET)
    if boundary == "neumann":
        anchor = [before for before, _ in margins(kernels)]
        bound = bound * 2 ** len(anchor)
        near = reflecting_grids.in_graph(kernels, anchor, xp)
        bound = bound if near is None else xp.minimum(bound, near)
    return bound * (1 + norms.OUTWARD)


def quick_bound(kernels: Sequence[np.ndarray], boundary: str) -> float:
    """Upper bound of ‖K‖ in float64, a few per cent above the least of `squared_bounds`."""
    if boundary == "neumann":
        return math.sqrt(min(squared_bounds(kernels, boundary, "auto").values()) * (1 + 1e-12))
    few = int(kernels[0].shape[-2]) == 1
    bound = float(fourier.supremum(kernels, budget=IN_GRAPH_BUDGET if few else QUICK_BUDGET))
    return math.sqrt(bound * (1 + 1e-12))


def squared_bounds(
    kernels: Sequence[np.ndarray],
    boundary: str,
    method: str,
    shape: Sequence[int] | None = None,
    iterations: int = 6,
) -> dict[str, float]:
    """Upper bounds of ‖K‖² in float64, by name; "auto" gives all that help.

    Args:
        kernels: applied one after the other.
        boundary: "neumann", "dirichlet" or "periodic".
        method: one of `METHODS`.
        shape: spatial sizes of a periodic grid, for its exact norm.
        iterations: squarings of "gram".

    Raises:
        ValueError: unknown method, a shape without periodic boundary, "reflected" where it does not
            apply.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}. Received: method={method!r}")
    if shape is not None and boundary != "periodic":
        raise ValueError(
            "The norm for one shape is known for boundary='periodic' only. Received:"
            f" boundary={boundary!r}"
        )
    anchor = [before for before, _ in margins(kernels)]
    images = 2 ** len(anchor) if boundary == "neumann" else 1
    bounds: dict[str, float] = {}
    if method in ("auto", "fourier"):
        bounds["fourier"] = images * float(fourier.supremum(kernels, shape=shape))
        if images > 1:
            bounds["pure"] = _nearly_pure(norms.composite(kernels), anchor, images)
    if method == "gram":
        bounds["gram"] = images * fourier.supremum_by_gram_iteration(kernels, iterations)
    if method in ("auto", "l1"):
        bounds["l1"] = images * float(norms.absolute_sum(kernels))
    if method == "gershgorin" or (method == "auto" and len(kernels) == 1):
        sums = reflection.correlation_sums(norms.composite(kernels), anchor, boundary)
        bounds["gershgorin"] = float(sums.sum(axis=1).max())
    if method == "reflected" or (
        method == "auto"
        and boundary == "neumann"
        and bounds["pure"] > bounds["fourier"] / images * 1.01
    ):
        near = reflecting_grids.certified(kernels, anchor) if boundary == "neumann" else None
        if near is not None:
            bounds["reflected"] = near
        elif method == "reflected":
            raise ValueError(
                "method='reflected' needs boundary='neumann' and a kernel small enough for a dense"
                " grid. Use 'auto'."
            )
    return bounds


def _nearly_pure(whole: np.ndarray, anchor: list[int], images: int) -> float:
    """Bound of a kernel that is even or odd but for a rest, for which Young's inequality serves."""
    pure = reflection.pure_part(whole, anchor)
    rest = images * float(norms.absolute_sum([whole - pure]))
    return (math.sqrt(float(fourier.supremum([pure]))) + math.sqrt(rest)) ** 2


def max_norm(kernels: Sequence[np.ndarray]) -> float:
    """‖K‖∞: the largest sum of the absolute values of a filter.

    At the boundary taps fall together or are left out, which makes no row sum larger.
    """
    whole = norms.composite(kernels)
    return float(np.abs(whole).sum(axis=tuple(range(whole.ndim - 1))).max()) * (1 + 1e-12)
