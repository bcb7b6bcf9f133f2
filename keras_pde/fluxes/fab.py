"""FAB: the flux of forward-and-backward diffusion, whose diffusivity is negative somewhere."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.fluxes.flux import Flux


@keras.saving.register_keras_serializable(package="keras_pde")
class FAB(Flux):
    """g = 2exp(−a s²/λ²) − exp(−b s²/λ²), b = ln2/(κ²−1), a = κ²b: forward-and-backward diffusion.

    g < 0 beyond λ, so the norm theorem fails (and the certificate says so).

    Args:
        contrast: λ > 0.
        kappa: κ > 1, the ratio of the two widths.

    Raises:
        ValueError: contrast ≤ 0, kappa ≤ 1.

    Source: Gilboa, Sochen, Zeevi (2002); Welk, Weickert, Gilboa (2018).

    Example:
        >>> from keras_pde import activations
        >>> flux = activations.FAB(kappa=3.0)
        >>> bool(flux.diffusivity(4.0) < 0), round(flux.mu, 2)
        (True, 1.49)
    """

    key = "fab"

    def __init__(self, contrast: float = 1.0, kappa: float = 2.0) -> None:
        super().__init__(contrast)
        if not 1 < kappa < math.inf:
            raise ValueError(
                f"The forward-and-backward flux needs a finite kappa > 1. Received: kappa={kappa}"
            )
        self.kappa = float(kappa)
        self._b = math.log(2) / (self.kappa**2 - 1)
        self._a = self.kappa**2 * self._b
        # both exponentials resolved, however far their widths lie apart
        s = np.concatenate([np.linspace(0, 6 / math.sqrt(x), 20001) for x in (self._a, self._b)])
        r = s**2
        fast, slow = np.exp(-self._a * r), np.exp(-self._b * r)
        slope = 2 * (1 - 2 * self._a * r) * fast - (1 - 2 * self._b * r) * slow
        outward = 1e-5 * self.kappa**2  # more than the grid can miss: h²/8 sup|Φ‴|
        self.diffusivity_bounds = (float((2 * fast - slow).min()) - outward, 1.0)
        self.height = float(np.abs((2 * fast - slow) * s).max()) + outward
        self.slope_bounds = (float(slope.min()) - outward, max(1.0, float(slope.max())))

    def _g(self, r: Any) -> Any:
        return 2 * ops.exp(-self._a * r) - ops.exp(-self._b * r)

    def _dg(self, r: Any) -> Any:
        return self._b * ops.exp(-self._b * r) - 2 * self._a * ops.exp(-self._a * r)

    def _psi(self, r: Any) -> Any:
        return ops.expm1(-self._b * r) / (2 * self._b) - ops.expm1(-self._a * r) / self._a

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "kappa": self.kappa}
