"""Packaging of keras_pde; a wheel holds the zoo's presets in the folder keras_pde/presets/zoo.

Whoever builds a wheel, wherever and whenever, gets the same bytes from the same files and the same
setuptools: `python -m build --wheel --outdir wheel && sha256sum wheel/*.whl` prints their hash.
"""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

here = Path(__file__).parent
os.environ.setdefault("SOURCE_DATE_EPOCH", "1577836800")  # of the files in a wheel: 2020-01-01
version = next(
    line.split('"')[1]
    for line in (here / "keras_pde" / "runtime" / "version.py")
    .read_text(encoding="utf-8")
    .splitlines()
    if line.startswith("__version__")
)
compare = ["pyamg>=5"]
# etils, which tensorflow-datasets builds on, imports importlib_resources and does not ask for it
data = ["tensorflow-datasets>=4.9.10", "importlib_resources>=6"]
export = ["onnx>=1.16", "tf2onnx>=1.17", "onnxruntime>=1.19", "ai-edge-litert>=1.2"]
collection = ["ray[data]>=2.51"]
sbml = ["python-libsbml>=5.20"]
fuzz = ['atheris>=3; sys_platform == "linux"']
sbom = ["cyclonedx-bom>=7.5"]
mutation = ["cosmic-ray>=8.3", "coverage>=7.6"]
tutorials = [
    "matplotlib>=3.8",
    "jupytext>=1.16",
    "nbclient>=0.10",
    "nbformat>=5.10",
    "ipykernel>=6.29",
]
docs = ["mkdocs>=1.6,<2", "mkdocs-material>=9.6", "mkdocstrings[python]>=1.0", "latex2mathml>=3.81"]


class BuildWithZoo(build_py):
    """The package, with the zoo's presets in it, but without the scripts that make them.

    An editable install copies nothing: the package finds the zoo beside it, and the scripts run
    from there.
    """

    def run(self) -> None:
        """Build the package, then copy the zoo into it."""
        package = Path(self.build_lib) / "keras_pde"
        if not self.editable_mode:  # an earlier build may have left modules that are no more
            shutil.rmtree(package, ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        target = package / "presets" / "zoo"
        for path in sorted((here / "zoo").rglob("*")):
            if path.suffix in (".json", ".h5", ".npz", ".md", ".png"):
                copy = target / path.relative_to(here / "zoo")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


class ReproducibleWheel(bdist_wheel):
    """A wheel whose files have the same permissions whatever those of the checkout are."""

    def write_wheelfile(self, *args: str, **options: str) -> None:
        """Write the last of the wheel's files, then set the permissions of all."""
        super().write_wheelfile(*args, **options)
        for path in Path(self.bdist_dir).rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)


setup(
    name="keras-pde",
    version=version,
    description=(
        "Numerical methods for partial differential equations as Keras networks with proved"
        " stability, and a zoo of them"
    ),
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["keras_pde", "keras_pde.*"]),
    package_dir={"": "."},  # an editable install is then this folder, with the zoo's scripts
    package_data={"keras_pde": ["py.typed"]},
    cmdclass={"build_py": BuildWithZoo, "bdist_wheel": ReproducibleWheel},
    include_package_data=False,
    install_requires=[
        "tensorflow>=2.18",
        "keras>=3.13,<4",
        "numpy>=1.26",
        "click>=8.1",
        "imagecodecs>=2024.6.1",
        "pillow>=11.0",
        "rich>=13",
        "scikit-image>=0.22",
        "scipy>=1.11",
        "tifffile>=2024.5.22",
    ],
    extras_require={
        "data": data,
        "collection": collection,
        "plot": ["matplotlib>=3.8"],
        "jax": ["jax>=0.4.30"],
        "torch": ["torch>=2.4"],
        "export": export,
        "sbml": sbml,
        "tutorials": tutorials,
        "bench": [*compare, "matplotlib>=3.8"],
        "test": [
            *compare,
            *data,
            *export,
            *sbml,
            *collection,
            *tutorials,
            *fuzz,
            "dill>=0.3.3",
            "pytest>=8",
            "pytest-xdist>=3.7",
            "hypothesis>=6.100",
            "trustme>=1.2",  # certificates for the servers that downloads are tried on
            "playwright>=1.45",  # drives the browser that is installed, and brings none
            "matplotlib>=3.8",
            "build>=1.2",
            "setuptools>=70.1",
        ],
        "fuzz": fuzz,
        "sbom": sbom,
        "mutation": mutation,
        "docs": docs,
        "lint": ["ruff>=0.6", "mypy>=1.11", "import-linter>=2.17", "pre-commit>=3.5"],
    },
    entry_points={"console_scripts": ["keras-pde = keras_pde.cli.main:main"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Typing :: Typed",
    ],
)
