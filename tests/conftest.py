"""Shared by all tests.

Quiet TensorFlow, one seed, and the folder of real data where it is present.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from tiers import KEPT

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(0)


@pytest.fixture
def double() -> Iterator[None]:
    """Float64 on JAX too."""
    from keras_pde.runtime import double_precision

    with double_precision():
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the quick tier leaves out."""
    met: Counter[str] = Counter()
    for item in items:
        name = f"{item.path.stem}::{item.name.partition('[')[0]}"
        met[name] += 1
        if name in KEPT and met[name] > KEPT[name]:
            item.add_marker("full")
