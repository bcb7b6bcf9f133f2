"""Noise levels: which preset and which stopping time are best for one, and what fits an image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_pde.data import ranges
from keras_pde.data.occupied import occupied
from keras_pde.tasks import registry

REFERENCE = 25.0
STRETCHED = 0.25  # of the range: data that occupy less are stretched
HIGHEST = 50.0  # noise level that stretching leads to at most


class Part(NamedTuple):
    """The part of [0, 1] that an image's data occupy: low to low + span.

    Args:
        low: its begin; 0 for the whole.
        span: its length, a power of two; 1 for the whole.

    Example:
        >>> from keras_pde.tasks.denoise.levels import Part
        >>> Part().span
        1.0
    """

    low: float = 0.0
    span: float = 1.0


def part_of(pixels: np.ndarray, sigma: float) -> Part:
    """The part of the range that a network is to see as [0, 1], for noise of sigma grey levels.

    Networks know images that fill their range. Data that occupy a quarter of it or less, as 12 bits
    in a uint16 array do, are therefore stretched to it, and their noise with them, though not to
    more than 50 grey levels.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise import levels
        >>> levels.part_of(np.arange(4096, dtype="uint16").reshape(64, 64, 1), sigma=0.2).span
        0.0625
    """
    peak = ranges.type_range(pixels.dtype).high
    low, high = (end / peak for end in occupied(pixels))
    least = max(high - low, sigma / HIGHEST)
    span = 2.0 ** math.ceil(math.log2(least)) if 0 < least <= STRETCHED and low < high else 1.0
    if span > STRETCHED:
        return Part()
    return Part(0.0 if high <= span else low, span)


def stretched(pixels: np.ndarray, unit: ranges.Range, sigma: float) -> ranges.Range:
    """The range that a network sees as [0, 1].

    It is the part of the type's range that is occupied, if that is a quarter at most; else the
    range itself.

    Args:
        pixels: of an image.
        unit: the range that sigma is told in.
        sigma: noise level, in 1/255 of it.

    Example:
        >>> from keras_pde.data import ranges
        >>> from keras_pde.tasks.denoise import levels
        >>> values = np.arange(4096, dtype="uint16").reshape(64, 64, 1)
        >>> str(levels.stretched(values, ranges.type_range("uint16"), sigma=0.2))
        '0 to 4095, by the data'
    """
    part = part_of(pixels, sigma)
    if unit != ranges.type_range(pixels.dtype) or part == Part():
        return unit
    low, span = part.low * unit.high, part.span * unit.high
    if pixels.dtype.kind in "ui":
        low, span = math.floor(low), math.floor(span)
    return ranges.Range(float(low), float(low + span), "the data")


def stopping_time(table: Mapping[str, float], sigma: float) -> float:
    """Stopping time for noise of sigma grey levels.

    Linear in log-log between the table's levels, constant outside.

    Example:
        >>> from keras_pde.tasks.denoise import levels
        >>> table = {"10": 1.0, "40": 4.0}
        >>> round(levels.stopping_time(table, 20.0), 9), levels.stopping_time(table, 90.0)
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
        >>> from keras_pde.tasks.denoise import levels
        >>> from keras_pde import presets
        >>> presets.index()[levels.choose_preset(presets.index(), channels=3)]["channels"]
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


def check_fit(model: Any, shape: tuple[int, ...]) -> None:
    """Refuse what a model cannot filter.

    Args:
        model: of `keras_pde.from_preset`.
        shape: (height, width, channels) of the pixels; of a signal or a volume, an axis less or
            more.

    Raises:
        ValueError: a model for another dimension or number of channels, an image smaller than its
            operator.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.denoise import levels
        >>> levels.check_fit(keras_pde.from_preset("linear_1d"), (32, 32, 1))
        Traceback (most recent call last):
        ...
        ValueError: The preset filters 1-D data, and an image is 2-D: ...
    """
    registry.get("denoise").check(model)
    if model.ndim != len(shape) - 1:
        data, ending = {1: ("a signal", "_1d"), 2: ("an image", "_2d or _color")}.get(
            len(shape) - 1, ("a volume", "_3d")
        )
        raise ValueError(
            f"The preset filters {model.ndim}-D data, and {data} is {len(shape) - 1}-D: choose one"
            f" whose name ends in {ending}"
        )
    if model.input_channels not in (1, shape[-1]):
        mismatch = (
            f"The preset is for {model.input_channels} channels and the image has {shape[-1]}"
        )
        raise ValueError(f"{mismatch}: choose a preset for grey images, such as truncated_tv_2d")
    if min(shape[:-1]) < model.smallest_size:
        size = " × ".join(map(str, reversed(shape[:-1])))
        raise ValueError(
            f"The image is {size} pixels, and the preset's operator needs at least"
            f" {model.smallest_size} each way"
        )
