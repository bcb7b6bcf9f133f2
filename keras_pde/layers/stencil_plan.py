"""The plan of an equation's terms: which stencils of which components, multiplied by what."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras_pde.schemes.equations.equation import Equation
from keras_pde.schemes.equations.term import Index

Combination = tuple[tuple[Index, float], ...]
Side = tuple[str, ...]


class Use(NamedTuple):
    """coefficient · (row of a stencil) of the source, a summand of a component; row -1 is u."""

    component: int
    source: int
    coefficient: int
    operator: int
    row: int


class Product(NamedTuple):
    """coefficient · ∂^outer Π (rows of sources), a summand of a component; outer -1 is none."""

    component: int
    coefficient: int
    factors: tuple[tuple[int, int, int], ...]  # operator, row, source
    outer: int


class StencilPlan:
    """Terms of an equation as rows of stencils, with what each row is for.

    Terms of one degree that drive a component share a row; with ``apart`` each has its own, so that
    its coefficient can be learned.

    Args:
        equation: the equation.
        upwind: one-sided first derivatives of linear terms, on the side from which waves come.
        apart: a row and a coefficient for each term.

    Example:
        >>> from keras_pde import equations
        >>> from keras_pde.layers.stencil_plan import StencilPlan
        >>> plan = StencilPlan(equations.heat(2, 0.5))
        >>> plan.coefficients, list(plan.rows.values())
        ([0.5], [[(((2, 0), 1.0), ((0, 2), 1.0))]])
    """

    def __init__(self, equation: Equation, upwind: bool = False, apart: bool = False) -> None:
        self.equation = equation
        self.coefficients: list[float] = []
        self.rows: dict[Side, list[Combination]] = {}
        self.outer: list[Index] = []
        self.uses: list[Use] = []
        self.products: list[Product] = []
        self._central = ("central",) * equation.ndim
        self._plan_linear(upwind, apart)
        self._plan_products()

    def _coefficient(self, value: float) -> int:
        self.coefficients.append(value)
        return len(self.coefficients) - 1

    def _row(self, combination: Combination, side: Side) -> tuple[int, int]:
        """Operator and row of a combination of derivatives; -1 for u itself."""
        if not any(combination[0][0]):
            return -1, -1
        rows = self.rows.setdefault(side, [])
        if combination not in rows:
            rows.append(combination)
        return list(self.rows).index(side), rows.index(combination)

    def _plan_linear(self, upwind: bool, apart: bool) -> None:
        groups: dict[Any, list[tuple[Index, float]]] = {}
        for number, term in enumerate(self.equation.terms):
            if term.linear:
                source, a = term.factors[0]
                side = upwind_side(a, term.coefficient) if upwind else self._central
                alone = number if apart or side != self._central else -1
                key = (term.component, source, sum(a), side, alone)
                groups.setdefault(key, []).append((a, term.coefficient))
        for (component, source, degree, side, _), terms in groups.items():
            scale = next((x for _, x in terms if x), 1.0) if degree else sum(x for _, x in terms)
            summed: dict[Index, float] = {}
            for a, x in terms:
                summed[a] = summed.get(a, 0.0) + x / scale if degree else 1.0
            # a term that is learned from 0 has its derivative all the same
            operator, row = self._row(_nonzero(summed), side)
            number = self._coefficient(scale if any(x for _, x in terms) else 0.0)
            self.uses.append(Use(component, source, number, operator, row))

    def _plan_products(self) -> None:
        for term in self.equation.terms:
            if term.linear:
                continue
            factors = tuple(
                (*self._row(((a, 1.0),), self._central), source) for source, a in term.factors
            )
            outer = -1
            if any(term.outer):
                if term.outer not in self.outer:
                    self.outer.append(term.outer)
                outer = self.outer.index(term.outer)
            number = self._coefficient(term.coefficient)
            self.products.append(Product(term.component, number, factors, outer))


def upwind_side(a: Index, coefficient: float) -> tuple[str, ...]:
    """The side of a stencil by which ∂ₜu = coefficient·∂ᵃu is upwind; central for even orders.

    Example:
        >>> from keras_pde.layers.stencil_plan import upwind_side
        >>> upwind_side((1, 0), -1.0), upwind_side((2, 0), -1.0)
        (('backward', 'central'), ('central', 'central'))
    """
    side = "forward" if coefficient > 0 else "backward"
    return tuple(side if n == 1 and sum(a) == 1 else "central" for n in a)


def _nonzero(summed: dict[Index, float]) -> Combination:
    """A combination without what is 0 in it; of nothing but 0, its first derivative."""
    found = tuple((a, x) for a, x in summed.items() if x)
    return found or ((next(iter(summed)), 1.0),)
