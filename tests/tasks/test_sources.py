"""Folders of a collection: each visited once, names of every kind, failures named."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from keras_pde.cli.main import main
from keras_pde.data import images
from keras_pde.tasks.denoise.noisy_image import NoisyImage
from keras_pde.tasks.many import collection
from keras_pde.tasks.many.sources import Folder
from keras_pde.tasks.many.worker import Job, Outcome, Worker, packed, printable, unpacked

GREY = images.Image(np.zeros((40, 41, 1), np.float32))
ODD = os.fsdecode(b"\xff.png")  # no UTF-8


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with links that lead back, links to nothing, a pipe and an odd name."""
    source = tmp_path / "photos"
    (source / "2024").mkdir(parents=True)
    (source / "b").mkdir()
    images.write(source / "a.png", GREY)
    images.write(source / "2024" / "c.png", GREY)
    (source / "2024" / "all").symlink_to("..")
    (source / "b" / "up").symlink_to("..")
    (source / "b" / "other").symlink_to("../2024")
    (source / "0").symlink_to("2024")  # before the folder itself in every order of names
    (source / "self.png").symlink_to("self.png")
    (source / "gone.png").symlink_to("nowhere.png")
    (source / "zero.tif").symlink_to("/dev/zero")
    os.mkfifo(source / "pipe.png")
    (source / ODD).write_bytes((source / "a.png").read_bytes())
    return source


BAD = {
    "gone.png": "it is a link to nowhere.png",
    "pipe.png": "is a named pipe",
    "self.png": "cannot be read",
    "zero.tif": "is a device",
}


def test_each_folder_is_visited_once_under_its_own_name(photos: Path) -> None:
    folder = Folder(photos)
    assert folder.names == sorted(["2024/c.png", "a.png", *BAD, ODD])
    assert folder.failed == {}
    assert set(folder.wanted(photos.parent)) == set(folder.names)  # and nothing waits for the pipe
    assert folder.sizes["a.png"] == (40, 41)
    outside = photos.parent / "outside"
    outside.mkdir()
    images.write(outside / "d.png", GREY)
    (photos / "link").symlink_to(outside)
    (photos / "again").symlink_to(outside)
    assert "again/d.png" in Folder(photos).names
    assert "link/d.png" not in Folder(photos).names


def test_a_folder_that_cannot_be_read_is_named(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("2024"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert Folder(photos).failed == {"2024": "cannot be read: Permission denied"}


def test_names_of_every_kind_are_done_and_failures_named(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = photos.parent / "out"
    long = "x" * 251 + ".png"
    (photos / long).write_bytes((photos / "a.png").read_bytes())
    monkeypatch.setattr("keras_pde.data.images.encode", lambda path, image: b"image", raising=True)
    monkeypatch.setattr(Worker, "_chosen", lambda *_: None)
    unchanged = SimpleNamespace(pixels=GREY.pixels)
    monkeypatch.setattr(NoisyImage, "filtered", lambda *_, **__: unchanged)

    def run(job: Job, origin: Folder, wanted: list[str], *_: object) -> list[Outcome]:
        rows = Worker(job, 0)({"name": np.array([packed(name) for name in wanted])})
        return [
            Outcome(**{**dict(zip(rows, row, strict=True)), "name": unpacked(row[0])})
            for row in zip(*rows.values(), strict=True)
        ]

    monkeypatch.setattr(collection, "_run", run)
    monkeypatch.setattr("keras_pde.cli.denoise_many.load_networks", lambda: None)
    (target / "2024").mkdir(parents=True)
    (target / "2024" / "c.png").mkdir()  # in the place of a result
    found = CliRunner().invoke(
        main, ["denoise-many", str(photos), str(target), "--noise", "25"], catch_exceptions=False
    )
    assert found.exit_code == 1
    lines = found.output.splitlines()
    for name, reason in {**BAD, "2024/c.png": "is a directory"}.items():
        assert any(line.startswith(f"  {name}: ") and reason in line for line in lines), name
    assert {ODD, "a.png", long} <= set(os.listdir(target))
    assert all(len(line) <= 80 for line in lines if not line.startswith("  "))
    assert f"{len(BAD) + 1} images or folders have no result" in lines


def test_every_name_survives_a_table() -> None:
    for name in (ODD, "ü/ö.png", "a b.png", "\N{SNOWMAN}.tif"):
        assert unpacked(packed(name)) == name
        packed(name).encode()
        printable(name).encode()
    assert printable(ODD) == r"\xff.png"


def test_the_limit_of_pixels_reaches_the_workers(photos: Path) -> None:
    outcome = Worker(Job(str(photos), str(photos.parent), max_pixels=1639), 0).outcome("a.png")
    assert "1,640 pixels by its header, and the limit is 1,639" in outcome.error
