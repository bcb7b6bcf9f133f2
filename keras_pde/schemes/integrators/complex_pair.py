"""Complex numbers as pairs of real arrays, of NumPy or of keras.ops.

Backends differ in what they know of complex tensors (Keras 3.15 multiplies two complex128 tensors
of TensorFlow to complex64), and agree on real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_pde.runtime.types import Tensor


@dataclass(frozen=True)
class Complex:
    """z = a + ib, an array of complex numbers.

    Args:
        real: a.
        imag: b, of the same shape.
        xp: what computes with the two, ``numpy`` or ``keras.ops``.

    Example:
        >>> from keras_pde.schemes.integrators import Complex
        >>> z = Complex.of(np.array([1j * np.pi]))
        >>> bool(abs(z.exp().array() + 1)[0] < 1e-15)
        True
    """

    real: Tensor
    imag: Tensor
    xp: Any = np
    __array_ufunc__ = None  # NumPy's arrays leave sums and products with a pair to it

    @classmethod
    def of(cls, z: Any) -> Complex:
        """A NumPy array of real or complex numbers as a pair in float64; a pair as it is."""
        if isinstance(z, Complex):
            return z
        z = np.asarray(z, np.complex128)
        return cls(z.real.copy(), z.imag.copy())

    def array(self) -> np.ndarray:
        """The pair as one array of NumPy's complex numbers."""
        return np.asarray(self.real) + 1j * np.asarray(self.imag)

    def map(self, function: Callable[[Tensor], Tensor]) -> Complex:
        """A linear function of real arrays, of both parts."""
        return Complex(function(self.real), function(self.imag), self.xp)

    def __add__(self, other: Any) -> Complex:
        if isinstance(other, Complex):
            return Complex(self.real + other.real, self.imag + other.imag, self.xp)
        return Complex(self.real + other, self.imag, self.xp)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Complex:
        return self + -1 * other

    def __rsub__(self, other: Any) -> Complex:
        return -1 * self + other

    def __mul__(self, other: Any) -> Complex:
        if isinstance(other, Complex):
            a, b, c, d = self.real, self.imag, other.real, other.imag
            return Complex(a * c - b * d, a * d + b * c, self.xp)
        return Complex(self.real * other, self.imag * other, self.xp)

    __rmul__ = __mul__

    @property
    def magnitude_squared(self) -> Tensor:
        """|z|²."""
        return self.real * self.real + self.imag * self.imag

    def reciprocal(self) -> Complex:
        """1/z."""
        size = self.magnitude_squared
        return Complex(self.real / size, -self.imag / size, self.xp)

    def exp(self) -> Complex:
        """The exponential of z."""
        size = self.xp.exp(self.real)
        return Complex(size * self.xp.cos(self.imag), size * self.xp.sin(self.imag), self.xp)

    def where(self, chosen: Tensor, other: Any) -> Complex:
        """z where ``chosen`` is true, elsewhere another pair or real number."""
        a, b = (other.real, other.imag) if isinstance(other, Complex) else (other, 0.0)
        where = self.xp.where
        return Complex(
            where(chosen, self.real, a + 0 * self.real),
            where(chosen, self.imag, b + 0 * self.imag),
            self.xp,
        )
