"""The contract of a task, and the three tasks of the package by it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from keras_pde import from_preset, presets
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.denoise.task import Denoise
from keras_pde.tasks.metric import Metric
from keras_pde.tasks.task import Task


class Guess(Task):
    """A task that only measures."""

    name = "guess"
    metric = Metric("error", digits=1, higher_is_better=False, tolerance=0.5)
    inputs = ("anything",)
    target = "a number"

    def evaluate(
        self, network: Any, folder: Any = None, limit: Any = None, entry: Any = None
    ) -> dict[str, float]:
        return {"error": 0.25}


def test_every_entry_of_the_index_names_a_task_that_can_write_its_row() -> None:
    for entry in presets.index().values():
        task = tasks.get(entry["task"])
        assert entry["metric"]["unit"] == task.metric.unit
        assert entry["metric"]["tolerance"] == task.metric.tolerance
        assert task.metric.unit in task.row(entry)
        stated = task.stated(entry)
        assert not stated or entry["metric"]["value"] in stated.values() or "noise" in entry


def test_an_unknown_task_is_refused_and_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="No task is called 'paint'"):
        tasks.get("paint")

    class Other(Guess):
        name = "denoise"

    tasks.get("denoise")
    with pytest.raises(ValueError, match="There is a task 'denoise' already"):
        tasks.register(Other())
    tasks.register(Denoise())  # the same again changes nothing


def test_a_task_that_only_measures_says_that_it_has_no_training() -> None:
    task = Guess()
    for call in (
        lambda: task.data(None, None),
        lambda: task.loss(None, None),
        lambda: task.input_shape(None, None),
        lambda: task.validate(None, lambda x: x, None, None),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotImplementedError, match="'guess' has no training"):
            call()
    assert task.metric.better(0.1, 0.2)
    assert task.metric.full(0.25) == "0.25 ± 0.5"
    batch = (np.zeros(2), np.ones(2))
    inputs, target = task.arrange(None, batch)
    assert (inputs is batch[0], target is batch[1]) == (True, True)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("denoise", "multigrid_poisson_2d"),
        ("inpaint", "linear_2d"),
        ("solve", "linear_2d"),
        ("solve", "multigrid_inpaint_2d"),
        ("solve", "multigrid_unet_2d"),
    ],
)
def test_a_network_of_another_task_is_refused(name: str, wrong: str) -> None:
    network = from_preset(wrong)
    tasks.get(presets.index()[wrong]["task"]).check(network)
    with pytest.raises(ValueError, match=f"keras-pde list\\s+--task {name} shows"):
        tasks.get(name).evaluate(network)


def test_tasks_need_neither_keras_nor_tensorflow_to_write_a_list() -> None:
    code = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None;"
        " import types; face = types.ModuleType('keras_pde'); face.__path__ = ['keras_pde'];"
        " sys.modules['keras_pde'] = face;"
        " from keras_pde.tasks.listing import list_presets; print(repr(list_presets('linear_1d')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "23.87 dB" in done.stdout
