"""The command keras-pde verify: hashes and golden outputs of presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_pde.cli.arguments import PresetName
from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.progress import counted
from keras_pde.cli.tables import JSON, show_json, show_rows

LARGEST = 1e-5  # difference from a golden output that rounding explains


@click.command(short_help="Verify the hashes and golden outputs of presets.")
@click.argument("names", nargs=-1, metavar="[PRESET]...", type=PresetName())
@JSON
@click.pass_context
def verify(ctx: click.Context, /, names: tuple[str, ...], as_json: bool) -> None:
    """Verify the hashes and golden outputs of PRESETs, or of all if none is named.

    \b
      the whole zoo:
        keras-pde verify
      presets of your own:
        keras-pde verify runs/first runs/second

    The exit code is 1 if any fails.
    """  # noqa: D301 - click wants the real \b
    from keras_pde import presets

    index = presets.index()
    for name in names:
        if not presets.is_folder(name) or not Path(name).is_dir():
            presets.locate(name, None)  # raises, with names that are near
    load_networks()
    results = []
    for name in counted(names or sorted(index), "verifying"):
        try:
            difference = presets.verify(name)
            found: dict[str, Any] = {"ok": difference <= LARGEST, "difference": float(difference)}
        except Exception as error:  # whatever keeps a preset from loading is the finding
            found = {"ok": False, "error": " ".join(str(error).split())}
        results.append({"preset": name, **found})
    failed = sum(not result["ok"] for result in results)
    if as_json:
        show_json(results)
        ctx.exit(1 if failed else 0)
    show_rows([_row(result) for result in results], folded="difference from golden")
    count = len(results)
    click.echo(f"{count} presets, {failed} failed" if failed else f"{count} presets verified")
    ctx.exit(1 if failed else 0)


def _row(result: dict[str, Any]) -> dict[str, str]:
    detail = result["error"] if "error" in result else f"{result['difference']:.1e}"
    return {
        "preset": result["preset"],
        "result": "ok" if result["ok"] else "FAILED",
        "difference from golden": detail,
    }
