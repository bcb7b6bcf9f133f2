"""What a perturbation can do to many pixels together, from the radius of each (K6, K7)."""

from __future__ import annotations

import numpy as np

SLACK = 1e-9  # of sums and squares in float64, which make too much of a radius


def costs(radii: np.ndarray) -> np.ndarray:
    """Sums of the smallest r²: entry k is the least ‖e‖² that changes k of the pixels.

    Args:
        radii: of the pixels, in any order and of any shape.

    Example:
        >>> from keras_pde.certificates.pixels import costs
        >>> print(costs(np.array([0.2, 0.0, 0.1])).round(4))
        [0.   0.   0.01 0.05]
    """
    squares = np.sort(np.square(np.asarray(radii, np.float64)), axis=None)
    return np.concatenate([[0.0], np.cumsum(squares) * (1 - SLACK)])


def changed(radii: np.ndarray, eps: float) -> int:
    """At most so many of the pixels are changed by ‖e‖ ≤ ε: the most whose r² sum to ε² (K6).

    Args:
        radii: of the pixels that count.
        eps: ε.

    Example:
        >>> from keras_pde.certificates.pixels import changed
        >>> changed(np.array([0.3, 0.3, 0.3, 0.3]), 0.5), changed(np.array([0.3, 0.4]), 0.29)
        (2, 0)
    """
    return int(np.searchsorted(costs(radii), eps * eps * (1 + SLACK), side="right")) - 1


def right_at_least(radii: np.ndarray, right: np.ndarray, eps: float) -> int:
    """So many pixels stay right at least under ‖e‖ ≤ ε: of the right ones, K6 says how many change.

    Example:
        >>> from keras_pde.certificates.pixels import right_at_least
        >>> right_at_least(np.array([0.1, 0.3, 0.3]), np.array([False, True, True]), 0.35)
        1
    """
    return int(right.sum()) - changed(radii[right], eps)


def iou_at_least(
    radii: np.ndarray, answers: np.ndarray, labels: np.ndarray, kind: int, eps: float
) -> float:
    """A lower bound of a class's intersection over union under every ‖e‖ ≤ ε (K7).

    It is the least (TP − a)/(U + b) over a of the TP right pixels of the class and b pixels outside
    the union U of answer and truth with a sum of their r² of at most ε².

    Args:
        radii: of all pixels of an image.
        answers: classes that are answered, of the same shape.
        labels: right classes, of the same shape.
        kind: number of the class, which the labels or the answers hold somewhere.
        eps: ε; 0 gives the intersection over union itself.

    Example:
        >>> from keras_pde.certificates.pixels import iou_at_least
        >>> r, y = np.full(6, 0.3), np.array([0, 0, 0, 1, 1, 1])
        >>> [iou_at_least(r, y, y, 1, eps) for eps in (0.0, 0.2, 0.3)]
        [1.0, 1.0, 0.6666666666666666]
    """
    mine, truth = answers == kind, labels == kind
    hit, union = mine & truth, mine | truth
    if eps == 0:
        return float(hit.sum() / union.sum())
    lost, gained = costs(radii[hit]), costs(radii[~union])
    left = eps * eps * (1 + SLACK) - lost
    a = np.flatnonzero(left >= 0)
    b = np.searchsorted(gained, left[a], side="right") - 1
    return float(((hit.sum() - a) / (union.sum() + b)).min())
