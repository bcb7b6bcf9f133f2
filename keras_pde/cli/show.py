"""The command keras-pde show: everything about one preset."""

from __future__ import annotations

import click

from keras_pde.cli.plumbing import load_preset
from keras_pde.cli.printing import new_table, show_table


@click.command(short_help="Print everything about a preset.")
@click.argument("preset")
def show(preset: str) -> None:
    """Print everything about a PRESET (a name, or a directory).

    That is its network, its certificate, what was measured, its noise levels, and its files with
    their hashes.
    """
    from keras_pde import presets
    from keras_pde.tasks import registry as tasks

    directory, hashes = presets.locate(preset, None)
    model = load_preset(preset)
    click.echo(f"{model}\n\n{model.certificate()}\n")
    indexed = directory.parent.parent in presets.roots()
    entry = presets.index().get(preset, {}) if indexed else {}
    if entry:
        metric = entry["metric"]
        value = tasks.get(entry["task"]).metric.full(metric["value"], metric["tolerance"])
        click.echo(f"{entry['description']}\n{metric['name']}: {value}\n")
    if entry.get("noise"):
        table = new_table((">noise", ">time"))
        for level, time in entry["noise"].items():
            table.add_row(level, f"{time:g}")
        show_table(table)
    if "license" in model.metadata:
        click.echo(f"licence: {model.metadata['license']}\n")
    table = new_table(("file", ">bytes", "sha256"))
    for name, digest in hashes.items():
        table.add_row(name, f"{(directory / name).stat().st_size:,}", digest)
    show_table(table)
