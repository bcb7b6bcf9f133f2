"""Equation: a polynomial evolution equation as data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_pde.runtime import gate
from keras_pde.runtime.registry import Configured
from keras_pde.schemes.equations.term import Term

MOST_TERMS = 256
COMPONENTS = 64


@keras.saving.register_keras_serializable(package="keras_pde")
class Equation(Configured):
    """∂ₜu_c = Σ coefficient · ∂^outer(Π ∂^{a_k} u_{c_k}) for the components c of a state.

    Terms of one factor are its linear part L, all others its nonlinear part N.

    Args:
        terms: `Term`s, or the arguments of such as lists.
        ndim: number of spatial axes, 1 to 3.
        name: what it is called.
        ranges: the least and the largest value of each component, a pair a component: examples have
            such values, and the steps of nonlinear equations are suggested for them. Without it all
            are those of [0, 1].

    Raises:
        ValueError: no terms; multi-indices of another number of axes; a component that no term
            drives; ranges of another number of components.

    Source: as networks: Celledoni, Jackaman, Murari, Owren, arXiv:2305.00723 (2023).

    Example:
        >>> from keras_pde import equations
        >>> u = (0, ())
        >>> fisher = equations.Equation([(0.1, [(0, 2)]), (1.0, [u]), (-1.0, [u, u])])
        >>> print(fisher)
        ∂t u = 0.1 ∂xx u + u − u²
        >>> fisher.linear, fisher.components, equations.heat(2).linear
        (False, 1, True)
    """

    def __init__(
        self,
        terms: Sequence[Any],
        ndim: int = 1,
        name: str = "equation",
        ranges: Sequence[Sequence[float]] | None = None,
    ) -> None:
        self.ndim = gate.whole(ndim, "ndim", low=1, high=3)
        self.name = name if isinstance(name, str) and name else "equation"
        if not isinstance(terms, list | tuple) or not 0 < len(terms) <= MOST_TERMS:
            raise ValueError(
                f"An equation has from 1 to {MOST_TERMS} terms, in a list. Received:"
                f" {gate.said(terms)}"
            )
        self.terms = tuple(_term(term).in_dimension(self.ndim) for term in terms)
        used = {t.component for t in self.terms}
        named = used | {c for t in self.terms for c, _ in t.factors}
        self.components = max(named) + 1
        if len(used) < self.components or self.components > COMPONENTS:
            missing = next((c for c in range(self.components) if c not in used), COMPONENTS)
            raise ValueError(
                f"Each of at most {COMPONENTS} components needs a term that drives it. Received:"
                f" none with component={missing}, and the components are 0 to"
                f" {self.components - 1}"
            )
        self.ranges = _ranges(ranges, self.components)

    @property
    def linear(self) -> bool:
        """Whether all terms are."""
        return all(t.linear for t in self.terms)

    @property
    def degree(self) -> int:
        """The largest number of factors of a term."""
        return max(len(t.factors) for t in self.terms)

    @property
    def order(self) -> int:
        """The highest order of a derivative."""
        return max(
            sum(t.outer) + max((sum(a) for _, a in t.factors), default=0) for t in self.terms
        )

    def linearised(self, state: Sequence[float]) -> list[Term]:
        """The terms of the equation for small changes of a constant state.

        Example:
            >>> from keras_pde import equations
            >>> [str(t) for t in equations.burgers(1, viscosity=0.1).linearised([2.0])]
            ['-1 ∂x u', '-1 ∂x u', '0.1 ∂xx u']
        """
        found = []
        for term in self.terms:
            for i, factor in enumerate(term.factors):
                rest = term.factors[:i] + term.factors[i + 1 :]
                if any(any(a) for _, a in rest):
                    continue  # derivatives of constants
                value = float(np.prod([state[c] for c, _ in rest]))
                found.append(Term(term.coefficient * value, (factor,), term.outer, term.component))
        return [t.in_dimension(self.ndim) for t in found if t.coefficient]

    def corners(self) -> list[tuple[float, ...]]:
        """Constant states at the ends of the ranges, at most 16, and their middle."""
        ends = list(itertools.islice(itertools.product(*self.ranges), 16))
        return [*dict.fromkeys(ends), tuple(sum(r) / 2 for r in self.ranges)]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "terms": [t.as_list() for t in self.terms],
            "ndim": self.ndim,
            "name": self.name,
            "ranges": [list(r) for r in self.ranges],
        }

    def __str__(self) -> str:
        lines = []
        for c in range(self.components):
            text = ""
            for term in (t for t in self.terms if t.component == c):
                size = abs(term.coefficient)
                sign = "−" if term.coefficient < 0 else "+"
                one = size == 1 and (term.factors or any(term.outer))
                number = "" if one else f"{size:g}"
                shown = f"{number} {term.monomial()}".strip().removesuffix(" 1")
                if not text:
                    text = f"{'−' * (sign == '−')}{shown}"
                else:
                    text += f" {sign} {shown}"
            lines.append(f"∂t {'uvwpqr'[c] if c < 6 else f'u{c}'} = {text}")
        return ", ".join(lines)


def _term(term: Any) -> Term:
    if isinstance(term, Term):
        return term
    if not isinstance(term, list | tuple) or not 1 <= len(term) <= 4:
        raise ValueError(
            "A term is a keras_pde.equations.Term, or a list of its arguments (coefficient,"
            f" factors, outer, component). Received: {term!r}"
        )
    return Term(*term)


def _ranges(ranges: Any, components: int) -> tuple[tuple[float, float], ...]:
    if ranges is None:
        return ((0.0, 1.0),) * components
    if not isinstance(ranges, list | tuple) or len(ranges) != components:
        raise ValueError(
            f"ranges are {components} pairs (least value, largest value), one a component."
            f" Received: {ranges!r}"
        )
    found = []
    for pair in ranges:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError(f"A range is a pair (least value, largest value). Received: {pair!r}")
        low, high = (gate.number(x, "the end of a range") for x in pair)
        if low > high:
            raise ValueError(f"A range is a pair (least value, largest value). Received: {pair!r}")
        found.append((low, high))
    return tuple(found)
