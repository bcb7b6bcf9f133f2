"""Every public name is documented; every example in docstrings, README and site runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from types import ModuleType
from typing import Any

import click
import keras
import numpy as np
import pytest
from conftest import ROOT

import keras_pde

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(keras_pde.__path__, "keras_pde.")
    if not m.name.endswith(("__main__", ".zoo")) and ".zoo." not in m.name
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_objects() -> list[tuple[str, Any]]:
    """Public names of the package and of its modules' __all__, fluxes and submodules aside."""
    found: dict[int, tuple[str, Any]] = {}
    for name in ["keras_pde", *MODULES]:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", []):
            thing = getattr(module, public)
            if not isinstance(thing, ModuleType | keras_pde.activations.Flux):
                found.setdefault(id(thing), (f"{name}.{public}", thing))
    return sorted(found.values())


@pytest.mark.parametrize(
    "name",
    [
        "keras_pde",
        *MODULES,
    ],
)
def test_docstring_examples_run(name: str) -> None:
    keras.utils.set_random_seed(0)
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", []):
        getattr(module, public)  # names made on demand have examples too
    result = doctest.testmod(
        module, extraglobs={"np": np, "keras": keras, "ops": keras.ops}, optionflags=FLAGS
    )
    assert result.failed == 0


@pytest.mark.parametrize(
    ("name", "thing"), public_objects(), ids=lambda x: x if isinstance(x, str) else ""
)
def test_public_names_have_an_example(name: str, thing: Any) -> None:
    text = inspect.getdoc(thing)
    assert text, name
    assert ">>>" in text, name


@pytest.mark.parametrize(
    "cls",
    [
        t
        for _, t in public_objects()
        if inspect.isclass(t)
        and issubclass(t, keras.layers.Layer)
        and not t.__module__.startswith("keras_pde.runtime")  # bases that compute nothing
    ],
    ids=lambda c: c.__name__,
)
def test_layers_and_models_state_mathematics_shapes_errors_and_source(cls: type) -> None:
    text = inspect.getdoc(cls) or ""
    assert re.search(r"[Φ∂τψ]|[AKPR] u|u⁺|uᵏ", text.splitlines()[0]), (
        "the first line is the mathematics"
    )
    for word in ("Args:", "Source:", "Example:"):
        assert word in text, word
    assert "Raises:" in text or "errors: as" in text
    assert "hape" in text
    parameters = [
        p for p in inspect.signature(cls.__init__).parameters if p not in ("self", "args", "kwargs")
    ]
    assert all(re.search(rf"\b{p}\b", text) for p in parameters)


def test_exported_names_are_all_there() -> None:
    for name in ["keras_pde", *MODULES]:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", []):
            assert hasattr(module, public), (name, public)


PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if path.name != "CHANGELOG.md"
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$",
        (ROOT / page).read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python_on_a_page_runs(
    page: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)
    if page == "README.md":
        assert "Certificate of" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_a_page_have_the_options_that_it_gives_them(page: str) -> None:
    from keras_pde.cli.main import main

    text = "".join(blocks(page, "(?:sh)?"))
    for line in re.findall(r"(?:^|&& )keras-pde +([a-z].*?)(?: +#.*)?$", text, re.MULTILINE):
        name, *words = line.split(" && ")[0].split()
        command = main.get_command(click.Context(main), name)
        assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_readme_commands_are_the_ones_ci_runs() -> None:
    first, second = blocks("README.md", "sh")[:2]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "readme_block 1" in script
    assert "readme_block 2" in script
    assert "keras-pde denoise --sample" in first
    assert "pytest" in second


def test_readme_numbers_are_the_zoo_s() -> None:
    from keras_pde.data import noise
    from keras_pde.data.photograph import sample
    from keras_pde.tasks import quality as qualities
    from keras_pde.tasks.denoise import levels as levels_of

    index, clean = keras_pde.presets.index(), sample(1, 2)[0]
    best = levels_of.choose_preset(index, 1, 25)
    noisy = noise.add_noise(clean, 25)
    before, after = (
        qualities.quality(clean, x).psnr for x in (noisy, keras_pde.denoise(noisy, 25).clip(0, 1))
    )
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"`{best}`: {before:.2f} dB become {after:.2f} dB" in text
    for name, entry in index.items():
        if f"| `{name}`: " in text:
            value = f"{entry['metric']['value']:{'.2f' if entry['metric']['unit'] else ''}}"
            if entry["metric"]["value"] < 1:
                value = f"{entry['metric']['value']:g}"
            assert re.search(rf"`{name}`: [^|]*\b{re.escape(value)}", text), (name, value)
    for task in sorted({entry["task"] for entry in index.values()}):
        count = sum(entry["task"] == task for entry in index.values())
        assert re.search(rf"^\| \[{task}\]\(.*\| {count} \|", text, re.MULTILINE), (task, count)


def test_the_tables_of_results_are_those_of_the_index() -> None:
    from keras_pde.tasks import registry as tasks
    from keras_pde.tasks.training.publish import with_tables

    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for task in tasks.names():
        assert f"<!-- table of {task} -->" in text or not tasks.get(task).overview(), task
    assert with_tables(text) == text, (
        "python -m keras_pde.tasks.training.publish --table docs/results.md writes them"
    )


def test_source_files_stay_readable() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in (ROOT / "keras_pde").rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long
