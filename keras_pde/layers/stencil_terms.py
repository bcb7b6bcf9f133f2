"""StencilTerms: the terms of an equation by finite differences."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.layers.components import components_of, joined, times
from keras_pde.layers.stencil_plan import StencilPlan
from keras_pde.layers.symbols import centred, sum_of, symbol_of
from keras_pde.layers.terms import Kernels, Terms
from keras_pde.operators.finite_difference import FiniteDifference
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.equations.equation import Equation
from keras_pde.schemes.integrators import fourier


class StencilTerms(Terms):
    """Lu and N(u) of a polynomial equation as sums of stencils and of products of stencils.

    Args:
        equation: the equation.
        spacing: of the points, one number an axis.
        boundary: "periodic", "neumann" or "dirichlet".
        accuracy: order of the stencils.
        upwind: one-sided first derivatives of linear terms, on the side from which waves come.
        learned: whether stencils and coefficients are learned.
        dtype: of the stencils.

    Example:
        >>> from keras_pde import equations
        >>> from keras_pde.layers.stencil_terms import StencilTerms
        >>> terms = StencilTerms(equations.heat(2, 0.5), [1.0, 1.0], "periodic", 2)
        >>> len(terms.operators), terms.coefficients
        (1, [0.5])
    """

    def __init__(
        self,
        equation: Equation,
        spacing: Sequence[float],
        boundary: str,
        accuracy: int,
        upwind: bool = False,
        learned: bool = False,
        dtype: Any = None,
    ) -> None:
        self.equation = equation
        self.plan = StencilPlan(equation, upwind, learned)
        self.coefficients = self.plan.coefficients
        self.weighs = learned

        def stencils(rows: list[Any], side: Any, name: str) -> FiniteDifference:
            return FiniteDifference(
                rows,
                accuracy,
                side=side,
                spacing=list(spacing),
                boundary=boundary,
                learned=learned,
                dtype=dtype,
                name=name,
            )

        self.inner = [
            stencils([[[list(a), x] for a, x in row] for row in rows], list(side), f"stencils_{i}")
            for i, (side, rows) in enumerate(self.plan.rows.items())
        ]
        self.outer = [
            stencils([list(a)], "central", f"outer_{i}") for i, a in enumerate(self.plan.outer)
        ]

    @property
    def operators(self) -> list[FiniteDifference]:
        """All stencils."""
        return [*self.inner, *self.outer]

    @property
    def reach(self) -> int | None:
        """Pixels that the terms look to each side."""
        inner, outer = (
            max((n // 2 for o in stencils for k in o.kernels() for n in k.shape), default=0)
            for stencils in (self.inner, self.outer)
        )
        return inner + outer

    def build(self, shape: Sequence[int | None]) -> None:
        """Create the stencils for states of a shape."""
        copies = int(shape[-1] or 0) // self.equation.components
        for operator in self.operators:
            operator.build((*shape[:-1], copies))

    # Computation

    def weights_in_use(self) -> list[Any]:
        """Those of each stencil."""
        return [None if o.fixed else o.weights_in_use() for o in self.operators]

    def evaluate(
        self, u: Tensor, coefficients: Sequence[Any], weights: Any = None, *, linear: bool = True
    ) -> Tensor:
        """Lu + N(u), or N(u) alone."""
        count, plan = self.equation.components, self.plan
        weights = [None] * len(self.operators) if weights is None else weights
        # component by component: stencils of all and then slices of them take 2.5 times as long
        states = components_of(u, count)
        rows: dict[tuple[int, int], list[Tensor]] = {}

        def of(operator: int, row: int, source: int) -> Tensor:
            if operator < 0:
                return states[source]
            if (operator, source) not in rows:
                found = self.inner[operator].separate(states[source], weights[operator])
                rows[operator, source] = found
            return rows[operator, source][row]

        sums: list[list[Tensor]] = [[] for _ in range(count)]
        for use in plan.uses if linear else ():
            value = of(use.operator, use.row, use.source)
            sums[use.component].append(times(coefficients[use.coefficient], value))
        fluxes: dict[tuple[int, int], list[Tensor]] = {}
        for product in plan.products:
            values = [of(*factor) for factor in product.factors] or [ops.ones_like(states[0])]
            value = functools.reduce(ops.multiply, values)
            value = times(coefficients[product.coefficient], value)
            if product.outer < 0:
                sums[product.component].append(value)
            else:
                fluxes.setdefault((product.outer, product.component), []).append(value)
        for (i, c), parts in fluxes.items():
            flux = functools.reduce(ops.add, parts)
            found = self.outer[i].separate(flux, weights[len(self.inner) + i])
            sums[c].append(found[0])
        return joined(
            [
                functools.reduce(ops.add, terms) if terms else ops.zeros_like(states[c])
                for c, terms in enumerate(sums)
            ]
        )

    # What is known of it

    def kernels(self, coefficients: Sequence[float]) -> Kernels:
        """The kernel of L from each source to each component, centred, of odd widths."""
        found: Kernels = {}
        for use in self.plan.uses:
            if use.operator < 0:
                kernel = np.ones((1,) * self.equation.ndim)
            else:
                kernel = centred(self.inner[use.operator].kernels()[use.row])
            key = (use.component, use.source)
            kernel = float(coefficients[use.coefficient]) * kernel
            found[key] = sum_of(found[key], kernel) if key in found else kernel
        return found

    def outer_kernels(self) -> list[np.ndarray]:
        """The kernels of the derivatives of products, centred."""
        return [centred(operator.kernels()[0]) for operator in self.outer]

    def factor_kernels(self) -> list[list[np.ndarray]]:
        """The kernels of the factors of each product, centred."""

        def kernel(operator: int, row: int) -> np.ndarray:
            if operator < 0:
                return np.ones((1,) * self.equation.ndim)
            return centred(self.inner[operator].kernels()[row])

        found = []
        for product in self.plan.products:
            alike = {factor: kernel(*factor[:2]) for factor in product.factors}
            found.append([alike[factor] for factor in product.factors])
        return found

    def symbol(self, omega: Sequence[np.ndarray], coefficients: Sequence[float]) -> np.ndarray:
        """L on e^{iω·x}: (…, components, components)."""
        count = self.equation.components
        found = np.zeros((*np.broadcast(*omega).shape, count, count), complex)
        for (c, source), kernel in self.kernels(coefficients).items():
            found[..., c, source] = symbol_of(kernel, omega)
        return found

    def multipliers(self, sizes: Sequence[Any], coefficients: Sequence[float]) -> list[list[Any]]:
        """λ(ω) on a periodic grid from each source (second) to each component; None for 0."""
        count = self.equation.components
        found: list[list[Any]] = [[None] * count for _ in range(count)]
        for (c, source), kernel in self.kernels(coefficients).items():
            found[c][source] = fourier.stencil_multipliers(kernel, sizes)
        return found
