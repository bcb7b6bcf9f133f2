"""Certificates: what is proved about a block or a network, computed from the weights at hand.

The rules, for one step u⁺ = u − τ(β(u − f) + KᵀΦ(Ku)) with g in [g₀, g₁], Φ′ in [s₀, s₁] and an
upper bound κ ≥ ‖K‖:

* S1 norm: ‖I − τβ − τKᵀGK‖ ≤ ρ = max(|1 − τβ − τκ² min(0, g₀)|, |1 − τβ − τκ² g₁|), so ‖u⁺‖ ≤ ρ‖u‖
  + τβ‖f‖.
* S2 Lipschitz: the same with the slopes s₀, s₁; where Φ′ is only known to be within c of a
  symmetric matrix with that spectrum, plus τκ²c.
* S4 averaged: Φ monotone, τLκ² < 2: θ = τLκ²/2; θ ≤ ½ is firm nonexpansiveness. Composition:
  Combettes, Yamada (2015).
* S5 energy: τ(β + Lκ²) ≤ 2: E(u) = Σψ(Ku) + β/2‖u − f‖² decreases, by at least τ(1 − τ(β +
  Lκ²)/2)‖∇E‖².
* an extrapolated step w v + (1 − w)uᵏ⁻¹ combines the constants of v and uᵏ⁻¹ with weights |w| and
  |1 − w|.
* a cycle with one frozen (or linear) operator A is a polynomial p(A): ‖p(A)‖ ≤ sup |p| on the
  spectrum of A.

All is said of exact arithmetic, but for networks that compute in 16 bits, whose bounds hold their
roundings: `keras_pde.certificates.rounding`.

Nothing is measured on data, and nothing is reported beyond these rules: where they end, the
certificate says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Certificate:
    """Guarantees of a map u ↦ N(u), each with its constant and its reason.

    Args:
        subject: what is certified.
        norm_gain: a with ‖N(u)‖ ≤ a‖u‖, inf where there is none (S1, or S7 for the flux that breaks
            it).
        lipschitz: l with ‖N(u) − N(v)‖ ≤ l‖u − v‖, inf where there is none (S2).
        averaged: θ in (0, 1) if N = (1 − θ)I + θR with R nonexpansive, else None (S4).
        energy_descent: whether the energy of the scheme never increases (S5).
        reasons: for "norm", "lipschitz", "averaged", "energy": the rule used, or why none applies.
        assumptions: what the reader must grant, in words.

    Source: Alt et al., arXiv:2103.15419 (2021) for S1; arXiv:2107.14742 for the architectures.

    Example:
        >>> import keras_pde
        >>> block = keras_pde.DiffusionBlock("forward", flux="perona_malik", step_size=0.25)
        >>> block.build((None, None, None, 1))
        >>> certificate = block.certificate()
        >>> certificate.norm_stable, certificate.lipschitz
        (True, 1.25)
    """

    subject: str
    norm_gain: float = math.inf
    lipschitz: float = math.inf
    averaged: float | None = None
    energy_descent: bool = False
    reasons: dict[str, str] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    @property
    def norm_stable(self) -> bool:
        """S1: ‖N(u)‖ ≤ ‖u‖."""
        return self.norm_gain <= 1

    @property
    def nonexpansive(self) -> bool:
        """S2 with constant 1: ‖N(u) − N(v)‖ ≤ ‖u − v‖."""
        return self.lipschitz <= 1

    @property
    def firmly_nonexpansive(self) -> bool:
        """S4 with θ ≤ ½: what plug-and-play iterations need to converge."""
        return self.averaged is not None and self.averaged <= 0.5

    def then(self, other: Certificate) -> Certificate:
        """Certificate of ``other`` applied after this map.

        Constants multiply, averaged maps stay averaged.

        Example:
            >>> from keras_pde import Certificate
            >>> a = Certificate("a", norm_gain=1.0, lipschitz=1.0, averaged=0.5)
            >>> round(a.then(a).averaged, 4)
            0.6667
        """
        both = self.averaged is not None and other.averaged is not None
        averaged = compose_averaged([self.averaged, other.averaged]) if both else None
        reasons = {
            key: "; then ".join(
                dict.fromkeys(filter(None, (self.reasons.get(key), other.reasons.get(key))))
            )
            for key in _LINES
        }
        reasons["energy"] = "the two maps have no energy in common"
        # "no bound" on ‖N(u)‖/‖u‖ allows N(0) ≠ 0, so a first map to 0 does not help
        gain = math.inf if math.isinf(other.norm_gain) else _times(self.norm_gain, other.norm_gain)
        return Certificate(
            f"{self.subject}, then {other.subject}",
            gain,
            _times(self.lipschitz, other.lipschitz),
            averaged,
            False,
            reasons,
            tuple(dict.fromkeys(self.assumptions + other.assumptions)),
        )

    def __str__(self) -> str:
        firm = " (firmly nonexpansive)" if self.firmly_nonexpansive else ""
        values = {
            "norm": (self.norm_stable, "norm stability", f"‖N(u)‖ ≤ {rounded(self.norm_gain)}‖u‖"),
            "lipschitz": (
                self.nonexpansive,
                "nonexpansiveness",
                f"‖N(u) − N(v)‖ ≤ {rounded(self.lipschitz)}‖u − v‖",
            ),
            "averaged": (
                self.averaged is not None,
                "averagedness",
                "" if self.averaged is None else f"θ = {rounded(self.averaged)}{firm}",
            ),
            "energy": (
                self.energy_descent,
                "energy descent",
                "E(N(u)) ≤ E(u)" if self.energy_descent else "",
            ),
        }
        lines = [f"Certificate of {self.subject}"]
        for key, (holds, name, formula) in values.items():
            infinite = formula.count("inf") > 0
            formula = "no bound" if infinite else formula
            mark = "proved    " if holds else "not proved"
            lines.append(f"  {name:<17} {mark}  {formula:<30} {self.reasons.get(key, '')}".rstrip())
        lines += [f"  assuming {a}" for a in self.assumptions]
        return "\n".join(lines)


_LINES = ("norm", "lipschitz", "averaged", "energy")


def rounded(x: float, digits: int = 5, up: bool = True) -> str:
    """So many digits, rounded up (or down): a printed bound is a bound.

    Example:
        >>> from keras_pde.certificates.certificate import rounded
        >>> rounded(1.25), rounded(1 + 1e-15), rounded(4 / 9, 4, up=False)
        ('1.25', '1.0001', '0.4444')
    """
    text = f"{x:.{digits}g}"
    if not math.isfinite(x) or (float(text) >= x if up else float(text) <= x):
        return text
    unit = 10.0 ** (math.floor(math.log10(abs(x))) - digits + 1)
    return f"{x + unit if up else x - unit:.{digits}g}"


def _times(a: float, b: float) -> float:
    return 0.0 if 0 in (a, b) else a * b


def compose_averaged(constants: Sequence[float | None]) -> float | None:
    """Averagedness constant of a composition of θᵢ-averaged maps: S/(1 + S) with S = Σ θᵢ/(1−θᵢ).

    None if one is none.

    Source: Combettes, Yamada (2015).

    Example:
        >>> from keras_pde.certificates.certificate import compose_averaged
        >>> round(compose_averaged([0.5, 0.5]), 4)
        0.6667

    """
    if not constants or any(t is None or not 0 <= t < 1 for t in constants):
        return None
    total = sum(t / (1 - t) for t in constants if t is not None)
    return total / (1 + total)
