"""Denoising a signal or a volume: what `keras_pde.denoise` does with a preset for one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_pde import presets
from keras_pde.data import noise as noises
from keras_pde.data import ranges
from keras_pde.runtime import gate
from keras_pde.runtime.noise_levels import LOUDEST, QUIETEST
from keras_pde.tasks.denoise import beyond, levels
from keras_pde.tasks.denoise.choosing import choose_denoiser
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.denoise.kinds import KINDS
from keras_pde.tasks.denoise.noisy_image import questions_about

__all__ = ["axes_of", "denoise_recording", "deviation", "recording_of"]

CUBIC = np.array([1.0, -3.0, 3.0, -1.0]) / np.sqrt(20)  # vanishes on parabolas
MEDIAN = 0.6744897501960817  # of the absolute value of a standard normal variable
SECTIONS = 9


def axes_of(preset: Any, shape: tuple[int, ...]) -> int:
    """How many axes the data of a preset have: 2 where it is for images, or chosen for one.

    Args:
        preset: a name, or a directory, which is read only for data that are no image.
        shape: of the data.

    Example:
        >>> from keras_pde.tasks.denoise import recording
        >>> recording.axes_of("truncated_tv_1d", (1000,)), recording.axes_of("auto", (9, 9))
        (1, 2)
    """
    if preset == "auto":
        return 2
    if entry := presets.index().get(preset):
        return int(entry["ndim"]) if entry["task"] == "denoise" else 2
    image = len(shape) == 2 or (len(shape) == 3 and shape[-1] <= 4)
    return 2 if image else presets.from_preset(preset).ndim


def denoise_recording(
    values: np.ndarray,
    ndim: int,
    noise: float | str | None,
    preset: str,
    *,
    range: Any = ranges.AUTO,
    time: float | None = None,
    spacing: Sequence[float] | None = None,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """A signal or a volume without its Gaussian noise.

    Args:
        values: (length,) or (depth, height, width), or with one channel as last axis; of a type
            that `keras_pde.denoise` takes.
        ndim: axes of the preset's data.
        noise: standard deviation in 1/255 of the range; None estimates it by `deviation`.
        preset: name or directory.
        range: as `keras_pde.denoise` takes it.
        time: the same.
        spacing: the same.
        tile: the same.
        progress: the same.

    Raises:
        ValueError: another shape or type, values that are not finite, a noise that is no number.

    Example:
        >>> from keras_pde.tasks.denoise.recording import denoise_recording
        >>> denoise_recording(np.zeros(99), 1, 25, "linear_1d").shape
        (99,)
    """
    known = recording_of(values, ndim, noise, preset, range)
    for question in known.questions:
        warnings.warn(question, UserWarning, stacklevel=3)
    return known.filtered(preset, time, spacing, tile, progress)[0]


class Recording(NamedTuple):
    """A signal or a volume with its noise.

    Args:
        values: of any shape that `denoise_recording` takes.
        ndim: its axes.
        unit: black and white.
        used: the range that is filtered.
        level: of the noise, in 1/255 of the unit.
        questions: what is probably not meant, a sentence each.
    """

    values: np.ndarray
    ndim: int
    unit: ranges.Range
    used: ranges.Range
    level: float
    questions: tuple[str, ...] = ()

    def filtered(
        self,
        preset: str,
        time: float | None = None,
        spacing: Sequence[float] | None = None,
        tile: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[np.ndarray, Denoiser | None]:
        """The values without their noise, and by what; None where there is none.

        A trained network that is told noise below what it is trained on removes a part of it, as
        `keras_pde.tasks.denoise.beyond.weak` says.
        """
        sigma = self.level * self.unit.span / self.used.span
        if sigma < QUIETEST:
            return self.values.copy(), None
        given = self.values if self.values.ndim > self.ndim else self.values[..., None]
        denoiser = choose_denoiser(preset, given.shape, sigma, time, spacing)
        if denoiser.network.noise_conditioned and sigma < beyond.TRAINED[0]:
            result = beyond.weak(denoiser, given, self.used, sigma, tile, progress)
        else:
            result = denoiser(given, sigma, range=self.used, tile=tile, progress=progress)
        return np.array(result.pixels).reshape(self.values.shape), denoiser


def recording_of(
    values: np.ndarray,
    ndim: int,
    noise: float | str | None,
    preset: str,
    range: Any = ranges.AUTO,
    stated: float | None = None,
    bits: int | None = None,
) -> Recording:
    """What is known of a signal or a volume.

    Args:
        values: as `denoise_recording` takes them.
        ndim: the same.
        noise: the same.
        preset: for errors.
        range: the same.
        stated: white by a file's tags, in units of the values.
        bits: of the samples, if they are not those of the type.

    Example:
        >>> from keras_pde.tasks.denoise.recording import recording_of
        >>> recording_of(np.zeros(99), 1, 25, "linear_1d").level
        25.0
    """
    noun, axes = KINDS[ndim].noun, KINDS[ndim].axes
    shapes = f"({', '.join(axes)}{',' * (ndim == 1)}) or ({', '.join(axes)}, 1)"
    given = values[..., None] if values.ndim == ndim else values
    if given.ndim != ndim + 1 or given.shape[-1] != 1 or not given.size:
        raise ValueError(
            f"The preset {preset} filters {ndim}-D data, {noun}s of shape {shapes}."
            f" Received: shape {values.shape}"
        )
    if values.dtype not in (np.uint8, np.uint16) and values.dtype.kind != "f":
        raise ValueError(
            f"A {noun} must be uint8, uint16 or floating. Received: dtype {values.dtype}. Convert"
            " it."
        )
    told = _told(noise, noun)
    unit = _unit(given, range, stated, bits, told is not None)
    level = told if told is not None else 255 * deviation(given) / unit.span
    used = unit if range == ranges.FULL else levels.stretched(given, unit, level)
    questions = () if told is None else questions_about(told, unit)
    return Recording(values, ndim, unit, used, level, questions)


def _told(noise: Any, noun: str) -> float | None:
    try:
        return gate.number(noise, "noise", low=QUIETEST, high=LOUDEST, none=True)
    except ValueError:
        raise ValueError(
            f"noise of a {noun} must be a standard deviation in 1/255 of its range, from"
            f" {QUIETEST:g} to {LOUDEST:g}, or None to estimate it. Received:"
            f" noise={gate.said(noise)}"
        ) from None


def _unit(
    values: np.ndarray, asked: Any, stated: float | None, bits: int | None, told: bool
) -> ranges.Range:
    """What a noise level is told in, as `keras_pde.data.ranges.range_of` finds it for images."""
    floats, automatic = values.dtype.kind == "f", isinstance(asked, str) and asked == ranges.AUTO
    if floats and automatic and not -1 <= values.min() <= values.max() <= 2:
        return ranges.data_range(values, deviation(values))
    return ranges.range_of(values, asked, stated, bits, told)


def deviation(values: np.ndarray) -> float:
    """The standard deviation of white noise, in the units of the values.

    Of a signal it is the median of the absolute third differences over 0.674·√20, which are zero
    where the signal is a parabola; of a volume the median over sections of what
    `keras_pde.data.noise.estimate` finds in each.

    Args:
        values: (length, 1) or (depth, height, width, 1).

    Example:
        >>> from keras_pde.tasks.denoise.recording import deviation
        >>> noise = np.random.default_rng(0).standard_normal((10000, 1))
        >>> round(deviation(100 + 3 * noise), 1)
        3.0
    """
    if not np.isfinite(values).all():
        raise ValueError(
            "The data to denoise hold NaN or infinite values. Replace them by numbers first."
        )
    if values.ndim == 2:
        if len(values) < len(CUBIC):
            return 0.0
        details = np.convolve(values[:, 0].astype(np.float64), CUBIC, "valid")
        return float(np.median(np.abs(details))) / MEDIAN
    peak = ranges.type_range(values.dtype).high
    chosen = np.unique(np.linspace(0, len(values) - 1, SECTIONS).astype(int))
    return float(np.median([noises.estimate(values[i]) for i in chosen])) * peak / 255
