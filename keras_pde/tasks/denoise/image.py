"""Denoising an image of any size: `keras_pde.denoise`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_pde.data import ranges
from keras_pde.runtime import gate
from keras_pde.tasks.denoise.choosing import check_options, choose_denoiser
from keras_pde.tasks.denoise.noisy_image import noise_level, noisy_image
from keras_pde.tasks.denoise.recording import axes_of, denoise_recording

__all__ = ["denoise", "noise_level"]

MODES = ("L", "RGB", "F", "I;16", "I;16L", "I;16B")


def denoise(
    image: Any,
    noise: float | str | None = None,
    preset: str = "auto",
    *,
    range: Any = ranges.AUTO,
    gain: float | None = None,
    offset: float | None = None,
    readout: float | None = None,
    time: float | None = None,
    spacing: Sequence[float] | None = None,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The image without its Gaussian noise, by a pretrained network with proved stability.

    Any size in bounded memory: an image beyond a megapixel is run in tiles whose halos are as wide
    as the network's receptive field, which changes nothing but rounding. Networks whose result
    depends on the whole image (implicit ones) are tiled beyond 4 megapixels only, and then differ
    from the whole near the seams: by 3e-4 of the range at most, in measurements on a photograph.

    The noise has to be white, or photons and readout. Salt and pepper, speckle, and noise that was
    resized, blurred or taken through another gamma are none of these: tell a level by trial.

    Args:
        image: (height, width), or (height, width, channels) with 1 or 3 channels; uint8 or uint16,
            or floats with black 0 and white 1 (noise may reach beyond). Also a Pillow image of mode
            L, RGB, I;16 or F. Three equal channels are filtered as one grey image. With a preset
            for them, a signal (length,) or a volume (depth, height, width).
        noise: its standard deviation in grey levels of 255, which is 1/255 of the range. None
            estimates it by `keras_pde.data.noise.estimate`, or from the coefficients of a JPEG if
            the image was one. "sensor" is Poisson-Gaussian noise, of variance
            gain·(y − offset) + readout²: the filter works on its generalised Anscombe transform, as
            `keras_pde.data.noise.Sensor` says.
        preset: a name of `keras_pde.list_presets`, or a directory; "auto" is the best certified one
            for grey or colour and this noise. A preset for one channel filters each channel of a
            colour image by itself.
        range: black and white. Two numbers (low, high); "full" for those of the type, 0 and its
            maximum, for floats 0 and 1; "auto" for the same, but where the data occupy a quarter of
            the range or less, or are floats of another unit, a range for the data: noise that is
            estimated is measured in that. Noise that is told is in 1/255 of the type's range, of
            the data's only for floats far beyond [0, 1].
        gain: of noise="sensor", in units of the image for each photon; None estimates it.
        offset: of noise="sensor", the value without light, 0 if it cannot be estimated.
        readout: of noise="sensor", the standard deviation without light.
        time: stopping time of the diffusion, instead of the preset's for the noise level.
        spacing: of the pixels or voxels along each axis, in any unit, where they are not the same,
            such as (3, 1, 1) for thick slices; for trained presets, as `with_spacing` says.
        tile: pixels of a tile with its halo, about a million by default.
        progress: called with the number of tiles done and that of all.

    Returns:
        An array of the shape and type of the image. Integers are rounded and clipped; floats are
        not clipped, and are float32 in precision.

    Raises:
        ValueError: another type or shape of the image; values that are not finite; a noise
            level that is not > 0; an unknown preset, one of another task, or one that does not fit
            the image; a range that is none; a sensor's noise that cannot be estimated.

    Warns:
        UserWarning: a level below 1/255 for floats, which may be meant as a part of the range; one
            beyond what the networks are measured at.

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
    check_options(preset, time, tile, progress)
    if (ndim := axes_of(preset, array.shape)) != 2 and (gain, offset, readout) == (None,) * 3:
        options: dict[str, Any] = {"range": range, "time": time, "tile": tile, "spacing": spacing}
        return denoise_recording(array, ndim, noise, preset, **options, progress=progress)
    pixels = checked(array)
    known = noisy_image(pixels, noise, range, gain=gain, offset=offset, readout=readout)
    for question in known.questions:
        warnings.warn(question, UserWarning, stacklevel=2)
    chosen = choose_denoiser(preset, known.shape(preset), known.level, time, spacing)
    best = preset == "auto" and time is None
    result = known.filtered(chosen, best, tile, progress)
    return np.array(result.pixels).reshape(array.shape)


def checked(array: np.ndarray) -> np.ndarray:
    """(height, width, 1 or 3), of a type and in units that are known."""
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise ValueError(
            "image must be uint8 (white 255), uint16 (white 65535) or floating (white 1). Received:"
            f" dtype {array.dtype}. Convert it: image.astype('float32') has the range of the"
            " data, or range=(low, high)."
        )
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3:
        raise ValueError(
            "One image is (height, width) or (height, width, channels). Received: shape"
            f" {array.shape}. Frames (frames, height, width, channels) are denoised by"
            " keras_pde.tasks.denoise.stacks.denoise_frames"
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
    return pixels
