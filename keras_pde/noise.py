"""Noise levels: adding noise, removing it at a level a filter was not tuned for, and measuring what remains.

A filter of the zoo is tuned for Gaussian noise of 25 grey levels of 255. Noise of another level σ is brought to that level by
u ↦ (σ/25)·N(25u/σ): the contrast of a flux stays the same multiple of the noise. Only the stopping time depends on how
strong the image is against its noise; the zoo's index holds tuned ones, between which it is interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Quality", "add_noise", "check_fit", "choose_preset", "denoise", "diagnose", "quality", "retime", "stopping_time"]

REFERENCE = 25.0
MAX_STEPS = 500


class Quality(NamedTuple):
    """PSNR in dB, and SSIM in [-1, 1] (None for images smaller than its 7×7 window).

    Example:
        >>> from keras_pde.noise import Quality
        >>> Quality(psnr=28.7, ssim=0.75).psnr
        28.7
    """

    psnr: float
    ssim: float | None


def add_noise(pixels: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """Pixels plus Gaussian noise, not clipped.

    Args:
        pixels: any shape, in [0, 1].
        sigma: standard deviation in grey levels of 255.
        seed: of NumPy's default generator.

    Example:
        >>> import numpy as np
        >>> from keras_pde import noise
        >>> noisy = noise.add_noise(np.full((200, 200, 1), 0.5), sigma=25)
        >>> round(255 * float(noisy.std()))
        25
    """
    values = np.asarray(pixels, dtype=np.float64)
    return (values + sigma / 255 * np.random.default_rng(seed).standard_normal(values.shape)).astype(np.float32)


def stopping_time(table: Mapping[str, float], sigma: float) -> float:
    """Stopping time for noise of sigma grey levels: linear in log-log between the table's levels, constant outside.

    Example:
        >>> from keras_pde import noise
        >>> round(noise.stopping_time({"10": 1.0, "40": 4.0}, 20.0), 9), noise.stopping_time({"10": 1.0, "40": 4.0}, 90.0)
        (2.0, 4.0)
    """
    levels = sorted(table, key=float)
    times = [table[level] for level in levels]
    return float(np.exp(np.interp(math.log(sigma), np.log([float(level) for level in levels]), np.log(times)))) if sigma else times[0]


def choose_preset(entries: Mapping[str, Mapping[str, Any]], channels: int) -> str:
    """Name of the best preset for an image: certified, two-dimensional, for as many channels, of the highest metric.

    Raises:
        ValueError: there is none.

    Example:
        >>> from keras_pde import noise, presets
        >>> presets.index()[noise.choose_preset(presets.index(), channels=3)]["channels"]
        3
    """
    fit = [
        name
        for name, entry in entries.items()
        if entry["task"] == "denoise" and entry["ndim"] == 2 and entry["channels"] == channels and entry["certified"] != "no"
    ]
    if not fit:
        raise ValueError(f"The zoo has no certified 2-D denoising preset for {channels} channels. Name one with --preset.")
    return max(fit, key=lambda name: float(entries[name]["metric"]["value"]))


def retime(model: Any, time: float) -> Any:
    """The model with another stopping time, or itself if it has that time already.

    Raises:
        ValueError: a time that needs more than 500 steps, blocks with weights of their own.

    Example:
        >>> import keras_pde
        >>> from keras_pde import noise
        >>> model = keras_pde.from_preset("linear_2d")
        >>> noise.retime(model, model.time) is model
        True
    """
    if not hasattr(model, "with_time"):
        raise ValueError(f"{type(model).__name__} has no stopping time to change")
    if math.isclose(time, model.time, rel_tol=1e-6):
        return model
    steps = model.steps_for(time)  # before the model is made: its schedule alone can take minutes
    if steps > MAX_STEPS:
        raise ValueError(
            f"Stopping time {time:g} needs about {steps:.0f} steps and the limit is {MAX_STEPS}. The filter's own time is {model.time:.4g}."
        )
    return model.with_time(time)


def denoise(model: Any, pixels: np.ndarray, sigma: float = REFERENCE) -> np.ndarray:
    """The image with noise of sigma grey levels removed by a 2-D model tuned for 25.

    A model for one channel filters each channel of a colour image by itself. A noise-conditioned model is told the level
    instead of being given a scaled image.

    Args:
        model: of `keras_pde.from_preset`, at the stopping time for sigma.
        pixels: (height, width, channels), black 0 and white 1, noise beyond that not clipped.
        sigma: noise level of the pixels, in grey levels of 255.

    Returns:
        Denoised pixels, float32, not clipped.

    Raises:
        ValueError: a model for another dimension or number of channels; an image smaller than its operator; values that
            are not finite.

    Example:
        >>> import numpy as np
        >>> import keras_pde
        >>> from keras_pde import noise
        >>> noisy = noise.add_noise(np.full((32, 32, 1), 0.5), sigma=15)
        >>> clean = noise.denoise(keras_pde.from_preset("truncated_tv_2d"), noisy, sigma=15)
        >>> bool(clean.std() < noisy.std() / 4)
        True
    """
    from keras_pde.runtime import run_compiled

    inputs, factor = _inputs(model, pixels, sigma)
    result = run_compiled(model, inputs) / factor
    result = np.moveaxis(result[..., 0], 0, -1) if model.input_channels == 1 else result[0]
    return np.ascontiguousarray(result, dtype=np.float32)


def diagnose(model: Any, pixels: np.ndarray, sigma: float = REFERENCE) -> Any:
    """What the solvers of an implicit model do in `denoise`: a `Diagnosis`, or None for a model without solvers.

    Example:
        >>> import keras_pde
        >>> from keras_pde import noise
        >>> net = keras_pde.ImplicitRecurrent(1, block=keras_pde.ImplicitDiffusion("forward", step_size=5.0))
        >>> net.build((None, None, None, 1))
        >>> noise.diagnose(net, np.eye(16, dtype="float32")[..., None]).all_converged
        True
    """
    if not hasattr(model, "diagnose"):
        return None
    return model.diagnose(_inputs(model, pixels, sigma)[0])


def _inputs(model: Any, pixels: np.ndarray, sigma: float) -> tuple[Any, np.float32]:
    """A model's input for an image, and the factor it was scaled by; channels as a batch for a model of one."""
    values = np.asarray(pixels, dtype=np.float32)
    check_fit(model, values.shape)
    if not np.isfinite(values).all():
        raise ValueError("The image to denoise holds NaN or infinite values. Replace them by numbers first.")
    batch = np.moveaxis(values, -1, 0)[..., None] if model.input_channels == 1 else values[None]
    if model.noise_conditioned:
        return [batch, np.full(len(batch), sigma / 255, np.float32)], np.float32(1)
    factor = np.float32(REFERENCE / sigma)
    return batch * factor, factor


