"""Guarantee: one kind of statement about a map, with its constant, its reason and its rules.

A certificate is a list of them. Each kind lives in a file of its own and knows how it composes, so
that a new kind touches no other file: printing, JSON, cards and exports read the list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar, Self, TypeVar

from keras_pde.runtime.bounds import times
from keras_pde.runtime.printed import rounded

THEN = "; then "
Kind = TypeVar("Kind", bound="Guarantee")


@dataclass(frozen=True)
class Guarantee:
    """A statement about a map N, proved or not.

    A kind of guarantee is a subclass with a ``key`` and a ``title`` of its own. It says when it is
    `proved`, how its constant reads (`formula`), and what becomes of it where maps are composed
    (`then`), added (`plus`), concatenated (`beside`), averaged (`mixed`) or lifted (`lifted`). The
    rules of this base claim nothing: a kind without a rule is lost in a composition, and the
    certificate says so.

    Args:
        constant: the constant of the statement; ``nothing`` where there is none.
        reason: the rule that proves it, or why none does.
        tolerance: δ. The statement is about the exact N; where N solves equations, what is computed
            may differ from N(u) by δ‖u‖, for solves stop at a tolerance. 0 where nothing is solved,
            inf where no bound is known.

    Raises:
        ValueError: a constant that is NaN, no number, or below ``least``; a tolerance below 0.

    Example:
        >>> from dataclasses import dataclass
        >>> from keras_pde import Certificate
        >>> from keras_pde.certificates.guarantee import Guarantee
        >>> @dataclass(frozen=True)
        ... class MeanKept(Guarantee):
        ...     key = "mean"
        ...     title = "mean kept"
        ...     formula = "mean N(u) = mean u"
        >>> kept = MeanKept(constant=1.0, reason="K has zero mean")
        >>> certificate = Certificate("net", norm_gain=1.0).with_guarantees(kept)
        >>> print(str(certificate).splitlines()[-1].strip())
        mean kept         proved      mean N(u) = mean u             K has zero mean
        >>> certificate.then(Certificate("other"))["mean"].proved
        False
    """

    constant: float | None = None
    reason: str = ""
    tolerance: float = 0.0

    key: ClassVar[str] = ""
    title: ClassVar[str] = ""
    nothing: ClassVar[float | None] = None  # the constant of a map of which nothing is known
    least: ClassVar[float] = -math.inf  # below which no constant lies
    word: ClassVar[str] = ""  # for the index of presets, where this is the strongest guarantee
    rank: ClassVar[int] = 0  # the strongest has the highest
    place: ClassVar[int] = 100  # where its words stand in a summary; the lowest comes first
    on_cards: ClassVar[bool] = True  # whether a card's table has room for its words
    claim: ClassVar[str] = ""  # what is proved, without numbers; the title where it is empty

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise ValueError(
                f"A tolerance is a number >= 0, or inf. Received: tolerance={self.tolerance!r}"
            )
        constant = self.constant
        if constant is not None and (
            isinstance(constant, bool)
            or not isinstance(constant, Real)
            or not constant >= self.least
        ):
            raise ValueError(
                f"The constant of {self.title or self.key} is a number >= {self.least:g}, or"
                f" {self.nothing} where nothing is proved; NaN proves nothing. Received:"
                f" constant={constant!r}"
            )

    @property
    def formula(self) -> str:
        """The statement with its constant."""
        return ""

    @property
    def known(self) -> bool:
        """Whether there is a constant at all, as large as it may be."""
        return self.constant is not None and not math.isinf(self.constant)

    @property
    def proved(self) -> bool:
        """Whether the statement holds."""
        return self.known

    @property
    def why(self) -> str:
        """The reason as it is printed: of a statement that is not proved, why not."""
        return self.reason

    @property
    def words(self) -> str:
        """What a card says in a few words with the constant; empty where it says nothing."""
        return ""

    @property
    def margin(self) -> str:
        """How far the statement may be missed, because solves stop; empty where it cannot be."""
        if not self.tolerance:
            return ""
        if math.isinf(self.tolerance):
            return "of exact solves"
        return f"to {rounded(self.tolerance, 2)}‖u‖"

    def with_margin(self, text: str) -> str:
        """A text about the statement, with its margin.

        Example:
            >>> from keras_pde.certificates.norm_stability import NormStability
            >>> NormStability(1.0, tolerance=1e-4).with_margin("norm stable")
            'norm stable to 0.0001‖u‖'
        """
        return f"{text} {self.margin}" if text and self.margin else text

    def within(self, tolerance: float) -> Self:
        """The guarantee with another tolerance; one that states nothing has none."""
        return replace(self, tolerance=tolerance if self.known else 0.0)

    def lost(self, reason: str) -> Self:
        """The same kind of guarantee, not proved, with the reason why not."""
        return replace(self, constant=self.nothing, reason=reason, tolerance=0.0)

    def tolerance_then(self, other: Self, gain: float, stretch: float) -> float:
        """The tolerance of ``other`` applied after this map: stretch·δ₁ + gain·δ₂.

        With Ñ what is computed of N, ‖M̃Ñu − MNu‖ ≤ ‖M̃Ñu − MÑu‖ + ‖MÑu − MNu‖.

        Args:
            other: the guarantee of the second map M.
            gain: a with ‖Ñ(u)‖ ≤ a‖u‖.
            stretch: a Lipschitz constant of M.
        """
        return times(stretch, self.tolerance) + times(gain, other.tolerance)

    def then(self, other: Self) -> Self:
        """Of ``other`` applied after this map."""
        return self.lost("no rule for a composition of maps")

    def plus(self, other: Self) -> Self:
        """Of the sum of this map and ``other``."""
        return self.lost("no rule for a sum of maps")

    def beside(self, other: Self) -> Self:
        """Of u ↦ (N(u), M(u)), both results as one."""
        return self.lost("no rule for concatenated maps")

    def mixed(self, other: Self, weight: float) -> Self:
        """Of the mean (1 − weight) N + weight M, weight in [0, 1]."""
        return self.lost("no rule for a mean of maps")

    def lifted(self, squared: float | None) -> Self:
        """Of Pᵀ N P with ‖P‖² ≤ ``squared``; None says that P is an isometry."""
        return self.lost("no rule for a lifting")

    def composed(self, other: Self, constant: float | None) -> Self:
        """The guarantee of a composition with this constant, and the reasons of both maps.

        Where there is no constant, the reason is that of the first map that has none.
        """
        reason = joined(self.reason, other.reason)
        if constant is None or math.isinf(constant):
            reason = next((g.reason for g in (self, other) if not g.known), reason)
        return replace(self, constant=constant, reason=reason)

    def as_json(self) -> dict[str, Any]:
        """For JSON: a constant that does not exist is None."""
        return {
            "key": self.key,
            "title": self.title,
            "proved": self.proved,
            "constant": self.constant if self.known else None,
            "formula": self.with_margin(self.formula),
            "tolerance": self.tolerance if math.isfinite(self.tolerance) else None,
            "reason": self.reason,
        }


def joined(*reasons: str) -> str:
    """Reasons one after the other, each said once.

    Example:
        >>> from keras_pde.certificates.guarantee import joined
        >>> joined("a; then b", "", "b", "c")
        'a; then b; then c'
    """
    parts = (part for reason in reasons for part in reason.split(THEN))
    return THEN.join(dict.fromkeys(filter(None, parts)))


def enlarged(guarantee: Kind, squared: float) -> Kind:
    """A bound of N as one of Pᵀ N P with ‖P‖² ≤ squared; no bound stays none, even behind 0."""
    constant = guarantee.constant
    grown = times(constant, squared) if constant is not None and guarantee.known else constant
    reason = f"{guarantee.reason}; times ‖lifting‖² ≤ {rounded(squared)}"
    return replace(guarantee, constant=grown, reason=reason)
