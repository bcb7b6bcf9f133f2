"""Training on several machines, played by processes on one.

The updates of a single process, and a run that survives kill -9.

Four short trainings of two processes each, on JAX with its gloo collectives; each process dies with
the test's.
"""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from keras_pde import data, presets
from keras_pde.data import images
from keras_pde.tasks.training.distributed import Alone, Rows, join
from keras_pde.tasks.training.recipes import Recipe

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="needs the extra [jax]"
)
BLOCK = {
    "class": "DiffusionBlock",
    "operator": {"class": "ConvOperator", "filters": 4, "kernel_size": 3, "boundary": "dirichlet"},
    "flux": {
        "class": "FluxActivation",
        "flux": "perona_malik",
        "contrast": 0.05,
        "learn_contrast": True,
        "noise_conditioned": True,
    },
    "step_size": "learned",
}
RECIPE = Recipe(
    "both",
    {"class": "DiffusionResNet", "schedule": 2, "block": BLOCK},
    "a test",
    "A test.",
    train="train",
    test="test",
    validation=1,
    patch_size=16,
    batch_size=4,
    steps=400,
    learning_rate=0.002,
    warmup=5,
    validate_every=20,
    ema=0.8,
    levels=(25,),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few small photographs in the layout of the BSD folders, and a recipe."""
    from skimage import data as samples

    folder = tmp_path_factory.mktemp("cluster")
    for name, photograph in (("train", samples.camera()), ("test", samples.coins())):
        (folder / name).mkdir()
        for i in range(4 if name == "train" else 1):
            values = photograph[i * 60 : i * 60 + 40, 90:130, None] / 255.0
            images.write(folder / name / f"{i}.png", images.Image(values.astype("float32")))
    (folder / "recipe.json").write_text(RECIPE.text(), encoding="utf-8")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(
    place: Path, log: str, *options: str, recipe: str = "recipe.json", backend: str = "jax"
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "keras_pde", "train", recipe, "--data", ".", *options]
    env = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
    }
    with (place / log).open("wb") as file:
        return subprocess.Popen(
            command,
            env=env,
            cwd=place,
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )


def start_two(place: Path, name: str) -> list[subprocess.Popen[bytes]]:
    """Two processes with work folders of their own, as on two machines."""
    port = free_port()
    return [
        start(
            place,
            f"{name}{i}.log",
            "--work",
            f"{name}{i}",
            "--out",
            f"{name}{i}-preset",
            "--distribute",
            f"{i}/2@127.0.0.1:{port}",
        )
        for i in range(2)
    ]


def ends(processes: list[subprocess.Popen[bytes]], seconds: float = 150) -> list[int]:
    try:
        return [process.wait(seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()


def texts(place: Path, name: str) -> str:
    return "\n".join(
        f"{path.name}: {path.read_text(errors='replace')[-3000:]}"
        for path in sorted(place.glob(f"{name}*.log"))
    )


def weights(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "checkpoint.npz") as stored:
        return {key: stored[key] for key in stored.files if key.startswith("weight")}


def apart(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    assert a.keys() == b.keys()
    return max(float(np.abs(a[key] - b[key]).max()) for key in a)


@needs_jax
@pytest.mark.skipif(
    sys.platform != "linux", reason="processes that die with their parent are Linux's"
)
def test_two_processes_one_of_them_killed_end_with_the_weights_of_one_process(place: Path) -> None:
    two = start_two(place, "two")
    checkpoint = place / "two0" / "checkpoint.npz"
    deadline = time.monotonic() + 120
    while (
        not checkpoint.is_file()
        and all(p.poll() is None for p in two)
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    two[1].send_signal(signal.SIGKILL)
    # while the survivor waits for a sign of life
    alone = start(place, "one.log", "--work", "one", "--out", "one-preset")
    codes = ends(two, 60)
    assert codes[1] == -signal.SIGKILL, texts(place, "two")
    assert codes[0] not in (0, -signal.SIGKILL), "the survivor ends by itself, and with an error"
    assert "Start all of them again" in (place / "two0.log").read_text(errors="replace")
    with np.load(checkpoint) as stored:
        reached = int(stored["step"])
    assert 0 < reached < RECIPE.steps
    before = weights(place / "two0")
    assert ends([alone]) == [0], texts(place, "one")
    assert ends(start_two(place, "two")) == [0, 0], texts(place, "two")
    one, both = weights(place / "one"), weights(place / "two0")
    assert apart(one, both) < 1e-5 < 1e-2 < apart(before, both)
    only = {
        path.name
        for path in place.iterdir()
        if path.name.startswith("two1") and path.suffix != ".log"
    }
    assert not only, "only process 0 writes"
    assert [
        len((place / name / "log.csv").read_text().splitlines()) for name in ("one", "two0")
    ] == [21, 21]
    a, b = (presets.from_preset(place / name) for name in ("one-preset", "two0-preset"))
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5)
    assert presets.verify(place / "two0-preset") < 1e-5


@needs_jax
@pytest.mark.skipif(
    sys.platform != "linux", reason="processes that die with their parent are Linux's"
)
def test_processes_with_different_recipes_do_not_train_together(place: Path) -> None:
    (place / "other.json").write_text(
        dataclasses.replace(RECIPE, learning_rate=0.01).text(), encoding="utf-8"
    )
    port = free_port()
    two = [
        start(
            place,
            f"unlike{i}.log",
            "--distribute",
            f"{i}/2@127.0.0.1:{port}",
            recipe=("recipe.json", "other.json")[i],
        )
        for i in range(2)
    ]
    assert 0 not in ends(two, 60)
    assert "Process 1 has another recipe than process 0" in texts(place, "unlike")


def test_rows_of_all_processes_are_the_batch() -> None:
    patches = data.Patches(
        [np.random.default_rng(0).random((20, 20, 1))], patch_size=8, batch_size=6, noise=(5, 55)
    )
    parts = [Rows(patches, start, start + 2).batch(7) for start in (0, 2, 4)]
    for whole, *rows in zip(patches.batch(7), *parts, strict=True):
        np.testing.assert_array_equal(np.concatenate(rows), whole)


def test_one_process_alone_does_what_a_group_does(tmp_path: Path) -> None:
    with join(None) as group:
        assert type(group) is Alone
        assert group.read(tmp_path / "no") is None
        assert group.agreed({"25": 28.5}) == {"25": 28.5}


@pytest.mark.parametrize("text", ["2/2@host:1", "0/2@host", "host:1", "0/2"])
def test_a_malformed_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"I/N@HOST:PORT.*Received"):
        join(text)


@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "jax", reason="on JAX it works")
def test_another_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the JAX backend"):
        join("0/2@localhost:1")
