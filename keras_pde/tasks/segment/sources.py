"""The sets of images with masks that recipes name: where they are found, and whose they are."""

from __future__ import annotations

from pathlib import Path

from keras_pde.data.masked import Masked, load_masked
from keras_pde.tasks.classify.sources import Source, place_of

__all__ = ["load", "source"]

SOURCES = {
    "cells": Source(
        "frames of a scratch assay with stained nuclei (T. Monko, ndev-sampledata 0.0.3, 2025)",
        "Apache-2.0 (data: BSD-3-Clause, Tim Monko)",
        shipped=True,
    ),
}


def source(name: str) -> Source:
    """What is known of a set; of one's own, its name.

    Example:
        >>> from keras_pde.tasks.segment.sources import source
        >>> source("cells").shipped, source("leaves").text
        (True, 'leaves')
    """
    return SOURCES.get(name, Source(name, "that of the images"))


def load(name: str, split: str, folder: str | Path | None = None) -> Masked:
    """The images of a set that are to train on, or to test on.

    Args:
        name: of the set, which is that of its folder.
        split: "train" or "test".
        folder: of the data sets; None is the zoo's data for "cells", else ../shared/data beside a
            checkout.

    Raises:
        FileNotFoundError: there is no such folder, or it is laid out in another way.
        ValueError: damaged files.

    Example:
        >>> from keras_pde.tasks.segment.sources import load
        >>> len(load("cells", "train")), len(load("cells", "test"))
        (10, 10)
    """
    return load_masked(place_of(name, folder, source(name).shipped), split)
