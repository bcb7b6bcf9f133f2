"""ReLU as a flux: monotone, and no function of s²."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.fluxes.flux import Flux


@keras.saving.register_keras_serializable(package="keras_pde")
class ReLU(Flux):
    """Φ = max(s, 0), g = 1 for s > 0 and 0 elsewhere.

    Monotone, L = 1, not odd, the same for every λ.

    Example:
        >>> from keras_pde import activations
        >>> [float(activations.ReLU()(np.float32(s))) for s in (-1, 2)]
        [0.0, 2.0]
    """

    key = "relu"
    rational = True
    isotropic = False
    projection = True

    def __call__(self, s: Any, contrast: Any = None) -> Any:
        """Φ(s)."""
        return ops.relu(s)

    def diffusivity_at(self, s: Any, contrast: Any = None) -> Any:
        """1 where s > 0, else 0."""
        return ops.cast(s > 0, s.dtype)

    def slope(self, s: Any, contrast: Any = None) -> Any:
        """1 where s > 0, else 0."""
        return self.diffusivity_at(ops.convert_to_tensor(s))

    def potential(self, s: Any, contrast: Any = None) -> Any:
        """max(s, 0)²/2."""
        return ops.square(ops.relu(s)) / 2
