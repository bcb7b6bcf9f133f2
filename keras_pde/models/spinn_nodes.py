"""Nodes of a meshless basis in one dimension that follow a solution."""

from __future__ import annotations

import numpy as np
from keras import ops

from keras_pde.models.meshless_function import MeshlessFunction
from keras_pde.schemes.collocation import Condition, equidistributed

FINE = 40  # points a centre, where the solution is looked at
SMOOTHED = 4  # times that places and widths are averaged with their neighbours
POINTS = 3  # of collocation a centre
BOTH: list[tuple[int, ...]] = [(0,), (1,)]


def follow(
    network: MeshlessFunction, interval: tuple[float, float], strength: float, overlap: float
) -> np.ndarray:
    """Move the centres to equal parts of ∫√(1 + (s u′)²)dx, keep u, and return points (points, 1).

    The places and their distances are smoothed; widths are the overlap times the distances.

    Args:
        network: in one dimension, with heights.
        interval: its ends, where a centre stays.
        strength: s, how much a slope counts.
        overlap: widths beside the distances of the centres.
    """
    count = network.basis.count
    fine = np.linspace(*interval, FINE * count)
    before = network.matrices(fine[:, None], BOTH)
    heights = np.asarray(ops.convert_to_numpy(network.heights), np.float64)[:, 0]
    slope = before[(1,)] @ heights
    places = equidistributed(fine, np.sqrt(1 + (strength * slope) ** 2), count)
    for _ in range(SMOOTHED):
        places[1:-1] = _smooth(places)
    apart = np.gradient(places)
    for _ in range(SMOOTHED):
        apart[1:-1] = _smooth(apart)
    points = np.interp(np.linspace(0, count - 1, POINTS * count), np.arange(count), places)[:, None]
    values = network.matrices(points, BOTH[:1])[(0,)] @ heights
    network.basis.places.assign(places[:, None])
    network.basis.log_widths.assign(np.log(overlap * apart))
    network.solve([Condition(points, {(0,): 1.0}, values)])
    return points


def _smooth(x: np.ndarray) -> np.ndarray:
    return (x[:-2] + 2 * x[1:-1] + x[2:]) / 4
