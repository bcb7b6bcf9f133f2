"""A filter at a noise level: which preset, which stopping time, and what the network is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

REFERENCE = 25.0


def stopping_time(table: Mapping[str, float], sigma: float) -> float:
    """Stopping time for noise of sigma grey levels.

    Linear in log-log between the table's levels, constant outside.

    Example:
        >>> from keras_pde.data import noise
        >>> from keras_pde.tasks.denoise import levels as levels_of
        >>> round(levels_of.stopping_time({"10": 1.0, "40": 4.0}, 20.0), 9), levels_of.stopping_time({"10": 1.0, "40": 4.0}, 90.0)
        (2.0, 4.0)
    """
    levels = sorted(table, key=float)
    times = [table[level] for level in levels]
    return (
        float(
            np.exp(
                np.interp(
                    math.log(sigma), np.log([float(level) for level in levels]), np.log(times)
                )
            )
        )
        if sigma
        else times[0]
    )


def choose_preset(
    entries: Mapping[str, Mapping[str, Any]], channels: int, sigma: float | None = None
) -> str:
    """Name of the best preset for an image: certified, two-dimensional, for as many channels.

    Best by an entry's "psnr", decibels by noise level ({"15": 33.1, "25": ...}), at the level
    nearest to sigma on a logarithmic scale; where no entry has it, by the highest metric.

    Args:
        entries: the zoo's index.
        channels: of the image, 1 or 3.
        sigma: noise level in grey levels of 255; 25 by default.

    Raises:
        ValueError: there is none.

    Example:
        >>> from keras_pde.data import noise
        >>> from keras_pde.tasks.denoise import levels as levels_of
        >>> from keras_pde import presets
        >>> presets.index()[levels_of.choose_preset(presets.index(), channels=3)]["channels"]
        3
    """
    fit = {
        name: entry
        for name, entry in entries.items()
        if entry["task"] == "denoise"
        and entry["ndim"] == 2
        and entry["channels"] == channels
        and entry["certified"] != "no"
    }
    if not fit:
        raise ValueError(
            f"The zoo has no certified 2-D denoising preset for {channels} channels. Name one with"
            " --preset."
        )
    levels = {level for entry in fit.values() for level in entry.get("psnr") or ()}
    if not levels:
        return max(fit, key=lambda name: float(fit[name]["metric"]["value"]))
    nearest = min(levels, key=lambda level: abs(math.log(float(level) / (sigma or REFERENCE))))
    return max(fit, key=lambda name: float((fit[name].get("psnr") or {}).get(nearest, -math.inf)))


def denoise(model: Any, pixels: np.ndarray, sigma: float = REFERENCE) -> np.ndarray:
    """The image with noise of sigma grey levels removed by a 2-D model tuned for 25.

    A model for one channel filters each channel of a colour image by itself. A noise-conditioned
    model is told the level instead of being given a scaled image.

    Args:
        model: of `keras_pde.from_preset`, at the stopping time for sigma.
        pixels: (height, width, channels), black 0 and white 1, noise beyond that not clipped.
        sigma: noise level of the pixels, in grey levels of 255.

    Returns:
        Denoised pixels, float32, not clipped.

    Raises:
        ValueError: a model for another dimension or number of channels; an image smaller than its
            operator; values that are not finite.

    Example:
        >>> import numpy as np
        >>> import keras_pde
        >>> from keras_pde.data import noise
        >>> from keras_pde.tasks.denoise import levels as levels_of
        >>> noisy = noise.add_noise(np.full((32, 32, 1), 0.5), sigma=15)
        >>> clean = levels_of.denoise(keras_pde.from_preset("truncated_tv_2d"), noisy, sigma=15)
        >>> bool(clean.std() < noisy.std() / 4)
        True
    """
    from keras_pde.runtime.compiling import run_compiled

    check_fit(model, np.shape(pixels))
    return as_image(model, run_compiled(model, model_inputs(model, pixels, sigma)), sigma)


def model_inputs(model: Any, pixels: np.ndarray, sigma: float) -> Any:
    """A model's input for an image with noise of sigma: brought to the level 25, or with the level.

    Channels as a batch for a model of one.

    Raises:
        ValueError: values that are not finite.
    """
    values = np.asarray(pixels, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError(
            "The image to denoise holds NaN or infinite values. Replace them by numbers first."
        )
    batch = np.moveaxis(values, -1, 0)[..., None] if model.input_channels == 1 else values[None]
    return (
        [batch, np.full(len(batch), sigma / 255, np.float32)]
        if model.noise_conditioned
        else batch * np.float32(REFERENCE / sigma)
    )


def as_image(model: Any, output: np.ndarray, sigma: float) -> np.ndarray:
    """The denoised image of a model's output: what `model_inputs` did, undone."""
    result = np.moveaxis(output[..., 0], 0, -1) if model.input_channels == 1 else output[0]
    factor = np.float32(1 if model.noise_conditioned else REFERENCE / sigma)
    return np.ascontiguousarray(result / factor, dtype=np.float32)


def check_fit(model: Any, shape: tuple[int, ...]) -> None:
    """Refuse what a model cannot filter.

    Args:
        model: of `keras_pde.from_preset`.
        shape: (height, width, channels) of the pixels.

    Raises:
        ValueError: a model for another dimension or number of channels, an image smaller than its
            operator.

    Example:
        >>> import keras_pde
        >>> from keras_pde.data import noise
        >>> from keras_pde.tasks.denoise import levels as levels_of
        >>> levels_of.check_fit(keras_pde.from_preset("linear_1d"), (32, 32, 1))
        Traceback (most recent call last):
        ...
        ValueError: The preset filters 1-D data, and an image is 2-D: choose one whose name ends in _2d or _color
    """
    if not getattr(model, "denoises", False):
        raise ValueError(
            f"The preset is a {type(model).__name__}, and no denoiser. keras-pde list --task"
            " denoise shows those."
        )
    if model.ndim != 2:
        raise ValueError(
            f"The preset filters {model.ndim}-D data, and an image is 2-D: choose one whose name"
            " ends in _2d or _color"
        )
    if model.input_channels not in (1, shape[-1]):
        mismatch = (
            f"The preset is for {model.input_channels} channels and the image has {shape[-1]}"
        )
        raise ValueError(f"{mismatch}: choose a preset for grey images, such as truncated_tv_2d")
    if min(shape[:2]) < model.smallest_size:
        raise ValueError(
            f"The image is {shape[1]} × {shape[0]} pixels, and the preset's operator needs at least"
            f" {model.smallest_size} each way"
        )
