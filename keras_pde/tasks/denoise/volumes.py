"""Denoising the volumes of a stack: its slices together, by a preset for volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from keras_pde.data import ranges
from keras_pde.data.images import Image, Stack, write_stack
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.denoise.planes import Asked
from keras_pde.tasks.denoise.recording import recording_of

__all__ = ["denoise_volumes"]


@dataclass(frozen=True)
class Volumes:
    """What became of the volumes of a stack.

    Args:
        first: its first plane, as it was read.
        shapes: of the volumes.
        levels: of their noise, in 1/255 of the range.
        unit: black and white of the first, in units of the pixels.
        spacing: that was used, or None.
        denoiser: the last one; None where no volume has noise.
        lost: metadata that are not kept, in words.
        questions: what is probably not meant, a sentence each.
    """

    first: Image
    shapes: list[tuple[int, ...]]
    levels: list[float]
    unit: ranges.Range
    spacing: Sequence[float] | None
    denoiser: Denoiser | None
    lost: tuple[str, ...]
    questions: tuple[str, ...]


def denoise_volumes(
    stack: Stack,
    out: Path,
    asked: Asked,
    preset: str,
    time: float | None = None,
    spacing: Sequence[float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Volumes:
    """Denoise the volumes of a stack, one for each channel and time, and write them as a stack.

    Memory is that of all planes, twice.

    Args:
        stack: of grey planes of one size.
        out: the file to write.
        asked: noise and range, in units of the samples.
        preset: for volumes.
        time: as `keras_pde.denoise` takes it.
        spacing: of slices, rows and columns; by default what the file states.
        progress: called with the number of volumes done and that of all.

    Raises:
        ValueError, OSError: planes that are no slices of a volume; as `keras_pde.denoise` and
            `write_stack`.

    Example:
        >>> import tempfile
        >>> import tifffile
        >>> from keras_pde.data import images
        >>> from keras_pde.tasks.denoise.planes import Asked
        >>> from keras_pde.tasks.denoise.volumes import denoise_volumes
        >>> noisy = np.uint8(128 + 20 * np.random.default_rng(0).standard_normal((8, 16, 16)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     a, b = Path(folder, "a.tif"), Path(folder, "b.tif")
        ...     tifffile.imwrite(a, noisy, metadata={"axes": "ZYX"})
        ...     with images.open_stack(a) as stack:
        ...         done = denoise_volumes(stack, b, Asked(20), "gated_resnet_3d")
        ...     print(done.shapes, bool(tifffile.imread(b).std() < noisy.std() / 2))
        [(8, 16, 16)] True
    """
    spacing = stack.spacing if spacing is None else spacing
    found: dict[int, Image] = {}
    shapes, levels, units, denoiser = [], [], [], None
    volumes = stack.volumes()
    for done, numbers in enumerate(volumes, 1):
        planes = [stack.image(number) for number in numbers]
        values = _volume(planes, stack, preset)
        unit, low_high = planes[0].unit, ranges.checked(asked.range)
        if not isinstance(low_high, str):
            low_high = (low_high[0] / unit, low_high[1] / unit)
        first = planes[0]
        known = recording_of(values, 3, asked.noise, preset, low_high, first.white, first.depth)
        clean, used = known.filtered(preset, time, spacing)
        denoiser = used or denoiser
        shapes.append(values.shape)
        levels.append(known.level)
        units.append(known.unit)
        for number, plane, pixels in zip(numbers, planes, clean, strict=True):
            found[number] = replace(plane, pixels=pixels[..., None])
        if progress is not None:
            progress(done, len(volumes))
    first = stack.image(0)
    lost = write_stack(out, (found.pop(number) for number in range(stack.count)), stack)
    return Volumes(first, shapes, levels, units[0], spacing, denoiser, lost, known.questions)


def _volume(planes: list[Image], stack: Stack, preset: str) -> np.ndarray:
    alike = {(plane.pixels.shape, plane.pixels.dtype, plane.alpha is None) for plane in planes}
    if len(alike) > 1 or planes[0].pixels.shape[-1] != 1 or planes[0].alpha is not None:
        raise ValueError(
            f"{preset} filters volumes of grey slices of one size and type without alpha, and"
            f" {stack.path} has others. Use a preset for images"
        )
    return np.stack([plane.pixels[..., 0] for plane in planes])
