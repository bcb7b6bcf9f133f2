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

__all__ = ["Quality", "add_noise", "check_fit", "choose_preset", "denoise", "estimate", "quality", "retime", "stopping_time"]

REFERENCE = 25.0
MAX_STEPS = 500
DAUBECHIES = (-0.12940952255092145, -0.22414386804185735, 0.836516303737469, -0.48296291314469025)


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


def estimate(pixels: np.ndarray) -> float:
    """Standard deviation of white Gaussian noise in an image, in grey levels of 255: median(|d|)/0.6745 of its finest diagonal details d.

    d are the wavelet coefficients of Daubechies' filter of length 4 in both directions, which vanish where the image is bilinear; those
    that are 0, or reach pixels at black or white exactly, where noise is clipped, are left out. Channels are averaged in the square. Of
    large images 4 million values are looked at. Fine texture counts as noise: clean photographs give 0.4 to 2.3, a lawn 11; noise of 10 to
    25 is found to 17 % of it, of 50 to 8 %, in six photographs of scikit-image, the error being mostly too high.

    Args:
        pixels: (height, width, channels); floats with black 0 and white 1, or integers with white at their type's maximum.

    Returns:
        The level; 0 for images without details, such as flat ones and those less than 4 pixels wide.

    Source: Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage" (1994).

    Example:
        >>> import numpy as np
        >>> from keras_pde import noise
        >>> round(noise.estimate(noise.add_noise(np.full((200, 200, 1), 0.5), sigma=25)))
        25
    """
    pieces = -(-pixels.size // (1 << 22))
    bands = [pixels] if pieces == 1 else [pixels[start : start + 64] for start in range(0, len(pixels), 64 * pieces)]
    levels = []
    for channel in range(pixels.shape[-1]):
        details, clean = (np.concatenate(parts) for parts in zip(*[_details(band[..., channel]) for band in bands], strict=True))
        kept = details[clean] if clean.sum() > clean.size / 20 else details
        kept = kept[kept > 0]
        levels.append(np.median(kept) / 0.6744897501960817 if kept.size else 0.0)
    return 255 * float(np.sqrt(np.mean(np.square(levels))))


def _details(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of the finest diagonal wavelet coefficients of one channel, and whether none of their pixels is clipped."""
    peak = np.iinfo(plane.dtype).max if np.issubdtype(plane.dtype, np.integer) else 1
    values, clipped = plane / np.float64(peak), (plane == 0) | (plane == peak)
    for _ in range(2):
        count = max(len(values) - 3, 0)
        values = sum((h * values[i : i + count : 2] for i, h in enumerate(DAUBECHIES)), np.zeros(())).T
        clipped = np.logical_or.reduce([clipped[i : i + count : 2] for i in range(4)]).T
    return np.abs(values).ravel(), ~clipped.ravel()


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


def choose_preset(entries: Mapping[str, Mapping[str, Any]], channels: int, sigma: float | None = None) -> str:
    """Name of the best preset for an image: certified, two-dimensional, for as many channels.

    Best by an entry's "psnr", decibels by noise level ({"15": 33.1, "25": ...}), at the level nearest to sigma on a logarithmic scale;
    where no entry has it, by the highest metric.

    Args:
        entries: the zoo's index.
        channels: of the image, 1 or 3.
        sigma: noise level in grey levels of 255; 25 by default.

    Raises:
        ValueError: there is none.

    Example:
        >>> from keras_pde import noise, presets
        >>> presets.index()[noise.choose_preset(presets.index(), channels=3)]["channels"]
        3
    """
    fit = {
        name: entry
        for name, entry in entries.items()
        if entry["task"] == "denoise" and entry["ndim"] == 2 and entry["channels"] == channels and entry["certified"] != "no"
    }
    if not fit:
        raise ValueError(f"The zoo has no certified 2-D denoising preset for {channels} channels. Name one with --preset.")
    levels = {level for entry in fit.values() for level in entry.get("psnr") or ()}
    if not levels:
        return max(fit, key=lambda name: float(fit[name]["metric"]["value"]))
    nearest = min(levels, key=lambda level: abs(math.log(float(level) / (sigma or REFERENCE))))
    return max(fit, key=lambda name: float((fit[name].get("psnr") or {}).get(nearest, -math.inf)))


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

    check_fit(model, np.shape(pixels))
    return as_image(model, run_compiled(model, model_inputs(model, pixels, sigma)), sigma)


def model_inputs(model: Any, pixels: np.ndarray, sigma: float) -> Any:
    """A model's input for an image with noise of sigma: brought to the level 25, or with the level; channels as a batch for a model of one.

    Raises:
        ValueError: values that are not finite.
    """
    values = np.asarray(pixels, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("The image to denoise holds NaN or infinite values. Replace them by numbers first.")
    batch = np.moveaxis(values, -1, 0)[..., None] if model.input_channels == 1 else values[None]
    return [batch, np.full(len(batch), sigma / 255, np.float32)] if model.noise_conditioned else batch * np.float32(REFERENCE / sigma)


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
        ValueError: a model for another dimension or number of channels, an image smaller than its operator.

    Example:
        >>> import keras_pde
        >>> from keras_pde import noise
        >>> noise.check_fit(keras_pde.from_preset("linear_1d"), (32, 32, 1))
        Traceback (most recent call last):
        ...
        ValueError: The preset filters 1-D data, and an image is 2-D: choose one whose name ends in _2d or _color
    """
    if not getattr(model, "denoises", False):
        raise ValueError(f"The preset is a {type(model).__name__}, and no denoiser. keras-pde list --task denoise shows those.")
    if model.ndim != 2:
        raise ValueError(f"The preset filters {model.ndim}-D data, and an image is 2-D: choose one whose name ends in _2d or _color")
    if model.input_channels not in (1, shape[-1]):
        mismatch = f"The preset is for {model.input_channels} channels and the image has {shape[-1]}"
        raise ValueError(f"{mismatch}: choose a preset for grey images, such as truncated_tv_2d")
    if min(shape[:2]) < model.smallest_size:
        raise ValueError(f"The image is {shape[1]} × {shape[0]} pixels, and the preset's operator needs at least {model.smallest_size} each way")


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
