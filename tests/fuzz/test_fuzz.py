"""A minute of fuzzing: `python tests/fuzz/run.py --seconds 600` is ten."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="atheris has wheels for Linux only")
def test_no_file_ends_in_a_crash_a_hang_or_another_file() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "fuzz" / "run.py"), "--seconds", "60"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "nothing found" in done.stdout
    for name in ("config", "metadata", "weights", "golden", "archive", "image"):
        assert f"{name}: 0 read" not in done.stdout  # what is given first is good
