"""SpectralTerms: the terms of an equation by derivatives in Fourier space, on periodic grids."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.certificates.amplification import Region, rectangle
from keras_pde.layers.components import components_of, joined
from keras_pde.layers.terms import Terms
from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.equations.equation import Equation
from keras_pde.schemes.equations.term import Index
from keras_pde.schemes.integrators import fourier
from keras_pde.schemes.integrators.complex_pair import Complex


class SpectralTerms(Terms):
    """Lu and N(u) of a polynomial equation by (iω/h)ᵃ, exact for trigonometric polynomials.

    Of products of d factors the waves from 2/(d + 1) of the highest frequency on are left out, of
    the factors and of the product: others would fold back into those that are kept (the rule of
    Orszag). So N is Galerkin's.

    Args:
        equation: the equation.
        spacing: of the points, one number an axis.

    Source: Orszag (J. Atmos. Sci. 28, 1971).

    Example:
        >>> from keras_pde import equations
        >>> from keras_pde.layers.spectral_terms import SpectralTerms
        >>> terms = SpectralTerms(equations.burgers(1), [0.1])
        >>> tuple(terms.evaluate(ops.ones((1, 8, 1)), terms.coefficients).shape)
        (1, 8, 1)
    """

    def __init__(self, equation: Equation, spacing: Sequence[float]) -> None:
        self.equation = equation
        self.spacing = list(spacing)
        self.coefficients = [t.coefficient for t in equation.terms]
        self.share = 2 / (equation.degree + 1)

    def power(self, a: Index, omega: Sequence[np.ndarray]) -> np.ndarray:
        """(iω/h)ᵃ for angles a point of any sign; 0 for odd orders at π."""
        size: Any = 1.0 + 0j
        for n, w, h in zip(a, omega, self.spacing, strict=True):
            if n:
                w = np.mod(w + np.pi, 2 * np.pi) - np.pi
                w = np.where(np.abs(w) > np.pi * (1 - 1e-9), 0.0, w) if n % 2 else w
                size = size * (1j * w / h) ** n
        return np.broadcast_to(size, np.broadcast(*omega).shape)

    def region(self, coefficients: Sequence[float]) -> Region:
        """A region with (iω/h)ᵃ of all linear terms of a scalar equation, by their signs."""
        low = high = height = 0.0
        for term, x in zip(self.equation.terms, coefficients, strict=True):
            if term.linear:
                a = term.factors[0][1]
                size = math.prod((math.pi / h) ** n for n, h in zip(a, self.spacing, strict=True))
                size *= abs(x)
                if sum(a) % 2:
                    height += size
                    continue
                part = math.copysign(size, x) * (1 - sum(a) % 4)
                both = any(n % 2 for n in a)  # ∂x∂y has either sign
                low += part if not any(a) else -size if both else min(part, 0.0)
                high += part if not any(a) else size if both else max(part, 0.0)
        return rectangle(low, high, height)

    def derivative(self, a: Index, sizes: Sequence[Any]) -> Complex:
        """The multipliers of ∂ᵃ."""
        return fourier.derivative_multipliers(a, sizes, self.spacing)

    def symbol(self, omega: Sequence[np.ndarray], coefficients: Sequence[float]) -> np.ndarray:
        """L on e^{iω·x}: (…, components, components)."""
        count = self.equation.components
        found = np.zeros((*np.broadcast(*omega).shape, count, count), complex)
        for term, x in zip(self.equation.terms, coefficients, strict=True):
            if term.linear:
                source, a = term.factors[0]
                found[..., term.component, source] += x * self.power(a, omega)
        return found

    def multipliers(self, sizes: Sequence[Any], coefficients: Sequence[float]) -> list[list[Any]]:
        """λ(ω) on a periodic grid from each source (second) to each component; None for 0."""
        count = self.equation.components
        found: list[list[Any]] = [[None] * count for _ in range(count)]
        for term, x in zip(self.equation.terms, coefficients, strict=True):
            if term.linear:
                source, a = term.factors[0]
                part = self.derivative(a, sizes) * x
                here = found[term.component][source]
                found[term.component][source] = part if here is None else here + part
        return found

    def evaluate(
        self, u: Tensor, coefficients: Sequence[Any], weights: Any = None, *, linear: bool = True
    ) -> Tensor:
        """Lu + N(u), or N(u) alone."""
        wide = at_least_float32(u)
        sizes = fourier.sizes_of(wide)
        spectra = [fourier.transform(c) for c in components_of(wide, self.equation.components)]
        sums: list[list[Complex]] = [[] for _ in spectra]
        if linear:
            for component, source, m, x in self._linear(sizes, coefficients):
                z = _multiplied(m, spectra[source], wide)
                sums[component].append(z if x is None else z * ops.cast(x, wide.dtype))
        kept = None if self.equation.linear else self._kept(sizes)
        factors: dict[tuple[int, Index], Tensor] = {}
        for term, x in zip(self.equation.terms, coefficients, strict=True):
            if term.linear:
                continue
            for source, a in term.factors:
                if (source, a) not in factors:
                    m = self.derivative(a, sizes) * kept
                    found = _multiplied(m, spectra[source], wide)
                    factors[source, a] = fourier.inverse(found, sizes)
            values = [factors[factor] for factor in term.factors]
            one = ops.ones_like(components_of(wide, self.equation.components)[0])
            value = functools.reduce(ops.multiply, values) if values else one
            value = ops.multiply(value, ops.cast(x, value.dtype))
            m = self.derivative(term.outer, sizes) * kept
            sums[term.component].append(_multiplied(m, fourier.transform(value), wide))
        parts = [
            fourier.inverse(functools.reduce(lambda a, b: a + b, terms), sizes)
            if terms
            else ops.zeros_like(components_of(wide, self.equation.components)[c])
            for c, terms in enumerate(sums)
        ]
        return narrow(joined(parts), u)

    def _linear(self, sizes: Sequence[Any], coefficients: Sequence[Any]) -> list[Any]:
        """Component, source, multipliers of what drives it, and the factor that is learned."""
        if all(isinstance(x, float) for x in coefficients):
            found = self.multipliers(sizes, coefficients)
            pairs = [(c, s, m) for c, row in enumerate(found) for s, m in enumerate(row)]
            return [(c, s, m, None) for c, s, m in pairs if m is not None]
        linear = [
            (t, x) for t, x in zip(self.equation.terms, coefficients, strict=True) if t.linear
        ]
        return [
            (t.component, t.factors[0][0], self.derivative(t.factors[0][1], sizes), x)
            for t, x in linear
        ]

    def _kept(self, sizes: Sequence[Any]) -> Any:
        """1 for the waves that products have, 0 for those beyond."""
        omega, xp = fourier.angles(sizes)
        kept: Any = 1.0
        for w in omega:
            inside = xp.abs(w) < math.pi * self.share * (1 - 1e-9)
            kept = kept * (inside * 1.0 if xp is np else ops.cast(inside, "float64"))
        return kept


def _multiplied(m: Complex, z: Complex, u: Tensor) -> Complex:
    """Multipliers (*modes) times the transform of a component."""
    if m.xp is np:
        real, imag = (np.asarray(part)[..., None] for part in (m.real, m.imag))
    else:
        real, imag = (part[..., None] for part in (m.real, m.imag))
    return fourier.Multiplier(Complex(real, imag, m.xp), u)(z)
