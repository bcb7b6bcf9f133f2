"""The command starts at once: what needs no network imports neither Keras nor TensorFlow."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import click
import pytest
from command import call
from conftest import ROOT

from keras_pde import presets
from keras_pde.cli.main import SUBCOMMANDS
from keras_pde.runtime.quiet import started_as_command
from keras_pde.tasks import registry as tasks

HEAVY = {"keras", "tensorflow", "jax", "torch", "skimage", "scipy", "matplotlib"}
# arguments, exit code, and words of what is printed
AT_ONCE = {
    "nothing": ((), None, "Commands:"),
    "help": (("--help",), 0, "Commands:"),
    "version": (("--version",), 0, "keras-pde, version"),
    "list": (("list",), 0, "perona_malik_2d"),
    "list of nothing": (("list", "nothing*"), 2, "There are: "),
    **{f"help of {name}": ((name, "--help"), 0, f"keras-pde {name}") for name in SUBCOMMANDS},
    "wrong option": (("--nosuch",), 2, "No such option"),
    "wrong option of denoise": (("denoise", "--nosuch"), 2, "No such option"),
    "wrong subcommand": (("denoize",), 2, "No such command"),
    "denoise no file": (("denoise", "no.png", "out.png"), 2, "no.png does not exist"),
    "inpaint no file": (
        ("inpaint", "no.png", "out.png", "--keep", "0.1"),
        2,
        "no.png does not exist",
    ),
    "restore no file": (
        ("restore", "no.png", "out.png", "--scale", "2"),
        2,
        "no.png does not exist",
    ),
    "restore no kernel": (
        ("restore", "--sample", "out.png", "--blur", "gauss"),
        2,
        "none of gaussian:WIDTH",
    ),
    "denoise-many no folder": (("denoise-many", "nofolder", "out"), 2, "does not exist"),
    "denoise by no preset": (
        ("denoise", "--sample", "out.png", "--preset", "unknown"),
        2,
        "No preset is called",
    ),
    "export no preset": (("export", "unknown", "out"), 2, "No preset is called"),
    "train no recipe": (("train", "norecipe"), 2, "There is no recipe"),
    **{
        f"{name} no preset": ((name, "unknown"), 2, "No preset is called")
        for name in ("show", "certify", "verify", "evaluate")
    },
}


def run(*args: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that finds this checkout."""
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=check,
    )


def imported(stderr: str) -> set[str]:
    """Top-level names of the modules that -X importtime reports."""
    return {m[1].split(".")[0] for m in re.finditer(r"^import time:.*\| *(\S+)$", stderr, re.M)}


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_needs_no_network_imports_no_backend(name: str, tmp_path: Path) -> None:
    args, code, words = AT_ONCE[name]
    done = run("-X", "importtime", "-m", "keras_pde", *args, cwd=tmp_path, check=False)
    modules = imported(done.stderr)
    assert "keras_pde" in modules
    assert not modules & HEAVY
    assert words in done.stdout + done.stderr
    if code is not None:  # without arguments click's versions differ
        assert done.returncode == code
    assert not list(tmp_path.iterdir())


def test_inpainting_waits_for_no_backend(tmp_path: Path) -> None:
    args = ("inpaint", "--sample", "coins", "out.png", "--keep", "0.3")
    done = run("-X", "importtime", "-m", "keras_pde", *args, cwd=tmp_path)
    assert "wrote out.png" in done.stdout
    assert not imported(done.stderr) & {"keras", "tensorflow", "jax", "torch"}


def test_the_installed_script_starts_at_once_too(tmp_path: Path) -> None:
    (tmp_path / "keras-pde").write_text("from keras_pde.cli.main import main\nmain()\n")
    done = run("-X", "importtime", str(tmp_path / "keras-pde"), "list", cwd=tmp_path)
    assert "perona_malik_2d" in done.stdout
    assert not imported(done.stderr) & HEAVY


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python -m keras_pde list", True),
        ("python -mkeras_pde", True),
        ("python -Im keras_pde", True),
        ("python -X importtime -W ignore -m keras_pde", True),
        ("python --check-hash-based-pycs always -m keras_pde", True),
        ("python /usr/local/bin/keras-pde list", True),
        ("python -I C:/Scripts/keras-pde.exe list", True),
        ("python", False),
        ("python -m", False),
        ("python mine.py", False),
        ("python mine.py -m keras_pde", False),
        ("python mine.py keras-pde", False),
        ("python keras-pde.py", False),
        ("python -c pass -m keras_pde", False),
        ("python - -m keras_pde", False),
        ("python -W error mine.py keras-pde", False),
        ("python -m pytest keras-pde", False),
        ("python -m keras_pde.tasks.training.publish", False),
        ("python -c from(multiprocessing.spawn) --multiprocessing-fork", False),
        ("python /site-packages/ray/_private/workers/default_worker.py", False),
    ],
)
def test_only_the_command_is_the_command(line: str, expected: bool) -> None:
    assert started_as_command(line.split()) is expected


SHOW = """
import json, sys
{first}
import keras
print(json.dumps(sorted(keras.saving.get_custom_objects())))
import keras_pde
print(json.dumps([name for name in keras_pde.__all__ if not hasattr(keras_pde, name)]))
print(keras_pde.FEDResNet.__name__, hasattr(keras_pde, "nothing"))
"""
LOADED = "from keras_pde.cli.plumbing import load_networks; load_networks()"


def test_the_command_registers_what_the_package_registers(tmp_path: Path) -> None:
    """And a script of the user's has every name and class from the start, whatever it is given."""
    (tmp_path / "keras-pde").write_text(SHOW.format(first=LOADED))
    (tmp_path / "mine.py").write_text(SHOW.format(first="import keras_pde"))
    command = run("keras-pde", cwd=tmp_path).stdout.splitlines()
    users = run("mine.py", "-m", "keras_pde", cwd=tmp_path).stdout.splitlines()
    assert json.loads(command[0]) == json.loads(users[0])
    assert "keras_pde>FEDResNet" in json.loads(users[0])
    for lines in (command, users):
        assert lines[1:] == ["[]", "FEDResNet False"]


def in_terminal(columns: int, *args: str) -> str:
    """What the command prints in a terminal that is so many columns wide."""
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [sys.executable, "-m", "keras_pde", *args],
        cwd=ROOT,
        env={**env, "TERM": "xterm"},
        stdin=writer,
        stdout=writer,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(writer)
        parts = []
        try:
            while part := os.read(reader, 65536):
                parts.append(part)
        except OSError:  # Linux's end of a terminal
            pass
    os.close(reader)
    assert process.returncode == 0
    return click.unstyle(b"".join(parts).decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_fits_the_terminal(columns: int) -> None:
    lines = in_terminal(columns, "list").splitlines()
    assert max(map(len, lines)) <= columns
    for name, entry in presets.index().items():
        row = next(line for line in lines if line.split()[:1] == [name])
        assert entry["certified"] in row
        assert tasks.get(entry["task"]).row(entry) in row
    assert ("what it is" in lines[1]) == (columns == 120)


@pytest.mark.parametrize("name", ["", *SUBCOMMANDS])
def test_help_fits_80_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = call(*([name] if name else []), "--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...") and "Usage" not in line]


def test_a_hidden_bar_says_what_it_is_told_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from keras_pde.cli.progress import progress_bar

    with progress_bar() as bar:
        bar.add_task("hidden", total=3)
        bar.console.print("step 5")
    assert capsys.readouterr().err == "step 5\n"
