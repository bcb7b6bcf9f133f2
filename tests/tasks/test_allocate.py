"""The task allocate: rates by hand, WMMSE, a recipe without labels, the zoo's network."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import presets
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.allocate.interference import field, observed, sum_rate, utility
from keras_pde.tasks.allocate.wmmse import wmmse
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.train import train

RECIPE = {
    "name": "toy_links",
    "model": {"class": "MessagePassingNetwork", "rounds": 1, "channels": 8, "hidden": 8},
    "description": "powers of few links",
    "purpose": "tests",
    "task": "allocate",
    "batch_size": 32,
    "steps": 160,
    "warmup": 5,
    "ema": 0.8,
    "validation": 50,
    "validate_every": 80,
    "options": {"links": 6, "sizes": [6, 9]},
}


def test_rates_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    gains, powers = field(rng, 3, 5), rng.random((3, 5))
    for g, p, found in zip(gains, powers, sum_rate(gains, powers), strict=True):
        bits = [
            np.log2(1 + g[i, i] * p[i] / (1 + sum(g[i, j] * p[j] for j in range(5) if j != i)))
            for i in range(5)
        ]
        assert found == pytest.approx(sum(bits), rel=1e-12)
    tensors = utility(gains.astype("float32"), ops.convert_to_tensor(powers[..., None], "float32"))
    assert np.allclose(ops.convert_to_numpy(tensors), sum_rate(gains, powers), rtol=1e-5)
    nodes, links = observed(gains)
    assert np.allclose(
        2 ** (8 * nodes[..., 0]) - 1, np.diagonal(gains, axis1=1, axis2=2), rtol=1e-4
    )
    assert np.array_equal(links[..., 0], links[..., 1].swapaxes(1, 2))
    assert not np.diagonal(links, axis1=1, axis2=2).any()


def test_wmmse_ends_at_a_stationary_point_near_the_best_powers() -> None:
    gains = field(np.random.default_rng(1), 40, 3)
    powers = wmmse(gains, 20000, 1e-15)
    found = sum_rate(gains, powers)
    # the best of a fine grid of all powers
    grid = np.stack([p.ravel() for p in np.meshgrid(*[np.linspace(0, 1, 21)] * 3)], -1)
    best = np.array([sum_rate(np.repeat(g[None], len(grid), 0), grid).max() for g in gains])
    assert (found <= best * 1.01).all()
    assert found.mean() > 0.97 * best.mean()
    assert found.mean() > 1.05 * sum_rate(gains, np.ones((40, 3))).mean()
    # no power alone improves it to first order
    for i, step in itertools.product(range(3), (-1e-4, 1e-4)):
        moved = powers.copy()
        moved[:, i] = np.clip(moved[:, i] + step, 0, 1)
        assert (sum_rate(gains, moved) <= found + 2e-5).all()
    # steps only raise the rate
    rates = [sum_rate(gains, wmmse(gains, n, 0.0)) for n in (1, 2, 5, 20)]
    assert all((b >= a - 1e-9).all() for a, b in itertools.pairwise(rates))


@pytest.mark.full
def test_a_recipe_learns_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_PDE_PRESETS", str(tmp_path))
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    folder = tmp_path / "allocate" / "toy_links"
    train(Recipe.load(tmp_path / "recipe.json"), None, folder, tmp_path / "runs")
    entry, task = presets.index()["toy_links"], tasks.get("allocate")
    found = task.evaluate(keras_pde.from_preset("toy_links"))
    assert found == pytest.approx(entry["accuracy"], abs=0.01)
    assert list(found) == ["6 links", "9 links", "full power, 6", "full power, 9"]
    assert found["6 links"] > found["full power, 6"] + 5
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| 6 | {found['6 links']:.1f} % | {found['full power, 6']:.1f} % |" in card
    assert (folder / "example.png").read_bytes()[1:4] == b"PNG"


def test_powers_belong_to_gains_in_units_of_the_noise() -> None:
    gains = field(np.random.default_rng(2), 2, 6)
    found = keras_pde.allocate(gains)
    assert found.powers.shape == (2, 6)
    assert ((found.powers >= 0) & (found.powers <= 1)).all()
    assert np.allclose(found.rate, sum_rate(gains, found.powers))
    louder = keras_pde.allocate(5 * gains[0], noise=5.0)
    assert np.allclose(louder.powers, found.powers[0], atol=1e-6)
    assert louder.rate == pytest.approx(found.rate[0], rel=1e-6)
    order = [3, 1, 0, 5, 4, 2]
    turned = keras_pde.allocate(gains[0][order][:, order])
    assert np.allclose(turned.powers, found.powers[0][order], atol=1e-6)
    for wrong, said in (
        (lambda: keras_pde.allocate(gains[0, 0]), "must be"),
        (lambda: keras_pde.allocate(-gains), ">= 0"),
        (lambda: keras_pde.allocate(gains, noise=0), "noise must be"),
        (lambda: keras_pde.allocate(gains, "linear_2d"), "decides nothing for links"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"options": {"nodes": 3}}, "unknown fields nodes"),
        ({"options": {"links": 1}}, "links must be"),
        ({"options": {"links": 4, "sizes": []}}, "different numbers"),
        ({"loss": "robust"}, "has no loss but 'supervised'"),
        ({"model": {**RECIPE["model"], "decisions": 2}}, "1 decision"),
    ],
)
def test_recipes_that_cannot_be_trained_are_refused(changes: dict[str, Any], said: str) -> None:
    task, recipe = tasks.get("allocate"), Recipe(**{**RECIPE, **changes})

    def prepare() -> None:
        task.loss_of(recipe, None)
        task.data(recipe, None)
        recipe.build()

    with pytest.raises(ValueError, match=said):
        prepare()


ALLOCATORS = [n for n, e in presets.index().items() if e["task"] == "allocate"]


@pytest.mark.full
@pytest.mark.parametrize("name", ALLOCATORS)
def test_the_published_sum_rates_are_recomputed(name: str) -> None:
    entry, task = presets.index()[name], tasks.get("allocate")
    found = task.evaluate(keras_pde.from_preset(name))
    assert set(found) == set(entry["accuracy"])
    for key, value in found.items():
        assert value == pytest.approx(entry["accuracy"][key], abs=entry["metric"]["tolerance"])
    assert entry["metric"]["value"] == entry["accuracy"]["10 links"]
    assert found["10 links"] >= 95
    assert found["30 links"] >= 90 > found["full power, 30"]
