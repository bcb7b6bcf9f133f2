"""Denoising an image of any size: `keras_pde.denoise`, and the choice of a preset for an image."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_pde import presets
from keras_pde.data import noise as noises
from keras_pde.models import retiming
from keras_pde.runtime import gate
from keras_pde.runtime.bounded import bounded
from keras_pde.runtime.noise_levels import LOUDEST, QUIETEST
from keras_pde.tasks.denoise import levels
from keras_pde.tasks.denoise.denoiser import Denoiser

__all__ = ["choose_denoiser", "denoise", "noise_level"]

LEAST = 1.0  # grey levels: below the rounding of 8 bits a level says nothing
MODES = ("L", "RGB", "F", "I;16", "I;16L", "I;16B")


def denoise(
    image: Any,
    noise: float | None = None,
    preset: str = "auto",
    *,
    time: float | None = None,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The image without its Gaussian noise, by a pretrained network with proved stability.

    Any size in bounded memory: an image beyond a megapixel is run in tiles whose halos are as wide
    as the network's receptive field, which changes nothing but rounding. Networks whose result
    depends on the whole image (implicit ones) are tiled beyond 4 megapixels only, and then differ
    from the whole near the seams: by 3e-4 of the range at most, in measurements on a photograph.

    Args:
        image: (height, width), or (height, width, channels) with 1 or 3 channels; uint8 or uint16,
            or floats with black 0 and white 1 (noise may reach beyond). Also a Pillow image of mode
            L, RGB, I;16 or F.
        noise: its standard deviation in grey levels of 255, whatever the type of the image. None
            estimates it by `keras_pde.data.noise.estimate` and takes at least 1, or less where the
            data occupy a part of the range: textured images without noise are then smoothed a
            little.
        preset: a name of `keras_pde.list_presets`, or a directory; "auto" is the best certified one
            for grey or colour and this noise. A preset for one channel filters each channel of a
            colour image by itself.
        time: stopping time of the diffusion, instead of the preset's for the noise level.
        tile: pixels of a tile with its halo, about a million by default.
        progress: called with the number of tiles done and that of all.

    Returns:
        An array of the shape and type of the image. Integers are rounded and clipped; floats are
        not clipped, and are float32 in precision.

    Raises:
        ValueError: another type, shape or unit of the image; values that are not finite; a noise
            level that is not > 0; an unknown preset, one of another task, or one that does not fit
            the image.

    Example:
        >>> import keras_pde
        >>> rng = np.random.default_rng(0)
        >>> noisy = np.uint8(np.clip(np.rint(128 + 20 * rng.standard_normal((64, 64))), 0, 255))
        >>> clean = keras_pde.denoise(noisy)
        >>> clean.shape, clean.dtype, bool(clean.std() < noisy.std() / 3)
        ((64, 64), dtype('uint8'), True)
    """
    pillow = sys.modules.get("PIL.Image")  # imported by whoever has an image of Pillow's
    if pillow is not None and isinstance(image, pillow.Image) and image.mode not in MODES:
        to = "L" if image.mode in ("1", "LA", "La") else "RGB"
        raise ValueError(
            f"A Pillow image of mode {image.mode!r} has no plain grey values or colours. Pass"
            f" image.convert({to!r})."
        )
    array = gate.array(image, "image", integers=True)
    pixels = _checked(array)
    level = _level(noise)
    check_options(preset, time, tile, progress)
    sigma = noise_level(pixels) if level is None else level
    part = levels.part_of(pixels, sigma)
    chosen = choose_denoiser(preset, pixels.shape, sigma / part.span, time)
    result = chosen(pixels, sigma, part=part, tile=tile, progress=progress)
    return result.pixels.reshape(array.shape)


def _level(noise: Any) -> float | None:
    """The noise level asked for, within what single precision can scale by."""
    try:
        return gate.number(noise, "noise", low=QUIETEST, high=LOUDEST, none=True)
    except ValueError:
        raise ValueError(
            "noise must be a standard deviation in grey levels of 255, finite and > 0, or None to"
            f" estimate it. Received: noise={gate.said(noise)}, which is not from {QUIETEST:g} to"
            f" {LOUDEST:g}"
        ) from None


