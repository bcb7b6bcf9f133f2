"""Shared by all tests.

Quiet TensorFlow, one seed, and the folder of real data where it is present.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# a worker for each core, which its linear algebra must not share: threads that wait spin
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
import tiers

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
COLLECTED = pytest.StashKey[dict[str, bool]]()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import keras  # here: the process that only hands out the tests needs no TensorFlow

    keras.utils.set_random_seed(0)


@pytest.fixture
def double() -> Iterator[None]:
    """Float64 on JAX too."""
    from keras_pde.runtime import double_precision

    with double_precision():
        yield


@pytest.fixture
def without_xla(monkeypatch: pytest.MonkeyPatch) -> None:
    """`solve` by TensorFlow's own graphs: XLA takes longer to compile a cycle than to run all.

    For claims about the iteration. XLA's programs are compared with direct solvers, as they are.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        from keras_pde.schemes.multigrid import iteration

        monkeypatch.setattr(iteration, "compiled", lambda f: tf.function(f, autograph=False))


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    import numpy as np

    return np.random.default_rng(0)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what the quick tier leaves out, and put the longest first."""
    config.stash[COLLECTED] = collected = tiers.by_tier([item.nodeid for item in items])
    for item in items:
        if not collected[item.nodeid]:
            item.add_marker("full")
    items.sort(key=lambda item: tiers.key(item.nodeid).partition("::")[0] not in tiers.LONG)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """On a machine that is too slow for the whole full tier, .ci/run says when to leave out."""
    if time.time() > float(os.environ.get("FULL_TIER_UNTIL", "inf")):
        if item.get_closest_marker("full"):
            pytest.skip("left out: the time for the full tier is over")


@pytest.fixture(scope="session")
def collected(request: pytest.FixtureRequest) -> dict[str, bool]:
    """The name of every test, and whether it is in the quick tier."""
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    found = request.config.stash[COLLECTED]
    if {name.partition("::")[0] for name in found} == files:
        return found
    # a run of a part: a process of its own collects the rest
    command = "-m pytest -q --collect-only -n 0 --strict-markers --import-mode=importlib"
    done = subprocess.run(
        [sys.executable, *command.split(), "-o", "addopts=", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tiers.by_tier([line for line in done.stdout.splitlines() if "::" in line])
