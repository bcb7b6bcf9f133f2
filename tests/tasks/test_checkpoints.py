"""A training loses nothing: damaged checkpoints, full disks, two processes in one folder."""

from __future__ import annotations

import csv
import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from conftest import ROOT

from keras_pde.runtime import writing
from keras_pde.tasks.training.archive import pack, unpack
from keras_pde.tasks.training.checkpoint import Checkpoint, Patience
from keras_pde.tasks.training.distributed import Alone
from keras_pde.tasks.training.lock import LOCK, locked
from keras_pde.tasks.training.log import Log
from keras_pde.tasks.training.recipes import Recipe

# --- checkpoints ---


def checkpoint(folder: Path, steps: int = 60) -> Checkpoint:
    """A checkpoint of a small compiled model."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.1, use_ema=True), "mse")
    model.optimizer.build(model.trainable_variables)
    made = Checkpoint(folder, ("me", "former"), Patience("x"), 10, steps, Alone(), mock.Mock())
    made.set_model(model)
    return made


def state(made: Checkpoint) -> list[np.ndarray]:
    variables = [*made.model.weights, *made.model.optimizer.variables]
    return [np.asarray(v) for v in variables]


def run(made: Checkpoint, steps: int) -> list[np.ndarray]:
    """Go on to a step, and write a checkpoint; the state in it."""
    rng = np.random.default_rng(steps)
    for variable in (*made.model.weights, *made.model.optimizer.variables):
        variable.assign(rng.integers(0, 100, variable.shape))
    made.step, made.patience.wait, made.patience.best = steps, steps // 10, 28.5
    made.save()
    return state(made)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda good: b"",
    "cut in half": lambda good: good[: len(good) // 2],
    "cut by a byte": lambda good: good[:-1],
    "longer": lambda good: good + b"0",
    "no archive": lambda good: b"x" * len(good),
    "zeros at the end": lambda good: good[:-100] + bytes(100),
    "another file": lambda good: pack({"step": 20}),
    "of a later version": lambda good: later(good),
    **{
        f"a bit at {share:.0%}": lambda good, share=share: flipped(good, int(share * len(good)))
        for share in (0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.999)
    },
}


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def later(data: bytes) -> bytes:
    values = {k: v for k, v in unpack(data).items() if k != "format"}
    with mock.patch("keras_pde.tasks.training.archive.FORMAT", 99):
        return pack(values)


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_checkpoint_has_an_earlier_one(damage: str, tmp_path: Path) -> None:
    made = checkpoint(tmp_path)
    first, _ = run(made, 10), run(made, 20)
    made.path.write_bytes(DAMAGES[damage](made.path.read_bytes()))
    spoilt = made.path.read_bytes()
    again = checkpoint(tmp_path)
    assert again.restore()
    assert (again.step, again.patience.wait, again.patience.best) == (10, 1, 28.5)
    for a, b in zip(state(again), first, strict=True):
        np.testing.assert_array_equal(a, b)
    (said,) = again.say.call_args.args  # type: ignore[attr-defined]
    assert re.fullmatch(r"[^\n]*checkpoint\.npz cannot be read: [^\n]+", said)
    assert said.endswith(f"{again.earlier}, step 10.")
    assert made.path.read_bytes() == spoilt
    # the good one is not replaced by the damaged one
    second = run(again, 20)
    kept = checkpoint(tmp_path)
    kept.path.write_bytes(b"")
    assert kept.restore()
    assert kept.step == 10
    assert all(np.array_equal(a, b) for a, b in zip(state(kept), first, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(second, first, strict=True))


def test_two_damaged_checkpoints_end_in_one_line_and_stay(tmp_path: Path) -> None:
    made = checkpoint(tmp_path)
    run(made, 10), run(made, 20)
    made.path.write_bytes(b"x")
    made.earlier.write_bytes(b"")
    again = checkpoint(tmp_path)
    before = state(again)
    with pytest.raises(
        ValueError, match=r"it is empty\. Nothing was changed\. Put a good copy"
    ) as e:
        again.restore()
    assert "\n" not in str(e.value)
    assert (made.path.read_bytes(), made.earlier.read_bytes()) == (b"x", b"")
    assert all(np.array_equal(a, b) for a, b in zip(state(again), before, strict=True))
    made.earlier.unlink()
    with pytest.raises(ValueError, match=r"remove checkpoint\.npz to start anew"):
        again.restore()
    made.path.unlink()
    assert not again.restore()


def test_the_earlier_checkpoint_is_taken_where_the_last_is_missing(tmp_path: Path) -> None:
    made = checkpoint(tmp_path)
    run(made, 10), run(made, 20)
    made.path.unlink()
    again = checkpoint(tmp_path)
    assert again.restore()
    assert again.step == 10


def test_checkpoints_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """Without digest and format, signed by the hash of the whole recipe."""
    made = checkpoint(tmp_path)
    expected = run(made, 20)
    values = unpack(made.path.read_bytes())
    del values["format"]
    np.savez(made.path, **{**values, "identity": np.asarray("former")})  # type: ignore[arg-type]
    again = checkpoint(tmp_path)
    assert again.restore()
    assert again.step == 20
    assert all(np.array_equal(a, b) for a, b in zip(state(again), expected, strict=True))
    raw = made.path.read_bytes()
    made.path.write_bytes(flipped(raw, len(raw) // 2))
    made.earlier.unlink(missing_ok=True)
    with pytest.raises(ValueError, match="cannot be read"):
        checkpoint(tmp_path).restore()


def test_a_full_disk_leaves_the_checkpoints_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = checkpoint(tmp_path)
    run(made, 10), run(made, 20)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name, module in (("fsync", writing.os), ("write_bytes", Path)):
        full = mock.Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        monkeypatch.setattr(module, name, full)
        with pytest.raises(OSError, match="No space left") as caught:
            run(made, 30)
        monkeypatch.undo()
        assert Path(caught.value.filename).parent == tmp_path
        assert (tmp_path / "checkpoint.npz").read_bytes() == before["checkpoint.npz"]
        assert {path.name for path in tmp_path.iterdir()} == set(before)
        again = checkpoint(tmp_path)
        assert again.restore()
        assert again.step == 20


FIELDS: dict[str, Any] = {"name": "t", "model": {"class": "DiffusionResNet"}}


def test_an_identity_leaves_out_what_does_not_change_the_training() -> None:
    recipe = Recipe(**FIELDS)
    for change in ({"description": "b"}, {"final": {"block": {}}}, {"test": "b"}, {"name": "u"}):
        assert Recipe(**{**FIELDS, **change}).identities()[0] == recipe.identities()[0]
    for change in ({"steps": 7}, {"seed": 1}, {"warmup": 0}, {"before": {"steps": 1}}):
        assert Recipe(**{**FIELDS, **change}).identities()[0] != recipe.identities()[0]


# --- one training in a folder, and its log ---


def test_a_folder_is_locked_by_a_process_and_not_by_its_remains(tmp_path: Path) -> None:
    program = (
        "import runpy, sys, time\n"
        "locked = runpy.run_path('keras_pde/tasks/training/lock.py')['locked']\n"
        "from pathlib import Path\n"
        f"with locked(Path({str(tmp_path)!r})): print('locked', flush=True); time.sleep(100)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        who = f"{tmp_path} .* process {child.pid} on "
        with pytest.raises(BlockingIOError, match=who), locked(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()
    assert (tmp_path / LOCK).is_file()
    mine = pytest.raises(BlockingIOError, match=f"process {os.getpid()}")
    with locked(tmp_path), mine, locked(tmp_path):
        pass


def test_a_log_has_each_step_once(tmp_path: Path) -> None:
    def steps() -> list[str]:
        return [row["step"] for row in csv.DictReader((tmp_path / "log.csv").open())]

    log = Log(tmp_path / "log.csv")
    for epoch in range(4):
        log.on_epoch_end(epoch, {"step": 10 * (epoch + 1), "loss": 0.5})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,0.")  # of a version that appended, killed
    Log(tmp_path / "log.csv", step=20).on_epoch_end(2, {"step": 30, "loss": 0.25})
    assert steps() == ["10", "20", "30"]
    Log(tmp_path / "log.csv").on_epoch_end(0, {"step": 10, "loss": 0.25})
    assert steps() == ["10"]
