"""Losses of recipes without clean images: what they estimate, and that no training looks at one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_pde.data import Patches, images
from keras_pde.tasks.denoise import losses
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.run import Training
from keras_pde.tasks.training.train import train

WITHOUT = [name for name in losses.names() if name != "supervised"]
RECIPE = Recipe(
    "t",
    {"class": "DiffusionResNet", "schedule": 1, "filters": 2, "kernel_size": 3},
    "a test",
    train="train",
    test="train",
    validation=1,
    noise=(15.0, 30.0),
    patch_size=9,
    batch_size=4,
    steps=4,
    warmup=1,
    validate_every=2,
    levels=(25,),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small noisy images."""
    folder = tmp_path_factory.mktemp("noisy")
    (folder / "train").mkdir()
    for i in range(4):
        values = np.random.default_rng(i).normal(0.3 + 0.1 * i, 20 / 255, (16, 16, 1))
        image = images.Image(values.clip(0, 1).astype("float32"))
        images.write(folder / "train" / f"{i}.png", image)
    return folder


class Linear:
    """N(y) = a y + b Σ neighbours of the row above: not symmetric."""

    noise_conditioned = False

    def __init__(self, a: float, b: float) -> None:
        self.a, self.b = a, b

    def __call__(self, y: Any) -> Any:
        return self.a * y + self.b * keras.ops.roll(y, 1, axis=1)


@pytest.mark.parametrize("size", [(8, 8), (64,), (4, 4, 4)])
@pytest.mark.parametrize("name", ["sure", "r2r"])
def test_a_loss_without_clean_images_has_the_expectation_of_the_supervised_error(
    name: str, size: tuple[int, ...]
) -> None:
    rng, network, sigma = np.random.default_rng(0), Linear(0.6, 0.3), 0.1
    loss = losses.get(name)(network)
    clean = rng.random((1, *size, 1)).repeat(4000, 0).astype("float32")
    noisy = np.float32(clean + sigma * rng.standard_normal(clean.shape))
    told = np.full(4000, sigma, "float32")
    given, level, target = loss.batch(rng, noisy, told, np.full_like(clean, np.nan))
    output = network(keras.ops.convert_to_tensor(given))
    values = keras.ops.convert_to_numpy(loss(keras.ops.convert_to_tensor(target), output))
    errors = np.square(keras.ops.convert_to_numpy(output) - clean)
    errors = errors.reshape(4000, -1).mean(-1) / level**2
    assert abs(values.mean() - errors.mean()) < 4 * np.std(values - errors) / 4000**0.5
    assert np.std(given - clean) == pytest.approx(level[0], rel=0.01)
    assert loss.output_shape(target.shape) == clean.shape


@pytest.mark.parametrize("size", [(9, 8), (17,), (5, 4, 7)])
def test_neighbours_are_a_noisy_pair_and_their_difference_has_its_price(
    size: tuple[int, ...],
) -> None:
    rng, a, sigma, x = np.random.default_rng(0), 0.7, 0.1, 0.2
    loss = losses.Neighbor2Neighbor(Linear(a, 0.0))
    noisy = np.float32(x + sigma * rng.standard_normal((2000, *size, 1)))
    told = np.full(2000, sigma, "float32")
    given, _, target = loss.batch(rng, noisy, told, noisy * np.nan)
    cells = [n // 2 for n in size]
    assert given.shape == (2000, *(2 * n for n in cells), 1)
    shape = (2000, *(n for cell in cells for n in (cell, 2)))
    axes = tuple(range(2, len(shape), 2))
    first, second = (target[..., k].reshape(shape).sum(axes) for k in (-2, -1))
    assert (np.stack([first, second]) == 1).all()  # one pixel of each 2 × 2
    assert not (target[..., -1] * target[..., -2]).any()  # and another one
    corners = np.arange(2 ** len(size)).reshape([2] * len(size))  # of a cell, in binary
    numbers = np.tile(corners, cells)[..., None]
    places = [
        (t * numbers[None, ..., 0]).reshape(shape).sum(axes)
        for t in (target[..., -2], target[..., -1])
    ]
    steps = np.unique(places[0].astype(int) ^ places[1].astype(int))
    assert len(steps) == len(size)  # along every axis
    assert set(steps.tolist()) == {1 << k for k in range(len(size))}  # and along one at a time
    given, held = keras.ops.convert_to_tensor(given), keras.ops.convert_to_tensor(target)
    values = keras.ops.convert_to_numpy(loss(held, a * given))
    bias = (a - 1) ** 2 * (x / sigma) ** 2
    expected = a**2 + bias + loss.gamma * ((a - 1) ** 2 + bias)  # for N(y) = a y of one value
    assert abs(values.mean() - expected) < 4 * values.std() / 2000**0.5


@pytest.mark.parametrize("name", WITHOUT)
def test_no_clean_image_has_any_influence_and_a_resumed_training_ends_with_the_same_weights(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(RECIPE, loss=name)
    whole = Training(recipe, data, tmp_path / "whole")
    whole.run()
    batch = Patches.batch

    def blinded(patches: Patches, step: int) -> tuple[np.ndarray, ...]:
        noisy, sigma, clean = batch(patches, step)
        return noisy, sigma, np.full_like(clean, np.nan)

    monkeypatch.setattr(Patches, "batch", blinded)

    class Stopped(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    first = Training(recipe, data, tmp_path / "parts")
    start = [w.copy() for w in first.model.get_weights()]
    with pytest.raises(KeyboardInterrupt):
        first.run([Stopped()])
    second = Training(recipe, data, tmp_path / "parts")
    assert second.restore()
    assert second.step == 2
    second.run()
    pairs = list(zip(second.model.get_weights(), whole.model.get_weights(), strict=True))
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert any(not np.array_equal(a, b) for a, (b, _) in zip(start, pairs, strict=True))


def test_a_folder_of_noisy_images_is_enough(data: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, noise={"stated": 20.0}, loss="sure")
    path = tmp_path / "recipe.json"
    path.write_text(recipe.text(), encoding="utf-8")
    assert Recipe.load(path) == recipe
    logged: list[dict[str, float]] = []
    folder = train(
        recipe, data, tmp_path / "preset", tmp_path / "work", lambda _, __, x: logged.append(x)
    )
    assert 20 < logged[-1]["val_psnr_20"] < 40
    assert set(json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["psnr"]) == {"20"}
    assert "without clean images" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "sur"}, "loss: No loss is called 'sur'. There are: supervised, sure, r2r"),
        ({"noise": {"stated": 20}}, "loss: images with stated noise are not clean"),
        ({"loss": "r2r", "noise": [0, 50]}, "noise: 'r2r' divides by its square"),
        ({"loss": "sure", "task": "solve"}, "has no training"),
    ],
)
def test_what_a_loss_cannot_be_used_for_is_refused(
    change: dict[str, Any], words: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, NotImplementedError), match=words):
        Training(dataclasses.replace(RECIPE, **change), data, tmp_path)
