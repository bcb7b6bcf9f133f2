"""What each field of a recipe may be: its type, its range, its meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from keras_pde.runtime.options import flag, number, said, whole

MOST = 10**9
LENGTH = 2000  # characters of a text
STATED = "stated"  # noise that is in the images, and is not added
SEEDS = 2**32 - 1  # NumPy's


def text(x: Any, name: str) -> None:
    """One line of text, or none."""
    if not isinstance(x, str) or len(x) > LENGTH or not x.replace("\t", " ").isprintable():
        raise ValueError(
            f"{name} must be one line of at most {LENGTH} characters. Received: {name}={said(x)}"
        )


def preset_name(x: Any, name: str) -> None:
    """A name that a folder can have on every system."""
    if not isinstance(x, str) or not re.fullmatch(r"\w[\w.-]*", x) or len(x) > 100:
        raise ValueError(
            "a preset's name has letters, digits and _ . - only, at most 100. Received:"
            f" {name}={said(x)}"
        )


def folder(x: Any, name: str) -> None:
    """A folder's name."""
    text(x, name)
    if not x:
        raise ValueError(f"{name} must name a folder of images. Received: {name}=''")


def table(x: Any, name: str) -> None:
    """An object with fields."""
    if not isinstance(x, Mapping) or not all(isinstance(key, str) for key in x):
        raise ValueError(f"{name} is an object with fields of its own. Received: {name}={said(x)}")


def model(x: Any, name: str) -> None:
    """The description of a network."""
    if not isinstance(x, Mapping) or not isinstance(x.get("class"), str):
        raise ValueError(
            f'{name} must be an object {{"class": name, argument: value, ...}}. Received:'
            f" {name}={said(x)}"
        )
    table(x, name)


def noise(x: Any, name: str) -> None:
    """A noise level, or the lowest and the highest; or the level that the images have."""
    if isinstance(x, Mapping):
        if set(x) != {STATED}:
            raise ValueError(
                f'{name} must be a number, two, or {{"{STATED}": level}} for images that are noisy.'
                f" Received: {name}={said(x)}"
            )
        number(x[STATED], f"{name}.{STATED}", low=1, high=255)
        return
    if not isinstance(x, list | tuple):
        number(x, name, low=0, high=255)
        return
    if len(x) != 2:
        raise ValueError(
            f"{name} must be a number, or the lowest and the highest. Received: {name}={said(x)}"
        )
    for value in x:
        number(value, name, low=0, high=255)
    if x[0] > x[1]:
        raise ValueError(f"{name} must have the lowest level first. Received: {name}={said(x)}")


def levels(x: Any, name: str) -> None:
    """Noise levels to measure at."""
    if not isinstance(x, list | tuple) or not x or len(set(map(repr, x))) < len(x):
        raise ValueError(
            f"{name} must be a list of different noise levels. Received: {name}={said(x)}"
        )
    for value in x:
        number(value, name, low=0, high=255, low_open=True)


def count(low: int, high: int = MOST) -> Callable[[Any, str], None]:
    """A whole number within bounds."""

    def check(x: Any, name: str) -> None:
        whole(x, name, low=low, high=high)

    return check


def patch(x: Any, name: str) -> None:
    """Pixels of a patch each way, or a list of one number for each axis."""
    for value in x if isinstance(x, list | tuple) and x else (x,):
        whole(value, name, low=1, high=2**16)


def real(low: float, high: float, **options: bool) -> Callable[[Any, str], None]:
    """A number within bounds."""

    def check(x: Any, name: str) -> None:
        number(x, name, low=low, high=high, **options)  # type: ignore[call-overload]

    return check


FIELDS: dict[str, Callable[[Any, str], Any]] = {
    "name": preset_name,
    "model": model,
    "description": text,
    "purpose": text,
    "task": text,
    "ndim": count(1, 3),
    "channels": count(1, 1024),
    "train": folder,
    "test": folder,
    "validation": count(0),
    "noise": noise,
    "loss": text,
    "patch_size": patch,
    "batch_size": count(1, 2**16),
    "steps": count(1),
    "learning_rate": real(0, 1e30, low_open=True),
    "warmup": count(0),
    "clip": real(0, 1e30),
    "ema": real(0, 1, high_open=True),
    "validate_every": count(1),
    "patience": count(0),
    "levels": levels,
    "jit": flag,
    "seed": count(0, SEEDS),
    "final": table,
    "before": table,
    "start": text,
    "options": table,
}
