"""What all subcommands need: when they are imported, how mistakes end, and checked numbers."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from keras_pde.cli.signals import Stopped, stoppable
from keras_pde.runtime.noise_levels import LOUDEST, QUIETEST
from keras_pde.runtime.quiet import import_keras_quietly


class Mistake(click.ClickException):
    """A mistake of the user's: one line on stderr, and exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the line."""
        click.echo(f"keras-pde: error: {self.message}", err=True)


class Stop(click.ClickException):
    """The command was asked to end before its time: one line on stderr, and the signal's exit code.

    Args:
        message: what was kept, and how to go on.
        signal: the exception that says which signal it was.
    """

    exit_code: int  # type: ignore[misc]  # click has one for all

    def __init__(self, message: str, signal: KeyboardInterrupt) -> None:
        super().__init__(message)
        self.exit_code = signal.exit_code if isinstance(signal, Stopped) else 130

    def show(self, file: Any = None) -> None:
        """Print the line."""
        click.echo(f"keras-pde: {self.message}", err=True)


def in_options(text: str, names: Collection[str]) -> str:
    """Advice in the command's own words: "noise=25" is "--noise 25" where that is an option.

    Args:
        text: a sentence of the library's.
        names: of the options' parameters.

    Example:
        >>> from keras_pde.cli.plumbing import in_options
        >>> in_options("told by noise='sensor' or max_pixels=9. Received: noise=None", {"noise"})
        'told by --noise sensor or max_pixels=9. Received: no --noise'
    """

    def said(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in names:
            return found[0]
        option = f"--{name.replace('_', '-')}"
        return f"no {option}" if value == "None" else f"{option} {value.strip(chr(39))}"

    return re.sub(r"(?<![\w.-])(\w+)=('[^']*'|None\b|)", said, text)


@contextlib.contextmanager
def one_line(options: Callable[[], Collection[str]] = frozenset) -> Iterator[None]:
    """Turn every error that the user can mend into a `Mistake`, and a signal into a `Stop`.

    Args:
        options: names of those of the command, in whose words advice is given.
    """
    try:
        yield
    except (Mistake, Stop, BrokenPipeError):
        raise
    except KeyboardInterrupt as signal:
        raise Stop(str(signal) or "stopped", signal) from None
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "keras-pde"
        raise Mistake(f"{' '.join(error.format_message().split())} See {where} --help.") from None
    except (ValueError, OSError, ImportError) as error:  # the last: an extra that is not installed
        named = isinstance(error, OSError) and error.strerror and error.filename
        text = (
            f"{error.filename}: {error.strerror}"
            if isinstance(error, OSError) and named
            else str(error)
        )
        raise Mistake(in_options(" ".join(text.split()), options())) from error


class Commands(click.Group):
    """The subcommands in the order of a table; each file is read when its command is asked for.

    Args:
        subcommands: where each command is, as "module:attribute", by its name.
        options: of a `click.Group`.
    """

    def __init__(self, *, subcommands: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self.subcommands = subcommands
        self.asked: click.Command | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.subcommands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of a command, and return the command, or None if there is none."""
        if cmd_name not in self.subcommands:
            return None
        module, _, attribute = self.subcommands[cmd_name].partition(":")
        command: click.Command = vars(importlib.import_module(module))[attribute]
        self.asked = command
        return command

    def options(self) -> set[str]:
        """Names of the options of the command that was asked for last."""
        params = [] if self.asked is None else self.asked.params
        return {str(param.name) for param in params if isinstance(param, click.Option)}

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the options before the command."""
        with one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with one_line(self.options), stoppable():
            return super().invoke(ctx)


def load_networks() -> None:
    """Import Keras without TensorFlow's log lines, and register every class a preset may name.

    This takes seconds. A command calls it once no mistake is left that can be found without it.
    """
    import_keras_quietly()
    keep_programs()
    import keras_pde.fluxes
    import keras_pde.layers
    import keras_pde.models
    import keras_pde.schemes.multigrid
    import keras_pde.schemes.solvers
    import keras_pde.tasks.training.metrics
    import keras_pde.tasks.training.optimizers  # noqa: F401


def keep_programs() -> None:
    """Let JAX keep the programs that it compiles, so that the next run of a size finds them.

    They are in the folder that JAX_COMPILATION_CACHE_DIR names, else in the user's cache. On
    other backends nothing is kept: TensorFlow's cache of XLA programs saved no time when measured.
    """
    import keras

    if keras.backend.backend() != "jax" or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    import jax

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(cache / "keras-pde" / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def load_preset(name: str) -> Any:
    """Load the network of a preset's name or directory; a misspelt name is refused at once."""
    from keras_pde import presets

    directory, hashes = presets.locate(name, None)
    load_networks()
    return presets.load(directory, hashes, None)


def positive(text: str) -> float:
    """A finite number > 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise click.BadParameter(f"{text!r} is not a finite number > 0.")
    return number


def not_negative(text: str) -> float:
    """A finite number >= 0."""
    return 0.0 if text.strip("+0.") == "" and "0" in text else positive(text)


def finite(text: str) -> float:
    """A finite number."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.BadParameter(f"{text!r} is not a finite number.")
    return number


def refused(name: str, hint: str) -> Callable[[Any], Any]:
    """A hidden option that was once there: whoever gives it is told what to use."""

    def refuse(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value is not None:
            raise click.UsageError(hint)

    return click.option(name, hidden=True, expose_value=False, callback=refuse)


def noise_level(text: str) -> float:
    """A noise level in grey levels of 255, as `keras_pde.denoise` takes it."""
    number = positive(text)
    if not QUIETEST <= number <= LOUDEST:
        raise click.BadParameter(f"{text!r} is not from {QUIETEST:g} to {LOUDEST:g} grey levels.")
    return number


def level_or_sensor(text: str) -> float | str:
    """A noise level, or the word."""
    return text if text == "sensor" else noise_level(text)


def share(text: str) -> float:
    """A number in (0, 1]."""
    number = positive(text)
    if number > 1:
        raise click.BadParameter(f"{text!r} is not a share in (0, 1].")
    return number
