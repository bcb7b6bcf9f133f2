"""Tables of the command fit any width: names are never cut, columns are left out in their order."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import pytest
from command import call
from conftest import ROOT

from keras_pde.cli import tables
from keras_pde.cli.completion import SHELLS
from keras_pde.cli.main import SUBCOMMANDS
from keras_pde.presets.index import index

ROWS = [
    {
        "name": "a_name_of_30_characters_or_more",
        "long": "x" * 20,
        "number": "1.5",
        "text": "word " * 9,
    },
    {"name": "b", "long": "y", "number": "22.25", "text": "short"},
]


@pytest.mark.parametrize("width", [20, 35, 40, 50, 60, 70, 80, 100, 120, 1000])
def test_a_table_fits_and_keeps_names(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tables, "width", lambda: width)
    tables.show_rows(ROWS, right=("number",), dropped=("long", "number"), folded="text")
    lines = capsys.readouterr().out.splitlines()
    said = [line.partition("width: ")[2] for line in lines if line.startswith("not shown")]
    left_out = said[0].split(", ") if said else []
    assert max(map(len, lines)) <= max(width, len(ROWS[0]["name"]))
    assert sum(ROWS[0]["name"] in line for line in lines) == 1
    # in the order that was stated, and no more than need be: the whole is 100 wide
    assert left_out == {70: ["long", "number"], 80: ["long"]}.get(width, [])
    assert ("─" in "".join(lines)) == (width >= 70)  # narrower: a line a fact
    text = "\n".join(lines)
    if not left_out:
        assert "22.25" in text
        assert "x" * 20 in text


def test_no_number_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show_json({"a": [math.inf, 1.5], "b": (math.nan, None), 3: "ü"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": [None, 1.5], "b": [None, None], "3": "ü"}
    assert "ü" in text


def test_lists_for_programs() -> None:
    names = call("list", "--names").stdout.split()
    assert names == sorted(index())
    facts = json.loads(call("list", "*mnist*", "--json").stdout)
    assert facts == {name: entry for name, entry in index().items() if "mnist" in name}
    assert "one or the other" in call("list", "--names", "--json", code=2).stderr


def test_facts_for_programs() -> None:
    shown = json.loads(call("show", "linear_2d", "--json").stdout)
    certificate = json.loads(call("certify", "linear_2d", "--json").stdout)
    assert shown["certificate"] == {k: v for k, v in certificate.items() if k != "preset"}
    assert {file["file"] for file in shown["files"]} >= {"config.json", "golden.npz"}
    assert shown["params"] == index()["linear_2d"]["params"]
    (verified,) = json.loads(call("verify", "linear_2d", "--json").stdout)
    assert verified["ok"] is True
    assert verified["difference"] <= 1e-5


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_certificate_fits(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from keras_pde import from_preset
    from keras_pde.cli import statements

    monkeypatch.setattr(statements, "width", lambda: width)
    certificate = from_preset("linear_2d").certificate()
    statements.show_certificate(certificate)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    for guarantee in certificate.guarantees:
        for words in (guarantee.title, guarantee.formula, guarantee.why):
            assert " ".join(words.split()) in " ".join(text.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell: str) -> None:
    assert "_KERAS_PDE_COMPLETE" in call("completion", shell).stdout


def test_what_is_completed() -> None:
    from click.shell_completion import ShellComplete

    from keras_pde.cli.main import main

    completing = ShellComplete(main, {}, "keras-pde", "_KERAS_PDE_COMPLETE")

    def found(words: list[str], incomplete: str) -> set[str]:
        return {item.value for item in completing.get_completions(words, incomplete)}

    assert found([], "de") == {name for name in SUBCOMMANDS if name.startswith("de")}
    assert found(["show"], "linear_") == {name for name in index() if name.startswith("linear_")}
    assert found(["denoise", "--preset"], "au") == {"auto"}
    of_task = {name for name, entry in index().items() if entry["task"] == "classify"}
    assert found(["classify", "--preset"], "") == of_task
    assert "--add-noise" in found(["denoise"], "--add")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_has_examples(name: str) -> None:
    lines = call(name, "--help").stdout.splitlines()
    assert [line for line in lines if f"keras-pde {name} " in line and "Usage" not in line]


def test_an_installed_command_completes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "keras_pde"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_KERAS_PDE_COMPLETE": "bash_complete",
            "COMP_WORDS": "keras-pde show linear_1",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split(",")[-1].strip() == "linear_1d"
