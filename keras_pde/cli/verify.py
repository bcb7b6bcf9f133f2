"""The command keras-pde verify: hashes and golden outputs of presets."""

from __future__ import annotations

from pathlib import Path

import click

from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.printing import new_table, show_table

LARGEST = 1e-5  # difference from a golden output that rounding explains


@click.command(short_help="Verify the hashes and golden outputs of presets.")
@click.argument("names", nargs=-1, metavar="[PRESET]...")
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Verify the hashes and golden outputs of PRESETs, or of all if none is named.

    The exit code is 1 if any fails.
    """
    from keras_pde import presets

    index = presets.index()
    for name in names:
        if not presets.is_folder(name) or not Path(name).is_dir():
            presets.locate(name, None)  # raises, with names that are near
    load_networks()
    table = new_table(("preset", "result", "difference from golden"))
    failed = 0
    for name in names or sorted(index):
        try:
            difference = presets.verify(name)
            good, detail = difference <= LARGEST, f"{difference:.1e}"
        except Exception as error:  # whatever keeps a preset from loading is the finding
            good, detail = False, " ".join(str(error).split())
        failed += not good
        table.add_row(name, "ok" if good else "FAILED", detail)
    show_table(table)
    count = len(names or index)
    click.echo(f"{count} presets, {failed} failed" if failed else f"{count} presets verified")
    ctx.exit(1 if failed else 0)
