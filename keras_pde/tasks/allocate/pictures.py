"""The picture of a card: sum rates of a network, of WMMSE and of full power by number of links."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.runtime.writing import whole
from keras_pde.tasks.allocate.allocating import powers_of
from keras_pde.tasks.allocate.interference import field, sum_rate
from keras_pde.tasks.allocate.wmmse import wmmse

NETWORKS, SEED = 100, 7
COUNTS = (2, 5, 10, 15, 20, 30, 40)


def write_pictures(network: Any, sizes: Sequence[int], folder: Path) -> None:
    """Write example.png into a folder: mean sum rates, and powers beside WMMSE's.

    Args:
        network: a `MessagePassingNetwork`.
        sizes: numbers of links, of which the last one's powers are shown.
        folder: of the preset.
    """
    from matplotlib.figure import Figure

    curves: dict[str, list[float]] = {"WMMSE": [], "network": [], "full power": []}
    for n in COUNTS:
        gains = field(np.random.default_rng(SEED), NETWORKS, n)
        for name, powers in (
            ("WMMSE", wmmse(gains)),
            ("network", powers_of(network, gains)),
            ("full power", np.ones((NETWORKS, n))),
        ):
            curves[name].append(float(sum_rate(gains, powers).mean()))
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    for (name, values), style in zip(curves.items(), ("k--", "C0o-", "C3:"), strict=True):
        left.plot(COUNTS, values, style, label=name)
    left.axvline(sizes[0], color="0.8", zorder=0)
    left.set(xlabel="links in the same square", ylabel="sum rate, bits")
    left.legend(frameon=False)
    gains = field(np.random.default_rng(SEED), 1, sizes[-1])
    place, names = np.arange(sizes[-1]), ("WMMSE", "network")
    found = (wmmse(gains)[0], powers_of(network, gains)[0])
    for k, (name, powers) in enumerate(zip(names, found, strict=True)):
        right.bar(place + 0.4 * k - 0.2, powers, 0.4, color=("0.6", "C0")[k], label=name)
    right.set(xlabel="link of one network", ylabel="power", ylim=(0, 1.02))
    right.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncol=2)
    with whole(folder / "example.png") as stage:
        figure.savefig(stage, dpi=80)
