"""Fitting a function of coordinates to a picture, a signal or a distance: `keras_pde.represent`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_pde.data.pixel_centres import box_of
from keras_pde.models.sinusoidal_network import SinusoidalNetwork
from keras_pde.runtime import gate
from keras_pde.runtime.interrupts import deferred
from keras_pde.tasks.represent.points import Points
from keras_pde.tasks.training.progress import Progress, Show
from keras_pde.tasks.training.stepping import Steps, together

__all__ = ["Representation", "represent"]

EVERY = 100  # steps of an epoch
COLOURS = 4  # most channels of a picture


@dataclass(frozen=True)
class Representation:
    """A function of coordinates that was fitted to data on a grid, and how well.

    Attributes:
        network: a `SinusoidalNetwork`, with its values in the unit of the data.
        error: root mean square of the differences at the grid's points, in the unit of the data.
        psnr: 20 log₁₀ 1/error in dB, of data whose white is 1.
        sizes: of the grid.

    Example:
        >>> import keras_pde
        >>> wave = np.sin(np.linspace(0, 9, 64))
        >>> found = keras_pde.represent(wave, hidden=(32, 32), steps=300)
        >>> found.render(128).shape, found.error < 0.1
        ((128,), True)
    """

    network: SinusoidalNetwork
    error: float
    sizes: tuple[int, ...]
    channels: bool  # whether the data had an axis of channels

    @property
    def psnr(self) -> float:
        """In dB, of data whose white is 1."""
        return -20 * math.log10(max(self.error, 1e-300))

    @property
    def omega(self) -> float:
        """ω of the network."""
        return self.network.omega_in_use

    def render(self, sizes: int | Sequence[int] | None = None) -> np.ndarray:
        """The function on a grid of any size, with channels if the data had some.

        Args:
            sizes: pixels along each axis; one number is that of the longest, and the others follow;
                None is the size of the data.
        """
        wanted = sizes_for(self.sizes, self.sizes if sizes is None else sizes)
        found = self.network.render(wanted)
        return found if self.channels else found[..., 0]


def sizes_for(extent: Sequence[float], sizes: int | Sequence[int]) -> tuple[int, ...]:
    """Pixels along each axis of a box; one number is that of its longest axis.

    Example:
        >>> from keras_pde.tasks.represent.representing import sizes_for
        >>> sizes_for((30, 40), 1000), sizes_for((30, 40), (5, 6))
        ((750, 1000), (5, 6))
    """
    if isinstance(sizes, list | tuple):
        return tuple(gate.count(n, "sizes") for n in sizes)
    longest = gate.count(sizes, "sizes")
    return tuple(max(1, round(longest * h / max(extent))) for h in extent)


def represent(
    values: Any,
    hidden: Sequence[int] = (128, 128, 128),
    omega: float | str = "auto",
    *,
    steps: int = 1000,
    batch_size: int = 4096,
    learning_rate: float = 5e-3,
    seed: int = 0,
    show: Show = lambda step, logs: None,
) -> Representation:
    """A function of coordinates u⁺ = sin(ω(Wx + b)), uᵏ⁺¹ = sin(Wuᵏ + b) through data on a grid.

    The mean square of the differences is minimised by Adam, with a rate that falls to zero as a
    cosine. What comes back has no grid of its own: it is evaluated, enlarged and stored as a
    network of so many weights.

    Args:
        values: a signal (length,), a picture (height, width) or (height, width, channels), or
            (depth, height, width, channels): floats in any range, or uint8 and uint16, which are
            divided by their white.
        hidden: units of each layer.
        omega: ω, or "auto", from the spectrum of the data.
        steps: of Adam.
        batch_size: points of a step.
        learning_rate: the highest.
        seed: of weights and batches.
        show: called every 20 steps and after the last, with the step and {"loss": value}, in
            units of the variance.

    Raises:
        ValueError: values that are not finite, or of another number of axes; arguments out of
            their range; a training that left the numbers.

    Example:
        >>> import keras_pde
        >>> y, x = np.mgrid[-1:1:32j, -1:1:32j]
        >>> disc = np.hypot(x, y) - 0.5  # a signed distance
        >>> found = keras_pde.represent(disc, hidden=(32, 32), steps=300)
        >>> found.render(100).shape, found.error < 0.05
        ((100, 100), True)
    """
    data = gate.array(values, "values", ranks=(1, 2, 3, 4), integers=True)
    scale = 1.0 if data.dtype.kind == "f" else float(np.iinfo(data.dtype).max)
    channels = data.ndim > 2
    grid = data.astype(np.float64) / scale
    grid = grid if channels else grid[..., None]
    if channels and grid.ndim == 3 and grid.shape[-1] > COLOURS:
        raise ValueError(
            f"values of 3 axes are a picture (height, width, channels) of at most {COLOURS}"
            f" channels; a volume is (depth, height, width, 1). Received: shape {data.shape}"
        )
    steps = gate.count(steps, "steps")
    batch_size = gate.count(batch_size, "batch_size")
    rate = gate.number(learning_rate, "learning_rate", low=0.0, low_open=True)
    keras.utils.set_random_seed(gate.whole(seed, "seed", low=0, high=2**32 - 1))
    sizes = grid.shape[:-1]
    network = SinusoidalNetwork(hidden, grid.shape[-1], omega, box_of(sizes))
    network.build((None, len(sizes)))
    network.adapt(grid)
    middle, spread = grid.mean(), grid.std() or 1.0
    fit(network, Points((grid - middle) / spread, batch_size, seed), steps, rate, show)
    head, offset = (keras.ops.convert_to_numpy(w) for w in (network.head, network.offset))
    network.head.assign(head * spread)
    network.offset.assign(offset * spread + middle)
    error = float(np.sqrt(np.mean((network.render(sizes) - grid) ** 2)))
    return Representation(network, error, sizes, channels)


def fit(
    network: SinusoidalNetwork, points: Points, steps: int, learning_rate: float, show: Show
) -> None:
    """Minimise the mean square of the differences by Adam, whose rate falls as a cosine."""
    every = min(EVERY, steps)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    network.compile(keras.optimizers.Adam(rate), "mse", steps_per_execution=together())

    def batches() -> Iterator[tuple[np.ndarray, ...]]:
        for step in range(steps):
            yield points.batch(step)

    with deferred() as check:
        network.fit(
            batches(),
            steps_per_epoch=every,
            epochs=-(-steps // every),
            verbose=0,
            shuffle=False,
            callbacks=[
                Steps(network, every, steps),
                Progress(show, every, steps, "lower learning_rate", check),
            ],
        )
