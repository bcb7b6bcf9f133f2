"""Many training steps in one program, on JAX.

The same weights as one call of `train_on_batch` a step.
"""

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
import numpy as np
from keras_pde.data import Patches
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.stepping import jitted, steps_of, _one_by_one
from keras_pde.tasks.training.train import negative_psnr
import keras

OPERATOR = {
    "class": "ConvOperator",
    "filters": 4,
    "kernel_size": 3,
    "boundary": "dirichlet",
    "normalize": True,
}
FLUX = {
    "class": "FluxActivation",
    "flux": "perona_malik",
    "contrast": 0.05,
    "learn_contrast": True,
    "noise_conditioned": True,
}
BLOCK = {"class": "DiffusionBlock", "step_size": "learned", "operator": OPERATOR, "flux": FLUX}
MODEL = {"class": "DiffusionResNet", "schedule": 2, "block": BLOCK}
image = np.add.outer(np.sin(np.arange(40) / 4), np.cos(np.arange(40) / 6))[..., None] / 4 + 0.5
patches = Patches([image], patch_size=16, batch_size=3, noise=(5, 55))
batches = [patches.batch(k) for k in range(12)]

def trained(one_by_one):
    model = Recipe("m", MODEL).build()
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=1.0, use_ema=True, ema_momentum=0.8)
    model.compile(optimizer, loss=negative_psnr)
    optimizer.build(model.trainable_variables)
    steps = _one_by_one(model) if one_by_one else steps_of(model, optimizer, negative_psnr)
    losses = np.concatenate([steps(batches[:7])(), steps(batches[7:])()])
    weights = [np.asarray(v) for v in [*model.weights, *optimizer.variables]]
    return model, losses, weights

model, losses, weights = trained(False)
_, other_losses, other = trained(True)
noisy, sigma, _ = batches[0]
run = jitted(model)
inputs = [noisy[:1], np.full(1, 25 / 255, "float32")]
before = run(inputs)
direct = np.asarray(model(inputs))
for v in model.trainable_variables:
    v.assign(v + 0.1)
start = [np.asarray(v) for v in Recipe("m", MODEL).build().weights]
print(json.dumps({
    "losses": float(abs(losses - other_losses).max()),
    "weights": max(float(abs(a - b).max()) for a, b in zip(weights, other, strict=True)),
    "moved": max(float(abs(a - b).max()) for a, b in zip(weights, start)),
    "jitted": float(abs(before - direct).max()),
    "follows": float(abs(run(inputs) - before).max()),
    "count": len(losses)}))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs the extra [jax]")
def test_steps_in_one_program_are_the_steps_one_by_one() -> None:
    env = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["count"] == 12
    assert found["moved"] > 0.01  # both did train
    assert found["losses"] < 1e-3  # dB
    assert found["weights"] < 1e-4
    assert found["jitted"] < 1e-5
    assert found["follows"] > 1e-3  # the program takes the weights of the moment
