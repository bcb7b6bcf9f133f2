"""The training path: recipes, determinism, resuming, the preset that it writes, and the numbers of
the zoo's trained presets.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import ROOT

from keras_pde import presets
from keras_pde.data import images
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.denoise.data import find_data
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.denoise.evaluate import evaluate, noisy_image, psnr_of
from keras_pde.tasks.task import Metric, Task, TrainingData
from keras_pde.tasks.training.growing import SMALL, grow
from keras_pde.tasks.training.publish import trained
from keras_pde.tasks.training.recipes import Recipe, construct
from keras_pde.tasks.training.run import Training
from keras_pde.tasks.training.train import destinations, train

MODEL = {
    "class": "DiffusionResNet",
    "schedule": 1,  # each training here compiles a program of its own
    "lifting": {"class": "Lifting", "channels": 6, "patch_size": 2},
    "block": {
        "class": "DiffusionBlock",
        "operator": {
            "class": "ConvOperator",
            "filters": 8,
            "kernel_size": 3,
            "boundary": "dirichlet",
            "normalize": True,
        },
        "flux": {
            "class": "FluxActivation",
            "flux": "perona_malik",
            "contrast": 0.05,
            "learn_contrast": True,
            "noise_conditioned": True,
        },
        "step_size": "learned",
    },
}
QUICK = Recipe(
    "quick",
    MODEL,
    "a test",
    "For a test.",
    train="train",
    test="test",
    validation=2,
    patch_size=24,
    batch_size=4,
    steps=40,
    warmup=5,
    validate_every=10,
    ema=0.8,
    levels=(25,),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few small photographs in the layout of the BSD folders."""
    from skimage import data as samples

    folder = tmp_path_factory.mktemp("bsd")
    photographs = {
        "train": [samples.camera(), samples.coins(), samples.moon()],
        "test": [samples.camera()[::2, ::2]],
    }
    for name, pictures in photographs.items():
        (folder / name).mkdir()
        for i, picture in enumerate(pictures):
            for j in range(2 if name == "train" else 1):
                values = picture[j * 60 : j * 60 + 60, 90:154, None] / 255.0
                images.write(folder / name / f"{i}_{j}.png", images.Image(values.astype("float32")))
    return folder


def weights(recipe: Recipe, data: Path, work: Path) -> list[np.ndarray]:
    run = Training(recipe, data, work)
    run.restore()
    run.run()
    return run.model.get_weights()


