"""A collection of images by many workers.

A few hundred photographs, a kill in the middle, bad files, and what is refused.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import DATA, ROOT
from sessions import kill_all, session
from skimage import data as samples

import keras_pde
from keras_pde.cli.main import main
from keras_pde.data import images, noise
from keras_pde.runtime import flexible
from keras_pde.tasks.denoise import choosing
from keras_pde.tasks.denoise import image as denoising
from keras_pde.tasks.many.collection import Summary, denoise_collection
from keras_pde.tasks.many.worker import ATTEMPTS, BEGUN, Job, Worker

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs the extra [collection]"
)
COUNT, PRESET = 240, "charbonnier_explicit_2d"


def write(path: Path, values: np.ndarray, depth: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write(path, images.Image(values.astype("float32"), depth=depth))


def command(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """The command in a session of its own, so that a kill meets Ray's processes too, as it does
    when a machine dies.
    """
    full = [
        sys.executable,
        "-m",
        "keras_pde",
        "denoise-many",
        "noisy",
        "out",
        "--preset",
        PRESET,
        "--noise",
        "25",
        *options,
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            full, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL),  # PR_SET_PDEATHSIG
        )  # fmt: skip


def finish(process: subprocess.Popen[bytes], seconds: float = 120) -> int:
    try:
        return process.wait(seconds)
    finally:
        kill_all(process)


def worker_of(process: subprocess.Popen[bytes]) -> int:
    """The process that filters, of those of the command's session."""
    for number, line in session(process).items():
        if b"MapWorker" in line:
            return number
    raise AssertionError("no worker is at work")


def outputs(folder: Path) -> dict[str, Path]:
    return {
        str(p.relative_to(folder)): p for p in folder.rglob("*.png") if not p.name.startswith(".")
    }


