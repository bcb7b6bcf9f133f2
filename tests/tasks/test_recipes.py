"""A recipe is checked whole before the first step: fields, model, data, and the preset to come."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import call

from keras_pde.data import images
from keras_pde.data.images.image import FLOAT
from keras_pde.tasks.training.distributed import Alone
from keras_pde.tasks.training.lock import LOCK, locked
from keras_pde.tasks.training.publish import rehearse
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.train import check_place, prepare, train

MODEL: dict[str, Any] = {
    "class": "DiffusionResNet",
    "schedule": 2,
    "filters": 4,
    "kernel_size": 3,
}
DEEP: dict[str, Any] = {  # 24 pixels do not last for its levels
    "class": "MultigridUNet",
    "problem": "screened_poisson",
    "levels": 6,
    "channels": 2,
    "noise_conditioned": True,
}
FIELDS: dict[str, Any] = {
    "name": "t",
    "model": MODEL,
    "description": "a test",
    "train": "train",
    "test": "test",
    "validation": 2,
    "patch_size": 16,
    "batch_size": 2,
    "steps": 6,
    "validate_every": 2,
    "levels": [25],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small photographs to train on, and two to test on."""
    folder = tmp_path_factory.mktemp("bsd")
    rng = np.random.default_rng(0)
    for name, count in (("train", 6), ("test", 2)):
        (folder / name).mkdir()
        for i in range(count):
            pixels = rng.random((24, 24, 1)).astype("float32")
            images.write(folder / name / f"{i}.png", images.Image(pixels))
    return folder


# --- recipes ---

WRONG: dict[str, tuple[Any, str]] = {
    "name": ("a/b", "letters, digits"),
    "model": ("DiffusionResNet", "must be an object"),
    "description": (["a"], "one line"),
    "purpose": ("two\nlines", "one line"),
    "task": ("denoize", "No task is called 'denoize'"),
    "ndim": (4, "whole number >= 1 and <= 3"),
    "channels": (0, "whole number >= 1"),
    "train": ("", "folder of images"),
    "test": (3, "one line"),
    "validation": (-1, "whole number >= 0"),
    "noise": ([55, 5], "lowest level first"),
    "loss": (3, "one line"),
    "patch_size": (16.0, "whole number >= 1"),
    "batch_size": (True, "whole number >= 1"),
    "steps": ("20", "whole number >= 1"),
    "learning_rate": (0, "number > 0"),
    "warmup": (-1, "whole number >= 0"),
    "clip": ("1", "number >= 0"),
    "ema": (1, "and < 1"),
    "validate_every": (0, "whole number >= 1"),
    "patience": (None, "whole number >= 0"),
    "levels": ([], "list of different noise levels"),
    "jit": (1, "True or False"),
    "seed": ("x", "whole number >= 0"),
    "final": ([], "object"),
    "before": ({"steps": "3"}, "before: steps must be a whole number"),
    "start": (1, "one line"),
    "options": ("", "object"),
}
FURTHER = [
    ({"noise": float("nan")}, "it holds NaN"),
    ({"noise": [5]}, "lowest and the highest"),
    ({"noise": -0.1}, ">= 0"),
    ({"noise": {"state": 20}}, '{"stated": level}'),
    ({"noise": {"stated": 0.5}}, "noise.stated must be"),
    ({"levels": [25, 25]}, "different"),
    ({"levels": [0]}, "> 0"),
    ({"seed": 2**32}, "seed must be a whole number"),
    ({"learning_rate": float("inf")}, "it holds Infinity"),
    ({"step": 3}, "unknown fields step. Did you mean steps"),
    ({"before": {"before": {"stepz": 3}}}, "before has unknown fields stepz. Did you mean steps"),
    ({"name": "n" * 101}, "at most 100"),
    ({"patch_size": [16, 0]}, "patch_size must be a whole number >= 1"),
    ({"patch_size": []}, "patch_size must be a whole number >= 1"),
]


def test_every_field_of_a_recipe_has_its_range() -> None:
    fields = {f.name for f in dataclasses.fields(Recipe)} - {"source"}
    assert set(WRONG) == fields


