"""The demo page as a folder to serve: page, ONNX files, samples, and what npm brings.

python demo/build.py site && python -m http.server -d site
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = [p.name for kind in ("html", "css", "js") for p in sorted(HERE.glob(f"*.{kind}"))]
PAGE += ["filters.json", "classifiers.json"]
VENDOR = {
    "ort.wasm.min.mjs": "onnxruntime-web/dist/ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs": "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm": "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
    "pbf.js": "pbf/index.js",
    "pbf.LICENSE": "pbf/LICENSE",
}
SAMPLES = {"sample-grey.png": "camera", "sample-colour.png": "chelsea"}
LARGEST = 1_000_000  # bytes of an ONNX file


def vendor(folder: Path) -> None:
    """ONNX Runtime Web and pbf, from npm.

    Raises:
        FileNotFoundError: npm is missing, with what to install.
    """
    modules = HERE / "node_modules"
    if not all((modules / source).is_file() for source in VENDOR.values()):
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError(
                "The page needs ONNX Runtime Web from npm, and there is no npm: install Node.js,"
                " which brings it"
            )
        subprocess.run(
            [npm, "ci", "--no-progress"], cwd=HERE, check=True, stdout=subprocess.DEVNULL
        )
    folder.mkdir()
    for name, source in VENDOR.items():
        shutil.copyfile(modules / source, folder / name)


def models(folder: Path) -> dict[str, float]:
    """ONNX files of the presets in filters.json, and their largest difference from the originals.

    Raises:
        ValueError: a file above 1 MB, or one that computes something else.
    """
    from keras_pde.export import export

    wanted = {
        f[kind]: f.get("timed", False)
        for f in json.loads((HERE / "filters.json").read_text(encoding="utf-8"))
        for kind in ("grey", "colour")
    }
    differences = {}
    for name, timed in wanted.items():
        made = export(name, folder / f"{name}.onnx", "onnx", timed=timed, verify=True)
        if made.bytes > LARGEST or made.difference is None or made.difference > 1e-5:
            raise ValueError(
                f"{name} has {made.bytes:,} bytes and differs by {made.difference}: at most"
                f" {LARGEST:,} and 1e-5 are wanted"
            )
        differences[name] = made.difference
    return differences


def classifiers(folder: Path) -> dict[str, float]:
    """ONNX files of the presets in classifiers.json, and their differences from the originals.

    They compute in float64, in which the radius that a reader finds is that of keras_pde.

    Raises:
        ValueError: a file above 1 MB, one that computes something else, or says nothing of a
            radius.
    """
    from keras_pde.export import export, load_exported

    differences = {}
    for entry in json.loads((HERE / "classifiers.json").read_text(encoding="utf-8")):
        name = entry["network"]
        made = export(name, folder / f"{name}.onnx", "onnx", dtype="float64", verify=True)
        if made.bytes > LARGEST or made.difference is None or made.difference > 1e-12:
            raise ValueError(
                f"{name} has {made.bytes:,} bytes and differs by {made.difference}: at most"
                f" {LARGEST:,} and 1e-12 are wanted"
            )
        if "radius" not in load_exported(made.path)[1]:
            raise ValueError(f"Nothing is proved of answers of {name}: choose another preset")
        differences[name] = made.difference
    return differences


def digits() -> Any:
    """The first test image of each digit, side by side, as a picture."""
    import numpy as np
    from PIL import Image

    from keras_pde.tasks.classify.sources import load

    data = load("digits", "test")
    first = [data.images[np.argmax(data.labels == k), ..., 0] for k in range(10)]
    return Image.fromarray(np.rint(255 * np.hstack(first)).astype("uint8"))


def build(target: Path) -> dict[str, float]:
    """Write the page into a folder, whole or not at all; an earlier one is replaced.

    Raises:
        FileExistsError: the folder holds something else.
    """
    from PIL import Image
    from skimage import data

    if (
        target.exists()
        and not (target / "filters.json").is_file()
        and (not target.is_dir() or any(target.iterdir()))
    ):
        raise FileExistsError(
            f"{target} exists and is no demo page: nothing was written. Choose another folder."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        page = stage / "page"
        page.mkdir()
        for name in PAGE:
            shutil.copyfile(HERE / name, page / name)
        vendor(page / "vendor")
        differences = models(page / "models")
        differences |= classifiers(page / "classifiers")
        digits().save(page / "sample-digits.png")
        for name, sample in SAMPLES.items():
            Image.fromarray(getattr(data, sample)()).save(page / name)
        if target.exists():
            target.rename(stage / "old")
        page.rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return differences


def main() -> None:
    """Build, and say what was built and how to open it."""
    parser = argparse.ArgumentParser(description="Write the demo page into FOLDER, ready to serve.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    target = parser.parse_args().folder
    for name, difference in build(target).items():
        print(
            f"{name}.onnx: {next(target.glob(f'*/{name}.onnx')).stat().st_size:,} bytes, largest"
            f" difference from the original {difference:.1e}"
        )
    print(f"Serve it: python -m http.server -d {target}, and open http://localhost:8000")


if __name__ == "__main__":
    main()
