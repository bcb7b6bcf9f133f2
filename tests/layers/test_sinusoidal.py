"""Layers of sines: the kernel that ω sets, and how fast their functions change."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_pde import Sinusoidal
from keras_pde.layers.bandwidth import half_power_frequency, suggested_omega, tangent_kernel


def test_a_layer_is_the_sine_of_its_product() -> None:
    layer = Sinusoidal(5, omega=3.0)
    x = np.random.default_rng(0).standard_normal((4, 2)).astype("float32")
    found = ops.convert_to_numpy(layer(x))
    kernel, bias, omega = layer.get_weights()
    assert omega == 3.0
    assert not np.array_equal(bias, 0 * bias)
    np.testing.assert_allclose(found, np.sin(3.0 * (x @ kernel + bias)), atol=3e-5)


def test_weights_have_the_stated_deviations() -> None:
    keras.utils.set_random_seed(0)
    layer = Sinusoidal(20_000)
    layer.build((None, 8))
    assert abs(np.std(layer.get_weights()[0]) - 0.5) < 0.01  # √(2/8)
    assert abs(np.std(layer.get_weights()[1]) - 1.0) < 0.02


@pytest.mark.parametrize(("axes", "omega", "s", "t"), [(1, 3.0, 1.0, 1.0), (2, 1.5, 0.7, 0.4)])
def test_z1_the_tangent_kernel_is_that_of_wide_networks(
    axes: int, omega: float, s: float, t: float
) -> None:
    rng = np.random.default_rng(axes)
    n = 400_000
    w, b, v = s * rng.standard_normal((n, axes)), t * rng.standard_normal(n), rng.normal(size=n)
    x, y = rng.uniform(-1, 1, (2, 6, axes))
    y[0] = x[0]

    def gradient(p: np.ndarray) -> np.ndarray:
        angle = omega * (w @ p + b)
        slope = omega * v * np.cos(angle)
        return np.concatenate([np.sin(angle), slope, *(slope * c for c in p)]) / np.sqrt(n)

    for p, q in zip(x, y, strict=True):
        exact = tangent_kernel(p, q, omega, s, t)
        assert abs(gradient(p) @ gradient(q) - exact) < 0.01 * tangent_kernel(p, p, omega, s, t)


def test_z1_the_spectrum_falls_to_half_its_power_at_the_stated_frequency() -> None:
    omega, s = 16.0, 1.4
    r = np.linspace(-2, 2, 40_001)
    first = np.exp(-((omega * s * r) ** 2) / 2)  # E₁

    def power(frequency: float) -> float:
        return float(np.sum(first * np.cos(2 * np.pi * frequency * r))) ** 2

    assert abs(power(half_power_frequency(omega, s)) / power(0.0) - 0.5) < 1e-9


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="differences that small need float64 weights"
)
def test_z2_no_pair_moves_apart_faster_than_omega_times_the_norm() -> None:
    rng = np.random.default_rng(0)
    layer = Sinusoidal(6, omega=5.0, dtype="float64")
    layer.build((None, 3))
    kernel = rng.standard_normal((3, 6))
    layer.kernel.assign(kernel)
    bound = layer.certificate().lipschitz
    x = rng.standard_normal((5000, 3))
    e = rng.standard_normal((5000, 3)) * 10.0 ** rng.uniform(-4, 1, (5000, 1))
    there, here = (ops.convert_to_numpy(layer(points)) for points in (x + e, x))
    moved = np.linalg.norm(there - here, axis=-1)
    assert (moved <= bound * np.linalg.norm(e, axis=-1)).all()
    # attained where every sine rises fastest: b = 0 at u = 0, along the first singular vector
    layer.bias.assign(np.zeros(6))
    worst = 1e-5 * np.linalg.svd(kernel)[0][:, :1].T
    reached = np.linalg.norm(ops.convert_to_numpy(layer(worst))) / 1e-5
    assert 0.999 * bound < reached <= bound


def test_omega_is_suggested_by_the_spectrum() -> None:
    x = np.linspace(-1, 1, 512)[:, None]
    slow, fast = (suggested_omega(np.sin(2 * np.pi * f * x)) for f in (2, 16))
    assert 5 < slow < 9
    assert 40 < fast < 56
    noise = np.random.default_rng(0).standard_normal((512, 1))
    assert suggested_omega(noise) == 128.0  # Nyquist's cycles a unit
    rows = np.broadcast_to(np.sin(2 * np.pi * 4 * x), (512, 64))[..., None]
    assert 10 < suggested_omega(rows) < 15
    with pytest.raises(ValueError, match="at least 4 points"):
        suggested_omega(np.zeros((3, 2, 1)))


def test_what_no_rule_covers_is_not_certified() -> None:
    layer = Sinusoidal(3, dtype="mixed_bfloat16")
    layer.build((None, 2))
    assert layer.certificate().lipschitz == float("inf")
    assert "16 bits" in str(layer.certificate())
