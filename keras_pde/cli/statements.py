"""A certificate on a terminal: what is proved first, each statement with its reason below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from keras_pde.cli.tables import folded_line, width

if TYPE_CHECKING:
    from keras_pde.certificates.certificate import Certificate


def show_certificate(certificate: Certificate) -> None:
    """Print a certificate no wider than the terminal; in a pipe, a line a statement."""
    lines = str(certificate).splitlines()
    limit = width()
    if max(map(len, lines)) <= limit:
        click.echo("\n".join(lines))
        return
    click.echo(folded_line(lines[0], limit))
    for guarantee in certificate.guarantees:
        mark = "proved" if guarantee.proved else "not proved"
        formula = guarantee.with_margin(guarantee.formula)
        said = f": {formula}" if formula else ""
        click.echo(folded_line(f"  {guarantee.title}, {mark}{said}", limit, "      "))
        if guarantee.why:
            click.echo(folded_line(f"      {guarantee.why}", limit, "      "))
    for assumption in certificate.assumptions:
        click.echo(folded_line(f"  assuming {assumption}", limit, "      "))
