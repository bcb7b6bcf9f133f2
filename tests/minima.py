"""The lowest versions that setup.py states, of the package and of extras, as pip's constraints.

python tests/minima.py [EXTRA ...] > minima.txt
pip install -c minima.txt '.[EXTRA,...]'
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent


def requirements() -> dict[str, list[str]]:
    """What setup.py asks for: of the package, as "", and of each extra."""
    stated: dict[str, Any] = {}
    with mock.patch("setuptools.setup", stated.update):
        runpy.run_path(str(ROOT / "setup.py"))
    return {"": stated["install_requires"], **stated["extras_require"]}


def minima(*extras: str) -> list[str]:
    """Requirements with their lowest versions, such as "numpy==1.26"."""
    lists = requirements()
    found = {}
    for line in (line for extra in ("", *extras) for line in lists[extra]):
        name, _, version = line.split(";")[0].partition(">=")
        found[name.split("[")[0]] = version.split(",")[0].strip()
    return [f"{name}=={version}" for name, version in found.items() if version]


if __name__ == "__main__":
    print("\n".join(minima(*sys.argv[1:])))
