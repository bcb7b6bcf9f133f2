"""The command keras-pde.

List, show, denoise, denoise-many, inpaint, certify, verify, export, train and evaluate.

Every mistake of the user's ends in one line on stderr and exit code 2. What needs seconds to import
(Keras, scikit-image, rich) is imported by the command that uses it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from keras_pde.cli import denoise as cli_denoise
from keras_pde.cli import denoise_many as cli_many
from keras_pde.cli import export as cli_export
from keras_pde.cli import inpaint as cli_inpaint
from keras_pde.cli import train as cli_zoo
from keras_pde.cli.plumbing import (
    SAMPLE,
    Commands,
    in_and_out,
    new_table,
    positive,
    share,
    show_table,
)
from keras_pde.runtime.version import __version__


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="keras-pde")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Diffusion networks with proved stability.

    List, inspect, apply and verify the presets of keras_pde.
    """
    # a certificate has ‖ and ≤, which not every encoding has
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@main.command("list")
@click.argument("pattern", default="*")
@click.option("--task", help="Only presets for this task, such as denoise.")
def list_command(pattern: str, task: str | None) -> None:
    """List the presets whose names match a shell PATTERN ("*_2d")."""
    from keras_pde import presets
    from keras_pde.presets.metric_text import HEADER, entry_text

    entries = presets.index()
    names = presets.list_presets(pattern, task=task)
    if not names:
        tasks = sorted({entry["task"] for entry in entries.values()})
        of_task = f" of task {task!r}" if task else ""
        raise ValueError(
            f"No preset{of_task} matches {pattern!r}. There are: {', '.join(sorted(entries))};"
            f" tasks: {', '.join(tasks)}."
        )
    table = new_table(
        ("preset", "class", "task", "input", ">params", "certified", f">{HEADER}", "what it is")
    )
    for name in names:
        e = entries[name]
        table.add_row(
            name,
            e["class"],
            e["task"],
            f"{e['ndim']}-D × {e['channels']}",
            f"{e['params']:,}",
            e["certified"],
            entry_text(e),
            e["description"],
        )
    show_table(table)


@main.command()
@click.argument("preset")
def show(preset: str) -> None:
    """Print a PRESET (a name, or a directory).

    Network, certificate, metric, noise levels, files and hashes.
    """
    from keras_pde import presets
    from keras_pde.presets.metric_text import metric_text

    directory, hashes = presets.locate(preset, None)
    model = presets.from_preset(preset)
    click.echo(f"{model}\n\n{model.certificate()}\n")
    entry = presets.index().get(preset, {}) if directory.parent.parent == presets.zoo_root() else {}
    if entry:
        click.echo(
            f"{entry['description']}\n{entry['metric']['name']}:"
            f" {metric_text(entry['metric'], tolerance=True)}\n"
        )
    if entry.get("noise"):
        table = new_table((">noise", ">time"))
        for level, time in entry["noise"].items():
            table.add_row(level, f"{time:g}")
        show_table(table)
    table = new_table(("file", ">bytes", "sha256"))
    for name, digest in hashes.items():
        table.add_row(name, f"{(directory / name).stat().st_size:,}", digest)
    show_table(table)


@main.command()
@click.argument("paths", nargs=-1, metavar="[IN] OUT", type=click.Path(path_type=Path))
@SAMPLE
@click.option(
    "--preset",
    default="auto",
    metavar="NAME",
    help="Preset name or directory; auto is the best certified one for the image.  [auto]",
)
@click.option(
    "--noise",
    type=positive,
    metavar="SIGMA",
    help=(
        "First add noise of SIGMA grey levels (of 255): IN is the clean image, and the result is"
        " measured."
    ),
)
@click.option(
    "--sigma",
    type=positive,
    metavar="SIGMA",
    help="Noise level that IN has already, in grey levels of 255.  [estimated]",
)
@click.option(
    "--clean",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The clean image of a noisy IN, to measure against.",
)
@click.option(
    "--time",
    type=positive,
    metavar="T",
    help="Stopping time of the diffusion, instead of the preset's for the noise level.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed of --noise.  [0]"
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Write noisy, denoised and difference side by side.",
)
def denoise(paths: tuple[Path, ...], sample: str | None, **options: Any) -> None:
    """Denoise the image IN and write OUT: PNG, JPEG or TIFF, 8 or 16 bit or float, grey or colour.

    Alpha is kept.

    Three ways:

    \b
      keras-pde denoise --sample camera out.png --noise 25   try it, without a file
      keras-pde denoise noisy.png out.png --sigma 15         a noisy image
      keras-pde denoise clean.png out.png --noise 25         a clean image, to measure

    With --noise or --clean a table shows PSNR (peak 255, result clipped) and SSIM.
    """  # noqa: D301 - click wants the real \b
    source, out = in_and_out(paths, sample)
    if options["noise"] and (options["sigma"] or options["clean"]):
        raise click.UsageError(
            "--noise makes IN noisy, --sigma and --clean are for an IN that is noisy already: use"
            " one or the other."
        )
    cli_denoise.run(cli_denoise.Request(source, out, **options))


