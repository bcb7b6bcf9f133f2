"""The task operate: pairs, symmetries, exact solvers, a training, the zoo's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_pde
from keras_pde import presets
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.operate import exact, scores, sources
from keras_pde.tasks.operate.settings import Settings
from keras_pde.tasks.operate.symmetries import moved_waves, turned_square
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.train import train

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PRESETS = sorted(name for name, e in presets.index().items() if e["task"] == "operate")
RECIPE = {
    "name": "toy_waves",
    "model": {"class": "KernelPropagator", "steps": 2, "filters": 3, "hidden": 6, "levels": 1},
    "description": "waves",
    "purpose": "tests",
    "task": "operate",
    "ndim": 1,
    "validation": 2,
    "batch_size": 4,
    "steps": 30,
    "learning_rate": 0.02,
    "warmup": 3,
    "ema": 0.8,
    "validate_every": 15,
    "options": {"data": "burgers", "symmetries": True},
}


def waves(n: int, samples: int) -> np.ndarray:
    """States of Burgers' equation: two waves of random phase and size."""
    rng = np.random.default_rng(0)
    x = np.arange(n) / n
    size, phase = rng.uniform(0.1, 0.5, (2, samples, 2, 1))
    u = size * np.sin(2 * np.pi * (np.array([[[1], [2]]]) * x + phase))
    return u.sum(1)[..., None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small sets laid out as the published ones."""
    root = tmp_path_factory.mktemp("data")
    (root / "pde").mkdir()
    rng, arrays = np.random.default_rng(0), {}
    for part, n, count in (("train_16", 8, 12), ("test_16", 8, 4), ("test_32", 16, 4)):
        a = rng.random((count, n, n)) < 0.5
        arrays |= {f"darcy_{part}_a": a, f"darcy_{part}_u": exact.darcy(a[..., None])[..., 0]}
    np.savez(root / "pde" / "darcy.npz", **arrays)
    first = waves(8, 220)
    later = exact.burgers(first, times=2)
    states = np.moveaxis(np.concatenate([first, later], -1), 2, 1)
    np.savez(root / "pde" / "burgers_lowres.npz", output=states)
    return root


def test_an_exact_solution_has_the_residual_zero() -> None:
    rng = np.random.default_rng(0)
    flows = [rng.uniform(0.1, 2, shape) for shape in ((6, 4), (5, 5))]
    u = np.pad(exact.solve_edges([c[None, ..., None] for c in flows], 0.3)[0, ..., 0], 1)
    down = flows[0] * np.diff(u, axis=0)[:, 1:-1]
    across = flows[1] * np.diff(u, axis=1)[1:-1]
    assert np.abs(np.diff(down, axis=0) + np.diff(across, axis=1) + 0.3).max() < 1e-13


def test_the_closed_form_of_burgers_equation_solves_it() -> None:
    n, dt = 256, 1e-5
    u = waves(n, 2)[..., 0]
    k = 2j * np.pi * np.fft.rfftfreq(n, 1 / n)
    for _ in range(round(1 / 16 / dt)):
        spectrum = np.fft.rfft(u)
        slope, bend = np.fft.irfft(k * spectrum, n), np.fft.irfft(k**2 * spectrum, n)
        u = u + dt * (exact.VISCOSITY * bend - u * slope)
    found = exact.burgers(waves(n, 2), times=1)[..., 0]
    assert np.abs(found - u).max() < 1e-4


def test_symmetries_take_solutions_to_solutions() -> None:
    a = (np.random.default_rng(3).random((8, 8, 1)) < 0.5).astype("float64")
    a[0], a[:, 0] = a[1], a[:, 1]  # as beyond the last point
    for seed in range(8):
        b, v = turned_square(a, exact.darcy(a[None])[0], np.random.default_rng(seed))
        assert np.abs(exact.darcy(b[None])[0] - v).max() < 1e-10
    u = waves(16, 1)
    for seed in range(6):
        w, later = moved_waves(u[0], exact.burgers(u)[0], np.random.default_rng(seed))
        assert np.abs(exact.burgers(w[None])[0] - later).max() < 1e-6


@pytest.mark.full
def test_a_network_is_trained_measured_and_described(
    folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    out = tmp_path / "operate" / "toy_waves"
    monkeypatch.setenv("KERAS_PDE_PRESETS", str(tmp_path))
    recipe = Recipe(**RECIPE)  # type: ignore[arg-type]
    train(recipe, folder, out, tmp_path / "run")
    network = keras_pde.from_preset("toy_waves")
    found = tasks.get("operate").evaluate(network, folder)
    stated = presets.index()["toy_waves"]
    assert found == pytest.approx(stated["errors"], rel=1e-3, abs=1e-3)
    assert stated["metric"]["value"] == stated["errors"]["error 16"]
    test = sources.load_test("burgers", folder)["16"]
    unchanged = scores.relative(np.repeat(test.inputs, 2, -1), test.outputs)
    assert 0 == found["solver 16"] < found["error 16"] < unchanged / 2
    card = (out / "README.md").read_text(encoding="utf-8")
    assert f"| error 16 | {stated['errors']['error 16']:.2f} % |" in card
    assert (out / "example.png").stat().st_size > 10_000
    assert "toy_waves" not in tasks.get("operate").overview()


def test_options_and_networks_of_other_tasks_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="data must be one of 'darcy', 'burgers'"):
        Settings({"data": "navier"})
    task = tasks.get("operate")
    with pytest.raises(ValueError, match="no learned operator"):
        task.check(keras_pde.DiffusionResNet(1, filters=2))
    net = keras_pde.KernelPropagator(steps=2)
    net.build((None, None, 1))
    with pytest.raises(ValueError, match="gives 2 values at a point in 1-D"):
        task.evaluate(net, folder, entry={"options": {"data": "darcy"}})
    with pytest.raises(FileNotFoundError, match="--data DIR"):
        sources.load_train("burgers", folder / "pde")


@pytest.mark.skipif(not (DATA / "pde").is_dir(), reason="../shared/data is not beside the checkout")
def test_the_phases_have_the_stated_medians() -> None:
    pairs = sources.load_train("darcy")
    a, u = pairs.inputs[..., 0], pairs.outputs[..., 0].astype("float64")
    n, inner = a.shape[1], (slice(None), slice(1, -1), slice(1, -1))
    sides = u[:, :-2, 1:-1] + u[:, 2:, 1:-1] + u[:, 1:-1, :-2] + u[:, 1:-1, 2:]
    bent = (4 * u[inner] - sides) * n * n
    around = np.lib.stride_tricks.sliding_window_view(a, (3, 3), axis=(1, 2))
    for phase, stated in enumerate(exact.LAPLACIANS):
        inside = (around == phase).all(axis=(-1, -2))
        assert np.median(bent[inside]) == pytest.approx(stated, rel=2e-4)


@pytest.mark.skipif(not (DATA / "pde").is_dir(), reason="../shared/data is not beside the checkout")
def test_the_constants_of_darcy_flow_are_medians_over_the_training_pairs() -> None:
    pairs = sources.load_train("darcy")
    a, u = pairs.inputs[..., 0], pairs.outputs[..., 0].astype(np.float64)
    around = sum(np.roll(a, (i, j), (1, 2))[:, 1:-1, 1:-1] for i in (-1, 0, 1) for j in (-1, 0, 1))
    minus = 4 * u - sum(np.roll(u, s, axis) for s in (-1, 1) for axis in (1, 2))
    minus = 256 * minus[:, 1:-1, 1:-1]
    found = [np.median(minus[around == phase]) for phase in (0, 9)]
    np.testing.assert_allclose(found, exact.LAPLACIANS, rtol=1e-3)


@pytest.mark.full
@pytest.mark.skipif(not (DATA / "pde").is_dir(), reason="../shared/data is not beside the checkout")
@pytest.mark.parametrize("name", PRESETS)
def test_the_published_errors_are_measured_again(name: str) -> None:
    entry, task = presets.index()[name], tasks.get("operate")
    found = task.evaluate(keras_pde.from_preset(name))
    assert list(found) == list(entry["errors"])
    for key, value in found.items():
        assert value == pytest.approx(entry["errors"][key], abs=task.metric.tolerance), key
    metrics = presets.folder_of(name) / "metrics.json"
    assert json.loads(metrics.read_text(encoding="utf-8")) == entry["errors"]
    assert entry["params"] <= 100_000


def test_relative_errors_are_means_over_samples() -> None:
    wanted = np.ones((2, 4, 1))
    found = wanted * np.array([1.1, 1.3])[:, None, None]
    assert scores.relative(found, wanted) == 20.0
