"""The command keras-pde certify: what is proved of a preset, computed from its weights."""

from __future__ import annotations

import click

from keras_pde.cli.arguments import PresetName
from keras_pde.cli.plumbing import load_preset
from keras_pde.cli.statements import show_certificate
from keras_pde.cli.tables import JSON, show_json


@click.command(short_help="Compute and print the certificate of a preset.")
@click.argument("preset", type=PresetName())
@JSON
def certify(preset: str, as_json: bool) -> None:
    """Compute and print the certificate of a PRESET (a name, or a directory).

    It says what is proved, with which constant, and why.

    \b
      read it:
        keras-pde certify certified_resnet_2d
      for another program:
        keras-pde certify ./runs/mine --json
    """  # noqa: D301 - click wants the real \b
    certificate = load_preset(preset).certificate()
    if as_json:
        show_json({"preset": preset, **certificate.as_json()})
        return
    show_certificate(certificate)
