"""The command keras-pde certify: what is proved of a preset, computed from its weights."""

from __future__ import annotations

import json

import click

from keras_pde.cli.plumbing import load_preset


@click.command(short_help="Compute and print the certificate of a preset.")
@click.argument("preset")
@click.option(
    "--json", "as_json", is_flag=True, help="As JSON; a bound that does not exist is null."
)
def certify(preset: str, as_json: bool) -> None:
    """Compute and print the certificate of a PRESET (a name, or a directory).

    It says what is proved, with which constant, and why.
    """
    certificate = load_preset(preset).certificate()
    if not as_json:
        click.echo(str(certificate))
        return
    facts = {"preset": preset, **certificate.as_json()}
    click.echo(json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False))
