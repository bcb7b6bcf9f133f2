r"""The functions of exponential integrators: φ₀(z) = eᶻ, φₖ₊₁(z) = (φₖ(z) − 1/k!)/z.

The quotients lose all digits near z = 0. There the Taylor series of the highest function is summed,
and the others follow by φₖ = zφₖ₊₁ + 1/k!, which loses none. A contour integral (Kassam, Trefethen
2005) would need 32 exponentials, and a circle of radius 1 passes through 0 for |z| = 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_pde.schemes.integrators.complex_pair import Complex

TERMS = 22  # of the Taylor series: what follows is below rounding for |z| < 1
SQUARINGS = 16  # of a matrix exponential whose norm, up to 10⁵, is not known on the host
HALVED = 0.5  # norm up to which the Taylor series of a matrix is summed


def phi_functions(z: Complex, highest: int) -> list[Complex]:
    """φ₀(z), ..., φₕ(z) for complex numbers, to rounding.

    Args:
        z: any complex numbers.
        highest: h, at most 3.

    Source: Cox, Matthews (J. Comput. Phys. 176, 2002); Kassam, Trefethen (SIAM J. Sci. Comput. 26,
    2005).

    Example:
        >>> from keras_pde.schemes.integrators import Complex, phi_functions
        >>> z = Complex.of(np.array([1e-9, -1.0]))
        >>> [p.real.round(6).tolist() for p in phi_functions(z, 2)]
        [[1.0, 0.367879], [1.0, 0.632121], [0.5, 0.367879]]
    """
    small = z.magnitude_squared < 1
    near, far = z.where(small, 0.0), z.where(~small if z.xp is np else z.xp.logical_not(small), 1.0)
    series = near * 0.0
    for j in reversed(range(TERMS)):
        series = series * near + 1 / math.factorial(j + highest)
    sums = [series]
    for k in reversed(range(highest)):
        sums.insert(0, sums[0] * near + 1 / math.factorial(k))
    quotients, inverse = [far.exp()], far.reciprocal()
    for k in range(highest):
        quotients.append((quotients[-1] - 1 / math.factorial(k)) * inverse)
    found = [a.where(small, b) for a, b in zip(sums, quotients, strict=True)]
    return [z.exp(), *found[1:]]


def phi_of_matrices(z: Complex, highest: int) -> list[Complex]:
    """φ₀(Z), ..., φₕ(Z) for square matrices Z, in the last two axes, by scaling and squaring.

    They are read off the exponential of one matrix that has Z in a corner (Sidje 1998). Complex
    matrices are real ones of twice the size. Matrices of tensors may have norms up to 10⁵, and lose
    five digits by the 16 squarings that are made whatever the norm.

    Example:
        >>> from keras_pde.schemes.integrators import Complex
        >>> from keras_pde.schemes.integrators.phi_functions import phi_of_matrices
        >>> turn = Complex.of(np.array([[0.0, np.pi], [-np.pi, 0.0]]))
        >>> phi_of_matrices(turn, 1)[0].real.round(6).tolist()
        [[-1.0, 0.0], [-0.0, -1.0]]
    """
    real = as_real(z)
    m, xp = int(real.shape[-1]), z.xp
    rows = [
        xp.concatenate([real] + [real * 0 + _eye(m, xp, real, k == 0) for k in range(highest)], -1)
    ]
    for j in range(highest):
        blocks = [real * 0 + _eye(m, xp, real, k == j + 1) for k in range(highest)]
        rows.append(xp.concatenate([real * 0, *blocks], -1))
    whole = _exponential(xp.concatenate(rows, -2), xp)
    return [as_complex(whole[..., :m, k * m : (k + 1) * m], xp) for k in range(highest + 1)]


def inverse_of_matrices(z: Complex) -> Complex:
    """The inverses of square matrices in the last two axes."""
    real = as_real(z)
    return as_complex(np.linalg.inv(real) if z.xp is np else z.xp.inv(real), z.xp)


def as_real(z: Complex) -> Any:
    """Complex matrices A + iB as the real ones [[A, −B], [B, A]]."""
    xp = z.xp
    upper, lower = xp.concatenate([z.real, -z.imag], -1), xp.concatenate([z.imag, z.real], -1)
    return xp.concatenate([upper, lower], -2)


def as_complex(real: Any, xp: Any) -> Complex:
    """The matrices A + iB of real ones [[A, −B], [B, A]]."""
    c = int(real.shape[-1]) // 2
    return Complex(real[..., :c, :c], real[..., c:, :c], xp)


def _eye(m: int, xp: Any, like: Any, unit: bool) -> Any:
    eye = np.eye(m) * unit
    return eye if xp is np else xp.convert_to_tensor(eye, dtype=like.dtype)


def _exponential(a: Any, xp: Any) -> Any:
    """exp(A) by its Taylor series at A/2ˢ, squared s times."""
    m, squarings = int(a.shape[-1]), SQUARINGS
    if xp is np:
        norm = float(np.abs(a).sum(axis=-1).max(initial=0.0))
        squarings = max(0, math.ceil(math.log2(norm / HALVED))) if norm > 0 else 0
    a = a * 0.5**squarings
    one = _eye(m, xp, a, True)
    # exp(A) − 1 is kept, not exp(A): beside 1 the digits of a small A would be lost
    less = a * 0
    for j in reversed(range(1, TERMS)):
        less = xp.matmul(a, one + less) / j
    for _ in range(squarings):
        less = 2 * less + xp.matmul(less, less)
    return one + less