@main.command()
@click.argument("paths", nargs=-1, metavar="[IN] OUT", type=click.Path(path_type=Path))
@SAMPLE
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Image of IN's size: white where IN is known.",
)
@click.option(
    "--keep",
    type=share,
    metavar="SHARE",
    help=(
        "Keep this share of the pixels, chosen at random: IN is the full image, and the result is"
        " measured."
    ),
)
@click.option(
    "--order",
    type=click.Choice(["2", "4"]),
    default="2",
    help="2: homogeneous diffusion, within the range of IN; 4: biharmonic, smoother.  [2]",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of --keep.  [0]")
@click.option(
    "--tolerance",
    type=positive,
    default="1e-6",
    metavar="TOL",
    help="Relative residual to reach.  [1e-6]",
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Write known pixels, inpainted image and, with --keep, difference side by side.",
)
@click.pass_context
def inpaint(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    sample: str | None,
    order: str,
    seed: int | None,
    **options: Any,
) -> None:
    """Fill in the unknown pixels of the image IN and write OUT.

    PNG, JPEG or TIFF, 8 or 16 bit or float, grey or colour; alpha is kept.

    Three ways:

    \b
      keras-pde inpaint --sample camera out.png --keep 0.1   a photograph from 10 % of its pixels
      keras-pde inpaint damaged.png out.png --mask mask.png  a hole or a scratch, black in the mask
      keras-pde inpaint clean.png out.png --keep 0.1         to measure: PSNR (peak 255, result
      clipped) and SSIM

    Exit code 1 if the tolerance is not reached.
    """  # noqa: D301 - click wants the real \b
    source, out = in_and_out(paths, sample)
    if (options["mask"] is None) == (options["keep"] is None):
        raise click.UsageError(
            "Give --mask FILE for an image with holes, or --keep SHARE to drop pixels of a full"
            " one: one of the two."
        )
    if options["mask"] is not None and seed is not None:
        raise click.UsageError(
            "--seed chooses the pixels of --keep; with --mask there is nothing to choose."
        )
    reached = cli_inpaint.run(
        cli_inpaint.Request(source, out, order=int(order), seed=seed or 0, **options)
    )
    ctx.exit(0 if reached else 1)


@main.command()
@click.argument("preset")
@click.option(
    "--json", "as_json", is_flag=True, help="As JSON; a bound that does not exist is null."
)
def certify(preset: str, as_json: bool) -> None:
    """Compute and print the certificate of a PRESET.

    What is proved, with which constant, and why.
    """
    from keras_pde import presets

    certificate = presets.from_preset(preset).certificate()
    if not as_json:
        click.echo(str(certificate))
        return
    facts = {"preset": preset, **certificate.as_json()}
    click.echo(json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False))


@main.command()
@click.argument("names", nargs=-1, metavar="[PRESET]...")
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Verify the hashes and golden outputs of PRESETs, of all without a name.

    Exit code 1 if any fails.
    """
    from keras_pde import presets

    index = presets.index()
    for name in names:
        if name not in index and not Path(name).is_dir():
            presets.locate(name, None)  # raises, with names that are near
    table = new_table(("preset", "result", "difference from golden"))
    failed = 0
    for name in names or sorted(index):
        try:
            difference = presets.verify(name)
            good, detail = difference <= 1e-5, f"{difference:.1e}"
        except Exception as error:  # whatever keeps a preset from loading is the finding
            good, detail = False, " ".join(str(error).split())
        failed += not good
        table.add_row(name, "ok" if good else "FAILED", detail)
    show_table(table)
    click.echo(
        f"{len(names or index)} presets, {failed} failed"
        if failed
        else f"{len(names or index)} presets verified"
    )
    ctx.exit(1 if failed else 0)


main.add_command(cli_many.denoise_many)
main.add_command(cli_export.export)
main.add_command(cli_zoo.train)
main.add_command(cli_zoo.evaluate)
