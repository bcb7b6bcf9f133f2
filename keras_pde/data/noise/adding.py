"""Adding Gaussian noise to pixels."""

from __future__ import annotations

import warnings

import numpy as np

from keras_pde.runtime import gate

__all__ = ["add_noise", "question"]


def question(level: float, name: str = "noise", low: float = 0.0, high: float = 1.0) -> str:
    """What to ask about a level that may be meant as a part of the range; "" where nothing is.

    Args:
        level: noise level, in 1/255 of the range.
        name: of the argument.
        low: black.
        high: white.

    Example:
        >>> from keras_pde.data.noise.adding import question
        >>> question(0.1).split(". ")[1]
        'Was 0.1 of the range meant? That is noise=25.5'
        >>> question(25.0)
        ''
    """
    if not 0 < level < 1:
        return ""
    return (
        f"{name}={level:g} is {level:g}/255 of the range ({low:g} to {high:g}), which is hardly"
        f" visible. Was {level:g} of the range meant? That is {name}={255 * level:g}"
    )


def add_noise(pixels: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """Pixels plus Gaussian noise, not clipped.

    Args:
        pixels: floats of any shape, in [0, 1].
        sigma: standard deviation in grey levels of 255, ≥ 0.
        seed: of NumPy's default generator.

    Raises:
        ValueError: pixels that are no real floats; a sigma that is no finite number ≥ 0.

    Warns:
        UserWarning: a sigma below 1, which may be meant as a part of [0, 1].

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import noise
        >>> noisy = noise.add_noise(np.full((200, 200, 1), 0.5), sigma=25)
        >>> round(255 * float(noisy.std()))
        25
    """
    values = gate.array(pixels, "pixels", finite=False).astype(np.float64)
    sigma = gate.number(sigma, "sigma", low=0)
    seed = gate.whole(seed, "seed", low=0)
    if asked := question(sigma, "sigma"):
        warnings.warn(asked, UserWarning, stacklevel=2)
    return added(values, sigma, seed)


def added(values: np.ndarray, sigma: float, seed: int, channels: int | None = None) -> np.ndarray:
    """The same for a command, which asks in its own words; with channels=1 one noise for all."""
    shape = (*values.shape[:-1], channels) if channels else values.shape
    noise = np.random.default_rng(seed).standard_normal(shape)
    return (values + sigma / 255 * noise).astype(np.float32)
