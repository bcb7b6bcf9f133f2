"""Denoising a file of many planes: plane by plane, written as the stack that it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from keras_pde.data.images import Image, Stack, write_stack
from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
from keras_pde.tasks.denoise.image import choose_denoiser
from keras_pde.tasks.denoise.noisy_image import NoisyImage
from keras_pde.tasks.denoise.planes import Asked, Common, Plane, common_noise, looked_at

__all__ = ["Filtered", "channels_of", "denoise_stack"]

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
