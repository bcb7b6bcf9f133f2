"""MgNet is a learned U-net with a smoother of its own, and starts as the multigrid cycle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from arrays import run, value

from keras_pde import MultigridUNet, activations, problems, smoothers
from keras_pde.schemes.multigrid.cycle import SWEEPS_OF_THE_COARSEST

D: dict[str, Any] = {"dtype": "float64"}
pytestmark = pytest.mark.usefixtures("double")
CASES = [
    (problems.ScreenedPoisson(2.0, "dirichlet"), (11, 7), 3, "V(2,1)"),
    (problems.ScreenedPoisson(2.0), (13, 10), 3, "V(1,1)"),
    (problems.ScreenedPoisson(2.0, "periodic"), (16,), 3, "W(2,1)"),
]


@pytest.mark.parametrize(("problem", "size", "levels", "cycle"), CASES, ids=repr)
def test_x6_mgnet_with_linear_weights_is_the_cycle_itself(
    problem: Any, size: tuple[int, ...], levels: int, cycle: str, rng: np.random.Generator
) -> None:
    """Beside the cycle without weights; and scaled kernels are scaled smoothing weights."""
    b = rng.standard_normal((2, *size, 2))
    smoother = smoothers.MgNet("linear")
    scheme = MultigridUNet(problem, cycle, levels, "chebyshev", **D)
    net = MultigridUNet(problem, cycle, levels, smoother, channels=3, **D)
    net.build(b.shape)
    expected = run(scheme, b)
    np.testing.assert_allclose(run(net, b), expected, atol=1e-11)
    weighted = MultigridUNet(problem, cycle, levels, "chebyshev", channels=3, **D)
    weighted(b)
    for level, other in zip(net.learned_levels, weighted.learned_levels, strict=True):
        for kernel, weight in zip(level.step_weights, other.step_weights, strict=True):
            kernel.assign(0.8 * value(kernel))
            weight.assign(0.8 * value(weight))
    for mine, other in ((net.lifting, weighted.lifting), (net.head, weighted.head)):
        other.set_weights(mine.get_weights())
    changed = run(net, b)
    assert np.abs(changed - expected).max() > 1e-3
    np.testing.assert_allclose(changed, run(weighted, b), atol=1e-11)


@pytest.mark.parametrize("activation", ["relu", "charbonnier"])
def test_x6_a_step_is_u_plus_sigma_of_b_of_sigma_of_the_residual(
    activation: str, rng: np.random.Generator
) -> None:
    """Random weights on a ring, by loops over offsets; D is a number there."""
    smoother = smoothers.MgNet(activation)
    problem = problems.ScreenedPoisson(2.0, "periodic")
    net = MultigridUNet(problem, "V(2,1)", 1, smoother, channels=3, **D)
    b = rng.standard_normal((1, 12, 1))
    net(b)
    for weight in net.trainable_weights:
        weight.assign(value(weight) + 0.1 * rng.normal(size=weight.shape))
    (level,) = net.learned_levels
    kernels = value(level.convolution.weights_in_use()[0])
    sigma = {"relu": lambda x: np.maximum(x, 0), "charbonnier": lambda x: x / np.sqrt(1 + x * x)}

    def filtered(u: np.ndarray, kernel: np.ndarray, sign: int) -> np.ndarray:
        middle = len(kernel) // 2
        return sum(np.roll(u, -sign * (o - middle), 0) @ kernel[o] for o in range(len(kernel)))

    def operator(u: np.ndarray) -> np.ndarray:
        stiffness, screening = (np.abs(value(w)) for w in (level.stiffness, level.screening))
        flux = stiffness * filtered(u, kernels, 1)
        return screening * u + filtered(flux, np.swapaxes(kernels, 1, 2), -1)

    (grid,) = net.grids((12,), "float64", count=1)
    diagonal = value(level.on(grid, "float64").diagonal())
    source = b[0] @ value(net.lifting.kernel)
    u = np.zeros_like(source)
    for weight in level.step_weights * SWEEPS_OF_THE_COARSEST:
        residual = sigma[activation]((source - operator(u)) / diagonal)
        u = u + sigma[activation](filtered(residual, value(weight), 1))
    expected = u @ value(net.head.kernel)
    np.testing.assert_allclose(run(net, b)[0], expected, atol=1e-12)


def test_mgnet_learns_and_is_saved(rng: np.random.Generator, tmp_path: Path) -> None:
    b = rng.standard_normal((4, 9, 9, 1)).astype("float32")
    smoother = smoothers.MgNet(activations.SmoothReLU(0.3), 3)
    net = MultigridUNet("screened_poisson", "V(1,1)", 2, smoother, channels=3)
    net.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    net(b)
    before = [value(w) for w in net.trainable_weights]
    net.train_on_batch(b, 0.3 * b)
    for weight, old in zip(net.trainable_weights, before, strict=True):
        assert np.abs(value(weight) - old).max() > 1e-7, weight.path
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert again.smoother == net.smoother
    np.testing.assert_allclose(value(again(b)), value(net(b)), atol=1e-6)


def test_mgnet_without_a_learned_net_is_refused() -> None:
    with pytest.raises(ValueError, match="is for a learned net: give channels"):
        MultigridUNet("poisson", smoother="mgnet")
    with pytest.raises(ValueError, match="odd width"):
        smoothers.MgNet(kernel_size=4)
    with pytest.raises(ValueError, match="activation"):
        smoothers.MgNet("no_such_flux")
