"""Pictures of a card: a rollout beside the exact solution, and as an animation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_pde.runtime.writing import write_bytes
from keras_pde.tasks.evolve.drawing import coloured, flat, gif, scale, space_time

if TYPE_CHECKING:
    from keras_pde.tasks.evolve.scenario import Scenario

FRAMES = 40  # of an animation
ROWS = 100  # of a space-time picture


def write_pictures(
    network: Any, scenario: Scenario, folder: Path, data: str | Path | None = None
) -> None:
    """Write rollout.png and rollout.gif into a folder, from one initial state of the scenario.

    Of a line rollout.png is a space-time picture, time from top to bottom; else it is the state
    after the last step. Colours are of the values that are shown, so that what has decayed is seen
    too; the difference is enlarged to fill the scale.
    """
    from keras_pde.data.side_by_side import comparison_png, side_by_side

    reference = scenario.reference(data)
    first, last = reference.initial(1, scenario.seed), scenario.steps[-1]
    every = max(1, last // (ROWS if reference.ndim == 1 else FRAMES))
    marks = range(every, last + 1, every)
    found, u, done = [], first.astype("float32"), 0
    for mark in marks:
        u = network.rollout(u, mark - done)
        done = mark
        found.append(u)
    seen = [reference.observe(v.astype("float64"))[0] for v in [first, *found]]
    exact = [reference.observe(first)[0], *[v[0] for v in reference.rollout(first, marks)]]
    shown, wanted = ([flat(v) for v in states] for states in (seen, exact))
    difference = [a - b for a, b in zip(shown, wanted, strict=True)]
    ours, exactly, apart = (
        space_time(v) if reference.ndim == 1 else v[-1] for v in (shown, wanted, difference)
    )
    low, high = scale([ours, exactly])
    largest = float(np.abs(apart).max())
    panels = {
        "network": coloured(ours, low, high),
        "exact": coloured(exactly, low, high),
        "difference": coloured(apart, -largest, largest),
    }
    notes = {"difference": f"at most {largest:.0e}"}
    if reference.ndim > 1:
        first_scale = scale(shown[:1])
        panels = {"start": coloured(shown[0], *first_scale), **panels}
        notes |= {"start": _said(*first_scale), "exact": _said(low, high)}
    picture = side_by_side(panels, notes)
    write_bytes(folder / "rollout.png", comparison_png(picture))
    thin = max(1, len(shown) // FRAMES)
    write_bytes(folder / "rollout.gif", gif(shown[::thin]))


def _said(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"
