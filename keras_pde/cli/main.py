"""The command keras-pde: the table of its subcommands, each in a file of its own.

Every mistake of the user's ends in one line on stderr and exit code 2. The command answers at once
wherever it needs no network: a subcommand's file is read when it is called, and Keras, scikit-image
and rich are imported by what uses them.
"""

from __future__ import annotations

import sys

import click

from keras_pde.cli.plumbing import Commands
from keras_pde.runtime.version import __version__

SUBCOMMANDS = {
    "list": "keras_pde.cli.list_presets:list_presets",
    "show": "keras_pde.cli.show:show",
    "denoise": "keras_pde.cli.denoise:denoise",
    "gallery": "keras_pde.cli.gallery:gallery",
    "denoise-many": "keras_pde.cli.denoise_many:denoise_many",
    "inpaint": "keras_pde.cli.inpaint:inpaint",
    "restore": "keras_pde.cli.restore:restore",
    "evolve": "keras_pde.cli.evolve:evolve",
    "classify": "keras_pde.cli.classify:classify",
    "segment": "keras_pde.cli.segment:segment",
    "represent": "keras_pde.cli.represent:represent",
    "certify": "keras_pde.cli.certify:certify",
    "verify": "keras_pde.cli.verify:verify",
    "evaluate": "keras_pde.cli.evaluate:evaluate",
    "export": "keras_pde.cli.export:export",
    "train": "keras_pde.cli.train:train",
    "completion": "keras_pde.cli.completion:completion",
}


@click.group(
    cls=Commands,
    subcommands=SUBCOMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="keras-pde")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Networks with proved stability, each a numerical scheme.

    List, inspect, apply, verify, export and train the presets of keras_pde.
    """
    # a certificate has ‖ and ≤, which not every encoding has; a stream that stands in for stdout,
    # as in a notebook, may be no TextIOWrapper
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
