"""What follows from averagedness and from a symmetric derivative: cocoercive, proximal, a step.

These guarantees are stated where they are proved.
"""

from __future__ import annotations

from keras_pde.certificates.cocoercivity import Cocoercivity
from keras_pde.certificates.facts import BlockFacts
from keras_pde.certificates.guarantee import Guarantee
from keras_pde.certificates.plug_and_play import PlugAndPlay
from keras_pde.certificates.proximal_map import ProximalMap
from keras_pde.runtime.bounds import times

__all__ = ["further", "step_spectrum"]


def further(
    averaged: float | None, spectrum: tuple[float, float] | None = None
) -> tuple[Guarantee, ...]:
    """The guarantees that follow.

    Args:
        averaged: θ of the map, None where there is none.
        spectrum: bounds of the eigenvalues of its derivative, where that is symmetric; else None.

    Example:
        >>> from keras_pde.certificates.further import further
        >>> [guarantee.constant for guarantee in further(None, (0.0, 4.0))]
        [0.25, 0.75, 1.25]
        >>> [guarantee.key for guarantee in further(0.9)], further(None)
        (['step'], ())
    """
    found: list[Guarantee] = []
    step, why = (2.0, "averaged (C8)") if averaged is not None and averaged < 1 else (0.0, "")
    if spectrum is not None and 0 <= spectrum[0] <= spectrum[1] and 0 < spectrum[1] < float("inf"):
        rho = 1 - 1 / spectrum[1]
        reason = "the gradient of a convex function"
        found += [
            Cocoercivity(1 / spectrum[1], f"{reason} (C6)"),
            ProximalMap(rho, f"{reason} (C7)"),
        ]
        if not step:
            step, why = 2 - rho, "a proximal map (C8)"
    elif averaged is not None and averaged <= 0.5:
        found.append(Cocoercivity(1.0, "firmly nonexpansive (C6)"))
    if step:
        found.append(PlugAndPlay(step, why))
    return tuple(found)


def step_spectrum(step: BlockFacts) -> tuple[float, float] | None:
    """Bounds of the eigenvalues of an explicit step's derivative; None where it is not symmetric.

    Example:
        >>> from keras_pde.certificates.facts import BlockFacts
        >>> from keras_pde.certificates.further import step_spectrum
        >>> step_spectrum(BlockFacts(strength=0.5, slope=(-0.25, 1.0)))
        (0.5, 1.125)
    """
    if not step.potential or step.asymmetry or step.guidance or step.data:
        return None
    low, high = step.slope
    top = 1 - times(step.strength, min(0.0, low))
    return 1 - times(step.strength, max(0.0, high)), top
