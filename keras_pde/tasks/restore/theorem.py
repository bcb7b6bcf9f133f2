"""What is proved about an iteration of plug and play, from a certificate, a step and a norm.

Both iterations have the fixed points u = N(u − γAᵀ(Au − y)). Where N is the proximal map of a
convex function g, these are the minimisers of γ/2‖Au − y‖² + g(u).

* "pgd", u ← N(u − γAᵀ(Au − y)): for a θ-averaged N and γ < 2/‖A‖² an averaged map (R1).
  For N = prox φ with a ρ-weakly convex φ, and γ‖A‖² < 2 − ρ, it lowers γ/2‖Au − y‖² + φ(u) (C8).
* "admm", x = (I + γAᵀA)⁻¹(z + γAᵀy), z ← z + N(2x − z) − x: for a firmly nonexpansive N and every
  γ > 0 a firmly nonexpansive map (R2).
"""

from __future__ import annotations

from dataclasses import dataclass

from keras_pde.certificates.averagedness import compose_averaged
from keras_pde.certificates.certificate import Certificate
from keras_pde.runtime.printed import rounded

__all__ = ["Conclusion", "conclude", "longest_step"]

METHODS = ("pgd", "admm")
MAPS = {"pgd": "u ↦ N(u − γAᵀ(Au − y))", "admm": "z ↦ z + N(2x − z) − x"}


@dataclass(frozen=True)
class Conclusion:
    """Whether the iteration is proved to converge, with the constant, the reasons, the assumptions.

    Args:
        method: "pgd" or "admm".
        averaged: the constant of averagedness of the iteration's map; None where none is proved.
        margin: δ. A step that is computed differs from the exact one by δ times the size of what N
            is given, for solves of an implicit N stop at a tolerance.
        descent: d > 0, where N is a proximal map and the objective falls by d/2‖u⁺ − u‖² at least;
            None where that is not proved, or the map is averaged, which says more.
        missing: what the theorem would need, each in words; empty where it applies.
        assumptions: under which the conclusion holds.

    Example:
        >>> from keras_pde.tasks.restore import Conclusion
        >>> Conclusion("pgd", 0.9).proved, Conclusion("pgd", None, missing=("a norm",)).proved
        (True, False)
    """

    method: str
    averaged: float | None
    margin: float = 0.0
    descent: float | None = None
    missing: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether the theorem applies."""
        return self.averaged is not None or self.descent is not None

    def summary(self) -> str:
        """What is proved in a sentence, or what the theorem lacks."""
        if not self.proved:
            return f"nothing about the iteration: {'; '.join(self.missing)}"
        off = (
            f", but for {rounded(self.margin, 2)}‖v‖ a step, v what N is given, as its solves stop"
            if self.margin
            else ""
        )
        given = f"; assuming {', '.join(self.assumptions)}" if self.assumptions else ""
        if self.averaged is None:
            fall = f"{rounded((self.descent or 0.0) / 2, up=False)}‖u⁺ − u‖²"
            return (
                f"{MAPS[self.method]} lowers γ/2‖Au − y‖² + φ(u), N = prox φ, by {fall} at least:"
                f" changes tend to 0 if φ is bounded from below{off}{given}"
            )
        return (
            f"{MAPS[self.method]} is averaged (θ = {rounded(self.averaged)}): the iterates converge"
            f" to a fixed point if there is one, and no change is larger than the one before{off}"
            f"{given}"
        )

    def __str__(self) -> str:
        return self.summary()


def conclude(
    certificate: Certificate,
    method: str,
    step: float,
    norm: float | None,
    exact: bool = True,
) -> Conclusion:
    """The conclusion for a denoiser's certificate.

    Args:
        certificate: of N.
        method: "pgd" or "admm".
        step: γ > 0.
        norm: an upper bound of ‖A‖; None where none is known.
        exact: whether N is computed as the certificate says, and not in tiles that change it.

    Example:
        >>> from keras_pde import Certificate
        >>> from keras_pde.tasks.restore.theorem import conclude
        >>> firm = Certificate("a denoiser", averaged=0.5)
        >>> round(conclude(firm, "pgd", step=1.0, norm=1.0).averaged, 4)
        0.6667
        >>> conclude(firm, "pgd", step=2.5, norm=1.0).missing
        ('the step 2.5 is not below 2/‖A‖² = 2',)
    """
    theta, missing = certificate.averaged, []
    most = longest_step(certificate)
    if theta is None and (most is None or method == "admm"):
        reason = certificate.reasons.get("averaged", "it is not stated")
        missing.append(f"{certificate.subject} is not proved to be averaged ({reason})")
    elif method == "admm" and theta is not None and theta > 0.5:
        missing.append(
            f"{certificate.subject} is averaged with θ = {rounded(theta)} only, and ADMM needs a"
            " firmly nonexpansive map, θ ≤ 0.5; 'pgd' does not"
        )
    if not exact:
        missing.append("the image is denoised in tiles, which change the result near their seams")
    if method == "pgd" and norm is None:
        missing.append("no upper bound of ‖A‖ is known; state norm=, or use 'admm'")
    elif method == "pgd" and norm is not None and most is not None and step * norm**2 >= most:
        missing.append(f"the step {step:g} is not below {most:.4g}/‖A‖² = {most / norm**2:.6g}")
    if missing:
        return Conclusion(method, None, missing=tuple(missing))
    stated = certificate.get("step" if theta is None else "averaged")
    margin = 0.0 if stated is None else stated.tolerance
    alpha: float | None = 0.5 if method == "admm" else None
    descent: float | None = None
    if method == "pgd" and norm is not None and most is not None:
        alpha = compose_averaged([step * norm**2 / 2, theta])
        descent = most - step * norm**2 if alpha is None else None
    return Conclusion(method, alpha, margin, descent, assumptions=certificate.assumptions)


def longest_step(certificate: Certificate) -> float | None:
    """The t for which γ‖A‖² < t lets the proximal gradient iteration converge; None for none.

    It is 2 for an averaged map, and 2 − ρ for the proximal map of a ρ-weakly convex function, where
    the certificate has it under "step".

    Example:
        >>> from keras_pde import Certificate
        >>> from keras_pde.tasks.restore.theorem import longest_step
        >>> longest_step(Certificate("N", averaged=0.9)), longest_step(Certificate("N"))
        (2.0, None)
    """
    if certificate.averaged is not None:
        return 2.0
    found = certificate.get("step")
    return found.constant if found is not None and found.proved else None
