"""A noisy image: its range, and what is told, estimated and assumed of its noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_pde.data import noise as noises
from keras_pde.data import ranges
from keras_pde.data.noise import Sensor
from keras_pde.data.noise.adding import question
from keras_pde.data.noise.jpeg import LUMINANCE
from keras_pde.data.occupied import occupied
from keras_pde.data.ranges import Range
from keras_pde.runtime import gate
from keras_pde.runtime.noise_levels import LOUDEST, QUIETEST
from keras_pde.tasks import tiles
from keras_pde.tasks.denoise import beyond, grids, levels
from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
from keras_pde.tasks.denoise.grey import is_grey

__all__ = ["NoisyImage", "noise_level", "noisy_image"]

SENSOR = "sensor"
HIGHEST = 75.0  # that the networks are measured at
GRAINY = 3.0  # grey levels of 255: less may be texture, which is that of the luminance too
SMOOTHED = 1.35  # times the channels' noise, where the noise of the luminance is all there is


@dataclass(frozen=True)
class NoisyImage:
    r"""Pixels, the range that a network sees as [0, 1], and their noise in 1/255 of it.

    Three equal channels are one grey image. Pixels that alpha hides are filled in from the visible
    ones before anything is computed, and are in the result what they were.

    Args:
        pixels: (height, width, 1 or 3).
        unit: what black and white are: noise is told and said in 1/255 of that.
        range: the same, or a part of it that the data occupy.
        level: standard deviation of the noise in 1/255 of the range, after the transform of a
            sensor; 0 where no noise is found.
        about: what is told, estimated and assumed, in words.
        sensor: gain, offset and readout in the units of the pixels, or None for white noise.
        visible: (height, width), or None where all pixels are.
        questions: what is probably not meant, a sentence each.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise.noisy_image import noisy_image
        >>> noisy_image(np.zeros((16, 16, 1), "uint8")).about
        'no noise found'
    """

    pixels: np.ndarray
    unit: Range
    range: Range
    level: float
    about: str
    sensor: Sensor | None = None
    visible: np.ndarray | None = None
    questions: tuple[str, ...] = ()

    @property
    def grey(self) -> bool:
        """Whether three channels hold one grey image where they are visible."""
        return is_grey(self.pixels, self.visible)

    def shape(self, preset: str = "auto") -> tuple[int, ...]:
        """(height, width, channels) of what is filtered: with one channel for a choice of presets.

        A preset that is named may be for three.
        """
        grey = preset == "auto" and self.grey
        return (*self.pixels.shape[:2], 1 if grey else self.pixels.shape[-1])

    def filtered(
        self,
        denoiser: Denoiser,
        best: bool = False,
        tile: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Denoised:
        r"""The image without its noise.

        With ``best`` noise weaker than what the networks are trained on is treated as
        `keras_pde.tasks.denoise.beyond.weak` says, where an image of edges would lose by it. Noise
        of more than 140 grey levels is filtered on a coarser grid.

        Args:
            denoiser: for `level`.
            best: as above.
            tile: as `keras_pde.denoise` takes it.
            progress: the same.
        """
        pixels, level = self.pixels, self.level
        if not level:
            return Denoised(pixels, tiles.plan(denoiser.network, self.pixels.shape, tile, 1), None)
        one = denoiser.network.input_channels == 1 and self.grey
        work = pixels[..., :1] if one else pixels
        if self.visible is not None:
            work = grids.filled(work, self.visible)
        if self.sensor is not None:
            work, used = _stabilised(work, self.sensor, self.range), Range()
        else:
            used = self.range
        if level > beyond.STRONGEST:
            result = beyond.strong(denoiser, work, used, level, tile, progress)
        elif best and level < beyond.TRAINED[0]:
            result = beyond.weak(denoiser, work, used, level, tile, progress)
        else:
            result = denoiser(work, level, range=used, tile=tile, progress=progress)
        found = result.pixels
        if self.sensor is not None:
            found = _restored(found, self.sensor, self.range, pixels.dtype)
        if one:
            found = np.repeat(found, 3, axis=-1)
        if self.visible is not None:
            found = np.where(self.visible[..., None], found, pixels)
        return result._replace(pixels=found)


def noisy_image(
    pixels: np.ndarray,
    noise: float | str | None = None,
    range: Any = ranges.AUTO,
    *,
    gain: float | None = None,
    offset: float | None = None,
    readout: float | None = None,
    alpha: np.ndarray | None = None,
    stated: float | None = None,
    bits: int | None = None,
    table: Sequence[int] | None = None,
) -> NoisyImage:
    """What is known of an image and its noise.

    Args:
        pixels: (height, width, 1 or 3), of a type that `keras_pde.denoise` takes.
        noise: as `keras_pde.denoise` takes it.
        range: the same.
        gain: the same, in units of the pixels.
        offset: the same.
        readout: the same.
        alpha: (height, width); pixels where it is 0 are hidden.
        stated: white by the file's tags, in units of the pixels.
        bits: of its samples, if they are not those of the type.
        table: steps of the luminance of the JPEG that the image comes from.

    Raises:
        ValueError: options that are none; a sensor's noise that cannot be estimated.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise.noisy_image import noisy_image
        >>> noisy_image(np.zeros((16, 16, 1), "uint8"), 25).about
        'noise 25'
    """
    told = _checked(noise, gain, offset, readout)
    visible = visible_in(alpha)
    work = pixels[..., :1] if is_grey(pixels, visible) else pixels
    if visible is not None:
        # one value: where it is flat, no noise is seen
        work = np.where(visible[..., None], work, work[visible].mean(axis=0).astype(work.dtype))
    unit = ranges.range_of(work, range, stated, bits, told=isinstance(told, float))
    if isinstance(told, str):
        return _of_a_sensor(pixels, work, unit, visible, gain, offset, readout)
    about, questions = "", questions_about(told, unit) if told else ()
    if told is None:
        told, about = _estimated(work, unit, table)
    used = unit if range == ranges.FULL else levels.stretched(work, unit, told)
    level = told * unit.span / used.span
    if not about:
        about = f"noise {told:g}"
    elif level:
        shown = f"{told:.1f}" if told >= 1 else f"{told:.2g}"
        about = f"noise {shown} {about}"
    else:
        about = "no noise found"
    return NoisyImage(pixels, unit, used, level, about, None, visible, questions)


def visible_in(alpha: np.ndarray | None) -> np.ndarray | None:
    """The pixels that alpha shows; None where it shows, or hides, all of them."""
    return None if alpha is None or alpha.all() or not alpha.any() else np.asarray(alpha) > 0


def noise_level(pixels: np.ndarray) -> float:
    """The noise level that an image is denoised at when it isn't told, in 1/255 of its range.

    Args:
        pixels: (height, width, channels), of a type and in units as `keras_pde.denoise` takes them.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise import noisy_image
        >>> noisy_image.noise_level(np.zeros((20, 20, 1)))
        0.0
    """
    return noisy_image(pixels).level


def _checked(noise: Any, *sensor: float | None) -> float | str | None:
    if any(x is not None for x in sensor) and noise != SENSOR:
        raise ValueError(
            "gain, offset and readout describe noise='sensor'. Received:"
            f" noise={gate.said(noise)}. Say noise='sensor', or leave them out"
        )
    gate.number(sensor[0], "gain", low=0, low_open=True, none=True)
    gate.number(sensor[1], "offset", none=True)
    gate.number(sensor[2], "readout", low=0, none=True)
    if isinstance(noise, str) and noise == SENSOR:
        return SENSOR
    try:
        return gate.number(noise, "noise", low=QUIETEST, high=LOUDEST, none=True)
    except ValueError:
        raise ValueError(
            "noise must be 'sensor', or a standard deviation in grey levels of 255, finite and > 0,"
            f" or None to estimate it. Received: noise={gate.said(noise)}, which is not from"
            f" {QUIETEST:g} to {LOUDEST:g}"
        ) from None


def questions_about(told: float, unit: Range) -> tuple[str, ...]:
    """What is probably not meant by a level that is told, a sentence each."""
    asked = [text] if (text := question(told, "noise", unit.low, unit.high)) else []
    if told > HIGHEST:
        asked.append(
            f"noise={told:g} is beyond the {beyond.TRAINED[0]:g} to {beyond.TRAINED[1]:g} grey"
            " levels of 255 that the networks are trained on: expect few details"
        )
    return tuple(asked)


def _estimated(pixels: np.ndarray, unit: Range, table: Sequence[int] | None) -> tuple[float, str]:
    """The level in 1/255 of the unit, and how it is found."""
    whole = ranges.type_range(pixels.dtype)
    eight = eight_bits(pixels)
    found = noises.compressed(eight, table) if eight is not None else None
    if found is not None and found.level is not None:
        of = "its file's tables" if table is not None else f"a JPEG's, quality {found.quality}"
        return found.level * whole.span / unit.span, f"before JPEG estimated ({of})"
    level, factor = noises.estimate(pixels), whole.span / unit.span
    if pixels.shape[-1] == 3 and level > GRAINY:
        # a JPEG of 4:2:0 and many a camera keep the noise of the luminance only
        white = np.sqrt(np.square(LUMINANCE).sum())
        bright = noises.estimate((pixels @ LUMINANCE)[..., None] / whole.high) / float(white)
        if bright > SMOOTHED * level:
            return bright * factor, "estimated of the luminance, as colours have less"
    return level * factor, "estimated"


def eight_bits(pixels: np.ndarray) -> np.ndarray | None:
    """The pixels in grey levels of 255, if they are whole numbers of those."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind != "f":
        return None
    few = 255 * pixels[:: max(1, len(pixels) // 16)].astype(np.float64)
    if np.abs(few - np.rint(few)).max() > 1e-3 or few.min() < 0 or few.max() > 255:
        return None
    return np.rint(255 * pixels)


def _of_a_sensor(
    pixels: np.ndarray,
    work: np.ndarray,
    unit: Range,
    visible: np.ndarray | None,
    gain: float | None,
    offset: float | None,
    readout: float | None,
) -> NoisyImage:
    if gain is None:
        sensor, how = noises.estimate_sensor(work, offset, readout), "estimated"
    else:
        sensor, how = Sensor(gain, offset or 0.0, readout or 0.0), "as told"
    image = NoisyImage(pixels, unit, unit, 0.0, "", sensor, visible)
    low, high = occupied(work)
    used = replace(
        image, range=Range(max(low, sensor.offset), max(high, low + sensor.gain), "the data")
    )
    f = sensor.stabilised(np.array([used.range.low, used.range.high]))
    about = f"noise of a sensor, {how}"
    return replace(used, level=float(255 / (f[1] - f[0])), about=about)


def _stabilised(pixels: np.ndarray, sensor: Sensor, used: Range) -> np.ndarray:
    low, high = sensor.stabilised(np.array([used.low, used.high]))
    return ((sensor.stabilised(pixels.astype(np.float64)) - low) / (high - low)).astype(np.float32)


def _restored(values: np.ndarray, sensor: Sensor, used: Range, dtype: Any) -> np.ndarray:
    low, high = sensor.stabilised(np.array([used.low, used.high]))
    return beyond.of_type(
        sensor.restored(values.astype(np.float64) * (high - low) + low), Range(), dtype
    )
