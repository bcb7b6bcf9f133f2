"""The package as installed: wheel, sdist, bare checkout, light imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

HEAVY = (
    "tensorflow_datasets",
    "matplotlib",
    "skimage",
    "imagecodecs",
    "tifffile",
    "click",
    "jax.experimental",
)


def run(*args: str, cwd: Path, **environment: str) -> str:
    """Output of a command; its errors are the test's."""
    env = (
        {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        | environment
    )
    done = subprocess.run(args, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git would clone, so that building leaves nothing in the checkout."""
    target = tmp_path_factory.mktemp("source") / "keras_pde"
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            (target / name).write_bytes((ROOT / name).read_bytes())
    (target / "LICENSE").chmod(0o600)
    return target


@pytest.fixture(scope="module")
def distributions(source: Path) -> Path:
    """Wheel and sdist, built from the copy."""
    run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--sdist",
        str(source),
        cwd=source,
    )
    return source / "dist"


def test_wheel_and_sdist_hold_the_zoo(distributions: Path) -> None:
    names = zipfile.ZipFile(next(distributions.glob("*.whl"))).namelist()
    index = json.loads((ROOT / "zoo" / "presets.json").read_text())
    for file in (
        p for p in (ROOT / "zoo").rglob("*") if p.suffix in (".json", ".h5", ".npz", ".md", ".png")
    ):
        # published.json, which cards are made with, and the cards' pictures too
        assert f"keras_pde/presets/{file.relative_to(ROOT)}" in names
    assert "keras_pde/py.typed" in names
    for preset in index:
        for file in ("config.json", "model.weights.h5", "golden.npz", "metadata.json", "README.md"):
            assert f"keras_pde/presets/zoo/{index[preset]['task']}/{preset}/{file}" in names
    # no top-level tests or zoo
    assert {n.split("/")[0] for n in names if not n.startswith("keras_pde-")} == {"keras_pde"}
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as bundle:
        members = [m.split("/", 1)[-1] for m in bundle.getnames()]
    for file in (
        "zoo/presets.json",
        "zoo/denoise/linear_2d/model.weights.h5",
        "LICENSE",
        "README.md",
        "tests/table.py",
        "setup.py",
        "tutorials/02_denoise_with_the_zoo.ipynb",
    ):
        assert file in members


USE = """
import sys, keras_pde
from pathlib import Path
assert Path(keras_pde.__file__).is_relative_to({where!r}), keras_pde.__file__
from keras_pde import presets
print(presets.zoo_root())
assert presets.verify("perona_malik_2d") < 1e-5
import importlib.metadata as m
assert m.version("keras-pde") == keras_pde.__version__
print(len(keras_pde.list_presets()))
"""


@pytest.mark.parametrize("kind", ["whl", "tar.gz"])
def test_installed_outside_the_checkout(distributions: Path, tmp_path: Path, kind: str) -> None:
    site = tmp_path / "site"
    package = next(distributions.glob(f"*.{kind}"))
    if kind == "tar.gz":  # built elsewhere, later, with other permissions: the same bytes
        before = os.umask(0o002)
        try:
            options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
            run(sys.executable, "-m", "pip", "wheel", *options, str(package), cwd=tmp_path)
        finally:
            os.umask(before)
        package = next(tmp_path.glob("*.whl"))
        assert package.read_bytes() == next(distributions.glob("*.whl")).read_bytes()
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
        str(package),
        cwd=tmp_path,
    )
    out = run(sys.executable, "-c", USE.format(where=str(site)), cwd=tmp_path, PYTHONPATH=str(site))
    assert str(site) in out
    if kind == "whl":
        listed = run(sys.executable, "-m", "keras_pde", "list", cwd=tmp_path, PYTHONPATH=str(site))
        assert "perona_malik_2d" in listed


def test_editable_install_finds_the_zoo(source: Path, tmp_path: Path) -> None:
    run(
        sys.executable,
        "-m",
        "venv",
        "--system-site-packages",
        "--without-pip",
        str(tmp_path / "venv"),
        cwd=tmp_path,
    )
    python = str(tmp_path / "venv" / "bin" / "python")
    parent = next(p for p in sys.path if p.endswith("site-packages"))
    install = [
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-e",
        str(source),
    ]
    run(*install, cwd=tmp_path, PYTHONPATH=parent)
    code = (
        "import zoo.classical as c, keras_pde; print(len(c.FILTERS), len(keras_pde.list_presets()),"
        " keras_pde.__file__)"
    )
    out = run(python, "-c", code, cwd=tmp_path, PYTHONPATH=parent).split()
    assert int(out[0]) <= int(out[1])


def test_a_bare_checkout_finds_the_zoo(source: Path) -> None:
    code = (
        "import keras_pde; from keras_pde import presets; print(presets.zoo_root());"
        " print(len(keras_pde.list_presets()))"
    )
    out = run(sys.executable, "-c", code, cwd=source).splitlines()
    assert Path(out[0]) == source / "zoo"


def test_import_is_light() -> None:
    code = (
        "import keras, sys; before = set(sys.modules); import keras_pde; new = set(sys.modules) -"
        " before;import json; print(json.dumps(sorted(new)))"
    )
    new: list[Any] = json.loads(run(sys.executable, "-c", code, cwd=ROOT).splitlines()[-1])
    assert not [m for m in new if m.split(".")[0] in HEAVY]
    assert len([m for m in new if not m.startswith("keras_pde")]) < 40


def test_no_heavy_import_at_module_level() -> None:
    heavy = (
        "tensorflow",
        "tensorflow_datasets",
        "matplotlib",
        "skimage",
        "scipy",
        "PIL",
        "rich",
        "jax",
        "torch",
        "imagecodecs",
        "tifffile",
    )
    for path in (ROOT / "keras_pde").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            assert not (
                line.startswith(("import ", "from ")) and words[1].split(".")[0] in heavy
            ), (path, line)
