"""A command that is told to stop: in good order, with what is kept, and at once the second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from keras_pde.cli.signals import TOGETHER, Stopped, stoppable
from keras_pde.data import images
from keras_pde.runtime.interrupts import deferred
from keras_pde.tasks.training.archive import unpack

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as of POSIX")
RECIPE = {
    "name": "t",
    "model": {"class": "DiffusionResNet", "schedule": 2, "filters": 4, "kernel_size": 3},
    "description": "a test",
    "train": "train",
    "test": "train",
    "validation": 1,
    "patch_size": 16,
    "batch_size": 2,
    "steps": 60,
    "validate_every": 5,
    "levels": [25],
}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_raised_once_and_handlers_are_put_back(number: int, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as caught, stoppable():
        signal.raise_signal(number)
    assert caught.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_the_process_at_once() -> None:
    """Also where the first is not heard, as in compiled code."""
    program = (
        "import sys, time, types\n"
        "for name in ('keras_pde', 'keras_pde.runtime', 'keras_pde.cli'):\n"  # without Keras
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    sys.modules[name].__path__ = [name.replace('.', '/')]\n"
        "from keras_pde.cli.signals import stoppable\n"
        "with stoppable():\n"
        "    state = 'ready'\n"
        "    while True:\n"
        "        try:\n"
        "            print(state, flush=True)\n"
        "            time.sleep(100)\n"
        "        except KeyboardInterrupt: state = 'deaf'\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGINT)  # as `timeout` sends it: to the process and its group
        assert child.stdout.readline() == "deaf\n"
        assert child.poll() is None
        time.sleep(2 * TOGETHER)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 143
    finally:
        child.kill()
        child.wait()


def test_a_deferred_signal_waits_until_it_is_asked_for_or_the_block_ends() -> None:
    done = []

    def run(asked: bool) -> None:
        with stoppable(), deferred() as check:
            signal.raise_signal(signal.SIGTERM)
            done.append("a step")
            if asked:
                check()
                done.append("never")

    for asked in (True, False):
        with pytest.raises(Stopped, match="SIGTERM"):
            run(asked)
    assert done == ["a step"] * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bsd" / "train").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.random((24, 24, 1)).astype("float32")
        images.write(tmp_path / "bsd" / "train" / f"{i}.png", images.Image(pixels))
    (tmp_path / "r.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    return tmp_path


def stopped(folder: Path, word: str, number: int) -> tuple[int, str]:
    """Exit code and text of a training that gets a signal once it has printed a word."""
    words = "-m keras_pde train r.json --data bsd --out preset --work work"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    child = subprocess.Popen(
        [sys.executable, *words.split()],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        text = ""
        for line in lines(child):
            text += line
            if word in line:
                child.send_signal(number)
                break
        rest, _ = child.communicate(timeout=120)
        return child.returncode, text + rest
    finally:
        child.kill()
        child.wait()


def lines(child: subprocess.Popen[str]) -> Iterator[str]:
    assert child.stdout is not None
    return iter(child.stdout.readline, "")


def test_a_training_that_is_stopped_at_any_moment_says_how_to_go_on(folder: Path) -> None:
    def left() -> set[str]:
        return {path.name for path in [*folder.iterdir(), *(folder / "work").glob("*")]}

    code, text = stopped(folder, "checkpoints to", signal.SIGINT)  # while it reads and compiles
    assert code == 130, text
    assert "there is no checkpoint in work yet, and the same command begins anew" in text
    assert "Traceback" not in text
    assert left() <= {"bsd", "r.json", "work", "training.lock"}
    code, text = stopped(folder, "step 5:", signal.SIGTERM)
    assert code == 143, text
    assert "the last checkpoint is in work, and the same command goes on from it" in text
    step = int(unpack((folder / "work" / "checkpoint.npz").read_bytes())["step"])
    assert 5 <= step < 60
    code, text = stopped(folder, "step 60:", signal.SIGINT)  # while it publishes
    assert code == 130, text
    assert "step 5:" not in text
    assert "Traceback" not in text
    assert int(unpack((folder / "work" / "checkpoint.npz").read_bytes())["step"]) == 60
    known = {"training.lock", "checkpoint.npz", "checkpoint.earlier.npz", "log.csv", "tensorboard"}
    assert left() <= {"bsd", "r.json", "work", *known}
