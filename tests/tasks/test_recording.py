"""Signals and volumes through `keras_pde.denoise`: noise, ranges, tiles, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import keras_pde
from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet
from keras_pde.data.recordings import load_recordings
from keras_pde.presets import zoo_root
from keras_pde.tasks import tiles
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.denoise.recording import deviation

RNG = np.random.default_rng(0)
TIME = np.linspace(0, 40, 4000)
SIGNAL = 0.5 + 0.3 * np.sign(np.sin(TIME))
NOISE = RNG.standard_normal(SIGNAL.shape)


def test_a_signal_in_any_unit_is_denoised_at_the_noise_that_is_found() -> None:
    noisy = SIGNAL + 0.1 * NOISE
    assert deviation(noisy[:, None]) == pytest.approx(0.1, rel=0.1)
    told = keras_pde.denoise(noisy, 25, preset="truncated_tv_1d")
    found = keras_pde.denoise(noisy, preset="truncated_tv_1d")
    assert np.std(told - SIGNAL) < 0.04
    assert np.std(found - SIGNAL) < 0.04
    # other units, whose range is that of the data
    other = keras_pde.denoise(1000 * noisy + 300, preset="truncated_tv_1d")
    assert np.std((other - 300) / 1000 - SIGNAL) < 0.05
    whole = np.rint(65535 * np.clip(noisy, 0, 1)).astype("uint16")
    result = keras_pde.denoise(whole[:, None], 25, preset="truncated_tv_1d")
    assert result.dtype == np.uint16
    assert result.shape == (4000, 1)
    assert np.std(result[:, 0] / 65535 - SIGNAL) < 0.04
    # nothing to remove, and told that nothing is there
    flat = np.full(50, 0.25)
    assert np.array_equal(keras_pde.denoise(flat, preset="truncated_tv_1d"), flat)


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "an image": (np.zeros((9, 9)), {}, r"filters 1-D data, signals of shape \(length,\)"),
    "whole numbers": (np.zeros(9, "int64"), {}, "uint8, uint16 or floating"),
    "not finite": (np.array([0, np.inf, 0]), {}, "NaN or infinite"),
    "negative noise": (SIGNAL, {"noise": -1}, "standard deviation in 1/255 of its range"),
    "a sensor": (SIGNAL, {"noise": "sensor"}, "standard deviation in 1/255 of its range"),
    "a preset for images": (SIGNAL, {"preset": "linear_2d"}, r"One image is \(height, width\)"),
    "no preset": (SIGNAL, {"preset": "auto"}, r"One image is \(height, width\)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_signal_is_refused_in_one_line(case: str) -> None:
    values, options, message = WRONG[case]
    with pytest.raises(ValueError, match=message) as caught:
        keras_pde.denoise(values, **{"noise": 25, "preset": "linear_1d", **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("ndim", "shape"), [(1, (3000,)), (3, (26, 13, 30))])
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic"])
def test_signals_and_volumes_in_tiles_are_those_without(
    ndim: int, shape: tuple[int, ...], boundary: str
) -> None:
    operator = ConvOperator(3, 3, boundary=boundary, zero_mean=True, normalize=True)
    net = DiffusionResNet(2, block=DiffusionBlock(operator, "perona_malik"))
    net.build((*[None] * (ndim + 1), 1))
    values = RNG.random((*shape, 1)).astype("float32")
    denoiser, size = Denoiser(net), 17 ** min(ndim, 3)
    tiling = tiles.plan(net, values.shape, size)
    assert tiling.exact
    assert tiling.count > 3
    whole = denoiser(values, 25).pixels
    np.testing.assert_allclose(denoiser(values, 25, tile=size).pixels, whole, atol=2e-6)


@pytest.mark.parametrize(("kind", "ndim"), [("ecg", 1), ("mri", 3)])
@pytest.mark.filterwarnings("ignore:noise=")
def test_weak_noise_makes_nothing_worse(kind: str, ndim: int) -> None:
    whole = load_recordings(zoo_root() / "data" / f"{kind}_test", ndim)[0][..., 0]
    clean = whole if ndim == 1 else whole[20:44]
    for level in (0.05, 0.2, 1, 4):
        noise = np.random.default_rng(0).standard_normal(clean.shape)
        noisy = (clean + level / 255 * noise).astype("float32")
        found = keras_pde.denoise(noisy, level, f"gated_resnet_{ndim}d", range=(0, 1))
        before, after = (-10 * np.log10(np.mean((u - clean) ** 2)) for u in (noisy, found))
        assert after > before - 0.05
        assert level < 1 or after > before + 1
