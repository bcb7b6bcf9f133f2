"""The tutorials run from top to bottom, and end in a picture and a measured number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

FOLDER = ROOT / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def pictures(notebook) -> int:
    return sum(
        "image/png" in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )


def last_words(notebook) -> str:
    return "".join(
        output.get("text", "")
        for output in notebook.cells[-1].outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_shows_what_is_stored(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path.stem.startswith("03"):
        pytest.importorskip("onnxruntime")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    run = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        run, timeout=400, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert pictures(run) == pictures(stored) >= 1
    assert re.search(r"\d", last_words(stored))
    assert re.sub(r"[\d.e,+-]+", "0", last_words(run)) == re.sub(
        r"[\d.e,+-]+", "0", last_words(stored)
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_is_its_source(path: Path) -> None:
    jupytext = pytest.importorskip("jupytext")
    made = [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]
    stored = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    kept = [(cell.cell_type, cell.source) for cell in stored.cells]
    assert kept == made, f"run: python tutorials/execute.py {path.stem}"


def test_there_are_tutorials() -> None:
    assert [path.stem for path in SOURCES] == [path.stem for path in NOTEBOOKS]
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{k:02d}" for k in range(1, 14)]
