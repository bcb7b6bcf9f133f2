"""Many training steps in one program, on JAX: the weights of `train_on_batch`, step by step."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

SCRIPT = """
import json
import tempfile
from pathlib import Path

import numpy as np

from keras_pde.data import images
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.run import Training
from keras_pde.tasks.training.stepping import forward

LEARNED = {"contrast": 0.05, "learn_contrast": True, "noise_conditioned": True}
BLOCK = {
    "class": "DiffusionBlock",
    "step_size": "learned",
    "operator": {
        "class": "ConvOperator",
        "filters": 4,
        "kernel_size": 3,
        "boundary": "dirichlet",
        "normalize": True,
    },
    "flux": {"class": "FluxActivation", "flux": "perona_malik", **LEARNED},
}
MODEL = {"class": "DiffusionResNet", "schedule": 2, "block": BLOCK}
RECIPE = Recipe(
    "m",
    MODEL,
    train="train",
    validation=1,
    patch_size=16,
    batch_size=3,
    noise=(5, 55),
    steps=12,
    learning_rate=0.01,
    warmup=0,
    validate_every=7,
    ema=0.8,
    levels=(25,),
)
folder = Path(tempfile.mkdtemp())
(folder / "train").mkdir()
image = np.add.outer(np.sin(np.arange(40) / 4), np.cos(np.arange(40) / 6))[..., None] / 4 + 0.5
for k in range(2):
    images.write(folder / "train" / f"{k}.png", images.Image(image.astype("float32")))


def weights(run):
    return [np.asarray(v) for v in [*run.model.weights, *run.model.optimizer.variables]]


def apart(a, b):
    return max(float(abs(x - y).max()) for x, y in zip(a, b, strict=True))


run = Training(RECIPE, folder, folder / "together")
told = []
run.run(show=lambda step, logs: told.append((step, logs["loss"])))
other = Training(RECIPE, folder, folder / "one")
losses = []
for step in range(12):
    (noisy, sigma), clean = other.task.arrange(other.model, other.data.batch(step))
    losses.append(float(other.model.train_on_batch([noisy, sigma], clean)))
other.model.optimizer.finalize_variable_values(other.model.trainable_variables)
means = {7: np.mean(losses[:7]), 12: np.mean(losses[7:])}
after = weights(run)
noisy, sigma, _ = run.data.batch(0)
inputs = [noisy[:1], np.full(1, 25 / 255, "float32")]
program = forward(run.model)
before = program(inputs)
direct = np.asarray(run.model(inputs))
for v in run.model.trainable_variables:
    v.assign(v + 0.1)
print(json.dumps({
    "losses": max(abs(loss - means[step]) for step, loss in told),
    "weights": apart(after, weights(other)),
    "steps": sorted({step for step, _ in told}),
    "moved": apart(weights(other), weights(Training(RECIPE, folder, folder / "new"))),
    "forward": float(abs(before - direct).max()),
    "follows": float(abs(program(inputs) - before).max()),
}))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra [jax]")
def test_steps_in_one_program_are_the_steps_one_by_one() -> None:
    env = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["steps"] == [7, 12]
    assert found["moved"] > 0.01  # both did train
    assert found["losses"] < 1e-3  # dB
    assert found["weights"] < 1e-4
    assert found["forward"] < 1e-5
    assert found["follows"] > 1e-3  # the program takes the weights of the moment
