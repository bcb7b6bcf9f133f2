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


def write_pictures(network: Any, scenario: Scenario, folder: Path) -> None:
    """Write rollout.png and rollout.gif into a folder, from one initial state of the scenario.

    Of a line rollout.png is a space-time picture, time from top to bottom; else it is the state
    after the last step. The difference is enlarged to fill the scale.
    """
    from keras_pde.data.side_by_side import comparison_png, side_by_side

    reference = scenario.reference()
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
    low, high = scale(wanted)
    largest = max(float(np.abs(d).max()) for d in difference)
    make = (lambda v: space_time(v)) if reference.ndim == 1 else (lambda v: v[-1])
    panels = {
        "network": coloured(make(shown), low, high),
        "exact": coloured(make(wanted), low, high),
        "difference": coloured(make(difference), -largest, largest),
    }
    if reference.ndim > 1:
        panels = {"start": coloured(shown[0], *scale(shown[:1])), **panels}
    notes = {"difference": f"at most {largest:.0e}"}
    picture = side_by_side(panels, notes)
    write_bytes(folder / "rollout.png", comparison_png(picture))
    thin = max(1, len(shown) // FRAMES)
    write_bytes(folder / "rollout.gif", gif(shown[::thin]))
