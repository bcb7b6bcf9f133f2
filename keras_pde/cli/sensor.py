"""Options of the noise of a sensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from keras_pde.cli.plumbing import finite, positive

OPTIONS = (
    click.option(
        "--gain",
        type=positive,
        metavar="G",
        help="Of --noise sensor: units of IN's samples for each photon.  [estimated]",
    ),
    click.option(
        "--offset",
        type=finite,
        metavar="O",
        help="Of --noise sensor: IN's samples without light.  [estimated, 0 if it cannot be]",
    ),
    click.option(
        "--readout",
        type=finite,
        metavar="R",
        help="Of --noise sensor: standard deviation of IN's samples without light.  [estimated]",
    ),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --gain, --offset and --readout to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
