"""Presets of strangers: every hostile one is refused, every honest one of any version is read."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from presets.hostile import Case, cases, refusal, restate, valid

import keras_pde
from keras_pde import presets
from keras_pde.presets import limits
from keras_pde.presets.allowed_classes import MODULES, check_network
from keras_pde.presets.hdf5 import read_arrays
from keras_pde.presets.hdf5_writing import write_arrays
from keras_pde.presets.metadata import FORMAT_VERSION
from keras_pde.presets.schema import SCHEMA
from keras_pde.presets.schema_parts import INITIALIZERS
from keras_pde.runtime.allocation import only
from keras_pde.runtime.copying import MARK
from keras_pde.tasks.denoise.choosing import choose_denoiser

CASES = cases()
GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small valid preset, to spoil copies of."""
    folder = tmp_path_factory.mktemp("hostile") / "base"
    valid(folder)
    return folder


@pytest.fixture
def mine(base: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(base, tmp_path / "mine"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_preset_is_refused_in_one_line(case: Case, mine: Path) -> None:
    case.spoil(mine)
    refusal(case, mine)


def test_a_hostile_preset_costs_little_time_and_memory() -> None:
    path = os.pathsep.join(map(str, (Path.cwd(), Path.cwd() / "tests")))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "hostile.py")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    *_, count, refused, seconds, megabytes = done.stdout.splitlines()[-1].split()
    assert int(count) == int(refused) >= 216
    assert float(megabytes) < 300
    assert float(seconds) < 20  # ten times the goal, for machines that are slow or busy


def test_there_are_at_least_216_hostile_presets_of_all_kinds() -> None:
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names) >= 216
    assert len({case.kind for case in CASES}) >= 10


def test_the_valid_preset_that_is_spoilt_is_read(mine: Path) -> None:
    assert presets.verify(mine) < 1e-6
    restate(mine)
    assert keras_pde.from_preset(mine).metadata["format_version"] == FORMAT_VERSION


@pytest.mark.parametrize("name", ["preset", "preset_1"])
def test_a_preset_of_every_format_version_is_read(name: str) -> None:
    assert presets.verify(GOLDEN / name) < 1e-5
    stated = keras_pde.from_preset(GOLDEN / name).metadata
    assert stated.get("format_version", 0) == int(name.partition("_")[2] or 0)


def test_there_is_a_golden_preset_of_the_present_format() -> None:
    assert (GOLDEN / f"preset_{FORMAT_VERSION}").is_dir()


# --- names and folders ---


def test_a_bare_name_is_the_zoo_s_whatever_folder_stands_here(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(mine, mine.parent / "linear_2d")
    (mine.parent / "gated_resnet_2d").mkdir()
    monkeypatch.chdir(mine.parent)
    assert type(keras_pde.from_preset("linear_2d")) is keras_pde.FEDResNet
    assert presets.verify("linear_2d") < 1e-5
    assert choose_denoiser("auto", (16, 16, 1), 25.0).name == "gated_resnet_2d"
    for folder in ("./linear_2d", Path("linear_2d"), f"{mine.parent}/linear_2d"):
        assert type(keras_pde.from_preset(folder)) is keras_pde.DiffusionResNet
    with pytest.raises(ValueError, match=r"No preset is called 'mine'.* write '\./mine'"):
        keras_pde.from_preset("mine")


def test_a_link_in_the_installed_zoo_is_followed_and_in_a_folder_it_is_not(mine: Path) -> None:
    from keras_pde.presets.reading import read_bytes

    link = mine / "link"
    link.symlink_to(mine / "config.json")
    assert read_bytes(link, 10_000, follow=True) == (mine / "config.json").read_bytes()
    with pytest.raises(ValueError, match="symbolic link"):
        read_bytes(link, 10_000)


# --- classes and values ---


def test_every_registered_class_has_its_module_and_its_line_in_the_table() -> None:
    registered = keras.saving.get_custom_objects()
    own = {k.partition(">")[2]: v for k, v in registered.items() if k.startswith("keras_pde>")}
    del own["Loaded"]  # of a file that is being loaded, and in none
    # a preset holds no optimizer and no metric
    other = (keras.optimizers.Optimizer, keras.metrics.Metric)
    own = {k: v for k, v in own.items() if not issubclass(v, other)}
    del own["AdversarialEstimator"]  # its players are any networks of Keras: no preset holds it
    assert set(own) == set(MODULES)
    for name, cls in own.items():
        assert cls.__module__.removeprefix("keras_pde.") in MODULES[name]
        arguments = set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs"}
        assert arguments <= set(SCHEMA[name]), name


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("seeded", [False, True])
def test_presets_may_have_keras_s_initializers(name: str, seeded: bool) -> None:
    cls = getattr(keras.initializers, name)
    takes_seed = "seed" in inspect.signature(cls).parameters
    made = cls(seed=keras.random.SeedGenerator(3)) if seeded and takes_seed else cls()
    operator = keras_pde.ConvOperator(4, initializer=made)
    net = keras_pde.DiffusionResNet(2, block=keras_pde.DiffusionBlock(operator, "charbonnier"))
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(net)))
    assert check_network(config)


