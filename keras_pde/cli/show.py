"""The command keras-pde show: everything about one preset."""

from __future__ import annotations

import click

from keras_pde.cli.arguments import PresetName
from keras_pde.cli.plumbing import load_preset
from keras_pde.cli.statements import show_certificate
from keras_pde.cli.tables import JSON, folded_line, show_json, show_rows


@click.command(short_help="Print everything about a preset.")
@click.argument("preset", type=PresetName())
@JSON
def show(preset: str, as_json: bool) -> None:
    """Print everything about a PRESET (a name, or a directory).

    That is its network, its certificate, what was measured, its noise levels, and its files with
    their hashes.

    \b
      read it:
        keras-pde show gated_resnet_2d
      for another program:
        keras-pde show gated_resnet_2d --json
    """  # noqa: D301 - click wants the real \b
    from keras_pde import presets
    from keras_pde.tasks import registry as tasks

    directory, hashes = presets.locate(preset, None)
    model = load_preset(preset)
    certificate = model.certificate()
    indexed = directory.parent.parent in presets.roots()
    entry = presets.index().get(preset, {}) if indexed else {}
    files = [
        {"file": name, "bytes": (directory / name).stat().st_size, "sha256": digest}
        for name, digest in hashes.items()
    ]
    if as_json:
        facts = {"preset": preset, "class": type(model).__name__, **entry}
        show_json({**facts, "certificate": certificate.as_json(), "files": files})
        return
    for line in str(model).splitlines():
        click.echo(folded_line(line, indent="      "))
    click.echo()
    show_certificate(certificate)
    click.echo()
    if entry:
        metric = entry["metric"]
        value = tasks.get(entry["task"]).metric.full(metric["value"], metric["tolerance"])
        click.echo(folded_line(entry["description"]))
        click.echo(folded_line(f"{metric['name']}: {value}") + "\n")
    if entry.get("noise"):
        levels = [{"noise": str(level), "time": f"{t:g}"} for level, t in entry["noise"].items()]
        show_rows(levels, right=("noise", "time"))
    if "license" in model.metadata:
        click.echo(folded_line(f"licence: {model.metadata['license']}") + "\n")
    rows = [
        {key: f"{x:,}" if isinstance(x, int) else str(x) for key, x in file.items()}
        for file in files
    ]
    show_rows(rows, right=("bytes",), dropped=("sha256",))
