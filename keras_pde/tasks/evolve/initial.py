"""Random initial states on a periodic grid, a kind of them by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_pde.runtime.options import said
from keras_pde.tasks.evolve.grid import PeriodicGrid

__all__ = ["initial_states"]


def waves(
    grid: PeriodicGrid,
    channels: int,
    rng: np.random.Generator,
    cutoff: int = 5,
    offset: float = 0.0,
    limits: tuple[float, float] | None = None,
) -> np.ndarray:
    """Σ aₖ cos(2πk·x + φₖ) over |kᵢ| ≤ cutoff, of largest value 1: a truncated Fourier series.

    aₖ is uniform in [−1, 1], φₖ in [0, 2π]; with an offset a constant is added that is uniform in
    [−offset, offset], of the size of the waves' amplitudes. With limits the state is scaled to
    have these as its least and its largest value.

    Source: Köhler, Niedermayr, Westermann and Thuerey, APEBench, arXiv:2411.00180 (2024).
    """
    shape = (*np.broadcast_shapes(*(grid.numbers(i).shape for i in range(grid.ndim))), channels)
    series = rng.uniform(-1, 1, shape) * np.exp(1j * rng.uniform(0, 2 * np.pi, shape))
    for axis in range(grid.ndim):
        series *= (np.abs(grid.numbers(axis)) <= cutoff)[..., None]
    series[(0,) * grid.ndim] = 2 * rng.uniform(-offset, offset, channels)
    u = grid.back(series[None])[0]
    axes = tuple(range(grid.ndim))
    if limits is None:
        return np.asarray(u / np.abs(u).max(axes))
    low, high = u.min(axes), u.max(axes)
    return np.asarray(limits[0] + (limits[1] - limits[0]) * (u - low) / (high - low))


def waves_at_rest(
    grid: PeriodicGrid, channels: int, rng: np.random.Generator, cutoff: int = 5
) -> np.ndarray:
    """A truncated Fourier series in the first half of the channels, 0 in the others."""
    if channels % 2:
        raise ValueError(f"waves at rest are of an even number of channels. Received: {channels}")
    u = waves(grid, channels // 2, rng, cutoff)
    return np.concatenate([u, np.zeros_like(u)], -1)


def noise(
    grid: PeriodicGrid,
    channels: int,
    rng: np.random.Generator,
    deviation: float = 0.1,
    mean: float = 0.0,
) -> np.ndarray:
    """Gaussian noise of the lower third of the frequencies, of a mean and a standard deviation."""
    white = rng.standard_normal((1, *grid.points, channels))
    smooth = grid.back(grid.forward(white) * grid.low(1 / 3)[..., None])[0]
    axes = tuple(range(grid.ndim))
    return np.asarray(mean + deviation * (smooth - smooth.mean(axes)) / smooth.std(axes))


def seeds(
    grid: PeriodicGrid, channels: int, rng: np.random.Generator, count: int = 4, width: float = 0.08
) -> np.ndarray:
    """(1, 0) with smooth spots of (½, ¼), from which patterns grow: for two reacting species."""
    if channels != 2:
        raise ValueError(f"seeds are of 2 channels. Received: {channels}")
    outside = np.ones(grid.points)
    for _ in range(count):
        squared = np.zeros(grid.points)
        for x, side in zip(grid.places(), grid.length, strict=True):
            # a distance on the circle
            squared += (np.sin(np.pi * (x / side - rng.uniform())) / np.pi) ** 2
        outside *= 1 - np.exp(-squared / (2 * width**2))
    return np.stack([(1 + outside) / 2, (1 - outside) / 4], -1)


INITIAL: dict[str, Callable[..., np.ndarray]] = {
    "waves": waves,
    "waves_at_rest": waves_at_rest,
    "noise": noise,
    "seeds": seeds,
}


def initial_states(
    kind: str,
    grid: PeriodicGrid,
    channels: int,
    count: int,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> np.ndarray:
    r"""Random states (count, \*points, channels) of a kind, each by a generator of its own.

    Raises:
        ValueError: another kind, options that it does not have.

    Example:
        >>> from keras_pde.tasks.evolve.grid import PeriodicGrid
        >>> from keras_pde.tasks.evolve.initial import initial_states
        >>> u = initial_states("waves", PeriodicGrid((64,), (1.0,)), 1, count=3)
        >>> u.shape, round(float(np.abs(u).max()), 12)
        ((3, 64, 1), 1.0)
    """
    if kind not in INITIAL:
        raise ValueError(f"No initial states are called {said(kind)}: {', '.join(INITIAL)}.")
    try:
        found = [
            INITIAL[kind](grid, channels, np.random.default_rng([seed, i]), **(options or {}))
            for i in range(count)
        ]
    except TypeError as error:
        raise ValueError(f"The initial states {kind!r}: {error}") from None
    return np.stack(found)
