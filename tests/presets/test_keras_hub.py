"""A preset's directory is in keras-hub's format: its own loader reads it."""

from __future__ import annotations

import numpy as np
import pytest

import keras_pde
from keras_pde import presets


def test_keras_hub_s_own_loader_reads_a_preset() -> None:
    pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    from keras_hub.src.utils import preset_utils

    folder = str(presets.folder_of("certified_resnet_2d"))
    assert preset_utils.check_config_class(preset_utils.load_json(folder)) is (
        keras_pde.DiffusionResNet
    )
    loader = preset_utils.get_preset_loader(folder)
    theirs = loader.load_backbone(keras_pde.DiffusionResNet, load_weights=True)
    ours = keras_pde.from_preset("certified_resnet_2d")
    inputs = [np.random.default_rng(0).random((1, 9, 11, 1), "float32"), np.float32([0.1])]
    np.testing.assert_array_equal(np.array(theirs(inputs)), np.array(ours(inputs)))
    assert theirs.certificate() == ours.certificate()
