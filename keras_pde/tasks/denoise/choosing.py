"""Which network denoises: options checked, a preset chosen for data and a noise level."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

from keras_pde import presets
from keras_pde.models import retiming
from keras_pde.operators.respacing import relative
from keras_pde.runtime import gate
from keras_pde.runtime.bounded import bounded
from keras_pde.tasks.denoise import levels
from keras_pde.tasks.denoise.denoiser import Denoiser

__all__ = ["check_options", "choose_denoiser"]


def check_options(preset: Any, time: Any, tile: Any, progress: Any) -> None:
    """Refuse options that are none, before a network is loaded.

    Raises:
        ValueError: a preset that is no name and no path, a time that is no number > 0, a tile that
            is no whole number ≥ 1, a progress that cannot be called.

    Example:
        >>> from keras_pde.tasks.denoise import choosing
        >>> choosing.check_options("auto", 0, None, None)
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


def choose_denoiser(
    preset: str,
    shape: tuple[int, ...],
    sigma: float,
    time: float | None = None,
    spacing: Sequence[float] | None = None,
) -> Denoiser:
    """A preset for an image and its noise level, with its program.

    Args:
        preset: name or directory; "auto" is the best certified one.
        shape: (height, width, channels).
        sigma: noise level in grey levels of 255; 0 is as 25.
        time: stopping time, instead of the preset's own for sigma.
        spacing: of the pixels along each axis, where it is not the same.

    Raises:
        ValueError: an unknown preset, one of another task, or one that does not fit.

    Example:
        >>> from keras_pde.tasks.denoise import choosing
        >>> chosen = choosing.choose_denoiser("weickert_2d", (64, 64, 1), sigma=15)
        >>> chosen.name, round(chosen.network.time, 6)
        ('weickert_2d', 0.6)
    """
    index, sigma = presets.index(), sigma or levels.REFERENCE
    name = levels.choose_preset(index, shape[-1], sigma) if preset == "auto" else preset
    entry = index.get(name, {})
    if entry.get("task", "denoise") != "denoise":
        raise ValueError(
            f"{name} is a preset of the task {entry['task']!r}, which keras-pde denoise does not do"
        )
    table = entry.get("noise")
    if time is None and table:
        time = levels.stopping_time(table, sigma)
    factors = None if spacing is None else relative(spacing, len(shape) - 1)
    factors = None if factors and min(factors) == max(factors) else factors
    find = _of_the_zoo if entry else _loaded
    chosen = find(name, time, bool(table), factors)
    levels.check_fit(chosen.network, shape)
    return chosen


def _loaded(
    name: str, time: float | None, tuned: bool, spacing: tuple[float, ...] | None
) -> Denoiser:
    network = presets.from_preset(name)
    if spacing is not None:
        network = network.with_spacing(spacing)
    if time is not None:
        network = retiming.retime(network, time)
    return Denoiser(network, name, tuned=tuned, snapshot=True, compile=bounded)


# of a folder of images all but the first find their network compiled
_of_the_zoo = functools.lru_cache(maxsize=2)(_loaded)