@needs_ray
@pytest.mark.skipif(
    sys.platform != "linux", reason="processes that die with their parent are Linux's"
)
@pytest.mark.skipif(
    not (DATA / "bsd").is_dir(), reason="../shared/data/bsd is not beside the checkout"
)
def test_a_run_that_is_killed_is_taken_up_and_bad_images_are_named(tmp_path: Path) -> None:
    clean = {}
    for i, path in enumerate(
        [
            *sorted((DATA / "bsd/train400_gray").glob("*.png"))[:COUNT],
            *sorted((DATA / "bsd/bsd68_gray").glob("*.png"))[:6],
        ]
    ):
        name = f"{'deep/er/' if i % 3 else ''}{path.name}"
        clean[name] = images.read(path).pixels
        write(tmp_path / "noisy" / name, noise.add_noise(clean[name], 25, i))
    whole = (tmp_path / "noisy" / next(iter(clean))).read_bytes()
    for name, data in (
        ("cut.png", whole[: len(whole) // 2]),
        ("deep/empty.png", b""),
        ("text.jpg", b"no image"),
    ):
        (tmp_path / "noisy" / name).write_bytes(data)
    (tmp_path / "noisy" / "notes.txt").write_text("no image, and none by name")

    first = command(tmp_path)
    deadline = time.monotonic() + 120
    while (
        len(outputs(tmp_path / "out")) < 20 and first.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    kill_all(first)
    before = {
        name: (path.stat().st_mtime_ns, path.read_bytes())
        for name, path in outputs(tmp_path / "out").items()
    }
    assert 20 <= len(before) < len(clean), (tmp_path / "log").read_text(errors="replace")[-3000:]
    for name, (_, data) in before.items():
        (tmp_path / "check.png").write_bytes(data)
        assert images.read(tmp_path / "check.png").pixels.shape == clean[name].shape  # none is half

    second = command(tmp_path)
    while (
        len(outputs(tmp_path / "out")) < len(before) + 10
        and second.poll() is None
        and time.monotonic() < deadline + 120
    ):
        time.sleep(0.02)
    worker = worker_of(second)
    os.kill(worker, signal.SIGKILL)  # the engine starts another one
    assert finish(second) == 1, "some images are bad"
    text = (tmp_path / "log").read_text(errors="replace")
    for name, reason in (
        ("cut.png", "damaged"),
        ("deep/empty.png", "is empty"),
        ("text.jpg", "not an image"),
    ):
        assert any(name in line and reason in line for line in text.splitlines()), text
    assert f"{len(clean) - len(before)} images (" in text
    assert f"images a second; {len(before)} were there already" in text
    after = outputs(tmp_path / "out")
    assert set(after) == set(clean)
    assert all(
        after[name].stat().st_mtime_ns == stamp and after[name].read_bytes() == data
        for name, (stamp, data) in before.items()
    )
    errors = {
        name: [
            np.square(images.read(f).pixels - clean[name]).mean()
            for f in (tmp_path / "noisy" / name, after[name])
        ]
        for name in clean
    }
    gain = [10 * np.log10(noisy / denoised) for noisy, denoised in errors.values()]
    assert np.mean(gain) > 5
    assert min(gain) > 0
    for name in [*list(clean)[:2], *list(clean)[-2:]]:
        alone = keras_pde.denoise(images.read(tmp_path / "noisy" / name).pixels, 25, PRESET).clip(
            0, 1
        )
        assert np.abs(images.read(after[name]).pixels - alone).max() <= 1.01 / 255
    assert not (tmp_path / "out" / BEGUN).exists()


@needs_ray
def test_rows_of_parquet_and_tfrecord_files(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet
    import ray
    import tensorflow as tf

    camera = samples.camera()[..., None] / 255
    for i in range(6):
        write(tmp_path / f"in/{i}.png", noise.add_noise(camera[i : i + 40, : 40 + i], 25, i))
    files = {path.name: path.read_bytes() for path in sorted((tmp_path / "in").iterdir())}
    rows = [{"bytes": data, "path": f"x/{name}"} for name, data in files.items()]
    table = pyarrow.table({"image": [*rows, {"bytes": b"no image", "path": "bad.png"}]})
    (tmp_path / "set").mkdir()
    pyarrow.parquet.write_table(table, tmp_path / "set/part.parquet")
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord-00000-of-00001")) as writer:
        for name, data in [
            *files.items(),
            ("0.png", files["1.png"]),
            ("../out.png", files["0.png"]),
        ]:
            values = {"image/encoded": data, "name": name.encode()}
            features = {
                key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for key, value in values.items()
            }
            writer.write(
                tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
            )
    write(tmp_path / "set-out/x/3.png", np.ones((2, 2, 1)))
    (tmp_path / "set-out/collection.json").write_text(json.dumps({"preset": PRESET, "sigma": 25.0}))
    kinds = (
        ("set", "x", 5, {"bad.png": "not an image"}),
        (
            "a.tfrecord-00000-of-00001",
            ".",
            6,
            {"0.png": "several images", "../out.png": "leads out"},
        ),
    )
    # one for both
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        for source, folder, done, bad in kinds:
            target = tmp_path / f"{source}-out"
            summary = denoise_collection(tmp_path / source, target, PRESET, 25.0, workers=1)
            assert summary.failed.keys() == bad.keys()
            assert all(bad[name] in reason for name, reason in summary.failed.items())
            assert (summary.done, summary.skipped) == (done, 1)
            for name in files.keys() - {"3.png"}:
                alone = keras_pde.denoise(
                    images.read(tmp_path / "in" / name).pixels, 25, PRESET
                ).clip(0, 1)
                assert (
                    np.abs(images.read(target / folder / name).pixels - alone).max() <= 1.01 / 255
                )
    finally:
        ray.shutdown()
    # what is there is kept
    assert images.read(tmp_path / "set-out/x/3.png").pixels.shape == (2, 2, 1)
    assert not (tmp_path / "out.png").exists()


def test_a_worker_keeps_depth_colour_and_alpha_and_estimates_each_level(tmp_path: Path) -> None:
    astronaut, camera = (
        samples.astronaut()[100:164, 180:250] / 255,
        samples.camera()[100:170, 200:264, None] / 255,
    )
    write(tmp_path / "in/colour.png", noise.add_noise(astronaut, 15))
    write(tmp_path / "in/deep.tif", noise.add_noise(camera, 40), 16)
    alpha = np.linspace(0.01, 1, 70 * 64).reshape(70, 64).astype("float32")
    images.write(tmp_path / "in/alpha.png", images.Image(noise.add_noise(camera, 20), alpha))
    (tmp_path / "out").mkdir()
    worker = Worker(Job(str(tmp_path / "in"), str(tmp_path / "out")), 0)
    done = worker({"name": np.array(["colour.png", "deep.tif", "alpha.png"])})
    assert done["error"] == ["", "", ""]
    assert done["pixels"] == [64 * 70, 70 * 64, 70 * 64]
    for name, level in zip(done["name"], done["sigma"], strict=True):
        source, result = images.read(tmp_path / "in" / name), images.read(tmp_path / "out" / name)
        assert level == denoising.noise_level(source.pixels)
        assert (result.depth, result.alpha is None) == (source.depth, source.alpha is None)
        expected = keras_pde.denoise(source.pixels, level).clip(0, 1)
        assert np.abs(result.pixels - expected).max() <= 1.01 / (
            2**source.depth - 1 if source.depth == 8 else 4095
        )


def test_one_program_serves_all_the_rare_sizes(tmp_path: Path) -> None:
    camera = samples.camera()[..., None] / 255
    names = [f"{n}.png" for n in range(40, 48)]
    for n, name in enumerate(names):
        write(tmp_path / "in" / name, camera[: 40 + n, : 60 - n])
    (tmp_path / "out").mkdir()
    job = Job(str(tmp_path / "in"), str(tmp_path / "out"), PRESET, 25.0, common=((40, 60),))
    worker = Worker(job, 0)
    assert [worker.outcome(name).error for name in names] == [""] * 8
    if keras.backend.backend() == "tensorflow":
        assert worker.flexible.run.experimental_get_tracing_count() <= 2
    for name in names[:1] + names[-1:]:
        alone = keras_pde.denoise(images.read(tmp_path / "in" / name).pixels, 25, PRESET).clip(0, 1)
        assert np.abs(images.read(tmp_path / "out" / name).pixels - alone).max() <= 1.01 / 255


@pytest.mark.parametrize("preset", ["certified_resnet_2d", "truncated_tv_implicit_2d"])
def test_a_flexible_program_computes_what_the_compiled_one_does(
    preset: str, rng: np.random.Generator
) -> None:
    chosen = choosing.choose_denoiser(preset, (40, 41, 1), 25)
    pixels = rng.random((40, 41, 1)).astype("float32")
    one, other = (
        denoiser(pixels, 25).pixels for denoiser in (chosen, chosen.compiled_by(flexible))
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_image_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    write(tmp_path / "in/a.png", np.zeros((20, 20, 1)))
    (tmp_path / "out" / BEGUN).mkdir(parents=True)
    seen: list[int] = []

    class Killed(BaseException):
        """What nothing catches, like a death."""

    class Mortal(Worker):
        def _filter(self, source: Path, target: Path) -> Any:
            seen.append(1)
            raise Killed

    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            Mortal(Job(str(tmp_path / "in"), str(tmp_path / "out")), 0).outcome("a.png")
    outcome = Mortal(Job(str(tmp_path / "in"), str(tmp_path / "out")), 0).outcome("a.png")
    assert "3 workers died" in outcome.error
    assert len(seen) == ATTEMPTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "in/a.png", np.zeros((20, 20, 1)))
    return tmp_path


def test_what_cannot_be_done_is_refused_before_workers_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="is the source or in it"):
        denoise_collection(folder / "in", folder / "in" / "out")
    with pytest.raises(ValueError, match="at least 1"):
        denoise_collection(folder / "in", folder / "out", workers=0)
    with pytest.raises(ValueError, match="finite and > 0"):
        denoise_collection(folder / "in", folder / "out", noise=-1.0)
    with pytest.raises(ValueError, match="no_such_preset"):
        denoise_collection(folder / "in", folder / "out", "no_such_preset")
    (folder / "out").mkdir()
    with pytest.raises(ValueError, match="has no image"):
        denoise_collection(folder / "out", folder / "other")
    assert list((folder / "out").iterdir()) == []
    write(folder / "out/a.png", np.ones((3, 3, 1)))
    with pytest.raises(ValueError, match=r"holds a\.png, which this command did not write"):
        denoise_collection(folder / "in", folder / "out")
    shutil.rmtree(folder / "out")
    monkeypatch.setitem(sys.modules, "ray", None)
    done = CliRunner().invoke(main, ["denoise-many", str(folder / "in"), str(folder / "out")])
    assert done.exit_code == 2
    assert "pip install 'keras-pde[collection]'" in done.output


@needs_ray
def test_a_cluster_that_is_not_there_is_said_so(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(OSError, match=f"no Ray cluster at {address}"):
        denoise_collection(folder / "in", folder / "out", cluster=address)


@needs_ray
def test_a_cluster_that_asks_for_a_token_is_said_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import ray

    def refused(**options: Any) -> None:
        os.write(2, b"gcs_client.cc:210: Unauthenticated: RPC error: InvalidAuthToken")
        raise ConnectionError("Failed to connect")

    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(OSError, match="at auto: it asks for Ray's token: set RAY_AUTH_MODE=token"):
        denoise_collection(folder / "in", folder / "out", cluster="auto")
    assert "InvalidAuthToken" not in capfd.readouterr().err


def test_results_of_other_options_are_not_mixed_and_a_complete_target_needs_no_workers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError):
        denoise_collection(folder / "in", folder / "out", PRESET, 25.0)
    with pytest.raises(ValueError, match="holds results made with"):
        denoise_collection(folder / "in", folder / "out", PRESET, 20.0)
    write(folder / "out/a.png", np.ones((3, 3, 1)))
    assert (
        str(denoise_collection(folder / "in", folder / "out", PRESET, 25.0))
        == "no image was filtered; 1 were there already"
    )


def test_a_summary_counts_images_a_second() -> None:
    assert "2.25 images a second" in str(Summary(90, 0, {}, 9_000_000, 2, 40.0, 10.0))
