"""The command keras-pde evolve: read or make a state, advance it by a preset, write and measure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_pde.cli.arguments import PresetName
from keras_pde.cli.plumbing import load_networks
from keras_pde.cli.progress import progress_bar
from keras_pde.cli.tables import show_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

FORMATS = (".gif", ".npz", ".png")
KINDS = ("waves", "waves_at_rest", "noise", "seeds")
FRAMES = 50  # of an animation, unless --every is given
ROWS = 11  # of the table
STATE = "state"


@click.command(short_help="Advance a state in time, and write it as a film or as numbers.")
@click.argument("preset", type=PresetName("evolve"))
@click.argument("paths", nargs=-1, metavar="[IN] OUT", type=click.Path(path_type=Path))
@click.option(
    "--steps", type=click.IntRange(1, 10**7), default=200, metavar="N", help="Steps.  [200]"
)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    metavar="M",
    help=f"Keep the state after every M steps.  [about {FRAMES} states]",
)
@click.option(
    "--initial",
    type=click.Choice(KINDS),
    help="Without IN: the kind of random state to start from.  [the preset's own]",
)
@click.option(
    "--points",
    type=click.IntRange(2, 2**13),
    metavar="N",
    help="Without IN: points along each axis.  [the preset's own]",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of the random state.  [0]")
def evolve(
    preset: str,
    paths: tuple[Path, ...],
    steps: int,
    every: int | None,
    initial: str | None,
    points: int | None,
    seed: int | None,
) -> None:
    """Advance the state IN by N steps of a PRESET and write OUT.

    IN is an .npy or .npz file with one state (points, channels), or an image, whose grey values
    from 0 to 1 are the state; without it a random state is made. OUT is

    \b
      a .gif    an animation, the first channel in colours or as a curve; of
                a flow on a lattice the first component of the velocity
      a .png    of a line all its states, time from top to bottom; else the last
      a .npz    the states as numbers: "states" and the steps of each, "steps"

    A table shows the smallest, the mean and the largest value at some of the times, of a flow on a
    lattice those of the velocity.

    \b
      keras-pde evolve gray_scott_2d out.gif --steps 4000
      keras-pde evolve heat_2d photograph.png out.npz --steps 100 --every 10
    """  # noqa: D301 - click wants the real \b
    if not 1 <= len(paths) <= 2:
        raise click.UsageError(f"Give [IN] OUT: received {len(paths)} file names.")
    source = paths[0] if len(paths) == 2 else None
    if source is not None and (initial or points or seed is not None):
        raise click.UsageError("--initial, --points and --seed make a state; with IN there is one.")
    run(Request(preset, source, paths[-1], steps, every, initial, points, seed or 0))


@dataclass(frozen=True)
class Request:
    """Options of the command, checked one by one but not yet against the preset."""

    preset: str
    source: Path | None
    out: Path
    steps: int = 200
    every: int | None = None
    initial: str | None = None
    points: int | None = None
    seed: int = 0


def run(request: Request) -> None:
    """Advance a state as requested; OUT is written whole or not at all.

    Raises:
        ValueError, OSError: bad input, output or preset, each with one sentence.
    """
    from keras_pde import presets
    from keras_pde.runtime.writing import check_target, write_all

    if request.out.suffix.lower() not in FORMATS:
        raise ValueError(f"{request.out}: the output is one of {', '.join(FORMATS)}.")
    check_target(request.out)
    if request.source is not None and request.source.resolve() == request.out.resolve():
        raise ValueError(f"{request.out} is IN, and would be overwritten. Use another name.")
    directory, hashes = presets.locate(request.preset, None)
    every = request.every or _apart(request.steps)
    if request.steps % every:
        below = request.steps // every * every
        near = " or ".join(str(n) for n in (below, below + every) if n)
        raise ValueError(
            f"--every {every} does not divide --steps {request.steps}: use --steps {near}."
        )
    given = None if request.source is None else _read(request.source)
    load_networks()
    network = presets.load(directory, hashes, None)
    from keras_pde.tasks.evolve.evolving import evolve as advance

    state = (
        _initial(request, directory, network) if given is None else _one(given, request, network)
    )
    start = time.perf_counter()
    with _bar(request.steps) as progress:
        states = advance(state, network, request.steps, every=every, progress=progress)
    seconds = time.perf_counter() - start
    write_all({request.out: _written(request.out, states, every, network)})
    end = request.steps * network.dt
    steps = f"{request.steps} step{'s' * (request.steps > 1)}"
    click.echo(f"{request.preset}: {steps} of Δt = {network.dt:g}, to t = {end:g}")
    _report(network.observe(states), every)
    click.echo(f"{request.steps} steps in {seconds:.1f} s; wrote {request.out}")


def _apart(steps: int) -> int:
    """A divisor of the steps that keeps about as many states as an animation has."""
    wanted = max(1, steps // FRAMES)
    return next(m for m in range(wanted, 0, -1) if steps % m == 0)


def _read(path: Path) -> np.ndarray:
    if path.suffix.lower() in (".npy", ".npz"):
        from keras_pde.data.trajectories import load_array

        return load_array(path, STATE)
    from keras_pde.data.folders import read_pixels

    return read_pixels(path, 1)


def _one(state: np.ndarray, request: Request, network: Any) -> np.ndarray:
    """A state without an axis of batch."""
    if state.ndim < network.ndim + 2:
        return state
    if len(state) > 1:
        raise ValueError(
            f"{request.source} holds {len(state)} states, and one is advanced: give one, or all of"
            " them to keras_pde.evolve in Python."
        )
    return state[0]


def _initial(request: Request, directory: Path, network: Any) -> np.ndarray:
    """A random state of the preset's own scenario, as far as the options do not say otherwise.

    Of a preset without one it is the network's example, unless the options say what they want.
    """
    import dataclasses

    from keras_pde.cli.evaluate import facts
    from keras_pde.tasks.evolve.data import scenario_in
    from keras_pde.tasks.evolve.scenario import VORTICES, Scenario

    known = scenario_in(facts(directory))
    if known is None and not (request.initial or request.points or request.seed):
        return network.example()["input"][0]
    if known is None:
        usual = {1: 160, 2: 64, 3: 24}[network.ndim]
        known = Scenario("heat", ndim=network.ndim, points=usual)
    changes: dict[str, Any] = {"seed": request.seed, "states": 1, "warmup": 0}
    if request.initial and known.equation == VORTICES:
        raise ValueError(
            f"--initial: {request.preset} starts from vortices. Leave it out, or give IN."
        )
    if request.initial not in (None, known.initial):
        changes |= {"initial": request.initial, "initial_options": {}}
    if request.points:
        # of the same spacing: the network's coefficients are of its own
        sides = tuple(request.points * h for h in known.grid.spacing)
        changes |= {"points": request.points, "length": sides}
    return dataclasses.replace(known, **changes).start(network.input_channels)[0]


@contextmanager
def _bar(steps: int) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    with progress_bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("steps", total=steps)
        yield lambda done, _: bar.update(task, completed=done)


def _written(out: Path, states: np.ndarray, every: int, network: Any) -> bytes:
    import io

    import numpy as np

    from keras_pde.data.side_by_side import comparison_png
    from keras_pde.tasks.evolve import drawing

    suffix = out.suffix.lower()
    if suffix == ".npz":
        buffer = io.BytesIO()
        numbers = every * np.arange(len(states))
        np.savez_compressed(buffer, states=states, steps=numbers, dt=np.float64(network.dt))
        return buffer.getvalue()
    seen = network.observe(states)
    first = seen if seen.ndim == network.ndim + 2 else seen[..., None]
    shown = [drawing.flat(u) for u in first]
    if suffix == ".gif":
        return drawing.gif(shown)
    picture = drawing.space_time(shown) if network.ndim == 1 else shown[-1]
    colours = drawing.coloured(picture, *drawing.scale([picture]))
    return comparison_png(np.rint(255 * colours).astype(np.uint8))


def _report(states: np.ndarray, every: int) -> None:
    import numpy as np

    heads, rows = ("step", "smallest", "mean", "largest", "root mean square"), []
    shown = np.unique(np.linspace(0, len(states) - 1, min(ROWS, len(states))).round().astype(int))
    for i in shown:
        u = states[i].astype("float64")
        numbers = (u.min(), u.mean(), u.max(), np.sqrt((u**2).mean()))
        cells = (f"{i * every:,}", *[f"{value:.6g}" for value in numbers])
        rows.append(dict(zip(heads, cells, strict=True)))
    show_rows(rows, right=heads)
