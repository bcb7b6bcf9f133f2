"""Margin: how far an input may move before the largest of its logits can change."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.guarantee import Guarantee, joined
from keras_pde.runtime.printed import rounded

OUTWARD = 1 + 1e-12  # rounding of float64 in norms and quotients
NO_NORM = "biases drive the logits even from u = 0"
NOT_SQUARE = "the output is no state of the input's shape"
NAMES = {"l2": "‖e‖", "linf": "‖e‖∞"}


@dataclass(frozen=True)
class Margin(Guarantee):
    """No ‖e‖ < (z_y − z_j)/c for all j ≠ y changes the class y of the largest logit (K1).

    The constant c bounds how fast the difference of any two logits changes: a Lipschitz constant of
    z_y − z_j for every two classes. For logits Cu + c₀ of a state with the Lipschitz constant L in
    the input it is L·max‖C_y − C_j‖; the radius of one image takes the two rows at hand. Nothing is
    said of a composition with another map.

    Args:
        constant: c.
        reason: the rule that proves it, or why none does.
        norm: "l2" or "linf", the norm of e.

    Example:
        >>> from keras_pde.certificates.margin import Margin
        >>> Margin(1.4142, "rows of norm 1").formula
        'no ‖e‖ < (z_y − z_j)/1.4142 changes the class'
        >>> Margin(2.0, norm="linf").claim, Margin().proved
        ('no ‖e‖∞ < (z_y − z_j)/c changes the class', False)
    """

    norm: str = "l2"

    key = "margin"
    title = "certified radius"
    word = "certified radius"
    rank = 4
    place = 1
    least = 0.0

    @property
    def claim(self) -> str:  # type: ignore[override]
        """What is proved, without numbers."""
        return f"no {NAMES[self.norm]} < (z_y − z_j)/c changes the class"

    @property
    def formula(self) -> str:
        """The statement with its constant, rounded up."""
        if not self.proved or self.constant is None:
            return ""
        return self.claim.replace("/c ", f"/{rounded(self.constant)} ")

    @property
    def words(self) -> str:
        """For a card."""
        if not self.proved or self.constant is None:
            return ""
        return f"radius = margin/{rounded(self.constant, 4)}"


def classified(subject: str, state: Certificate, rows: np.ndarray) -> Certificate:
    """Certificate of x ↦ C u(x) + c, from that of the state x ↦ u(x) (K1, K2).

    Args:
        subject: what is certified.
        state: of which the Lipschitz constant L counts.
        rows: C, (classes, features), in float64.

    Example:
        >>> from keras_pde import Certificate
        >>> from keras_pde.certificates.margin import classified
        >>> found = classified("net", Certificate("u", lipschitz=1.0), np.eye(2))
        >>> found["margin"].formula
        'no ‖e‖ < (z_y − z_j)/1.4143 changes the class'
    """
    why = joined(state.reasons.get("lipschitz", ""), "rows of norm 1 (K1)")
    reasons = {"norm": NO_NORM, "lipschitz": why, "averaged": NOT_SQUARE, "energy": NOT_SQUARE}
    norm = float(np.linalg.norm(rows, 2)) * OUTWARD
    apart = float(np.linalg.norm(rows[:, None] - rows[None], axis=2).max()) * OUTWARD
    whole = Certificate(
        subject,
        lipschitz=state.lipschitz * norm,
        reasons=reasons,
        assumptions=state.assumptions,
    )
    if not math.isfinite(state.lipschitz):
        return whole.with_guarantees(Margin(reason=why))
    return whole.with_guarantees(Margin(state.lipschitz * apart, "c = L·max‖C_y − C_j‖ (K2)"))


def radii(
    logits: np.ndarray, distances: np.ndarray, lipschitz: float, error: np.ndarray | float = 0.0
) -> np.ndarray:
    """r = minⱼ (z_y − z_j − δ)/(L·d_yj) of each image, 0 where that is not positive.

    Args:
        logits: z, (batch, classes).
        distances: d, (classes, classes), how fast two logits move apart where the state moves.
        lipschitz: L of the state; ∞ says that there is none.
        error: δ, bound of the error of each difference of logits, a number or one an image.

    Example:
        >>> from keras_pde.certificates.margin import radii
        >>> apart = np.full((3, 3), np.sqrt(2.0)) * (1 - np.eye(3))
        >>> print(radii(np.array([[1.0, 0.5, 0.2], [0.0, 0.0, -1.0]]), apart, 1.0).round(4))
        [0.3536 0.    ]
    """
    logits = np.asarray(logits, "float64")
    if not np.isfinite(lipschitz) or not len(logits):
        return np.zeros(len(logits))
    rows = np.arange(len(logits))
    best = np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), 0)
    slopes = distances[best] * lipschitz * OUTWARD
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gaps = logits[rows, best][:, None] - logits - np.reshape(error, (-1, 1))
        found = np.where(gaps > 0, gaps / slopes, 0.0)  # of equal rows the gap never changes: ∞
    found[rows, best] = np.inf
    least = found.min(axis=1) / OUTWARD
    return np.where(np.isfinite(logits).all(axis=1), least, 0.0)
