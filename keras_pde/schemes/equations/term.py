"""Term: one monomial of a polynomial differential equation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_pde.runtime import gate

Index = tuple[int, ...]
Factor = tuple[int, Index]

MOST_FACTORS = 8
HIGHEST = 8  # order of a derivative along an axis


@dataclass(frozen=True)
class Term:
    """coefficient · ∂^outer (Π ∂^{a_k} u_{c_k}), a summand of ∂ₜu_component.

    Args:
        coefficient: a number.
        factors: pairs (c_k, a_k) of a component of the state and the multi-index of its derivative,
            an order an axis. One factor makes the term linear; none makes it a constant source.
        outer: the multi-index of the derivative of the product, by which a term is conservative;
            for a single factor it is added to the factor's own.
        component: whose time derivative the term is part of.

    In 1-D an order stands for its multi-index, and () is no derivative in every dimension.

    Raises:
        ValueError: what is no such term.

    Example:
        >>> from keras_pde.schemes.equations import Term
        >>> print(Term(-0.5, [(0, 0), (0, 0)], outer=1))       # the flux of Burgers' equation
        -0.5 ∂x(u²)
        >>> print(Term(0.1, [(0, (2, 0))]))
        0.1 ∂xx u
    """

    coefficient: float
    factors: tuple[Factor, ...] = ()
    outer: Index = ()
    component: int = 0

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "coefficient", gate.number(self.coefficient, "the coefficient of a term"))
        put(self, "outer", index_of(self.outer))
        factors = self.factors
        if not isinstance(factors, list | tuple) or len(factors) > MOST_FACTORS:
            raise ValueError(
                f"The factors of a term are a list of at most {MOST_FACTORS} pairs (component,"
                f" multi-index). Received: factors={factors!r}"
            )
        found = []
        for factor in factors:
            if not isinstance(factor, list | tuple) or len(factor) != 2:
                raise ValueError(
                    "A factor is a pair (component, multi-index), such as (0, (2, 0)). Received:"
                    f" {factor!r}"
                )
            component = gate.whole(factor[0], "the component of a factor", low=0)
            found.append((component, index_of(factor[1])))
        put(self, "component", gate.whole(self.component, "the component of a term", low=0))
        if len(found) == 1 and any(self.outer):
            component, inner = found[0]
            found = [(component, added(inner, self.outer))]
            put(self, "outer", ())
        put(self, "factors", tuple(found))

    @property
    def linear(self) -> bool:
        """Whether it is linear in the state."""
        return len(self.factors) == 1

    def in_dimension(self, ndim: int) -> Term:
        """The term with multi-indices of so many axes.

        Raises:
            ValueError: a multi-index of more axes, or of fewer.
        """
        return Term(
            self.coefficient,
            tuple((c, widened(a, ndim)) for c, a in self.factors),
            widened(self.outer, ndim),
            self.component,
        )

    def as_list(self) -> list[Any]:
        """[coefficient, factors, outer, component], as JSON has it."""
        factors = [[c, list(a)] for c, a in self.factors]
        return [self.coefficient, factors, list(self.outer), self.component]

    def __str__(self) -> str:
        return f"{self.coefficient:g} {self.monomial()}".removesuffix(" 1")

    def monomial(self, names: Sequence[str] = "uvwpqr") -> str:
        """The term without its coefficient."""
        counts: dict[Factor, int] = {}
        for factor in self.factors:
            counts[factor] = counts.get(factor, 0) + 1
        parts = []
        for (c, a), power in counts.items():
            name = names[c] if c < len(names) else f"u{c}"
            text = f"∂{letters(a)} {name}" if any(a) else name
            if power > 1:
                text = f"({text})" if any(a) else text
                text += str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
            parts.append(text)
        product = " · ".join(parts) or "1"
        return f"∂{letters(self.outer)}({product})" if any(self.outer) else product


def index_of(value: Any) -> Index:
    """A multi-index: a tuple of orders; an order alone is that of 1-D."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value,)
    if (
        not isinstance(value, list | tuple)
        or len(value) > 3
        or not all(type(n) is int and 0 <= n <= HIGHEST for n in value)
    ):
        raise ValueError(
            f"A derivative is a multi-index of at most 3 orders from 0 to {HIGHEST}, one an axis."
            f" Received: {value!r}"
        )
    return tuple(value)


def added(a: Index, b: Index) -> Index:
    """The sum of two multi-indices; () is 0."""
    if a and b and len(a) != len(b):
        raise ValueError(f"The multi-indices {a} and {b} have different numbers of axes")
    return tuple(x + y for x, y in zip(a, b, strict=True)) if a and b else a or b


def widened(a: Index, ndim: int) -> Index:
    """A multi-index of so many axes; () is 0 in every dimension.

    Example:
        >>> from keras_pde.schemes.equations.term import widened
        >>> widened((), 2), widened((0,), 2)
        ((0, 0), (0, 0))
    """
    if not any(a):
        return (0,) * ndim
    if len(a) != ndim:
        raise ValueError(
            f"The multi-index of a derivative in {ndim}-D has {ndim} orders. Received: {a}"
        )
    return a


def letters(a: Index) -> str:
    """∂'s index as letters: (2, 0) is xx.

    Example:
        >>> from keras_pde.schemes.equations.term import letters
        >>> letters((1, 2)), letters((4,))
        ('xyy', 'xxxx')
    """
    return "".join(letter * n for letter, n in zip("xyz", a, strict=False))
