"""The command keras-pde: what it writes, what it prints, and how it fails."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from command import call
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import keras_pde
from keras_pde import presets
from keras_pde.cli.files import SAMPLES
from keras_pde.data import images, noise
from keras_pde.data.images import Image
from keras_pde.data.side_by_side import comparison
from keras_pde.runtime import run_compiled
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.denoise import levels as levels_of
from keras_pde.tasks.denoise.denoiser import Denoiser

QUICK, QUICK_COLOR = "linear_2d", "linear_color"


@pytest.fixture(scope="module")
def camera() -> np.ndarray:
    """128 × 96 pixels of a photograph, (height, width, 1) in [0, 1]."""
    return np.float32(data.camera()[80:208, 200:296, None] / 255)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.float32(data.astronaut()[:96, 180:260] / 255)


@pytest.fixture
def grey(tmp_path: Path, camera: np.ndarray) -> Path:
    """A clean grey PNG in a folder of its own."""
    (tmp_path / "in").mkdir()
    images.write(tmp_path / "in" / "grey.png", Image(camera))
    return tmp_path / "in" / "grey.png"


def table(text: str) -> dict[str, tuple[float, float]]:
    """PSNR and SSIM of the printed table."""
    return {
        m[1]: (float(m[2]), float(m[3]))
        for m in re.finditer(r"^\s*(noisy|denoised)\s+([\d.]+)\s+([\d.]+)\s*$", text, re.MULTILINE)
    }


def test_main_line_of_the_readme(tmp_path: Path) -> None:
    out, compare = tmp_path / "out.png", tmp_path / "compare.png"
    result = call("denoise", "--sample", "camera", out, "--add-noise", 25, "--compare", compare)
    clean = data.camera().astype(np.float64) / 255
    noisy = clean + 25 / 255 * np.random.default_rng(0).standard_normal(clean.shape)
    best = levels_of.choose_preset(presets.index(), 1, 25)
    assert f"\n{best}: diffusion time" in result.stdout
    model = keras_pde.from_preset(best)
    batch = noisy[None, ..., None].astype("float32")
    raw = np.asarray(
        model([batch, np.float32([25 / 255])] if model.noise_conditioned else batch),
        dtype=np.float64,
    )[0, ..., 0]
    denoised = raw.clip(0, 1)
    printed = table(result.stdout)
    for name, u in (("noisy", noisy), ("denoised", denoised)):
        assert printed[name][0] == pytest.approx(
            peak_signal_noise_ratio(clean, u, data_range=1), abs=0.006
        )
        assert printed[name][1] == pytest.approx(
            structural_similarity(clean, u, data_range=1), abs=6e-5
        )
    metric = presets.index()[best]["metric"]
    if "camera, noise 25, seed 0" in metric["name"]:
        assert printed["denoised"][0] == pytest.approx(metric["value"], abs=metric["tolerance"])
    np.testing.assert_allclose(images.read(out).pixels[..., 0], denoised, atol=0.6 / 255)
    picture = images.read(compare).pixels
    assert picture.shape == (512 + 46 + 8, 4 * (512 + 8) + 8, 3)
    panels = [picture[46:558, 8 + i * 520 : 520 + i * 520, 0] for i in range(4)]
    for panel, u in zip(
        panels,
        (clean, np.clip(noisy, 0, 1), denoised, np.clip(128 / 255 + noisy - raw, 0, 1)),
        strict=True,
    ):
        np.testing.assert_allclose(panel, u, atol=0.6 / 255)
    assert (picture[:46] < 0.5).any(), "no labels"
    assert sorted(os.listdir(tmp_path)) == ["compare.png", "out.png"]


@pytest.mark.parametrize(
    ("extension", "channels", "alpha", "depth"),
    [
        ("png", 1, True, 16),
        ("png", 3, False, 16),
        ("tif", 3, True, 16),
        ("tif", 1, False, 32),
        ("png", 3, True, 8),
        ("tiff", 1, True, 8),
        ("jpg", 3, False, 8),
    ],
)
def test_every_format_through_the_command(
    tmp_path: Path,
    camera: np.ndarray,
    astronaut: np.ndarray,
    rng: np.random.Generator,
    extension: str,
    channels: int,
    alpha: bool,
    depth: int,
) -> None:
    pixels = (camera if channels == 1 else astronaut)[:40, :56]
    mask = np.float32(rng.integers(1, 256, pixels.shape[:2]) / 255) if alpha else None
    path, out = tmp_path / f"in.{extension}", tmp_path / f"out.{extension}"
    images.write(path, Image(noise.add_noise(pixels, 10), mask, depth))
    call("denoise", path, out, "--preset", QUICK if channels == 1 else QUICK_COLOR, "--noise", 25)
    before, after = images.read(path), images.read(out)
    assert after.depth == depth
    if alpha:
        np.testing.assert_array_equal(after.alpha, before.alpha)
    expected = np.asarray(
        keras_pde.from_preset(QUICK if channels == 1 else QUICK_COLOR)(before.pixels[None])
    )[0]
    atol = {"jpg": 12 / 255}.get(extension, {8: 0.51 / 255, 16: 0.51 / 65535, 32: 1e-6}[depth])
    np.testing.assert_allclose(
        after.pixels, expected.clip(0, 1) if depth < 32 else expected, atol=atol
    )
    if depth == 16:
        assert len(np.unique(after.pixels)) > 1000


def test_auto_picks_by_channels(tmp_path: Path, astronaut: np.ndarray) -> None:
    images.write(tmp_path / "in.png", Image(astronaut[:48, :48]))
    result = call("denoise", tmp_path / "in.png", tmp_path / "out.png", "--add-noise", 25)
    best = levels_of.choose_preset(presets.index(), 3, 25)
    assert f"\n{best}: " in result.stdout


def test_auto_skips_the_uncertified_and_other_dimensions() -> None:
    def entry(value: float, **other: object) -> dict[str, Any]:
        return {
            "task": "denoise",
            "ndim": 2,
            "channels": 1,
            "certified": "norm",
            "metric": {"value": value},
            **other,
        }

    entries = {
        "a": entry(1),
        "b": entry(2),
        "c": entry(9, certified="no"),
        "d": entry(9, ndim=1),
        "e": entry(9, channels=3),
        "f": entry(9, task="inpaint"),
    }
    assert levels_of.choose_preset(entries, 1) == "b"
    assert levels_of.choose_preset(entries, 3) == "e"
    with pytest.raises(ValueError, match="no certified"):
        levels_of.choose_preset({}, 1)


@pytest.mark.parametrize(
    "args",
    [
        ("OUT", "--sample"),
        ("--sample", "OUT"),
        ("--sample", "camera", "OUT"),
        ("--sample", "--seed", "1", "OUT"),
    ],
)
def test_forms_of_sample(
    tmp_path: Path, args: tuple[str, ...], camera: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        images,
        "read",
        lambda path, **_: (
            Image(camera[:16, :16]) if Path(path).name == "camera.png" else pytest.fail(str(path))
        ),
    )
    out = tmp_path / "out.png"
    call("denoise", *[out if a == "OUT" else a for a in args], "--preset", QUICK)
    assert out.exists()


def test_samples_are_files_of_the_wheel() -> None:
    files = {str(f) for f in importlib.metadata.files("scikit-image") or ()}
    assert {f"skimage/data/{name}" for name in SAMPLES.values()} <= files


def test_scale_covariance(camera: np.ndarray) -> None:
    model = keras_pde.from_preset("perona_malik_2d")
    noisy = noise.add_noise(camera, 25)
    denoiser = Denoiser(model, tuned=True)
    np.testing.assert_allclose(
        denoiser(noisy * 0.4, 10).pixels, 0.4 * denoiser(noisy, 25).pixels, atol=1e-5
    )
    assert np.abs(denoiser(noisy, 10).pixels - denoiser(noisy, 25).pixels).max() > 0.05


def test_stopping_time_is_interpolated_from_the_index(grey: Path, tmp_path: Path) -> None:
    times = presets.index()["weickert_2d"]["noise"]
    middle = float(np.sqrt(times["25"] * times["50"]))
    for sigma, time in (
        (5, times["5"]),
        (25, times["25"]),
        (np.sqrt(25 * 50), middle),
        (500, times["50"]),
        (1, times["5"]),
    ):
        assert levels_of.stopping_time(times, sigma) == pytest.approx(time)
    result = call(
        "denoise",
        grey,
        tmp_path / "out.png",
        "--preset",
        "weickert_2d",
        "--noise",
        np.sqrt(25 * 50),
    )
    assert f"weickert_2d: diffusion time {middle:.4g} in " in result.stdout
    model = keras_pde.from_preset("weickert_2d").with_time(middle)
    factor = 25 / np.sqrt(25 * 50)
    expected = np.asarray(model(images.read(grey).pixels[None] * factor))[0] / factor
    np.testing.assert_allclose(
        images.read(tmp_path / "out.png").pixels, expected.clip(0, 1), atol=0.52 / 255
    )


def test_time_acts(grey: Path, tmp_path: Path) -> None:
    result = call(
        "denoise", grey, tmp_path / "out.png", "--preset", QUICK, "--noise", 25, "--time", 12.5
    )
    assert f"{QUICK}: diffusion time 12.5 in " in result.stdout
    expected = np.asarray(
        keras_pde.from_preset(QUICK).with_time(12.5)(images.read(grey).pixels[None])
    )[0]
    np.testing.assert_allclose(images.read(tmp_path / "out.png").pixels, expected, atol=0.52 / 255)


def test_seed_acts(grey: Path, tmp_path: Path) -> None:
    outputs = []
    for seed in (0, 1, 1):
        result = call(
            "denoise",
            grey,
            tmp_path / "out.png",
            "--preset",
            QUICK,
            "--add-noise",
            25,
            "--seed",
            seed,
        )
        outputs.append(
            (result.stdout.replace(f"seed {seed}", ""), (tmp_path / "out.png").read_bytes())
        )
    assert outputs[0] != outputs[1] == outputs[2]


def test_clean_image_is_measured_against(grey: Path, tmp_path: Path, camera: np.ndarray) -> None:
    images.write(tmp_path / "noisy.tif", Image(noise.add_noise(camera, 25, seed=3), depth=32))
    with_noise = call(
        "denoise", grey, tmp_path / "a.png", "--preset", QUICK, "--add-noise", 25, "--seed", 3
    )
    with_clean = call(
        "denoise",
        tmp_path / "noisy.tif",
        tmp_path / "b.png",
        "--preset",
        QUICK,
        "--noise",
        25,
        "--clean",
        grey,
    )
    assert len(table(with_noise.stdout)) == 2
    assert table(with_noise.stdout) == table(with_clean.stdout)
    assert table(call("denoise", grey, tmp_path / "c.png", "--preset", QUICK).stdout) == {}


def test_grey_preset_on_colour_filters_each_channel(tmp_path: Path, astronaut: np.ndarray) -> None:
    images.write(tmp_path / "in.png", Image(astronaut))
    result = call(
        "denoise", tmp_path / "in.png", tmp_path / "out.png", "--preset", QUICK, "--noise", 25
    )
    assert "each colour channel by itself" in result.stdout
    model = keras_pde.from_preset(QUICK)
    expected = np.concatenate(
        [np.asarray(model(astronaut[None, ..., i : i + 1]))[0] for i in range(3)], axis=-1
    )
    np.testing.assert_allclose(images.read(tmp_path / "out.png").pixels, expected, atol=0.52 / 255)


def test_preset_directory_without_noise_table_is_used_as_it_is(tmp_path: Path, grey: Path) -> None:
    model = keras_pde.FEDResNet(
        1,
        3,
        block=keras_pde.DiffusionBlock("forward", flux="perona_malik", step_size=0.2),
        tied=True,
    )
    model.build((None, None, None, 1))
    model.save_to_preset(tmp_path / "mine")
    result = call(
        "denoise", grey, tmp_path / "out.png", "--preset", tmp_path / "mine", "--noise", 50
    )
    assert "no table of noise levels: the network was used as it is" in result.stdout
    expected = np.asarray(model(images.read(grey).pixels[None]))[0]
    np.testing.assert_allclose(images.read(tmp_path / "out.png").pixels, expected, atol=0.52 / 255)
    for command in ("show", "certify", "verify"):
        call(command, tmp_path / "mine")


def test_noise_conditioned_model_is_told_the_level(tmp_path: Path, grey: Path) -> None:
    flux = keras_pde.FluxActivation("charbonnier", contrast=0.02, noise_conditioned=True)
    model = keras_pde.FEDResNet(
        1, 3, block=keras_pde.DiffusionBlock("forward", flux=flux, step_size=0.2), tied=True
    )
    model.build([(None, None, None, 1), (None,)])
    model.set_weights(
        [
            np.full(w.shape, 3.0) if "slope" in v.path else w
            for w, v in zip(model.get_weights(), model.weights, strict=True)
        ]
    )
    model.save_to_preset(tmp_path / "mine")
    call("denoise", grey, tmp_path / "out.png", "--preset", tmp_path / "mine", "--noise", 50)
    expected = np.asarray(model([images.read(grey).pixels[None], np.float32([50 / 255])]))[0]
    np.testing.assert_allclose(images.read(tmp_path / "out.png").pixels, expected, atol=0.52 / 255)


@pytest.mark.parametrize("steps", [4, 30])
def test_run_compiled_uses_xla_and_long_cycles_stay_one_loop(
    steps: int, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    import tensorflow as tf

    asked = []
    function = tf.function
    monkeypatch.setattr(
        tf,
        "function",
        lambda f, **options: asked.append(options["jit_compile"]) or function(f, **options),
    )
    model = keras_pde.FEDResNet(
        1,
        steps,
        block=keras_pde.DiffusionBlock("forward", flux="charbonnier", step_size=0.1),
        tied=True,
    )
    model.build((None, None, None, 1))
    u = rng.random((1, 40, 40, 1)).astype("float32")
    np.testing.assert_allclose(run_compiled(model, u), np.asarray(model(u)), atol=1e-5)
    assert asked == [True]
    nodes = function(model).get_concrete_function(tf.TensorSpec(u.shape)).graph.as_graph_def().node
    assert len(nodes) < 200  # an unrolled cycle of 30 steps has over 600


def test_comparison_enlarges_small_images_and_leaves_out_an_unknown_clean_one() -> None:
    u = np.linspace(0, 1, 40 * 40, dtype=np.float32).reshape(40, 40, 1)
    picture = comparison(u, u)
    assert picture.shape == (26 + 160 + 8, 3 * 168 + 8, 3)
    assert (picture[26:186, -168:-8] == 128).all()
    assert comparison(u, u, u).shape[1] == picture.shape[1] + 168


BAD = {
    "missing file": (("IN/no.png", "OUT"), "no.png does not exist"),
    "not an image": (("IN/text.png", "OUT"), "not an image"),
    "empty file": (("IN/empty.png", "OUT"), "is empty"),
    "NaN": (("IN/nan.tif", "OUT"), "NaN"),
    "directory as IN": (("IN", "OUT"), "IN is a folder, or several files, so OUT is a folder, and"),
    "too many channels": (("IN/five.tif", "OUT"), "5 channels"),
    "colour preset on grey": (
        ("GREY", "OUT", "--preset", QUICK_COLOR),
        "for 3 channels and the image has 1: choose a preset for grey images",
    ),
    "1-D preset": (("GREY", "OUT", "--preset", "linear_1d"), "filters 1-D data"),
    "preset of another task": (
        ("GREY", "OUT", "--preset", "multigrid_poisson_2d"),
        "of the task 'solve', which keras-pde denoise does not do",
    ),
    "unknown preset": (("GREY", "OUT", "--preset", "linear_2"), "Did you mean linear_2d"),
    "no preset directory": (("GREY", "OUT", "--preset", "./IN"), "no preset directory"),
    "unknown extension": (("GREY", "DIR/out.webp"), "'.webp' is no format to write. Use .png"),
    "alpha in JPEG": (("IN/alpha.png", "DIR/out.jpg"), "JPEG cannot hold alpha"),
    "16 bit in JPEG": (("IN/deep.png", "DIR/out.jpg"), "JPEG cannot hold 16 bit"),
    "OUT in no folder": (("GREY", "DIR/no/out.png"), "does not exist"),
    "OUT in a file": (("GREY", "OUT/out.png"), "does not exist"),
    "OUT not writable": (("GREY", "/proc/out.png"), "cannot write"),
    "comparison no PNG": (("GREY", "OUT", "--compare", "DIR/c.jpg"), "Use the extension .png"),
    "comparison in no folder": (("GREY", "OUT", "--compare", "DIR/no/c.png"), "does not exist"),
    "comparison over OUT": (("GREY", "OUT", "--compare", "OUT"), "would overwrite"),
    "comparison over IN": (("GREY", "OUT", "--compare", "GREY"), "would overwrite"),
    "no names": ((), "Give IN and OUT"),
    "one name": (("GREY",), "Give IN and OUT"),
    "three names": (("GREY", "GREY", "OUT"), "OUT is a folder, and"),
    "sample and IN": (("GREY", "OUT", "--sample", "camera"), "give OUT only"),
    "unknown sample": (
        ("OUT", "--sample", "lena"),
        "No sample is called 'lena'. There are: camera",
    ),
    "sigma": (("GREY", "OUT", "--sigma", 5), "--sigma is called --noise now"),
    "noise of a sample": (("OUT", "--sample", "--noise", 5), "--add-noise adds it"),
    "gain without a sensor": (
        ("GREY", "OUT", "--gain", 2),
        "describe --noise sensor. Received: no --noise",
    ),
    "range of one number": (("GREY", "OUT", "--range", "5"), "LOW,HIGH"),
    "range reversed": (("GREY", "OUT", "--range", "5,1"), "LOW,HIGH"),
    "noise and clean": (("GREY", "OUT", "--add-noise", 5, "--clean", "GREY"), "one or the other"),
    "clean of another size": (("IN/alpha.png", "OUT", "--clean", "GREY"), "they must be alike"),
    "clean missing": (("GREY", "OUT", "--clean", "IN/no.png"), "does not exist"),
    "noise 0": (("GREY", "OUT", "--add-noise", 0), "'0' is not a finite number > 0"),
    "noise tiny": (("GREY", "OUT", "--noise", 1e-300), "is not from 1e-06 to 1e+06 grey levels"),
    "added noise huge": (
        ("GREY", "OUT", "--add-noise", 1e10),
        "is not from 1e-06 to 1e+06 grey levels",
    ),
    "noise text": (("GREY", "OUT", "--noise", "much"), "'much' is not a finite number > 0"),
    "noise negative": (("GREY", "OUT", "--noise", -3), "'-3' is not a finite number > 0"),
    "time NaN": (("GREY", "OUT", "--time", "nan"), "'nan' is not a finite number > 0"),
    "time endless": (
        ("GREY", "OUT", "--preset", QUICK, "--time", 1e9),
        "steps and the limit is 500",
    ),
    "seed negative": (("GREY", "OUT", "--seed", -1), "seed"),
    "unknown option": (("GREY", "OUT", "--nois", 5), "No such option"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_line_and_leaves_everything(
    name: str, grey: Path, tmp_path: Path, camera: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    args, words = BAD[name]
    if "/proc/out.png" in args and not Path("/proc/self").is_dir():
        pytest.skip("needs a place where even root cannot write")
    folder = grey.parent
    monkeypatch.chdir(tmp_path)
    (tmp_path / "IN").symlink_to(folder)
    (folder / "text.png").write_text("no image", encoding="utf-8")
    (folder / "empty.png").touch()
    tifffile.imwrite(folder / "nan.tif", np.full((9, 9), np.nan, np.float32))
    tifffile.imwrite(folder / "five.tif", np.zeros((9, 9, 5), np.uint8), photometric="rgb")
    images.write(folder / "alpha.png", Image(camera[:9, :9], camera[:9, :9, 0]))
    images.write(folder / "deep.png", Image(camera[:9, :9], depth=16))
    out = tmp_path / "out"
    (out / "folder.png").mkdir(parents=True)
    (out / "old.png").write_bytes(b"old")
    before = _snapshot(tmp_path)
    names = {"GREY": str(grey), "OUT": str(out / "old.png")}
    resolved = [
        names.get(str(a), str(a).replace("DIR/", f"{out}/").replace("OUT/", f"{out}/old.png/"))
        for a in args
    ]
    result = call("denoise", *resolved, code=2)
    assert words in result.stderr
    assert _snapshot(tmp_path) == before


def _snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(p): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


@pytest.mark.parametrize("broken", ["filter", "replace"])
def test_failure_on_the_way_leaves_everything(
    grey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (tmp_path / "out.png").write_bytes(b"old")
    before = _snapshot(tmp_path)
    if broken == "filter":
        run = Denoiser.__call__
        monkeypatch.setattr(
            Denoiser,
            "__call__",
            lambda *args, **options: run(*args, **options)._replace(pixels=args[1] * np.nan),
        )
    else:
        monkeypatch.setattr(
            os,
            "replace",
            lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device", "out.png")),
        )
    result = call(
        "denoise",
        grey,
        tmp_path / "out.png",
        "--preset",
        QUICK,
        "--compare",
        tmp_path / "c.png",
        code=2,
    )
    assert ("NaN" if broken == "filter" else "out.png: No space left on device") in result.stderr
    assert _snapshot(tmp_path) == before


def test_list_prints_every_name_whole() -> None:
    result = call("list")
    for name, entry in presets.index().items():
        line = next(row for row in result.stdout.splitlines() if row.split()[:1] == [name])
        assert entry["description"] in line
        assert tasks.get(entry["task"]).row(entry) in line
    lines = call("list", "gated_resnet_2d").stdout.splitlines()
    (at,) = [line for line in lines if line.startswith("metric of denoise")]
    (row,) = [line for line in lines if "gated_resnet_2d" in line and " dB" in line]
    assert at.count("σ") == row.partition(" dB")[0].count(" / ") + 1 == 3  # a head for each number
    some = call("list", "*_1d", "--task", "denoise").stdout
    assert "linear_1d" in some
    assert "linear_2d" not in some
    assert "There are: " in call("list", "nothing*", code=2).stderr
    assert "tasks: allocate, classify, denoise" in call("list", "--task", "paint", code=2).stderr


def test_show() -> None:
    text = call("show", "perona_malik_2d").stdout
    model, entry = keras_pde.from_preset("perona_malik_2d"), presets.index()["perona_malik_2d"]
    for part in (
        str(model),
        str(model.certificate()),
        entry["description"],
        entry["metric"]["name"],
        f"{entry['metric']['value']:g}",
    ):
        assert part in text
    for name, digest in entry["sha256"].items():
        assert re.search(rf"{re.escape(name)} +[\d,]+ +{digest}", text)
    for level, time in entry["noise"].items():
        assert re.search(rf"^ *{level} +{time:g} *$", text, re.MULTILINE)
    assert "Did you mean" in call("show", "perona", code=2).stderr


def test_certify() -> None:
    certificate = keras_pde.from_preset("perona_malik_2d").certificate()
    assert call("certify", "perona_malik_2d").stdout == f"{certificate}\n"
    facts = json.loads(
        call("certify", "perona_malik_2d", "--json").stdout, parse_constant=pytest.fail
    )
    assert facts["preset"] == "perona_malik_2d"
    assert (facts["norm_gain"], facts["lipschitz"], facts["averaged"]) == (
        certificate.norm_gain,
        None,
        None,
    )
    assert (facts["norm_stable"], facts["nonexpansive"]) == (True, False)
    assert facts["reasons"] == certificate.reasons


def test_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "2 presets verified" in call("verify", "linear_2d", "linear_1d").stdout
    assert "No preset is called" in call("verify", "linear_2d", "nothing", code=2).stderr
    bad = tmp_path / "bad"
    shutil.copytree(presets.folder_of("linear_2d"), bad)
    with (bad / "model.weights.h5").open("r+b") as file:
        file.seek(1000)
        file.write(b"?")
    text = call("verify", "linear_2d", bad, code=1).stdout
    assert re.search(r"linear_2d +ok +\d", text)
    assert re.search(r"bad +FAILED .*is damaged", text)
    assert "2 presets, 1 failed" in text
    monkeypatch.setattr(presets, "verify", lambda name: 2e-5 if name == "fab_2d" else 0.0)
    text = call("verify", code=1).stdout
    assert all(
        re.search(rf"{name} +{'FAILED' if name == 'fab_2d' else 'ok'}", text)
        for name in presets.index()
    )


def test_help_and_version() -> None:
    assert call("--version").stdout == f"keras-pde, version {keras_pde.__version__}\n"
    for args in ((), ("--help",)):
        assert all(
            command in call(*args).stdout
            for command in ("list", "show", "denoise", "certify", "verify")
        )
    assert "No such command 'denoize'" in call("denoize", code=2).stderr


def test_process_prints_one_line_and_nothing_of_tensorflow(tmp_path: Path) -> None:
    package = Path(keras_pde.__file__).resolve().parent.parent
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"} | {
        "PYTHONPATH": str(package)
    }
    done = subprocess.run(
        [sys.executable, "-m", "keras_pde", "denoise", "no.png", "out.png"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "keras-pde: error: no.png does not exist\n",
    )


@pytest.mark.parametrize(
    "name",
    [
        "multigrid_unet_2d",
        "unconstrained_color",
        "dufort_frankel_resnet_2d",
        "weakly_convex_equilibrium_2d",
    ],
)
def test_denoise_reports_on_every_kind_of_network(name: str, tmp_path: Path) -> None:
    channels = presets.index()[name]["channels"]
    flat = np.ones((40, 48, 1), "float32") * np.float32([0.5, 0.4, 0.6][:channels])  # a colour
    images.write(tmp_path / "in.png", Image(flat))
    result = call(
        "denoise", tmp_path / "in.png", tmp_path / "out.png", "--add-noise", 25, "--preset", name
    )
    what = "a V(3,3) cycle of multigrid" if name == "multigrid_unet_2d" else "diffusion time "
    assert f"\n{name}: {what}" in result.stdout
    assert f"wrote {tmp_path / 'out.png'}" in result.stdout
    noisy, denoised = table(result.stdout)["noisy"][0], table(result.stdout)["denoised"][0]
    assert denoised > noisy + 5


def test_a_network_without_a_stopping_time_says_so(grey: Path, tmp_path: Path) -> None:
    result = call(
        "denoise", grey, tmp_path / "out.png", "--preset", "multigrid_unet_2d", "--time", 3, code=2
    )
    assert "has no stopping time to change" in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_of_several_outputs_all_are_written_or_none(
    grey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full by the second; OUT is IN, which stays."""
    before = grey.read_bytes()
    arguments = ("denoise", grey, grey, "--add-noise", 20, "--compare", tmp_path / "c.png")
    arguments += ("--preset", "linear_2d")
    sync, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    error = call(*arguments, code=2).stderr
    assert f"{tmp_path / 'c.png'}: No space left on device: nothing was written" in error
    assert grey.read_bytes() == before
    assert not list(tmp_path.glob("*c.png")) + list(grey.parent.glob(".*"))
    monkeypatch.undo()
    call(*arguments)
    assert grey.read_bytes() != before
    assert (tmp_path / "c.png").is_file()
