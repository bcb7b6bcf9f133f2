"""The Du Fort-Frankel scheme."""

from __future__ import annotations

from dataclasses import replace

from keras_pde.schemes.lengths import _ceil, _length, _positive
from keras_pde.schemes.schedule import Schedule


def dufort_frankel(
    steps: int | None = None,
    *,
    time: float | None = None,
    max_step: float = 1.0,
    extrapolation: float = 4 / 3,
) -> Schedule:
    """Du Fort-Frankel scheme: τₖ = 1/(2α) = max_step, wₖ = w = 4τα/(1+2τα) in (0, 2).

    The physical step is τ = max_step·w/(2−w): any size is stable for a frozen A, up to a transient
    of max(1, w/(2−w)). For w ≤ 1 a varying A is stable too. The first step starts from u⁻¹ := u⁰.

    Args:
        steps: number of steps; with ``time`` alone, the least that reaches it.
        time: stopping time, met exactly by scaling the inner step.
        max_step: step-size limit 2/ρ(A), the largest stable 1/(2α).
        extrapolation: w; 4/3 doubles the explicit step.

    Raises:
        ValueError: neither steps nor time, w outside (0, 2), or a time beyond what the steps reach.

    Source: Du Fort, Frankel (1953); Alt et al., arXiv:2103.15419 (2021).

    Example:
        >>> from keras_pde import schemes
        >>> round(schemes.dufort_frankel(100).time / schemes.explicit(100).time, 2)
        1.99
    """
    _positive(max_step=max_step)
    if not 0 < extrapolation < 2:
        raise ValueError(
            f"Extrapolation weights must lie in (0, 2). Received: extrapolation={extrapolation}"
        )

    def build(n: int) -> Schedule:
        return Schedule((max_step,) * n, (extrapolation,) * n, False, n, max_step, "dufort_frankel")

    def shortest(t: float) -> int:
        n = _ceil(t / max_step * (2 - extrapolation) / extrapolation)
        while build(n).time < t * (1 - 1e-12):
            n += 1
        return n

    n, q = _length(steps, time, shortest, lambda n: build(n).time, "dufort_frankel")
    return replace(build(n), step_sizes=(q * max_step,) * n)
