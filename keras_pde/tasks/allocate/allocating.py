"""Powers of interfering links by a trained network: `keras_pde.allocate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_pde.runtime import gate
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.allocate.interference import observed, sum_rate

__all__ = ["Allocation", "allocate"]


@dataclass(frozen=True)
class Allocation:
    """Powers of links, and what they send together.

    Attributes:
        powers: in [0, 1], (n,) or (networks, n).
        rate: Σ log₂(1 + SINR) in bits, a number or one for each network.
        full: the same at full power.

    Example:
        >>> import keras_pde
        >>> apart = 50 * np.eye(4)
        >>> found = keras_pde.allocate(apart)
        >>> found.powers.shape, bool(found.rate <= found.full + 1e-9)  # nothing interferes
        ((4,), True)
    """

    powers: np.ndarray
    rate: np.ndarray
    full: np.ndarray


def allocate(gains: Any, preset: Any = "power_control_graph", *, noise: float = 1.0) -> Allocation:
    """Powers p in [0, 1] of links by which Σᵢ log₂(1 + gᵢᵢpᵢ/(noise + Σⱼgᵢⱼpⱼ)) is large.

    Args:
        gains: (n, n), or (networks, n, n), numbers ≥ 0: g[i, j] from transmitter j to receiver i at
            full power.
        preset: a name of `keras_pde.list_presets(task="allocate")`, a directory, or a network.
        noise: > 0, the power of the noise at each receiver.

    Raises:
        ValueError: gains that are not square, or negative, or not finite; another network.

    Example:
        >>> import keras_pde
        >>> gains = np.random.default_rng(0).exponential(size=(30, 30)) + 20 * np.eye(30)
        >>> found = keras_pde.allocate(gains)
        >>> bool(found.rate > found.full), bool((found.powers <= 1).all())
        (True, True)
    """
    network = tasks.get("allocate").network_of(preset)
    noise = gate.number(noise, "noise", low=0, low_open=True)
    values = np.asarray(gains, np.float64) / noise
    several = values.ndim == 3
    if values.ndim not in (2, 3) or values.shape[-1] != values.shape[-2] or not values.size:
        raise ValueError(
            f"gains must be (n, n) or (networks, n, n). Received: shape {values.shape}"
        )
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError("gains must be finite numbers >= 0. Received: others among them")
    batch = values if several else values[None]
    powers = powers_of(network, batch)
    rates = sum_rate(batch, powers), sum_rate(batch, np.ones_like(powers))
    if several:
        return Allocation(powers, *rates)
    return Allocation(powers[0], rates[0][0], rates[1][0])


def powers_of(network: Any, gains: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """A network's decisions for gains in units of the noise, (networks, n), in float64."""
    found = network.predict(list(observed(gains)), batch_size=batch_size, verbose=0)
    return np.asarray(found, np.float64)[..., 0]
