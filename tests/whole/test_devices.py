"""Several devices, and what is refused.

A mirrored training is a single one, and quantisation is no silent no-op.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import keras_pde

MIRRORED = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, FluxActivation
rng = np.random.default_rng(0)
noisy, clean = rng.random((2, 16, 12, 13, 1)).astype("float32")
level = np.full((16,), 0.1, "float32")

def made():
    keras.utils.set_random_seed(1)
    flux = FluxActivation("perona_malik", 0.1, learn_contrast=True, noise_conditioned=True)
    operator = ConvOperator(4, 3, boundary="dirichlet", zero_mean=True, normalize=True)
    net = DiffusionResNet(3, block=DiffusionBlock(operator, flux, "learned"))
    net.build([(None, None, None, 1), (None,)])
    net.compile(keras.optimizers.Adam(0.01), "mse")
    return net

def trained(net):
    start = net.get_weights()
    samples = tf.data.Dataset.from_tensor_slices(((noisy, level), clean))
    net.fit(samples.batch(8).repeat(3), verbose=0)
    assert max(np.abs(a - b).max() for a, b in zip(start, net.get_weights())) > 0.01
    return net.get_weights()

alone = trained(made())
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    net = made()
print("RESULT", max(np.abs(a - b).max() for a, b in zip(alone, trained(net))))
"""


def test_mirrored_training_on_two_devices_is_that_on_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.split("RESULT")[1]) < 1e-5


def test_quantize_is_refused_and_not_ignored() -> None:
    model = keras_pde.from_preset("certified_resnet_2d")
    before = model.count_params()
    with pytest.raises(ValueError, match="no quantised kernels"):
        model.quantize("int8")
    assert model.count_params() == before
