"""Make notebooks of the tutorials' sources, run them, and keep what they print and draw.

    python tutorials/execute.py           # all
    python tutorials/execute.py 05 07     # those that begin so

A tutorial is a Python file in jupytext's percent format, which reads well as a difference; beside
it stands the notebook with its outputs. A notebook is written when all of its cells have run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def sources() -> list[Path]:
    """The tutorials' sources, in their order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def notebook_of(path: Path) -> Any:
    """A source as a notebook without outputs, whose cells are numbered."""
    import jupytext

    notebook = jupytext.read(path)
    notebook.metadata = dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return notebook


def executed(notebook: Any, folder: Path) -> Any:
    """The notebook with what its cells print and draw, run in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    from nbclient import NotebookClient

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources)
    client.execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    return notebook


def main() -> None:
    """Command line."""
    import tempfile

    import nbformat

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tutorials", nargs="*", metavar="NN", help="beginnings of names")
    wanted = tuple(parser.parse_args().tutorials) or ("",)
    found = [path for path in sources() if path.name.startswith(wanted)]
    if not found:
        sys.exit(f"no tutorial begins with {' or '.join(wanted)}: see {HERE}")
    for path in found:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(notebook_of(path), Path(folder))
        target = path.with_suffix(".ipynb")
        staged = target.with_suffix(".partial")
        nbformat.write(notebook, staged)
        staged.replace(target)
        print(f"{path.stem:<44} {time.perf_counter() - start:5.0f} s")


if __name__ == "__main__":
    main()
