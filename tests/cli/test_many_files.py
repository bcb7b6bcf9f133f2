"""Folders, patterns, pipes, and the page of a gallery."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from command import call
from skimage import data

from keras_pde.data import images
from keras_pde.data.images import Image

QUICK = "linear_2d"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures and something else."""
    place = tmp_path / "in"
    place.mkdir()
    for name, k in (("a.png", 0), ("b.png", 40)):
        images.write(place / name, Image(np.float32(data.camera()[k : k + 24, :32, None] / 255)))
    (place / "notes.txt").write_text("no picture")
    return place


@pytest.mark.parametrize("how", ["folder", "pattern", "names", "into a folder that is there"])
def test_many_images_into_a_folder(folder: Path, tmp_path: Path, how: str) -> None:
    out = tmp_path / "out"
    inputs = {"folder": [folder], "pattern": [folder / "*.png"]}.get(
        how, [folder / "a.png", folder / "b.png"]
    )
    if how.startswith("into"):
        out.mkdir()
        inputs = inputs[:1]
    result = call("denoise", *inputs, out, "--noise", "20", "--preset", QUICK)
    written = sorted(path.name for path in out.iterdir())
    assert written == ["a.png", "b.png"][: len(written)]
    assert len(written) == (1 if how.startswith("into") else 2)
    call("denoise", folder / "a.png", tmp_path / "one.png", "--noise", "20", "--preset", QUICK)
    assert (out / "a.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    assert result.stdout.count("proved: ") == 1  # once for all


def test_a_damaged_image_does_not_keep_others(folder: Path, tmp_path: Path) -> None:
    (folder / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    result = call(
        "denoise", folder, tmp_path / "out", "--add-noise", "20", "--preset", QUICK, code=1
    )
    assert "c.png: no result: " in result.stdout
    assert "wrote 2 of 3 images" in result.stdout
    assert re.search(r"a\.png +\d+\.\d\d +\d+\.\d\d", result.stdout)


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        (["*.jpg"], (), "No file matches"),
        (["."], ("out.png",), "OUT is a folder, and out.png names a file"),
        (["a.png", "b.png"], ("tif:-",), "A pipe has one image"),
        (["."], ("--compare", "c.png"), "--compare is about one image"),
        (["a.png", "sub/a.png"], (), "have one name"),
    ],
)
def test_what_is_refused(
    folder: Path, tmp_path: Path, inputs: list[str], options: tuple[str, ...], words: str
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.png").write_bytes((folder / "a.png").read_bytes())
    names = [folder / name for name in inputs]
    out = () if options in (("out.png",), ("tif:-",)) else (tmp_path / "out",)
    result = call("denoise", *names, *out, *options, code=2)
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


def test_nothing_replaces_its_source(folder: Path) -> None:
    before = (folder / "a.png").read_bytes()
    assert "would be replaced" in call("denoise", folder, folder, code=2).stderr
    assert (folder / "a.png").read_bytes() == before


class Stdin:
    """Standard input with bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


class Stdout(io.StringIO):
    """Standard output that takes bytes too."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = io.BytesIO()


@pytest.mark.parametrize(("out", "magic"), [("-", b"\x89PNG"), ("tif:-", b"II*\x00")])
def test_a_pipe(
    folder: Path, out: str, magic: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from keras_pde.cli.main import main

    content, sink, said = (folder / "a.png").read_bytes(), Stdout(), io.StringIO()
    monkeypatch.setattr("sys.stdin", Stdin(content))
    monkeypatch.setattr("sys.stdout", sink)
    monkeypatch.setattr("sys.stderr", said)
    options = ["--noise", "20", "--preset", QUICK]
    main(["denoise", "-", out, *options], standalone_mode=False)
    monkeypatch.undo()
    assert sink.buffer.getvalue().startswith(magic)
    assert sink.getvalue() == ""
    assert "stdin: 32 × 24, grey, 8 bit" in said.getvalue()
    assert "/" not in said.getvalue().replace(" / ", "")  # no temporary folder
    call("denoise", folder / "a.png", tmp_path / "one.png", *options)
    if out == "-":
        assert sink.buffer.getvalue() == (tmp_path / "one.png").read_bytes()


def test_a_pipe_that_brings_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_pde.cli.main import main

    sink, said = Stdout(), io.StringIO()
    monkeypatch.setattr("sys.stdin", Stdin(b"no image"))
    monkeypatch.setattr("sys.stdout", sink)
    monkeypatch.setattr("sys.stderr", said)
    with pytest.raises(SystemExit):
        main(["inpaint", "-", "-", "--keep", "0.5"])
    monkeypatch.undo()
    assert sink.buffer.getvalue() == b""
    assert said.getvalue().startswith("keras-pde: error: stdin is not an image")


def test_a_gallery(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "g.html"
    patterns = ("--presets", "linear_2d", "--presets", "linear_color", "--presets", "truncated*")
    result = call("gallery", folder / "a.png", out, "--add-noise", "25", *patterns)
    text = out.read_text()
    assert "linear_color" not in text  # the picture is grey
    assert not re.findall(r'(?:src|href)="(?!data:)', text)  # no network
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)
    assert len(pictures) == 1 + len(re.findall("data-name=", text))
    for picture in pictures:
        assert images.reading.decode(base64.b64decode(picture), "p.png").pixels.shape[:2] == (
            24,
            32,
        )
    best = re.search(r"(\w+) has the best PSNR", result.stdout)
    assert best is not None
    assert re.findall(r'data-name="(\w+)"', text)[0] == best[1]
    assert "ends in .html" in call("gallery", folder / "a.png", tmp_path / "g.png", code=2).stderr


def test_advice_is_in_the_command_s_words(folder: Path, tmp_path: Path) -> None:
    result = call("export", "multigrid_poisson_2d", tmp_path / "net.onnx", code=2)
    assert "--size HxW" in result.stderr
    assert "keras_pde." not in result.stderr
