"""The command keras-pde completion: what makes a shell complete commands, options and presets."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print what makes your shell complete names.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes commands, options and names of presets.

    \b
      bash, in ~/.bashrc:
        eval "$(keras-pde completion bash)"
      zsh, in ~/.zshrc:
        eval "$(keras-pde completion zsh)"
      fish, once:
        keras-pde completion fish > ~/.config/fish/completions/keras-pde.fish
    """  # noqa: D301 - click wants the real \b
    from click.shell_completion import get_completion_class

    from keras_pde.cli.main import main

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "keras-pde", "_KERAS_PDE_COMPLETE").source())