def check_fit(model: Any, shape: tuple[int, ...]) -> None:
    """Refuse what a model cannot filter.

    Args:
        model: of `keras_pde.from_preset`.
        shape: (height, width, channels) of the pixels.

    Raises:
        ValueError: a model for another dimension or number of channels, an image smaller than its operator.

    Example:
        >>> import keras_pde
        >>> from keras_pde import noise
        >>> noise.check_fit(keras_pde.from_preset("linear_1d"), (32, 32, 1))
        Traceback (most recent call last):
        ...
        ValueError: The preset filters 1-D data, and an image is 2-D: choose one whose name ends in _2d or _color
    """
    if not hasattr(model, "blocks"):
        raise ValueError(f"The preset is a {type(model).__name__}, and no denoiser. keras-pde list --task denoise shows those.")
    operator = model.blocks[0].operator
    if operator.ndim != 2:
        raise ValueError(f"The preset filters {operator.ndim}-D data, and an image is 2-D: choose one whose name ends in _2d or _color")
    if model.input_channels not in (1, shape[-1]):
        mismatch = f"The preset is for {model.input_channels} channels and the image has {shape[-1]}"
        raise ValueError(f"{mismatch}: choose a preset for grey images, such as truncated_tv_2d")
    if min(shape[:2]) < operator.smallest_size:
        raise ValueError(f"The image is {shape[1]} × {shape[0]} pixels, and the preset's operator needs at least {operator.smallest_size} each way")


def quality(clean: np.ndarray, image: np.ndarray) -> Quality:
    """PSNR and SSIM of an image against the clean one, by scikit-image with its defaults, peak 255.

    Args:
        clean: (height, width, channels), in [0, 1].
        image: as clean, compared as it is: clip a result first.

    Example:
        >>> import numpy as np
        >>> from keras_pde import noise
        >>> q = noise.quality(np.zeros((8, 8, 1)), np.full((8, 8, 1), 0.1))
        >>> round(q.psnr, 6)
        20.0
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    a, b = (255 * np.asarray(x, dtype=np.float64) for x in (clean, image))
    with np.errstate(divide="ignore"):  # equal images have infinite PSNR
        psnr = float(peak_signal_noise_ratio(a, b, data_range=255))
    ssim = float(structural_similarity(a, b, data_range=255, channel_axis=-1)) if min(a.shape[:2]) >= 7 else None
    return Quality(psnr, ssim)
