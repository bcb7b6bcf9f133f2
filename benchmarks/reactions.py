"""A trained classifier of digits as chemistry: its reactions, simulated, name the digits.

    python benchmarks/reactions.py [--images 100] [--picture reactions.png]

A dense network 64-24-16-10 with smooth ReLUs is trained on the digits of the zoo, and becomes a
list of mass-action reactions. SciPy simulates them for test images, the pixels as concentrations.
Printed are the accuracy of the network and that of the reactions, the largest difference of their
outputs, and when the answers no longer change. In the picture: an image, what its outputs are over
time, and how fast the difference from the network's output falls, beside exp(−2√h t).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from _timing import provenance
from rich.console import Console

from keras_pde import activations, presets
from keras_pde.data.labelled import Labelled, load_labelled
from keras_pde.export import to_reactions
from keras_pde.export.reaction_network import ReactionNetwork, Simulation

WIDTHS, CONTRAST = (24, 16), 0.5
EPOCHS, BATCH, RATE = 30, 32, 0.004
TIMES = np.concatenate([[0.0], np.geomspace(0.01, 40, 240)])
console = Console(width=100)


class Found(NamedTuple):
    """What was measured.

    Args:
        network: accuracy on all test images.
        chemistry: accuracy of the reactions on the images that were simulated.
        agree: share of these images of which both say the same.
        difference: largest one of an output at the end.
        settled: time after which no answer changed.
    """

    network: float
    chemistry: float
    agree: float
    difference: float
    settled: float


def trained(data: Labelled) -> keras.Model:
    """The network, with logits as its output."""
    keras.utils.set_random_seed(0)
    flux = activations.SmoothReLU(CONTRAST)
    hidden = [keras.layers.Dense(n, flux) for n in WIDTHS]
    image, head = keras.Input(data.images.shape[1:]), keras.layers.Dense(len(data.classes))
    net = keras.Sequential([image, keras.layers.Flatten(), *hidden, head])
    steps = EPOCHS * -(-len(data) // BATCH)
    net.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    net.fit(data.images, data.labels, BATCH, EPOCHS, verbose=0)
    return net


def exact(net: keras.Model, images: np.ndarray) -> np.ndarray:
    """The logits in float64, of which the reactions are a copy."""
    with_doubles = keras.Sequential.from_config(
        {**net.get_config(), "layers": _in_float64(net.get_config()["layers"])}
    )
    with_doubles.set_weights([w.astype("float64") for w in net.get_weights()])
    return np.asarray(keras.ops.convert_to_numpy(with_doubles(images.astype("float64"))))


def _in_float64(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "config": {**one["config"], "dtype": "float64"}} for one in layers]


def draw(
    path: Path, image: np.ndarray, runs: list[Simulation], logits: np.ndarray, rate: float
) -> None:
    """The three panels."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9.6, 3), width_ratios=(1, 1.7, 1.7), layout="constrained"
    )
    left.imshow(image.squeeze(), cmap="gray_r")
    left.set(title="64 species, held", xticks=[], yticks=[])
    answer = int(logits[0].argmax())
    for k, curve in enumerate(runs[0].outputs.T):
        chosen = k == answer
        middle.plot(TIMES, curve, color="C3" if chosen else "0.75", lw=2 if chosen else 1)
    middle.annotate(f"{answer}", (TIMES[-1], runs[0].outputs[-1, answer]), color="C3")
    middle.set(title="Y⁺ − Y⁻ of ten digits", xscale="log", xlabel="time t", xlim=(0.01, 90))
    for run, y in zip(runs, logits, strict=True):
        right.plot(TIMES, np.abs(run.outputs - y).max(axis=1), color="C0", lw=0.8, alpha=0.6)
    right.plot(TIMES, 10 * np.exp(-rate * TIMES), "k--", lw=1, label="exp(−2√h t)")
    right.set(title="difference from the network", yscale="log", xlabel="time t", ylim=(1e-12, 1e3))
    right.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> Found:
    """Train, simulate, print and draw; returns what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args(arguments)
    folder = presets.zoo_root() / "data" / "digits"
    train, test = (load_labelled(folder, split) for split in ("train", "test"))
    net = trained(train)
    chemistry: ReactionNetwork = to_reactions(net)
    logits = exact(net, test.images)
    shown = slice(args.images)
    runs = [chemistry.simulate(x, times=TIMES, tolerance=1e-10) for x in test.images[shown]]
    ends = np.array([run.outputs[-1] for run in runs])
    answers = np.array([run.outputs.argmax(axis=1) for run in runs])
    changed = (answers != answers[:, -1:]).any(axis=0)
    found = Found(
        float((logits.argmax(axis=1) == test.labels).mean()),
        float((answers[:, -1] == test.labels[shown]).mean()),
        float((answers[:, -1] == logits[shown].argmax(axis=1)).mean()),
        float(np.abs(ends - logits[shown]).max()),
        float(TIMES[np.flatnonzero(changed).max(initial=0)]),
    )
    console.print(f"{provenance()}; {chemistry.summary}")
    console.print(
        f"network {100 * found.network:.1f} % of {len(test)} images; reactions"
        f" {100 * found.chemistry:.1f} % of {len(runs)}, of which {100 * found.agree:.0f} % as the"
        f" network says; outputs at most {found.difference:.1e} apart; no answer changes after"
        f" t = {found.settled:.2g}"
    )
    if args.picture:
        draw(args.picture, test.images[0], runs[:20], logits[shown][:20], chemistry.decay_rate)
    return found


if __name__ == "__main__":
    main()
