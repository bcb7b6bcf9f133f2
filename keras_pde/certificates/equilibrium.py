"""What is proved about the equilibria of `MonotoneImplicit`, from their numbers."""

from __future__ import annotations

import math

import numpy as np

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.contraction import ROUNDING, Contraction
from keras_pde.certificates.l_infinity import LInfinity
from keras_pde.certificates.linear_layers import linear
from keras_pde.certificates.well_posedness import WellPosedness
from keras_pde.fluxes.declared import said
from keras_pde.fluxes.flux import Flux
from keras_pde.runtime.printed import rounded


def contracting_certificate(
    subject: str,
    numbers: Contraction,
    flux: Flux,
    tolerance: float,
    head: tuple[np.ndarray, np.ndarray] | None = None,
) -> Certificate:
    """Of an equilibrium that contracts the maximum norm: W1 and W2.

    Args:
        subject: what is certified.
        numbers: of the equilibrium.
        flux: Φ.
        tolerance: of solves.
        head: C and c, of u ↦ Cz + c; the identity unless given.

    Example:
        >>> from keras_pde import activations
        >>> from keras_pde.certificates.equilibrium import contracting_certificate
        >>> A = Contraction(-np.eye(2), np.eye(2), np.zeros(2), np.ones(2))
        >>> certificate = contracting_certificate("a net", A, activations.relu, 1e-5)
        >>> round(certificate["linf"].constant, 6)
        0.5
    """
    measure, influence = numbers.measure(), numbers.influence()
    posed = WellPosedness(measure, "A contracts in a weighted maximum norm (W1)")
    if influence is None:
        why = f"μ(A) ≤ {rounded(measure)} is not below 1"
        lost = linear(subject, math.inf, why).with_guarantees(LInfinity(reason=why), posed)
        return _assuming(lost, flux, tolerance)
    last, offset = (np.eye(len(influence)), numbers.bias) if head is None else head
    euclidean, largest = _norms(np.abs(last) @ influence)
    shift = np.concatenate([numbers.bias, offset])
    why = f"{'|C|' * (head is not None)}(I − ⌈A⌉)⁻¹|B| bounds changes (W2)"
    found = linear(subject, euclidean, why, shift)
    found = found.with_guarantees(LInfinity(largest, why), posed)
    return _assuming(found, flux, tolerance)


def monotone_certificate(
    subject: str,
    matrix: np.ndarray,
    inputs: np.ndarray,
    bias: np.ndarray,
    flux: Flux,
    tolerance: float,
) -> Certificate:
    """Of an equilibrium with a strongly monotone I − A: W1 and W5."""
    if not all(np.isfinite(x).all() for x in (matrix, inputs, bias)):
        measure = math.inf
    else:
        slack = 4 * len(matrix) * ROUNDING * float(np.linalg.norm(matrix))
        measure = float(np.linalg.eigvalsh((matrix + matrix.T) / 2).max()) + slack
    posed = WellPosedness(measure, "I − A is strongly monotone (W1)")
    if measure >= 1:
        why = f"μ(A) ≤ {rounded(measure)} is not below 1"
        return _assuming(linear(subject, math.inf, why).with_guarantees(posed), flux, tolerance)
    norm = float(np.linalg.norm(inputs, 2)) * (1 + 1e-12)
    why = f"‖B‖/(1 − μ(A)), ‖B‖ ≤ {rounded(norm)} (W5)"
    found = linear(subject, norm / (1 - measure), why, bias)
    return _assuming(found.with_guarantees(posed), flux, tolerance)


def _norms(influence: np.ndarray) -> tuple[float, float]:
    """The Euclidean norm and the largest row sum of a matrix, rounded up."""
    outward = 1 + 8 * sum(influence.shape) * ROUNDING
    return (
        float(np.linalg.norm(influence, 2)) * outward,
        float(influence.sum(axis=1).max()) * outward,
    )


def _assuming(certificate: Certificate, flux: Flux, tolerance: float) -> Certificate:
    """The exact solution is what is proved of, whose distance from the computed one b enters."""
    solves = (
        f"solves to the relative residual {tolerance:g} in every sample; the constants are those of"
        " the exact solution"
    )
    found = certificate.with_guarantees(
        *(g if g.key == "well_posed" else g.within(math.inf) for g in certificate.guarantees)
    )
    granted = (*said(flux, f"the flux {flux.name}"), solves, "exact arithmetic")
    return Certificate(found.subject, guarantees=found.guarantees, assumptions=granted)
