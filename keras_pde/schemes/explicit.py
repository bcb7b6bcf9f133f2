"""The explicit scheme."""

from __future__ import annotations

from keras_pde.schemes.lengths import _ceil, _length, _positive
from keras_pde.schemes.schedule import Schedule


def explicit(
    steps: int | None = None, *, time: float | None = None, max_step: float = 1.0
) -> Schedule:
    """Explicit scheme: τₖ = τ ≤ max_step, w = 1.

    Stable for a varying A as well; n steps reach n·max_step.

    Args:
        steps: number of steps n; with ``time`` alone, the least that reaches it.
        time: stopping time, met exactly by steps of time/n.
        max_step: step-size limit 2/ρ(A).

    Raises:
        ValueError: neither steps nor time, or a time beyond what n stable steps reach.

    Example:
        >>> from keras_pde import schemes
        >>> len(schemes.explicit(time=100, max_step=0.5))
        200
    """
    _positive(max_step=max_step)
    n, q = _length(steps, time, lambda t: _ceil(t / max_step), lambda n: n * max_step, "explicit")
    return Schedule((q * max_step,) * n, (1.0,) * n, False, n, max_step, "explicit")
