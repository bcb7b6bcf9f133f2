"""The zoo: a preset is its classical method, loads from everywhere, and is refused when damaged."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve
from textbook import biharmonic, inpainted, poisson, screened

import keras_pde
from keras_pde import FEDResNet, FSIResNet, presets
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.denoise.evaluate import photograph_psnr

NAMES = sorted(presets.index())
CLASSICAL = [
    name
    for name in NAMES
    if presets.index()[name]["class"] in ("FEDResNet", "DiffusionResNet")
    and not presets.index()[name]["params"]
]
SOLVERS = [
    name
    for name in NAMES
    if presets.index()[name]["class"] == "MultigridUNet" and not presets.index()[name]["params"]
]
tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="float64 needs TensorFlow here"
)


# --- an independent computation: sparse matrices and the formulas of the literature, nothing of
# keras_pde ---


def difference_matrix(n: int) -> Any:
    """Forward differences with reflecting boundary: the last row is zero."""
    d = sp.lil_matrix((n, n))
    for i in range(n - 1):
        d[i, i], d[i, i + 1] = -1, 1
    return d.tocsr()


def stencil_matrix(name: str, size: tuple[int, ...]) -> Any:
    """K as a sparse matrix on the pixels in C order."""

    def along(axis: int, matrix: Any) -> Any:
        factors = [matrix if i == axis else sp.identity(n) for i, n in enumerate(size)]
        return functools.reduce(sp.kron, factors)

    d = [difference_matrix(n) for n in size]
    if name == "forward":
        return sp.vstack([along(i, m) for i, m in enumerate(d)]).tocsr()
    laplacian = sum(along(i, -(m.T @ m)) for i, m in enumerate(d))
    assert name == "laplacian" or len(size) == 1
    return laplacian.tocsr()


def diffusivity(flux: str, s2: np.ndarray, lam: float) -> np.ndarray:
    r = s2 / lam**2
    with np.errstate(divide="ignore", over="ignore"):
        return {
            "linear": lambda: np.ones_like(r),
            "charbonnier": lambda: 1 / np.sqrt(1 + r),
            "truncated_tv": lambda: np.where(r > 1, 1 / np.sqrt(np.maximum(r, 1e-300)), 1.0),
            "perona_malik": lambda: 1 / (1 + r),
            "perona_malik_exponential": lambda: np.exp(-r / 2),
            "weickert": lambda: np.where(
                r > 0, 1 - np.exp(-3.31488 / np.maximum(r, 1e-300) ** 4), 1.0
            ),
            "truncated_bfb": lambda: np.where(r > 1, 1 / np.maximum(r, 1e-300), 1.0),
            "fab": lambda: 2 * np.exp(-4 * np.log(2) / 3 * r) - np.exp(-np.log(2) / 3 * r),
        }[flux]()


def classical(
    f: np.ndarray,
    flux: str,
    stencil: str,
    lam: float,
    time: float,
    cycles: int,
    steps: int,
    explicit: bool,
) -> np.ndarray:
    """The evolution of (pixels..., channels) by the textbook scheme, in extended precision.

    FED in plain order loses digits.
    """
    size, channels = f.shape[:-1], f.shape[-1]
    k = stencil_matrix(stencil, size).toarray().astype(np.longdouble)
    u = f.astype(np.longdouble).reshape(-1, channels)

    def g(u: np.ndarray) -> np.ndarray:
        s = (k @ u).reshape(-1, u.shape[0], channels)
        coupled = (s**2).sum(axis=(0, 2)) if f.ndim > 2 else s[0, :, 0] ** 2
        return np.tile(diffusivity(flux, coupled, lam), s.shape[0])[:, None]

    if explicit:
        for _ in range(steps):
            u = u - time / steps * (k.T @ (g(u) * (k @ u)))
        return u.reshape(f.shape)
    tau_max = 3 * time / cycles / (steps * (steps + 1))
    taus = [
        tau_max / (2 * np.cos(np.pi * (2 * i + 1) / (4 * steps + 2)) ** 2) for i in range(steps)
    ]
    for _ in range(cycles):
        frozen = g(u)
        for tau in sorted(taus):  # any order, in exact arithmetic
            u = u - tau * (k.T @ (frozen * (k @ u)))
    return u.reshape(f.shape)


@tensorflow_only
@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_a_preset_is_the_classical_filter(name: str, dtype: str, tolerance: float) -> None:
    entry = presets.index()[name]
    recipe = json.loads((presets.folder_of(name) / "recipe.json").read_text())
    model = keras_pde.from_preset(name, dtype=dtype)
    block, rng = model.blocks[0], np.random.default_rng(3)
    size = (31,) if entry["ndim"] == 1 else (13, 10)
    f = np.clip(
        0.5
        + 0.4 * np.sign(np.indices(size)[0] - 5.5)[..., None]
        + 0.15 * rng.standard_normal((*size, entry["channels"])),
        0,
        1,
    )
    explicit = model.schedule.kind == "explicit"
    expected = classical(
        f,
        block.flux.flux.name,
        block.operator.stencil,
        recipe["contrast"],
        recipe["noise"]["25"],
        recipe["cycles"],
        len(model.schedule) if explicit else model.schedule.cycle_length,
        explicit,
    )
    out = np.array(model(f[None].astype(dtype)))[0]
    assert np.abs(expected - f).max() > 0.02
    assert np.abs(out - expected).max() < tolerance


SIZES = {1: (31,), 2: (13, 10), 3: (6, 7, 5)}


@tensorflow_only
@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_preset_solves_its_equation(name: str, rng: np.random.Generator) -> None:
    size = SIZES[presets.index()[name]["ndim"]]
    solver, b = keras_pde.from_preset(name), rng.standard_normal((1, *size, 1))
    if presets.index()[name]["task"] == "inpaint":
        known = rng.random(size) < 0.2
        found = solver.solve(
            [b, known[None, ..., None].astype(float)], tolerance=1e-11, accelerate=True
        )
        expected = inpainted(b[0], known, 2)[None]
    else:
        found = solver.solve(b, tolerance=1e-11)
        matrix = {"screened": screened, "biharmonic": biharmonic}.get(name.split("_")[1], poisson)
        options = {"step_size": 10.0} if matrix is screened else {}
        boundary = "neumann" if matrix is screened else "dirichlet"
        expected = spsolve(matrix(size, boundary, **options).tocsc(), b.ravel()).reshape(b.shape)
    assert found.converged
    np.testing.assert_allclose(found.x, expected, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("name", SOLVERS)
def test_the_published_number_of_a_solver_is_recomputed(name: str) -> None:
    entry, folder = presets.index()[name], presets.folder_of(name)
    published = entry["metric"]
    found = tasks.get(entry["task"]).measure(keras_pde.from_preset(name), folder)["metric"]
    assert {**found, "value": published["value"]} == published
    assert abs(found["value"] - published["value"]) < published["tolerance"]


@pytest.mark.parametrize("name", ["multigrid_poisson_1d", "multigrid_inpaint_2d"])
def test_the_example_on_a_card_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (presets.folder_of(name) / "README.md").read_text(encoding="utf-8")
    exec(compile(text.split("```python\n")[1].split("```")[0], name, "exec"), {})
    assert capsys.readouterr().out.startswith("converged: ")


@pytest.mark.parametrize("name", NAMES)
def test_golden_tensors_and_the_index(name: str) -> None:
    assert presets.verify(name) < 1e-5
    entry, model = presets.index()[name], keras_pde.from_preset(name)
    assert type(model).__name__ == entry["class"]
    assert model.count_params() == entry["params"]
    best = model.certificate().best()
    assert entry["certified"] == ("no" if best is None else best.word)


def test_fab_is_not_certified_and_says_why() -> None:
    certificate = keras_pde.from_preset("fab_2d").certificate()
    assert not certificate.norm_stable
    assert "negative" in certificate.reasons["norm"]
    assert presets.index()["fab_2d"]["certified"] == "no"


@pytest.mark.parametrize("name", ["truncated_tv_2d", "linear_color", "perona_malik_1d"])
def test_the_published_number_is_recomputed_from_the_shipped_files(name: str) -> None:
    published = presets.index()[name]["metric"]
    measured, value = photograph_psnr(keras_pde.from_preset(name))
    assert measured == published["name"]
    assert abs(value - published["value"]) < published["tolerance"]


def test_listing_is_a_list_and_a_table() -> None:
    names = keras_pde.list_presets("*_2d", task="denoise")
    assert "perona_malik_2d" in names
    assert "linear_1d" not in names
    assert keras_pde.list_presets(task="paint") == []
    lines = repr(names).splitlines()
    assert lines[0].split()[:3] == ["preset", "class", "task"]
    assert len(lines) == len(names) + 1
    assert "29.80 / 27.23 / 24.27 dB" in next(
        line for line in lines if line.startswith("perona_malik_2d")
    )
    both = keras_pde.list_presets("*_2d")
    assert "a cycle" in next(
        line for line in repr(both).splitlines() if line.startswith("multigrid_poisson_2d")
    )
    assert keras_pde.list_presets(task="inpaint") == ["multigrid_inpaint_2d"]
    assert len(NAMES) >= 10


def test_presets_of_a_class() -> None:
    assert "perona_malik_2d" in FEDResNet.presets
    assert set(FSIResNet.presets) == {
        name for name, entry in presets.index().items() if entry["class"] == "FSIResNet"
    }
    with pytest.raises(ValueError, match="is a FEDResNet, no FSIResNet"):
        FSIResNet.from_preset("perona_malik_2d")


def test_a_wrong_name_suggests_near_ones() -> None:
    with pytest.raises(ValueError, match=r"Did you mean .*perona_malik_2d"):
        keras_pde.from_preset("perona_malick_2d")


def test_with_time_and_with_schedule_keep_the_filter() -> None:
    model = keras_pde.from_preset("linear_2d")
    slow = model.with_schedule(keras_pde.schemes.explicit(400), time=5.0)
    fast = model.with_time(5.0)
    assert len(fast.schedule) < 12
    assert abs(fast.time - 5) < 1e-9
    # eigenvector of the Laplacian
    mode = np.cos(np.pi * (np.arange(16) + 0.5) / 16)[None, :, None, None] * np.ones((1, 16, 16, 1))
    for model in (slow, fast):
        factor = np.array(model(mode.astype("float32")))[0, 0, 0, 0] / mode[0, 0, 0, 0]
        assert abs(factor - np.exp(-5 * (2 - 2 * np.cos(np.pi / 16)))) < 0.01
    model = keras_pde.from_preset("linear_2d")
    with pytest.raises(ValueError, match="Take at least 80 steps"):
        model.with_schedule(keras_pde.schemes.explicit(20), time=20.0)


# --- directories, archives, damage ---


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Any]:
    net = FEDResNet(1, 3, filters=4, kernel_size=3)
    net.build((None, None, None, 1))
    net.save_to_preset(tmp_path / "mine")
    return tmp_path / "mine", net


def test_a_saved_preset_loads_with_the_same_weights(saved: tuple[Path, Any]) -> None:
    folder, net = saved
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "golden.npz",
        "metadata.json",
        "model.weights.h5",
    ]
    same = FEDResNet.from_preset(folder)
    for a, b in zip(net.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert presets.verify(folder) < 1e-6


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_network_that_was_trained_by_keras_is_saved_and_loads(
    tmp_path: Path, optimizer: str
) -> None:
    net = FEDResNet(1, 3, filters=4, kernel_size=3)
    net.compile(optimizer, "mse")
    image = np.random.default_rng(0).random((2, 8, 8, 1)).astype("float32")
    net.fit(image, image, verbose=0)
    net.save_to_preset(tmp_path / "mine")
    same = keras_pde.from_preset(tmp_path / "mine")
    for a, b in zip(net.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert presets.verify(tmp_path / "mine") < 1e-6
    assert len(net.optimizer.variables) >= 2  # they are kept where they are
    net.fit(image, image, verbose=0)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_one_flipped_byte_is_an_error(saved: tuple[Path, Any], name: str) -> None:
    path = saved[0] / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        keras_pde.from_preset(saved[0])


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "metadata.json"])
def test_a_missing_file_is_an_error(saved: tuple[Path, Any], name: str) -> None:
    (saved[0] / name).unlink()
    with pytest.raises((FileNotFoundError, ValueError), match=name.split(".")[0]):
        keras_pde.from_preset(saved[0])


def restated(folder: Path) -> None:
    """State the hashes of the files as they are: a forger would."""
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["sha256"] = {n: presets.file_hash(folder / n) for n in metadata["sha256"]}
    (folder / "metadata.json").write_text(json.dumps(metadata))


def test_weights_that_do_not_fit_are_an_error_even_with_a_matching_hash(
    saved: tuple[Path, Any],
) -> None:
    folder, _ = saved
    other = FEDResNet(1, 3, filters=6, kernel_size=3)
    other.build((None, None, None, 1))
    other.save_weights(folder / "model.weights.h5")
    restated(folder)
    with pytest.raises(ValueError, match="does not fit"):
        keras_pde.from_preset(folder)
    (folder / "model.weights.h5").write_bytes(b"not HDF5")
    restated(folder)
    with pytest.raises(ValueError, match="damaged"):
        keras_pde.from_preset(folder)


@pytest.mark.parametrize(
    "forged",
    [
        {
            "module": "os",
            "class_name": "system",
            "config": {},
            "registered_name": "keras_pde>system",
        },
        {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None},
        {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
        {
            "module": "keras_pde_evil",
            "class_name": "X",
            "config": {},
            "registered_name": "keras_pde>X",
        },
        {
            "module": "builtins",
            "class_name": "function",
            "config": "eval",
            "registered_name": "function",
        },
    ],
)
def test_foreign_classes_are_refused(saved: tuple[Path, Any], forged: dict[str, Any]) -> None:
    folder, _ = saved
    config = json.loads((folder / "config.json").read_text())
    config["config"]["flux"] = forged
    (folder / "config.json").write_text(json.dumps(config))
    restated(folder)
    with pytest.raises(ValueError, match="refused"):
        keras_pde.from_preset(folder)


def test_nothing_is_overwritten_but_a_preset(saved: tuple[Path, Any], tmp_path: Path) -> None:
    folder, net = saved
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="nothing was written"):
        net.save_to_preset(tmp_path / "precious")
    assert [p.name for p in (tmp_path / "precious").iterdir()] == ["notes.txt"]
    net.save_to_preset(folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "precious"]


def test_an_interrupted_save_leaves_the_old_preset(
    saved: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, net = saved
    before = presets.file_hash(folder / "model.weights.h5")

    def fails(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(type(net), "save_weights", fails)
    with pytest.raises(OSError, match="disk full"):
        net.save_to_preset(folder)
    assert presets.file_hash(folder / "model.weights.h5") == before
    assert [p.name for p in folder.parent.iterdir()] == ["mine"]


@pytest.fixture
def archive(
    saved: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, str]:
    from keras_pde.presets import download

    monkeypatch.setattr(download, "cache_root", lambda: tmp_path / "cache")
    path = tmp_path / "preset.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        for file in saved[0].iterdir():
            bundle.write(file, f"mine/{file.name}")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_url_loads_with_its_hash_and_is_cached(
    archive: tuple[Path, str], saved: tuple[Path, Any]
) -> None:
    path, digest = archive
    first = keras_pde.from_preset(path.as_uri(), sha256=digest)
    path.unlink()
    again = keras_pde.from_preset(path.as_uri(), sha256=digest)
    for a, b, c in zip(
        saved[1].get_weights(), first.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_a_tar_archive_loads_as_well(
    saved: tuple[Path, Any], archive: tuple[Path, str], tmp_path: Path
) -> None:
    made = Path(shutil.make_archive(str(tmp_path / "preset"), "gztar", saved[0]))
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    assert (
        keras_pde.from_preset(made.as_uri(), sha256=digest).count_params()
        == saved[1].count_params()
    )


def test_a_url_with_a_wrong_hash_leaves_nothing(archive: tuple[Path, str], tmp_path: Path) -> None:
    path, digest = archive
    with pytest.raises(ValueError, match=digest):
        keras_pde.from_preset(path.as_uri(), sha256="0" * 64)
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(ValueError, match="needs the sha256"):
        keras_pde.from_preset(path.as_uri())


def test_an_archive_that_leaves_its_folder_is_refused(
    archive: tuple[Path, str], tmp_path: Path
) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("../escaped.txt", "x")
    with pytest.raises(ValueError, match="outside its folder"):
        keras_pde.from_preset(path.as_uri(), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert not (tmp_path / "escaped.txt").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_compiled_run_computes_with_the_weights_at_hand() -> None:
    net = keras_pde.DiffusionResNet(2, filters=4, kernel_size=3)
    net.build((None, None, None, 1))
    x = np.random.default_rng(0).random((1, 12, 13, 1)).astype("float32")
    before = keras_pde.runtime.run_compiled(net, x)
    net.set_weights([w * np.arange(4) for w in net.get_weights()])
    after = keras_pde.runtime.run_compiled(net, x)
    np.testing.assert_allclose(after, keras.ops.convert_to_numpy(net(x)), atol=1e-6)
    assert np.abs(after - before).max() > 1e-3