def test_a_network_of_a_block_whose_operator_is_shared_is_saved_and_read(tmp_path: Path) -> None:
    operator = keras_pde.ConvOperator(4)
    first, _ = (keras_pde.DiffusionBlock(operator, "charbonnier") for _ in range(2))
    assert MARK in json.dumps(keras.saving.serialize_keras_object(first))
    net = keras_pde.DiffusionResNet(2, block=first)
    net.build((None, None, 1))
    net.save_to_preset(tmp_path / "mine")
    assert presets.verify(tmp_path / "mine") < 1e-6


def test_only_weights_that_the_file_has_are_allocated() -> None:
    first, second = (
        keras_pde.DiffusionBlock(keras_pde.ConvOperator(4), "charbonnier") for _ in range(2)
    )
    with only([(3, 3, 1, 4)], 0):
        first.build((None, None, None, 1))
        with pytest.raises(ValueError, match=r"\(3, 3, 1, 4\).*none of that shape left"):
            second.build((None, None, None, 1))
    fixed = keras_pde.DiffusionBlock("forward", "charbonnier")
    with only([], 10), pytest.raises(ValueError, match="10 numbers are allowed"):
        fixed.build((None, None, None, 30))


def test_what_cannot_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = keras_pde.DiffusionResNet(3, filters=1, kernel_size=1)
    net.build((None, None, 1))
    with monkeypatch.context() as patch:
        patch.setattr(limits, "BLOCKS", 2)
        with pytest.raises(ValueError, match=r"3 steps by 3 blocks, and .* are allowed"):
            net.save_to_preset(tmp_path / "mine")
    monkeypatch.setattr(limits, "WEIGHTS_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100"):
        net.save_to_preset(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


# --- weights and metadata ---


def test_arrays_are_read_as_h5py_writes_them_and_the_reverse() -> None:
    rng = np.random.default_rng(0)
    dtypes = ("f2", "f4", "f8", "i4", "u8", "i1")
    arrays = {
        f"g{i % 40}/x/{i}": (100 * rng.standard_normal((2, i % 3 + 1))).astype(dtypes[i % 6])
        for i in range(300)
    } | {"scalar": np.float32(3)}
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    ours = read_arrays(memory.getvalue())
    with h5py.File(io.BytesIO(write_arrays(arrays))) as file:
        for name, array in arrays.items():
            for found in (ours[name], file[name][()]):
                assert found.dtype == array.dtype
                np.testing.assert_array_equal(found, array)
    assert set(ours) == set(read_arrays(write_arrays(arrays))) == set(arrays)


def test_flipped_bytes_end_in_arrays_or_in_a_value_error(base: Path) -> None:
    data, rng = (base / "model.weights.h5").read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        spoilt = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            spoilt[at] = rng.integers(0, 256)
        with contextlib.suppress(ValueError):
            read_arrays(bytes(spoilt))


@pytest.mark.parametrize("dtype", ["bfloat16", "float64", "mixed_bfloat16"])
def test_presets_of_every_precision_are_saved_and_read(tmp_path: Path, dtype: str) -> None:
    net = keras_pde.from_preset("gated_resnet_2d", dtype=dtype)
    net.save_to_preset(tmp_path / "mine")
    same = keras_pde.from_preset(tmp_path / "mine")
    for a, b in zip(net.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a.astype("f8"), b.astype("f8"))
    assert same.compute_dtype == net.compute_dtype


def test_the_licence_of_trained_weights_goes_with_them(tmp_path: Path) -> None:
    stated = keras_pde.from_preset("gated_resnet_2d").metadata["license"]
    assert "non-commercial" in stated
    keras_pde.from_preset("gated_resnet_2d").save_to_preset(tmp_path / "mine")
    assert keras_pde.from_preset(tmp_path / "mine").metadata["license"] == stated
    assert keras_pde.FEDResNet().metadata == {}
    for name, entry in presets.index().items():
        path = presets.folder_of(name) / "metadata.json"
        assert json.loads(path.read_text(encoding="utf-8"))["license"] == entry["licence"]


def test_a_full_disk_is_one_line_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    net: Any = keras_pde.FEDResNet(1, 3, filters=4, kernel_size=3)
    net.build((None, None, 1))
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"mine cannot be written: No space left.*Nothing was"):
        net.save_to_preset(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_the_zoo_s_own_index_keeps_to_what_is_asked_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(presets.zoo_root() / "presets.json", tmp_path)
    monkeypatch.setenv("KERAS_PDE_PRESETS", str(tmp_path))
    assert len(presets.index()) == len(json.loads((tmp_path / "presets.json").read_text("utf-8")))
