"""Certificate: what is proved about a block or a network, computed from the weights at hand.

A certificate is a subject, a list of guarantees, and what the reader must grant. Each kind of
guarantee is a file beside this one and owns its rules: `norm_stability` (S1), `lipschitz_constant`
(S2), `averagedness` (S4), `energy_descent` (S5). Further kinds join the list by `with_guarantees`.

All is said of exact arithmetic, but for networks that compute in 16 bits, whose bounds hold their
roundings: `keras_pde.certificates.rounding`. Nothing is measured on data, and nothing is reported
beyond the rules: where they end, the certificate says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from keras_pde.certificates.averagedness import Averagedness, compose_averaged
from keras_pde.certificates.energy_descent import EnergyDescent
from keras_pde.certificates.guarantee import Guarantee
from keras_pde.certificates.lipschitz_constant import LipschitzConstant
from keras_pde.certificates.norm_stability import NormStability
from keras_pde.certificates.statements import Statements
from keras_pde.runtime.bounds import times
from keras_pde.runtime.printed import rounded

__all__ = ["Certificate", "compose_averaged", "rounded"]

FOUR = (NormStability, LipschitzConstant, Averagedness, EnergyDescent)
UNSAID: Any = object()  # an argument that was not given; None is a constant of averagedness


@dataclass(frozen=True, init=False, repr=False)
class Certificate(Statements):
    """Guarantees of a map u ↦ N(u), each with its constant and its reason.

    Args:
        subject: what is certified.
        norm_gain: a with ‖N(u)‖ ≤ a‖u‖, inf where there is none (S1, or S7 for the flux that breaks
            it).
        lipschitz: l with ‖N(u) − N(v)‖ ≤ l‖u − v‖, inf where there is none (S2).
        averaged: θ in [0, 1) if N = (1 − θ)I + θR with R nonexpansive, else None (S4).
        energy_descent: whether the energy of the scheme never increases (S5).
        reasons: for "norm", "lipschitz", "averaged", "energy": the rule used, or why none applies.
        assumptions: what the reader must grant, in words; every constant and every property such as
            `norm_stable` is true under them only.
        guarantees: the list itself. Without it there are the four above; constants and reasons that
            are given take the place of those in the list.

    Raises:
        ValueError: two guarantees of one key.

    Source: Alt et al., arXiv:2103.15419 (2021) for S1; arXiv:2107.14742 for the architectures.

    Example:
        >>> import keras_pde
        >>> block = keras_pde.DiffusionBlock("forward", flux="perona_malik", step_size=0.25)
        >>> block.build((None, None, None, 1))
        >>> certificate = block.certificate()
        >>> certificate.norm_stable, certificate.lipschitz
        (True, 1.25)
        >>> [guarantee.key for guarantee in certificate.guarantees if guarantee.proved]
        ['norm', 'energy']
    """

    def __init__(
        self,
        subject: str,
        norm_gain: float = UNSAID,
        lipschitz: float = UNSAID,
        averaged: float | None = UNSAID,
        energy_descent: bool = UNSAID,
        reasons: dict[str, str] = UNSAID,
        assumptions: tuple[str, ...] = (),
        *,
        guarantees: tuple[Guarantee, ...] | None = None,
    ) -> None:
        given = {"norm": norm_gain, "lipschitz": lipschitz, "averaged": averaged}
        if energy_descent is not UNSAID:
            given["energy"] = 1.0 if energy_descent else None
        constants = {key: x for key, x in given.items() if x is not UNSAID}
        listed = tuple(kind() for kind in FOUR) if guarantees is None else tuple(guarantees)
        found = []
        for guarantee in listed:
            key = guarantee.key
            constant = constants.get(key, guarantee.constant)
            reason = guarantee.reason if reasons is UNSAID else reasons.get(key, "")
            found.append(replace(guarantee, constant=constant, reason=reason))
        keys = [guarantee.key for guarantee in found]
        if len(set(keys)) < len(keys):
            raise ValueError(
                f"A certificate states one guarantee of each kind. Received: the keys {keys}"
            )
        object.__setattr__(self, "subject", subject)
        object.__setattr__(self, "guarantees", tuple(found))
        object.__setattr__(self, "assumptions", tuple(assumptions))

    @property
    def norm_gain(self) -> float:
        """The constant a of ‖N(u)‖ ≤ a‖u‖, inf where there is none (S1), under `assumptions`."""
        return self._constant("norm", math.inf)

    @property
    def lipschitz(self) -> float:
        """l of ‖N(u) − N(v)‖ ≤ l‖u − v‖, inf where there is none (S2), under `assumptions`."""
        return self._constant("lipschitz", math.inf)

    @property
    def averaged(self) -> float | None:
        """The constant θ of averagedness, None where there is none (S4), under `assumptions`."""
        return self._constant("averaged", None)

    @property
    def energy_descent(self) -> bool:
        """Whether the energy of the scheme never increases (S5), under `assumptions`."""
        found = self.get("energy")
        return found is not None and found.proved

    @property
    def reasons(self) -> dict[str, str]:
        """The rule used by key, or why none applies, where one is said."""
        return {g.key: g.reason for g in self.guarantees if g.reason}

    @property
    def norm_stable(self) -> bool:
        """S1, under `assumptions`: ‖N(u)‖ ≤ ‖u‖."""
        return self.norm_gain <= 1

    @property
    def nonexpansive(self) -> bool:
        """S2 with constant 1, under `assumptions`: ‖N(u) − N(v)‖ ≤ ‖u − v‖."""
        return self.lipschitz <= 1

    @property
    def firmly_nonexpansive(self) -> bool:
        """S4 with θ ≤ ½, under `assumptions`: what plug-and-play ADMM needs to converge."""
        return self.averaged is not None and self.averaged <= 0.5

    def _constant(self, key: str, nothing: Any) -> Any:
        found = self.get(key)
        return nothing if found is None else found.constant

    def with_guarantees(self, *more: Guarantee) -> Self:
        """The certificate with further guarantees; one of a key that is there takes its place.

        Example:
            >>> from keras_pde import Certificate
            >>> from keras_pde.certificates.norm_stability import NormStability
            >>> Certificate("net").with_guarantees(NormStability(1.0, "no weights")).norm_stable
            True
        """
        new = {guarantee.key: guarantee for guarantee in more}
        kept = [new.pop(guarantee.key, guarantee) for guarantee in self.guarantees]
        return replace(self, guarantees=(*kept, *new.values()))

    def then(self, other: Certificate) -> Certificate:
        """Certificate of ``other`` applied after this map.

        Constants multiply, averaged maps stay averaged.

        Example:
            >>> from keras_pde import Certificate
            >>> a = Certificate("a", norm_gain=1.0, lipschitz=1.0, averaged=0.5)
            >>> round(a.then(a).averaged, 4)
            0.6667
        """
        subject, norm = f"{self.subject}, then {other.subject}", self.get("norm")
        gain = self.norm_gain + (0.0 if norm is None else norm.tolerance)

        def rule(one: Guarantee, two: Guarantee) -> Guarantee:
            return one.then(two).within(one.tolerance_then(two, gain, other.lipschitz))

        return self._joined(other, subject, rule)

    def plus(self, other: Certificate) -> Certificate:
        """Certificate of the sum u ↦ N(u) + M(u): constants add up.

        Example:
            >>> from keras_pde import Certificate
            >>> Certificate("a", lipschitz=1.0).plus(Certificate("b", lipschitz=0.5)).lipschitz
            1.5
        """
        both = f"{self.subject} + {other.subject}"
        return self._joined(
            other, both, lambda one, two: one.plus(two).within(one.tolerance + two.tolerance)
        )

    def beside(self, other: Certificate) -> Certificate:
        """Certificate of the concatenation u ↦ (N(u), M(u)): constants √(a² + b²)."""
        both = f"({self.subject}, {other.subject})"
        return self._joined(
            other,
            both,
            lambda one, two: one.beside(two).within(math.hypot(one.tolerance, two.tolerance)),
        )

    def mixed(self, other: Certificate, weight: float) -> Certificate:
        """Certificate of the mean (1 − weight) N + weight M, for a weight in [0, 1].

        Example:
            >>> from keras_pde import Certificate
            >>> a, b = Certificate("a", averaged=0.2), Certificate("b", averaged=0.6)
            >>> a.mixed(b, 0.5).averaged
            0.4
        """
        if not 0 <= weight <= 1:
            raise ValueError(f"The weight of a mean lies in [0, 1]. Received: weight={weight}")
        subject = f"a mean of {self.subject} and {other.subject}"

        def rule(one: Guarantee, two: Guarantee) -> Guarantee:
            off = times(1 - weight, one.tolerance) + times(weight, two.tolerance)
            return one.mixed(two, weight).within(off)

        return self._joined(other, subject, rule)

    def lifted(self, squared: float | None = None) -> Self:
        """Certificate of u ↦ Pᵀ N(P u) with ‖P‖² ≤ squared; without it, for an isometry P."""
        wide = 1.0 if squared is None else squared
        lifted = (g.lifted(squared).within(times(g.tolerance, wide)) for g in self.guarantees)
        return replace(self, guarantees=tuple(lifted))

    def _joined(
        self, other: Certificate, subject: str, rule: Callable[[Any, Any], Guarantee]
    ) -> Certificate:
        """Each guarantee by its own rule; one that only one of the maps states is lost."""
        found = []
        for key in dict.fromkeys(g.key for g in (*self.guarantees, *other.guarantees)):
            one, two = self.get(key), other.get(key)
            if one is not None and two is not None:
                found.append(rule(one, two))
            elif one is not None:
                found.append(one.lost(f"it is not stated about {other.subject}"))
            elif two is not None:
                found.append(two.lost(f"it is not stated about {self.subject}"))
        both = tuple(dict.fromkeys(self.assumptions + other.assumptions))
        return Certificate(subject, guarantees=tuple(found), assumptions=both)

    def as_json(self) -> dict[str, Any]:
        """Everything that is stated, for JSON: a bound that does not exist is None.

        Example:
            >>> from keras_pde import Certificate
            >>> facts = Certificate("a net", norm_gain=1.0).as_json()
            >>> facts["norm_gain"], facts["lipschitz"], facts["guarantees"][0]["title"]
            (1.0, None, 'norm stability')
        """
        constants = {
            "norm_gain": self.norm_gain,
            "lipschitz": self.lipschitz,
            "averaged": self.averaged,
        }
        return {
            "subject": self.subject,
            **{k: x if x is not None and math.isfinite(x) else None for k, x in constants.items()},
            "energy_descent": self.energy_descent,
            "tolerance": self.tolerance if math.isfinite(self.tolerance) else None,
            "reasons": self.reasons,
            "assumptions": list(self.assumptions),
            "norm_stable": self.norm_stable,
            "nonexpansive": self.nonexpansive,
            "firmly_nonexpansive": self.firmly_nonexpansive,
            "guarantees": [guarantee.as_json() for guarantee in self.guarantees],
        }
