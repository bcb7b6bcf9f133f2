"""Pointwise maps: what the bounds of a slope say, and the bounds of Keras's activations."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.fluxes.declared import said
from keras_pde.fluxes.flux import Flux
from keras_pde.runtime.printed import rounded

NO_ENERGY = "no energy is known"


@dataclass(frozen=True)
class Slopes:
    """Bounds of a map φ whose derivative is symmetric, such as one that acts on each number.

    Args:
        low: inf φ′.
        high: sup φ′, or sup of the largest eigenvalue.
        gain: sup |φ(s)|/|s|; inf where φ(0) ≠ 0.
        assumptions: what must be granted for these bounds, in words.
    """

    low: float
    high: float
    gain: float = 1.0
    assumptions: tuple[str, ...] = ()

    @property
    def lipschitz(self) -> float:
        """sup |φ′|."""
        return max(abs(self.low), abs(self.high))

    def certificate(self, subject: str) -> Certificate:
        """φ is (1 − inf φ′)/2-averaged where φ′ lies in (−1, 1].

        Example:
            >>> from keras_pde.certificates.pointwise import Slopes
            >>> Slopes(0.0, 1.0).certificate("relu").averaged
            0.5
        """
        if any(map(math.isnan, (self.low, self.high, self.gain))):
            return uncertified(subject, "a bound of its slopes is NaN")
        averaged = (1 - self.low) / 2 if self.low > -1 and self.high <= 1 else None
        slopes = f"slopes in [{rounded(self.low, 4, up=False)}, {rounded(self.high, 4)}]"
        offset = "it is not 0 at 0" if math.isinf(self.gain) else slopes
        steep = slopes if averaged is not None else f"needs slopes in (−1, 1], not {slopes[10:]}"
        reasons = {"norm": offset, "lipschitz": slopes, "averaged": steep, "energy": NO_ENERGY}
        return Certificate(
            subject, self.gain, self.lipschitz, averaged, False, reasons, self.assumptions
        )


SELU = 1.7580993408473769  # scale times alpha
ZERO_TO_ONE = Slopes(0.0, 1.0)
# slopes beyond [0, 1] are rounded outward
ACTIVATIONS: dict[Callable[..., Any], Slopes] = {
    keras.activations.linear: Slopes(1.0, 1.0),
    keras.activations.relu: ZERO_TO_ONE,
    keras.activations.relu6: ZERO_TO_ONE,
    keras.activations.leaky_relu: Slopes(0.2, 1.0),
    keras.activations.elu: ZERO_TO_ONE,
    keras.activations.celu: ZERO_TO_ONE,
    keras.activations.selu: Slopes(0.0, SELU, SELU),
    keras.activations.softplus: Slopes(0.0, 1.0, math.inf),
    keras.activations.softsign: ZERO_TO_ONE,
    keras.activations.tanh: ZERO_TO_ONE,
    keras.activations.hard_tanh: ZERO_TO_ONE,
    keras.activations.tanh_shrink: ZERO_TO_ONE,
    keras.activations.soft_shrink: ZERO_TO_ONE,
    keras.activations.sigmoid: Slopes(0.0, 0.25, math.inf),
    keras.activations.hard_sigmoid: Slopes(0.0, 1 / 6, math.inf),
    keras.activations.log_sigmoid: Slopes(0.0, 1.0, math.inf),
    keras.activations.silu: Slopes(-0.09985, 1.09985),
    keras.activations.hard_silu: Slopes(-0.5, 1.5),
    keras.activations.gelu: Slopes(-0.12905, 1.12905),
    keras.activations.mish: Slopes(-0.1132, 1.0886),
    # Jacobian diag(p) − ppᵀ, whose row sums of absolute values are 2p(1 − p) ≤ ½
    keras.activations.softmax: Slopes(0.0, 0.5, math.inf),
}


def activation_slopes(function: Any) -> Slopes | None:
    """Bounds of an activation, a flux of this library among them; None where none are known."""
    if isinstance(function, Flux):
        gain = max(map(abs, function.diffusivity_bounds))
        return Slopes(*function.slope_bounds, gain, said(function, f"the flux {function.name}"))
    return ACTIVATIONS.get(function)


def activation_name(function: Any) -> str:
    """A name for messages."""
    if isinstance(function, Flux):
        return function.name
    named = isinstance(function, types.FunctionType)
    return str(function.__name__ if named else type(function).__name__)
