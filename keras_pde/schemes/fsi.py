"""The Fast Semi-Iterative scheme."""

from __future__ import annotations

import numpy as np

from keras_pde.schemes.fed import _cycle_length
from keras_pde.schemes.lengths import _length, _positive
from keras_pde.schemes.schedule import Schedule


def fsi(
    steps: int | None = None,
    *,
    cycles: int = 1,
    time: float | None = None,
    max_step: float = 1.0,
    frozen: bool = False,
) -> Schedule:
    """Fast Semi-Iterative scheme: τₖ = max_step, wₖ = (4k+2)/(2k+3), restarted each cycle.

    For a frozen A a cycle equals FED's, and every intermediate state is stable too, so no ordering
    is needed and A may follow the evolution. The theorem is for a frozen A.

    Args, errors: as `fed`; ``frozen`` freezes the diffusivity over a cycle, for which the theorem
    holds.

    Source: Hafner, Ochs, Weickert, Reissel, Grewenig (GCPR 2016).

    Example:
        >>> from keras_pde import schemes
        >>> a, b = schemes.fsi(10).amplification(1.3), schemes.fed(10).amplification(1.3)
        >>> bool(abs(a - b) < 1e-14)
        True
    """
    _positive(max_step=max_step, cycles=cycles)
    cycle_time = None if time is None else time / cycles
    n, q = _length(
        steps,
        cycle_time,
        lambda t: _cycle_length(t, max_step),
        lambda n: max_step * n * (n + 1) / 3,
        "fsi",
    )
    k = np.arange(n)
    w = ((4 * k + 2) / (2 * k + 3)).tolist()
    return Schedule((q * max_step,) * (n * cycles), tuple(w) * cycles, frozen, n, max_step, "fsi")
