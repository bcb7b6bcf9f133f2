"""What is fuzzed: readers of files from strangers, each with files to begin with."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FILES = ("config.json", "model.weights.h5", "metadata.json", "golden.npz")
BUILT = 16  # of so many configurations that pass, one is built


class Target(NamedTuple):
    """A reader, which may raise ValueError and OSError, and what it is given first."""

    read: Callable[[bytes, Path], Any]  # bytes, and the folder in which it may write
    seeds: list[bytes]


def targets(folder: Path) -> list[Target]:
    """All targets; the files of a small preset are written to a folder."""
    import keras_pde
    from keras_pde import presets
    from keras_pde.data import images
    from keras_pde.presets.allowed_classes import check_network
    from keras_pde.presets.archive import contents
    from keras_pde.presets.golden import read_golden
    from keras_pde.presets.hdf5 import read_arrays
    from keras_pde.presets.metadata import read_metadata
    from keras_pde.presets.reading import parse_json

    net = keras_pde.DiffusionResNet(2, filters=2, kernel_size=3, flux="charbonnier")
    net.build((None, None, None, 1))
    net.save_to_preset(folder / "mine")
    small = {name: (folder / "mine" / name).read_bytes() for name in FILES}
    zoo = [presets.folder_of(name) for name in presets.index()]
    hashes = json.loads(small["metadata.json"])["sha256"]

    def config(data: bytes, here: Path) -> None:
        check_network(parse_json(data, here / "config.json"))
        if zlib.crc32(data) % BUILT == 0:
            for name in FILES:
                (here / name).write_bytes(small[name])
            (here / "config.json").write_bytes(data)
            stated = {**hashes, "config.json": presets.file_hash(here / "config.json")}
            metadata = {**json.loads(small["metadata.json"]), "sha256": stated}
            (here / "metadata.json").write_text(json.dumps(metadata))
            presets.load(here, stated, None)

    def metadata(data: bytes, here: Path) -> None:
        (here / "metadata.json").write_bytes(data)
        read_metadata(here)

    def image(data: bytes, here: Path) -> None:
        (here / "a").write_bytes(data)
        images.read(here / "a")

    def archive(data: bytes, here: Path) -> None:
        (here / "a").write_bytes(data)
        for name, piece in contents(here / "a", "a"):
            with open(here / name, "ab") as file:
                file.write(piece)

    return [
        Target(config, [(path / "config.json").read_bytes() for path in zoo]),
        Target(metadata, [(path / "metadata.json").read_bytes() for path in zoo]),
        Target(lambda data, _: read_arrays(data), [small["model.weights.h5"]]),
        Target(lambda data, _: read_golden(data), [small["golden.npz"]]),
        Target(archive, list(_archives(small))),
        Target(image, list(_images())),
    ]


def _archives(small: dict[str, bytes]) -> Iterator[bytes]:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w", method) as bundle:
            for name, data in small.items():
                bundle.writestr(f"p/{name}", data[:200])
        yield memory.getvalue()
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        memory = io.BytesIO()
        with tarfile.open(fileobj=memory, mode="w:gz", format=form) as tar:
            for name, data in small.items():
                info = tarfile.TarInfo(f"p/{name}")
                info.size = min(len(data), 200)
                info.mtime = 0.5  # type: ignore[assignment] # needs a header of its own in PAX
                tar.addfile(info, io.BytesIO(data[:200]))
        yield memory.getvalue()


def _images() -> Iterator[bytes]:
    import imagecodecs
    import tifffile
    from PIL import Image

    levels = np.arange(8 * 9 * 4, dtype="uint8").reshape(8, 9, 4)
    modes = {"L": levels[..., 0], "LA": levels[..., :2], "RGB": levels[..., :3], "RGBA": levels}
    for mode, array in modes.items():
        for kind in ("PNG", "TIFF", *(["JPEG"] if "A" not in mode else [])):
            memory = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(array), mode).save(memory, kind)
            yield memory.getvalue()
    for mode in ("1", "P", "CMYK"):
        memory = io.BytesIO()
        Image.fromarray(levels[..., :3]).convert(mode).save(memory, "TIFF")
        yield memory.getvalue()
    memory = io.BytesIO()
    Image.fromarray(levels[..., :3]).save(memory, "JPEG", progressive=True, exif=b"Exif\0\0II*\0")
    yield memory.getvalue()
    yield imagecodecs.png_encode(levels[..., :3].astype("uint16") * 257)
    for options in (
        {"compression": "deflate", "predictor": True},
        {"compression": "lzw", "tile": (16, 16)},
        {"compression": "packbits"},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"planarconfig": "separate"},
    ):
        for dtype in ("uint8", "uint16", "float32"):
            if dtype == "float32" and "predictor" in options:
                options = {"compression": "deflate"}
            memory = io.BytesIO()
            tifffile.imwrite(
                memory, (levels[..., :3] / 255).astype(dtype), photometric="rgb", **options
            )
            yield memory.getvalue()


def working_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in which one input is read."""
    return tempfile.TemporaryDirectory(prefix="fuzz")
