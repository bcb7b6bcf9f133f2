"""What a run is made of, piece by piece and without a training: where it goes on, what it learns
from, what it is validated on and with which weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from keras_pde.data import images
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.denoise.data import NoisyPatches
from keras_pde.tasks.training.distributed import Alone
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.run import Training
from keras_pde.tasks.training.train import prepare
from keras_pde.tasks.training.validation import Validation

MODEL = {"class": "DiffusionResNet", "schedule": 1, "filters": 2, "kernel_size": 3}
RECIPE = Recipe(
    "t",
    MODEL,
    "a test",
    train="train",
    test="train",
    validation=1,
    patch_size=8,
    batch_size=2,
    steps=20,
    warmup=5,
    learning_rate=0.5,
    clip=0.25,
    ema=0.75,
    validate_every=4,
    levels=(25,),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four grey images of one value each."""
    folder = tmp_path_factory.mktemp("bsd")
    (folder / "train").mkdir()
    for i in range(4):
        pixels = np.full((8, 8, 1), 0.2 * i, "float32")
        images.write(folder / "train" / f"{i}.png", images.Image(pixels))
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    return Training(RECIPE, data, tmp_path_factory.mktemp("work"), Alone())


def averages(run: Training, value: float) -> list[Any]:
    """Set the optimizer's averages of the weights, and return the weights."""
    for average in run.model.optimizer._model_variables_moving_average:
        average.assign(np.full(average.shape, value))
    return run.model.trainable_variables


@pytest.mark.parametrize("step", [0, 8])
def test_a_run_goes_on_with_the_epoch_and_the_batch_of_its_step(run: Training, step: int) -> None:
    told: dict[str, Any] = {}

    def fit(feed: Any, **options: Any) -> None:
        told.update(options, batches=list(feed))

    run.checkpoint.step = step
    with mock.patch.object(run.model, "fit", fit):
        run.run()
    assert (told["initial_epoch"], told["epochs"], told["steps_per_epoch"]) == (step // 4, 5, 4)
    assert len(told["batches"]) == 20 - step
    for k, (given, target) in enumerate(told["batches"]):
        noisy, _, clean = run.data.batch(step + k)
        np.testing.assert_array_equal(given, noisy)
        np.testing.assert_array_equal(target, clean)


def test_a_run_that_is_done_ends_with_the_averages(run: Training) -> None:
    run.checkpoint.step = 20
    with mock.patch.object(run.model, "fit", side_effect=AssertionError):
        weights = averages(run, 7.0)
        run.run()
    assert all((np.asarray(w) == 7).all() for w in weights)


def test_the_averages_are_validated_and_the_weights_stay(run: Training) -> None:
    weights = averages(run, 3.0)
    for weight in weights:
        weight.assign(np.full(weight.shape, 2.0))

    def validate(network: Any, run: Any, data: Any, recipe: Any) -> dict[str, float]:
        assert all((np.asarray(w) == 3).all() for w in network.trainable_variables)
        return {"a": 1.0, "b": 2.0}

    validation = Validation(run.task, run.data, run.recipe, run.group)
    validation.set_model(run.model)
    logs: dict[str, Any] = {}
    with mock.patch.object(run.task, "validate", validate):
        validation.on_epoch_end(0, logs)
    assert logs == {"val_psnr_a": 1.0, "val_psnr_b": 2.0, "validation": 1.5}
    assert all((np.asarray(w) == 2).all() for w in weights)


def test_the_rate_rises_and_falls_and_gradients_are_clipped(run: Training) -> None:
    optimizer = run.model.optimizer
    rate = [float(optimizer._learning_rate(step)) for step in (0, 5, 20)]
    np.testing.assert_allclose(rate, [0, 0.5, 0], atol=1e-7)
    assert (optimizer.global_clipnorm, optimizer.ema_momentum, optimizer.use_ema) == (
        0.25,
        0.75,
        True,
    )


def test_no_batch_holds_a_validation_image() -> None:
    pictures = [np.full((8, 8, 1), i / 10, "float32") for i in range(10)]
    data = NoisyPatches(pictures, 2, 8, 16, noise=0.0)
    held = {float(image[0, 0, 0]) for image in data.held_out}
    drawn = {float(patch[0, 0, 0]) for step in range(20) for patch in data.batch(step)[2]}
    assert held == {float(pictures[i][0, 0, 0]) for i in (0, 5)}
    assert drawn == {float(image[0, 0, 0]) for image in pictures} - held


def test_the_loss_of_a_denoiser_is_each_sample_s_mean_squared_error_in_decibels(
    rng: np.random.Generator,
) -> None:
    target, output = rng.random((2, 3, 8, 8, 1)).astype("float32")
    loss = np.asarray(tasks.get("denoise").loss(target, output))
    expected = 10 * np.log10(np.mean((output - target) ** 2, axis=(1, 2, 3)))
    np.testing.assert_allclose(loss, expected, atol=1e-4)


def test_a_check_leaves_the_weights_that_the_recipe_starts_with(data: Path, tmp_path: Path) -> None:
    larger = {**MODEL, "filters": 3}
    recipe = Recipe(**{**vars(RECIPE), "model": larger, "before": {"model": MODEL}})
    stages = prepare(recipe, data, tmp_path, Alone())
    assert [run.checkpoint.path.parent for run in stages] == [tmp_path / "before", tmp_path]
    for run, stage in zip(stages, recipe.stages, strict=True):
        for found, fresh in zip(run.model.get_weights(), stage.build().get_weights(), strict=True):
            np.testing.assert_array_equal(found, fresh)
