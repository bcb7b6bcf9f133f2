"""Denoising many planes, of a file or an array: plane by plane, and written as they were."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_pde.data import ranges
from keras_pde.data.images import Image, Stack, write_stack
from keras_pde.runtime import gate
from keras_pde.tasks.denoise.choosing import check_options, choose_denoiser
from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
from keras_pde.tasks.denoise.image import checked
from keras_pde.tasks.denoise.noisy_image import NoisyImage
from keras_pde.tasks.denoise.planes import Asked, Common, Plane, common_noise, looked_at

__all__ = ["denoise_frames", "denoise_stack"]

Choose = Callable[[tuple[int, ...], float], Denoiser]


class Filtered(NamedTuple):
    """What became of a stack, as `denoise_stack` returns it.

    Args:
        first: its first plane, as it was read.
        channels: the noise of the planes of each channel, by its number.
        known: the first plane with its noise.
        denoisers: those that were used, by name and description.
        result: of the first plane.
        pixels: of all planes.
        lost: metadata that are not kept, in words.
    """

    first: Image
    channels: dict[int, Common]
    known: NoisyImage
    denoisers: dict[str, Denoiser]
    result: Denoised
    pixels: int
    lost: tuple[str, ...]


def channels_of(stack: Stack, asked: Asked) -> dict[int, Common]:
    """The noise of the planes of each channel: a first pass, over 64 planes of each at most."""
    numbers: dict[int, list[int]] = {}
    for number in range(stack.count):
        numbers.setdefault(stack.channel(number), []).append(number)
    return {
        channel: common_noise(
            (Plane.of(stack.image(number)) for number in looked_at(own)), len(own), asked
        )
        for channel, own in sorted(numbers.items())
    }


def denoise_stack(
    stack: Stack,
    out: Path,
    asked: Asked,
    preset: str = "auto",
    time: float | None = None,
    choose: Choose | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Filtered:
    """Denoise every plane of a stack, and write them as a stack, whole or not at all.

    A plane is read when it is filtered, so memory is that of a few planes. The channels of a
    hyperstack are planes and no colours: each has its own noise.

    Args:
        stack: of more than one plane.
        out: the file to write.
        asked: noise and range, in units of the samples.
        preset: as `keras_pde.denoise` takes it.
        time: the same.
        choose: a network for a shape and a noise level; that of the preset by default.
        progress: called with the number of planes done and that of all.

    Raises:
        ValueError, OSError: as `keras_pde.denoise` and `write_stack`.

    Example:
        >>> import tempfile
        >>> import tifffile
        >>> from keras_pde.data import images
        >>> from keras_pde.tasks.denoise.planes import Asked
        >>> from keras_pde.tasks.denoise.stacks import denoise_stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     a, b = Path(folder, "a.tif"), Path(folder, "b.tif")
        ...     tifffile.imwrite(a, np.zeros((5, 20, 30), "uint8"), metadata={"axes": "TYX"})
        ...     with images.open_stack(a) as stack:
        ...         done = denoise_stack(stack, b, Asked())
        ...     print(done.channels[0].about, tifffile.imread(b).shape)
        no noise found in the 5 planes (5, 20, 30)
    """
    choose = choose or (lambda shape, level: choose_denoiser(preset, shape, level, time))
    channels, best = channels_of(stack, asked), preset == "auto" and time is None
    used: dict[str, Denoiser] = {}
    begun: list[tuple[Image, NoisyImage, Denoised]] = []
    pixels = 0

    def filtered() -> Iterator[Image]:
        nonlocal pixels
        for number in range(stack.count):
            image = stack.image(number)
            known = channels[stack.channel(number)].of(Plane.of(image))
            denoiser = choose(known.shape(preset), known.level)
            used.setdefault(f"{denoiser.name}: {denoiser.network.description}", denoiser)
            result = known.filtered(denoiser, best)
            if not begun:
                begun.append((image, known, result))
            pixels += known.pixels.shape[0] * known.pixels.shape[1]
            yield replace(image, pixels=result.pixels)
            if progress is not None:
                progress(number + 1, stack.count)

    lost = write_stack(out, filtered(), stack)
    first, known, result = begun[0]
    return Filtered(first, channels, known, used, result, pixels, lost)


def denoise_frames(
    frames: Any,
    noise: Any = None,
    preset: str = "auto",
    *,
    range: Any = ranges.AUTO,
    time: float | None = None,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Frames of one camera or channel, each without its noise, as `denoise_stack` does with files.

    Args:
        frames: (frames, height, width, channels) with 1 or 3 channels, of a type and in units as
            `keras_pde.denoise` takes them.
        noise: as `keras_pde.denoise` takes it, for all frames, or a level for each; None estimates
            it, by `common_noise` for all frames where their levels are alike.
        preset: as `keras_pde.denoise` takes it.
        range: the same; of all frames.
        time: the same.
        tile: the same.
        progress: called with the number of frames done and that of all.

    Returns:
        An array of the shape and type of the frames.

    Raises:
        ValueError: as `keras_pde.denoise`; another number of axes or of levels.

    Warns:
        UserWarning: as `keras_pde.denoise`.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise.stacks import denoise_frames
        >>> rng = np.random.default_rng(0)
        >>> noisy = np.uint8(128 + 9 * rng.standard_normal((3, 32, 32, 1)))
        >>> clean = denoise_frames(noisy, preset="linear_2d")
        >>> clean.shape, bool(clean.std() < noisy.std() / 2)
        ((3, 32, 32, 1), True)
    """
    array = gate.array(frames, "frames", ranks=(4,), integers=True)
    check_options(preset, time, tile, progress)
    planes = [Plane(checked(frame)) for frame in array]
    told = [float(level) for level in noise] if np.ndim(noise) else None
    if told is not None and len(told) != len(planes):
        raise ValueError(
            f"noise must be one level, or one for each frame. Received: {len(told)} levels for"
            f" {len(planes)} frames"
        )
    if not planes:
        return array.copy()
    looked = (planes[number] for number in looked_at(np.arange(len(planes)).tolist()))
    common = None if told else common_noise(looked, len(planes), Asked(noise, range))
    for question in common.questions if common else ():
        warnings.warn(question, UserWarning, stacklevel=2)
    result = np.empty_like(array)
    for number, plane in enumerate(planes):
        known = common.of(plane) if common else plane.known(Asked((told or [])[number], range))
        denoiser = choose_denoiser(preset, known.shape(preset), known.level, time)
        result[number] = known.filtered(denoiser, preset == "auto" and time is None, tile).pixels
        if progress is not None:
            progress(number + 1, len(planes))
    return result