@pytest.mark.parametrize(
    ("change", "words"), [({k: v}, w) for k, (v, w) in WRONG.items() if k != "task"] + FURTHER
)
def test_a_wrong_field_is_refused_with_file_field_and_what_is_expected(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({**FIELDS, **change}), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        Recipe.load(path)
    assert str(caught.value).startswith(f"recipe {path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "it is empty"),
        (b"[]", "it holds a list"),
        (b'{"name": "t", "name": "u", "model": {}}', "the key 'name' twice"),
        (b'{"name": "\xff"}', "no UTF-8"),
        (b"[" * 100_000, "nested more than 40 deep"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(text: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_bytes(text)
    with pytest.raises(ValueError, match=words) as caught:
        Recipe.load(tmp_path)
    assert "\n" not in str(caught.value)


CLASSES = ["denoise", "__class__", "from_preset", "keras_pde>Lifting", "os.system", "eval", 3, None]
CONFIGURATIONS = [
    {"class_name": "Lambda", "config": {}},
    {"class_name": "Orthogonal", "config": {}, "module": "os"},
    {"class_name": "Orthogonal", "config": {"gain": {"class_name": "Dense"}}},
    {"class_name": ["Orthogonal"]},
]


@pytest.mark.parametrize(
    "model",
    [
        *({**MODEL, "block": {"class": name, "source": "http://x/y"}} for name in CLASSES),
        *({"class": name} for name in [*CLASSES, "Lifting", "explicit"]),
        *({**MODEL, "flux": config} for config in CONFIGURATIONS),
        {**MODEL, "filtres": 4},
        {**MODEL, "filters": "many"},
        {**MODEL, "filters": -1},
        {**MODEL, "schedule": {}},
    ],
)
def test_a_model_is_made_of_the_library_s_classes_only_or_refused_in_one_line(
    model: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"recipe|model must be an object") as caught:
        Recipe(**{**FIELDS, "model": model}).build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"description": ""}, "description: there is none"),
        ({"task": "denoize"}, "No task is called 'denoize'"),
        ({"task": "solve"}, "the task 'solve' has no training"),
        ({"final": {"class": "denoise"}}, "final: .*class of keras_pde"),
        ({"final": {"filters": 6}}, "final: its weights have shapes"),
        ({"final": {"flux": "charbonier"}}, "final: .*charbonnier"),
        ({"validation": 6}, "validation: of the 6 images"),
        ({"validation": 0}, "validation: of the 6 images"),
        ({"patch_size": 25}, "0.png has 24 × 24 pixels"),
        ({"model": DEEP}, "needs at least 17 points"),
        ({"channels": 2}, "channels=2 is not possible"),
        ({"train": "nowhere"}, "nowhere does not exist"),
        ({"test": "nowhere"}, "nowhere does not exist"),
        ({"start": "no_such_preset"}, "start: .*no_such_preset"),
        ({"start": "http://127.0.0.1:9/x.zip"}, "start: .*sha256"),
        ({"start": "linear_2d"}, "start: .*the same layers are needed"),
        ({"before": {"model": {**MODEL, "schedule": 3}}}, "before: .*the same layers"),
        ({"before": {"model": {**MODEL, "filters": 9}}}, "before: .*does not fit in"),
        ({"before": {"patch_size": 99}}, "pixels, and patch_size needs 99 × 99"),
    ],
)
def test_what_would_fail_behind_the_last_step_is_refused_before_the_first(
    change: dict[str, Any], words: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, OSError), match=words) as caught:
        train(Recipe(**{**FIELDS, **change}), data, tmp_path / "preset", tmp_path / "work")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_rehearsal_asks_for_every_part_of_the_card(data: Path) -> None:
    recipe = Recipe(**FIELDS)
    rehearse(recipe, recipe.build(), data)
    with pytest.raises(OSError, match="elsewhere"):
        rehearse(dataclasses.replace(recipe, test="elsewhere"), recipe.build(), data)


def test_a_folder_that_could_not_take_the_preset_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(**FIELDS)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds files and no preset"):
        check_place(recipe, tmp_path / "mine", tmp_path / "work")
    for out, work in (("thesis", "work"), ("out", "thesis"), ("thesis/x", "work")):
        (tmp_path / "thesis").write_text("a file")
        with pytest.raises(OSError, match="thesis"):
            check_place(recipe, tmp_path / out, tmp_path / work)
    if Path("/proc/self").is_dir():
        with pytest.raises(OSError, match="cannot write in the folder /proc"):
            check_place(recipe, Path("/proc/x/y"), tmp_path / "work")
    monkeypatch.setenv("KERAS_PDE_PRESETS", str(tmp_path))
    known = dataclasses.replace(recipe, name="linear_2d")
    with pytest.raises(ValueError, match=r"name: linear_2d is a preset of .* already"):
        check_place(known, tmp_path / "denoise" / "linear_2d", tmp_path / "work")
    check_place(recipe, tmp_path / "denoise" / "t", tmp_path / "runs" / "t")
    with pytest.raises(ValueError, match="lies in"):
        train(recipe, None, tmp_path / "out", tmp_path / "out" / "work")


def test_a_recipe_is_stored_as_it_was_trained_also_where_a_field_is_zero(tmp_path: Path) -> None:
    recipe = Recipe(**{**FIELDS, "warmup": 0, "clip": 0, "ema": 0, "validation": 0})
    (tmp_path / "recipe.json").write_text(recipe.text(), encoding="utf-8")
    assert Recipe.load(tmp_path) == recipe


# --- data ---


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "3.png").write_bytes(b"no image"), "3.png"),
        (lambda folder: (folder / "3.png").write_bytes(b""), "3.png"),
        (lambda folder: (folder / "3.png").unlink() or (folder / "3.png").mkdir(), "3.png"),
        (
            lambda folder: images.write(
                folder / "3.tif", images.Image(np.full((24, 24, 1), 9.0, "float32"), depth=FLOAT)
            ),
            "3.tif has float pixels from 9 to 9",
        ),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "has no image"),
    ],
)
def test_images_that_cannot_be_trained_on_are_named_before_the_first_step(
    spoil: Callable[[Path], Any], words: str, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "bsd")
    for part in ("test", "train"):
        if words == "has no image" or part == "train":
            spoil(tmp_path / "bsd" / part)
    with pytest.raises((ValueError, OSError), match=words) as caught:
        prepare(Recipe(**FIELDS), tmp_path / "bsd", tmp_path / "work", Alone())
    assert "\n" not in str(caught.value)


# --- the command ---


def test_the_command_refuses_a_recipe_in_one_line(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({**FIELDS, "steps": "20"}), encoding="utf-8")
    done = call("train", path, "--data", data, code=2)
    assert f"recipe {path}: steps must be a whole number >= 1" in done.stderr


def test_two_trainings_do_not_share_a_folder(data: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "work"), pytest.raises(OSError, match="is in use by the training"):
        train(Recipe(**FIELDS), data, tmp_path / "preset", tmp_path / "work")
    assert [path.name for path in (tmp_path / "work").iterdir()] == [LOCK]
