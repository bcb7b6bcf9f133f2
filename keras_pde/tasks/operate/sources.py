"""The sets of inputs and solutions that recipes name: where they are found, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Pairs", "source"]

FOLDER = "pde"
HELD = 200  # of Burgers' equation, the last ones, to test on
WHOSE = "neuraloperator 0.3.0 (Kossaifi, Kovachki, Li and others)"


@dataclass(frozen=True)
class Pairs:
    """Inputs and what an operator makes of them.

    Attributes:
        inputs: (samples, *sizes, channels), float32.
        outputs: (samples, *sizes, values), float32.

    Example:
        >>> from keras_pde.tasks.operate.sources import Pairs
        >>> some = Pairs(np.zeros((5, 8, 1)), np.zeros((5, 8, 3)))
        >>> len(some), len(some.part(slice(2)))
        (5, 2)
    """

    inputs: np.ndarray
    outputs: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, which: Any) -> Pairs:
        """Some of them."""
        return Pairs(self.inputs[which], self.outputs[which])


@dataclass(frozen=True)
class Source:
    """Where a set is from.

    Attributes:
        text: for cards.
        licence: of the presets, with that of the data.
        file: its name.
        ndim: axes.
        train: reads the pairs to train on.
        test: reads those to test on, by the number of points an axis.
    """

    text: str
    licence: str
    file: str
    ndim: int
    train: Callable[[Mapping[str, Any]], Pairs]
    test: Callable[[Mapping[str, Any]], dict[str, Pairs]]


def _darcy(data: Mapping[str, Any], part: str) -> Pairs:
    a, u = (np.asarray(data[f"darcy_{part}_{k}"], np.float32)[..., None] for k in "au")
    return Pairs(a, u)


def _burgers(data: Mapping[str, Any], part: slice) -> Pairs:
    states = np.asarray(data["output"], np.float32)[part]  # (samples, times, points)
    return Pairs(states[:, 0, :, None], np.moveaxis(states[:, 1:], 1, 2))


SOURCES = {
    "darcy": Source(
        f"Darcy flow of {WHOSE}: 1000 pairs on 16 × 16 points, tests of 50 on 16 × 16 and 32 × 32",
        "Apache-2.0 (data: MIT, neuraloperator developers)",
        "darcy.npz",
        2,
        lambda data: _darcy(data, "train_16"),
        lambda data: {n: _darcy(data, f"test_{n}") for n in ("16", "32")},
    ),
    "burgers": Source(
        f"Burgers' equation of {WHOSE}: 1200 evolutions on 16 points with the viscosity 0.01, the"
        f" last {HELD} of them to test on",
        "Apache-2.0 (data: MIT, neuraloperator developers)",
        "burgers_lowres.npz",
        1,
        lambda data: _burgers(data, slice(None, -HELD)),
        lambda data: {"16": _burgers(data, slice(-HELD, None))},
    ),
}


def source(name: str) -> Source:
    """What is known of a set.

    Raises:
        ValueError: there is none of the name.

    Example:
        >>> from keras_pde.tasks.operate.sources import source
        >>> source("darcy").file, source("burgers").ndim
        ('darcy.npz', 1)
    """
    if name not in SOURCES:
        raise ValueError(f"No set is called {name!r}. There are: {', '.join(SOURCES)}.")
    return SOURCES[name]


def load_train(name: str, folder: str | Path | None = None) -> Pairs:
    """The pairs of a set that are to train on.

    Args:
        name: of the set.
        folder: that has the folder pde with the set's file; None is ../shared/data beside a
            checkout.

    Raises:
        ValueError: there is no such set; a file without its arrays.
        FileNotFoundError: there is no such file.
    """
    return source(name).train(_read(name, folder))


def load_test(name: str, folder: str | Path | None = None) -> dict[str, Pairs]:
    """The pairs that are to test on, by the number of points an axis; else as `load_train`."""
    return source(name).test(_read(name, folder))


def _read(name: str, folder: str | Path | None) -> Mapping[str, Any]:
    usual = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    path = (usual if folder is None else Path(folder)) / FOLDER / source(name).file
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path}. Name the folder that holds {FOLDER}: --data DIR."
        )
    with np.load(path) as data:
        return {key: data[key] for key in data.files}