def test_two_runs_with_one_seed_end_with_the_same_weights_and_another_seed_does_not(
    data: Path, tmp_path: Path
) -> None:
    short = dataclasses.replace(QUICK, steps=12)
    one, two = (weights(short, data, tmp_path / name) for name in "ab")
    other = weights(dataclasses.replace(short, seed=1), data, tmp_path / "c")
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_run_that_is_killed_resumes_to_the_weights_of_one_that_is_not(
    data: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(QUICK, steps=400, validate_every=20)
    path = tmp_path / "recipe.json"
    path.write_text(recipe.text(), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "keras_pde.tasks.training.train",
        str(path),
        "--data",
        str(data),
        "--work",
        str(tmp_path / "killed"),
        "--out",
        "nowhere",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        command, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    checkpoint = tmp_path / "killed" / "checkpoint.npz"
    deadline = time.monotonic() + 120
    while not checkpoint.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with np.load(checkpoint) as stored:
        reached = int(stored["step"])
    assert 0 < reached < 400
    assert not (tmp_path / "nowhere").exists()
    resumed, unbroken = (
        weights(recipe, data, tmp_path / "killed"),
        weights(recipe, data, tmp_path / "whole"),
    )
    assert all(np.array_equal(a, b) for a, b in zip(resumed, unbroken, strict=True))


def test_a_run_killed_while_it_writes_a_checkpoint_resumes_to_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(QUICK, steps=6, validate_every=2, batch_size=2)
    unbroken = weights(recipe, data, tmp_path / "whole")
    replace, calls = os.replace, []

    def broken(*paths: str) -> None:
        calls.append(paths)
        if len(calls) == 2:
            raise KeyboardInterrupt  # the file is written, and not yet in its place
        replace(*paths)

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(KeyboardInterrupt):
        weights(recipe, data, tmp_path / "broken")
    monkeypatch.undo()
    with np.load(tmp_path / "broken" / "checkpoint.npz") as stored:
        assert int(stored["step"]) == 2
    resumed = weights(recipe, data, tmp_path / "broken")
    assert all(np.array_equal(a, b) for a, b in zip(resumed, unbroken, strict=True))


def test_the_last_epoch_may_be_shorter_and_no_thread_is_left(data: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(QUICK, steps=7, validate_every=4, batch_size=2)
    run, told = Training(recipe, data, tmp_path), []
    run.run(show=lambda step, logs: told.append(step))
    assert told == [4, 4, 7, 7]
    assert run.done
    with np.load(tmp_path / "checkpoint.npz") as stored:
        assert int(stored["step"]) == 7
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and drawing():
        time.sleep(0.1)
    assert not drawing()


def drawing() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("keras_pde-batches")]


def test_a_run_that_diverges_says_what_to_do_and_writes_no_checkpoint(
    data: Path, tmp_path: Path
) -> None:
    run = Training(dataclasses.replace(QUICK, learning_rate=1e30, warmup=0), data, tmp_path)
    with pytest.raises(ValueError, match="lower learning_rate, now 1e"):
        run.run()
    assert not (tmp_path / "checkpoint.npz").exists()


def test_nothing_is_written_into_the_package_or_a_wrong_folder_of_the_zoo() -> None:
    assert destinations(QUICK) == (Path("quick"), Path("runs/quick"))
    package = Path(presets.__file__).parent
    for folders in ((package / "quick", None), (None, package / "work")):
        with pytest.raises(ValueError, match="inside the installed package"):
            destinations(QUICK, *folders)
    own = presets.zoo_root() / "denoise" / "quick"
    assert destinations(QUICK, own)[0] == own
    with pytest.raises(ValueError, match="folder of this preset is"):
        destinations(QUICK, presets.zoo_root() / "quick")


class Halving(Task):
    """u to u/2, of uniform noise: a task that none of the library's files knows."""

    name = "halve"
    metric = Metric("error", digits=4, higher_is_better=False, tolerance=0.001)
    inputs = ("u",)
    target = "u/2"

    def input_shape(self, recipe: Recipe, network: Any) -> Any:
        return (None, None, None, recipe.channels)

    def data(self, recipe: Recipe, folder: Any) -> TrainingData:
        return Uniform(recipe)

    def loss(self, target: Any, output: Any) -> Any:
        return keras.ops.mean(keras.ops.square(output - target), axis=(1, 2, 3))

    def validate(self, network: Any, run: Any, data: Any, recipe: Recipe) -> dict[str, float]:
        (u,) = data.held_out
        return {"error": float(np.abs(run(u) - u / 2).mean())}

    def evaluate(
        self, network: Any, folder: Any = None, limit: Any = None, entry: Any = None
    ) -> dict[str, float]:
        u = np.random.default_rng(1).random((1, 12, 12, 1)).astype("float32")
        return {"error": float(np.abs(np.asarray(network(u)) - u / 2).mean())}


class Uniform(TrainingData):
    def __init__(self, recipe: Recipe) -> None:
        self.batch_size = recipe.batch_size
        self.shape = (recipe.batch_size, recipe.options["size"], recipe.options["size"], 1)
        self.held_out = [self.batch(10**6)[0]]

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        u = np.random.default_rng(step).random(self.shape).astype("float32")
        return u, u / 2

    def content(self) -> list[np.ndarray]:
        return []


def test_a_task_of_ones_own_is_trained_and_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tasks.register(Halving())
    flux = {"class": "FluxActivation", "flux": "charbonnier", "learn_contrast": True}
    block = {"class": "DiffusionBlock", "flux": flux, "step_size": "learned"}
    model = {"class": "DiffusionResNet", "schedule": 2, "block": block}
    recipe = Recipe(
        "halver",
        model,
        "half of an image",
        task="halve",
        batch_size=2,
        steps=4,
        validate_every=2,
        options={"size": 12},
    )
    (tmp_path / "recipe.json").write_text(recipe.text(), encoding="utf-8")
    assert Recipe.load(tmp_path) == recipe
    folder = train(Recipe.load(tmp_path))
    assert folder == Path("halver")
    rows = list(csv.DictReader((tmp_path / "runs" / "halver" / "log.csv").open()))
    assert [float(row["val_error_error"]) for row in rows] == [float(r["validation"]) for r in rows]
    assert presets.verify(folder) < 1e-5
    assert "error" in json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# halver")


def test_a_quick_recipe_end_to_end(data: Path, tmp_path: Path) -> None:
    shown, recipe = [], dataclasses.replace(QUICK, model={**MODEL, "schedule": 2})
    folder = train(
        recipe, data, tmp_path / "preset", tmp_path / "work", lambda *told: shown.append(told)
    )
    assert presets.verify(folder) < 1e-5
    card = (folder / "README.md").read_text(encoding="utf-8")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((tmp_path / "work" / "log.csv").open()))
    assert [int(float(row["step"])) for row in rows] == [10, 20, 30, 40]
    assert f"{metrics['psnr']['25']:.2f}" in card
    assert "norm stable" in card
    model = presets.from_preset(folder)
    picture = images.read(data / "test" / "0_0.png").pixels
    recomputed = psnr_of(Denoiser(model), [picture], 25).mean()
    assert recomputed == pytest.approx(metrics["psnr"]["25"], abs=0.002)
    noisy = 10 * np.log10(1 / np.mean((noisy_image(picture, 25, 0) - picture) ** 2))
    assert recomputed > noisy + 3  # it has learned something in 40 steps
    assert shown[-1][:2] == (recipe, 40)
    assert shown[-1][2]["step"] == 40
    for file in (
        "fluxes.png",
        "kernels.png",
        "example.png",
        "recipe.json",
        "golden.npz",
        "training.json",
    ):
        assert (folder / file).stat().st_size > 0
    assert Recipe.load(folder) == recipe
    assert not (presets.zoo_root() / "quick").exists()
    assert "quick" not in presets.index()


def test_a_stage_starts_from_the_weights_of_the_stage_before(data: Path, tmp_path: Path) -> None:
    first = dataclasses.replace(QUICK, steps=20)
    second = dataclasses.replace(
        QUICK,
        steps=10,
        learning_rate=1e-9,
        patch_size=24,
        before={
            "steps": 20,
            "learning_rate": QUICK.learning_rate,
            # fmt:
            # skip
            "patch_size": QUICK.patch_size,
        },
    )
    third = dataclasses.replace(second, steps=5, before={"steps": 10, "before": second.before})
    assert third.stages == [first, second, third]
    told: list[tuple[int, int]] = []

    def show(stage: Recipe, step: int, logs: dict[str, float]) -> None:
        told.extend([(len(stage.stages), step)] * ("step" in logs))

    folders = [
        train(recipe, data, tmp_path / f"p{i}", tmp_path / f"w{i}", show)
        for i, recipe in enumerate(third.stages)
    ]
    assert told[-4:] == [(1, 10), (1, 20), (2, 10), (3, 5)]
    for folder, recipe, steps in zip(folders, third.stages, (20, 30, 35), strict=True):
        for a, b in zip(
            presets.from_preset(folders[0]).get_weights(),
            presets.from_preset(folder).get_weights(),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-6)
        assert json.loads((folder / "training.json").read_text())["steps"] == steps
        assert Recipe.load(folder) == recipe
    text = (folders[2] / "README.md").read_text(encoding="utf-8")
    assert all(
        f"{recipe.steps} steps of {recipe.batch_size} patches" in text for recipe in third.stages
    )
    # a finished run is published again, not trained again
    train(second, data, tmp_path / "again", tmp_path / "w1")
    assert len((tmp_path / "w1" / "before" / "log.csv").read_text().splitlines()) == 3


def test_the_command_trains_and_says_which_stage_it_is_in(data: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from keras_pde.cli.main import main

    path, out = tmp_path / "recipe.json", tmp_path / "preset"
    path.write_text(
        dataclasses.replace(QUICK, levels=(15, 25, 50), steps=10, before={"steps": 20}).text(),
        encoding="utf-8",
    )
    done = CliRunner().invoke(
        main,
        [
            "train",
            str(path),
            "--data",
            str(data),
            "--out",
            str(out),
            "--work",
            str(tmp_path / "work"),
        ],
    )
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if "validation" in line]
    assert [line.split(":")[0] for line in lines] == [
        "stage 1 of 2, step 10",
        "stage 1 of 2, step 20",
        "stage 2 of 2, step 10",
    ]
    # each on one line, also where it is no terminal
    assert all(line.endswith(" s") for line in lines)
    assert f"wrote {out}" in done.output
    assert presets.verify(out) < 1e-5


def test_a_larger_network_starts_from_the_weights_of_a_preset(data: Path, tmp_path: Path) -> None:
    small = train(dataclasses.replace(QUICK, steps=10), data, tmp_path / "small", tmp_path / "w0")
    block = {**MODEL["block"], "operator": {**MODEL["block"]["operator"], "filters": 12}}
    model = {**MODEL, "lifting": {**MODEL["lifting"], "channels": 8}, "block": block}
    recipe = dataclasses.replace(QUICK, model=model, steps=10, learning_rate=1e-9, start=str(small))
    folder = train(recipe, data, tmp_path / "large", tmp_path / "w1")
    assert Recipe.load(folder) == recipe
    source, grown, fresh = presets.from_preset(small), presets.from_preset(folder), recipe.build()
    for a, b, c in zip(source.weights, grown.weights, fresh.weights, strict=True):
        given, now, expected = (np.array(w) for w in (a, b, c))
        inner = tuple(slice(n) for n in given.shape)
        if b.name.startswith("kernel"):
            assert now.shape[-2:] == (8, 12)
            expected *= SMALL
        expected[inner] = given
        np.testing.assert_allclose(now, expected, atol=1e-6)
    first = {"model": MODEL, "steps": 10, "learning_rate": QUICK.learning_rate}
    staged = train(
        dataclasses.replace(recipe, start="", before=first),
        data,
        tmp_path / "staged",
        tmp_path / "w2",
    )
    for a, b in zip(presets.from_preset(staged).get_weights(), grown.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    fewer = (
        f"of a network with {source.count_params():,} parameters, which was grown, then 10 steps"
    )
    assert fewer in (staged / "README.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="does not fit in"):
        grow(source, grown)
    with pytest.raises(ValueError, match="the same layers are needed"):
        grow(grown, presets.from_preset("linear_2d"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"10 steps of 4 patches of 24×24 from the weights of {small}, " in card


@pytest.mark.parametrize("flux", ["FluxActivation", "GatedFlux"])
def test_a_network_without_a_bound_starts_as_the_one_with_it(flux: str) -> None:
    learned = dict.fromkeys(("learn_contrast", "per_channel", "noise_conditioned"), True)
    law = {"class": flux, "flux": "perona_malik_exponential", "contrast": 0.05, **learned}
    operator = {
        "class": "ConvOperator",
        "filters": 4,
        "kernel_size": 3,
        "zero_mean": True,
        "normalize": True,
        "boundary": "dirichlet",
    }
    block = {"class": "DiffusionBlock", "operator": operator, "flux": law, "step_size": "learned"}
    bounded = Recipe("bounded", {"class": "DiffusionResNet", "schedule": 3, "block": block})
    free = {
        **block,
        "operator": {**operator, "normalize": False, "filters": 6},
        "step_size": 0.8,
        "use_bias": True,
    }
    source, model = (
        bounded.build(),
        Recipe("free", {"class": "DiffusionResNet", "schedule": 3, "block": free}).build(),
    )
    rng = np.random.default_rng(0)
    # as after a training: steps and contrasts that differ, kernels of a norm above 1
    for weight in source.weights:
        scale = (
            3.0
            if weight.name.startswith("kernel")
            else 0.3
            if weight.name != "raw_contrast"
            else 0.0
        )
        weight.assign(
            np.array(weight) + scale * rng.standard_normal(weight.shape).astype("float32")
        )
    grow(model, source)
    for step in model.blocks:  # without what it has more of
        (kernel,) = step.operator.kernels
        kernel.assign(np.array(kernel) * (np.arange(6) < 4))
    u = rng.random((2, 12, 15, 1)).astype("float32")
    for level, most in ((25 / 255, 1e-5), (50 / 255, 1e-3)):
        noise = np.full(2, level, "float32")
        expected = np.array(source([u, noise]))
        assert np.abs(expected - u).max() > 0.01
        np.testing.assert_allclose(np.array(model([u, noise])), expected, atol=most)
    assert source.certificate().norm_stable
    assert not model.certificate().norm_stable
    # cannot follow the kernels' scale
    fixed = {"class": flux, "flux": "perona_malik_exponential", "contrast": 0.05}
    unlike = [(source, {"flux": fixed}), (source, {"operator": operator})]
    unlike.append(
        (
            Recipe(
                "constant",
                {"class": "DiffusionResNet", "schedule": 3, "block": {**block, "flux": fixed}},
            ).build(),
            {"flux": fixed},
        )
    )
    # as many weights as without the bound, of another meaning
    constant = {**block, "flux": fixed, "step_size": "auto"}
    unlike.append(
        (
            Recipe(
                "constant", {"class": "DiffusionResNet", "schedule": 3, "block": constant}
            ).build(),
            {"flux": fixed},
        )
    )
    for given, other in unlike:
        model = Recipe(
            "unlike",
            {
                "class": "DiffusionResNet",
                "schedule": 3,
                "block": {**free, **other, "use_bias": False},
            },
        ).build()
        with pytest.raises(ValueError, match="the same layers are needed"):
            grow(model, given)


def test_patience_stops_a_run_that_gains_nothing_and_the_card_says_so(
    data: Path, tmp_path: Path
) -> None:
    folder = train(
        dataclasses.replace(QUICK, learning_rate=1e-9, patience=2),
        data,
        tmp_path / "preset",
        tmp_path / "work",
    )
    # the first validation is a gain, the next two are none
    assert json.loads((folder / "training.json").read_text(encoding="utf-8"))["steps"] == 30
    assert "40 steps of 4 patches of 24×24, ended after 30, " in (folder / "README.md").read_text(
        encoding="utf-8"
    )


def test_a_training_that_could_not_write_its_card_does_not_begin(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-pde\[plot\]'"):
        train(QUICK, data, tmp_path / "preset", tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_checkpoint_of_another_recipe_is_refused(data: Path, tmp_path: Path) -> None:
    Training(QUICK, data, tmp_path).save()
    with pytest.raises(ValueError, match="of another recipe"):
        Training(dataclasses.replace(QUICK, steps=41), data, tmp_path).restore()


def test_a_finer_tolerance_is_merged_into_the_trained_model() -> None:
    recipe = dataclasses.replace(QUICK, final={"block": {"step_size": "auto"}})
    assert (recipe.build().blocks[0].step_size, recipe.build(final=True).blocks[0].step_size) == (
        "learned",
        "auto",
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "no JSON"),
        ('{"name": "a b", "model": {}}', "letters, digits"),
        ('{"name": "x"}', "needs name and model"),
        ('{"nose": 1}', "unknown fields nose"),
        ('{"name": "x", "model": {}, "before": {"nose": 1}}', "before has unknown fields nose"),
        ('{"name": "x", "model": {}, "before": 3}', "before is an object"),
        (
            '{"name": "x", "model": {}, "before": {"steps": 1, "before": {"nose": 1}}}',
            "before has unknown fields nose",
        ),
    ],
)
def test_a_broken_recipe_is_refused(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ValueError, match=what):
        Recipe.load(tmp_path)


def test_a_recipe_names_classes_of_keras_pde_only() -> None:
    with pytest.raises(ValueError, match="needs a class of keras_pde"):
        construct({"class": "os.system"})


def test_images_of_several_sizes_are_measured_one_by_one() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        rng.random((*size, 1)).astype("float32") for size in ((9, 8), (8, 9), (9, 8), (9, 8))
    ]
    denoiser = Denoiser(QUICK.build())
    together = psnr_of(denoiser, pictures, 15)
    for i, picture in enumerate(pictures):
        out = denoiser(noisy_image(picture, 15, i), 15).pixels.clip(0, 1)
        assert together[i] == pytest.approx(
            -10 * np.log10(np.mean((out.astype("float64") - picture) ** 2)), abs=1e-4
        )


# --- the zoo's trained presets ---


def bsd() -> Path:
    try:
        return find_data()
    except FileNotFoundError:
        pytest.skip("../shared/data/bsd is not beside the checkout")


@pytest.mark.parametrize("name", trained("denoise"))
def test_the_number_on_the_card_is_that_of_the_index_and_of_the_weights(name: str) -> None:
    entry = presets.index()[name]
    card = (presets.folder_of(name) / "README.md").read_text(encoding="utf-8")
    row = next(line for line in card.splitlines() if line.startswith(f"| **{name}**"))
    assert [f"{v:.2f}" for v in entry["psnr"].values()] == [
        cell.strip() for cell in row.split("|")[4:-1]
    ]
    assert entry["metric"]["value"] == entry["psnr"]["25"]
    stored = json.loads((presets.folder_of(name) / "metrics.json").read_text(encoding="utf-8"))
    assert stored["psnr"] == entry["psnr"]
    place = bsd() if entry["ndim"] == 2 else None
    levels = [float(level) for level in entry["psnr"]]
    measured = evaluate(name, place, limit=stored["subset"]["images"], levels=levels)
    for level, value in stored["subset"]["psnr"].items():
        assert measured[level] == pytest.approx(value, abs=entry["metric"]["tolerance"]), level


def test_classical_filters_are_measured_like_the_trained_ones() -> None:
    entries = {
        name: e for name, e in presets.index().items() if e["task"] == "denoise" and e["ndim"] == 2
    }
    for name, entry in entries.items():
        stored = json.loads((presets.folder_of(name) / "metrics.json").read_text(encoding="utf-8"))
        assert stored["psnr"] == entry["psnr"], name
        assert f"{entry['psnr']['25']:.2f}" in (presets.folder_of(name) / "README.md").read_text(
            encoding="utf-8"
        ), name


@pytest.mark.parametrize("name", ["truncated_tv_2d", "charbonnier_implicit_color"])
def test_numbers_of_classical_filters_are_those_of_the_weights(name: str) -> None:
    subset = json.loads((presets.folder_of(name) / "metrics.json").read_text(encoding="utf-8"))[
        "subset"
    ]
    assert evaluate(name, bsd(), limit=subset["images"], levels=(25,))["25"] == pytest.approx(
        subset["psnr"]["25"], abs=0.02
    )