def check_options(preset: Any, time: Any, tile: Any, progress: Any) -> None:
    """Refuse options that are none, before a network is loaded.

    Raises:
        ValueError: a preset that is no name and no path, a time that is no number > 0, a tile that
            is no whole number ≥ 1, a progress that cannot be called.

    Example:
        >>> from keras_pde.tasks.denoise import image as denoising
        >>> denoising.check_options("auto", 0, None, None)
        Traceback (most recent call last):
        ...
        ValueError: time must be a finite number > 0 or None. Received: time=0
    """
    if not isinstance(preset, str | os.PathLike) or not os.fspath(preset):
        raise ValueError(
            "preset must be a name of keras_pde.list_presets(), a directory, or 'auto'. Received:"
            f" preset={gate.said(preset)}"
        )
    gate.number(time, "time", low=0, low_open=True, none=True)
    if tile is not None:
        gate.whole(tile, "tile", low=1)
    if progress is not None and not callable(progress):
        raise ValueError(
            "progress must be a function of two numbers, or None. Received:"
            f" progress={gate.said(progress)}"
        )


def _checked(array: np.ndarray) -> np.ndarray:
    """(height, width, 1 or 3), of a type and in units that are known."""
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise ValueError(
            "image must be uint8 (white 255), uint16 (white 65535) or floating (white 1). Received:"
            f" dtype {array.dtype}. Convert it."
        )
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3:
        raise ValueError(
            "One image is (height, width) or (height, width, channels). Received: shape"
            f" {array.shape}"
        )
    channels = pixels.shape[-1]
    if channels in (2, 4):
        raise ValueError(
            f"The image has {channels} channels, so the last is probably alpha, which has no noise."
            f" Denoise image[..., :{channels - 1}] and put the alpha back by np.concatenate; the"
            " command keras-pde denoise does that for files."
        )
    if channels not in (1, 3):
        raise ValueError(
            "Grey images have 1 channel and colour images 3, as last axis. Received: shape"
            f" {array.shape}. Denoise others one by one."
        )
    if np.issubdtype(pixels.dtype, np.floating):
        low, high = float(pixels.min()), float(pixels.max())
        if low < -1 or high > 2:  # noise reaches beyond [0, 1], another unit far beyond
            raise ValueError(
                f"The image has floats from {low:.4g} to {high:.4g}, and black must be 0, white 1."
                " Rescale it first."
            )
    return pixels


def noise_level(pixels: np.ndarray) -> float:
    """The estimated noise level to filter at, in grey levels of 255: at least 1.

    Where the data occupy a part of the range, so much less is the least.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise import image as denoising
        >>> denoising.noise_level(np.zeros((20, 20, 1)))
        1.0
    """
    level = noises.estimate(pixels)
    return max(level, LEAST * levels.part_of(pixels, level).span)


def choose_denoiser(
    preset: str, shape: tuple[int, ...], sigma: float, time: float | None = None
) -> Denoiser:
    """A preset for an image and its noise level, with its program.

    Args:
        preset: name or directory; "auto" is the best certified one.
        shape: (height, width, channels).
        sigma: noise level in grey levels of 255.
        time: stopping time, instead of the preset's own for sigma.

    Raises:
        ValueError: an unknown preset, one of another task, or one that does not fit.

    Example:
        >>> from keras_pde.tasks.denoise import image as denoising
        >>> chosen = denoising.choose_denoiser("weickert_2d", (64, 64, 1), sigma=15)
        >>> chosen.name, round(chosen.network.time, 6)
        ('weickert_2d', 0.6)
    """
    index = presets.index()
    name = levels.choose_preset(index, shape[-1], sigma) if preset == "auto" else preset
    entry = index.get(name, {})
    if entry.get("task", "denoise") != "denoise":
        raise ValueError(
            f"{name} is a preset of the task {entry['task']!r}, which keras-pde denoise does not do"
        )
    table = entry.get("noise")
    if time is None and table:
        time = levels.stopping_time(table, sigma)
    chosen = _of_the_zoo(name, time, bool(table)) if entry else _loaded(name, time, False)
    levels.check_fit(chosen.network, shape)
    return chosen


def _loaded(name: str, time: float | None, tuned: bool) -> Denoiser:
    network = presets.from_preset(name)
    if time is not None:
        network = retiming.retime(network, time)
    return Denoiser(network, name, tuned=tuned, snapshot=True, compile=bounded)


# of a folder of images all but the first find their network compiled
_of_the_zoo = functools.lru_cache(maxsize=2)(_loaded)
