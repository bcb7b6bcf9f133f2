"""The certificate of a network between the transforms of a sensor's noise."""

from __future__ import annotations

import math

from keras_pde.certificates.certificate import Certificate
from keras_pde.data.noise import Sensor
from keras_pde.runtime.bounds import times

__all__ = ["composed"]


def composed(certificate: Certificate, sensor: Sensor, high: float) -> Certificate:
    r"""What is proved of y ↦ g(N(f(y))) with f and g of a sensor and N with a certificate.

    ‖g(N(f(u))) − g(N(f(v)))‖ ≤ Lip g · l · Lip f · ‖u − v‖ for the constant l of N. The transforms
    are no multiples of the identity, so norm stability, averagedness and energy do not carry over.

    Args:
        certificate: of the network.
        sensor: whose transforms are around it.
        high: the largest value of the result, up to which g is that steep.

    Example:
        >>> import keras_pde
        >>> from keras_pde.data.noise import Sensor
        >>> from keras_pde.tasks.denoise.composed import composed
        >>> tv = keras_pde.from_preset("charbonnier_explicit_2d").certificate()
        >>> whole = composed(tv, Sensor(1.0, readout=3.0), high=30.0)
        >>> tv.lipschitz, round(whole.lipschitz, 2), whole.norm_stable
        (1.0, 2.06, False)
    """
    why = "the transforms of a sensor's noise around a network change norms"
    keys = ("norm", "averaged", "energy")
    factor = sensor.lipschitz(high)
    return Certificate(
        f"{certificate.subject} between Anscombe transforms",
        norm_gain=math.inf,
        lipschitz=times(factor, certificate.lipschitz),
        averaged=None,
        energy_descent=False,
        reasons={
            **dict.fromkeys(keys, why),
            "lipschitz": f"product of that of the network and {factor:.4g} of the transforms",
        },
        assumptions=(*certificate.assumptions, f"a result of at most {high:.4g}"),
    )
