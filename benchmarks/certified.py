"""Certified classifiers: clean, certified and attacked accuracy of networks trained alike.

    python benchmarks/certified.py [--data digits] [--steps 4000] [--picture certified.png]

Dense networks on the images of one set, each with the same batches, steps and learning rate:
convex potential layers, SDP-based layers, rescaled columns, averaged steps, a plain residual
network, whose constant is what `keras_pde.certify` composes, and where torch and deel-torchlip are
installed its spectrally normalised layers with sorted pairs. Of deel-torchlip the constant is
computed here from the trained matrices by their singular values, as its own is an estimate from
below. Certified is what is proved for every perturbation of that ℓ2-size; under attack is what 40
steps of projected gradient descent leave right. The time is of one image in a batch of 256, over
that of the convex potential layers, by turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from rich.console import Console
from rich.table import Table

from keras_pde import CertifiedClassifier, DenseOperator, DiffusionBlock
from keras_pde.data.labelled import Labelled
from keras_pde.models.classifier import Classifier
from keras_pde.runtime.compiling import compiled
from keras_pde.tasks.classify import losses, sources
from keras_pde.tasks.classify.attacks import pgd
from keras_pde.tasks.classify.data import LabelledBatches
from keras_pde.tasks.classify.settings import Settings
from zoo.plain import Bounded, bounded, plain, train

RADII = (0.141, 0.25, 0.5, 1.0)
ROWS, BLOCKS = 96, 6
RATE, BATCH = 0.005, 64
EPS, TEMPERATURE = 0.5, 0.25
ATTACKED, ROUNDS = 1000, 30
console = Console(width=100)


def ours(step_size: str, normalize: Any = False, fraction: float = 1.0) -> Any:
    """Blocks of this library on the vector of pixels."""

    def make(data: Labelled) -> Classifier:
        operator = DenseOperator(ROWS, normalize=normalize)
        block = DiffusionBlock(
            operator, "relu", step_size=step_size, fraction=fraction, use_bias=True
        )
        return CertifiedClassifier(len(data.classes), block, BLOCKS)

    return make


def unbounded(data: Labelled) -> Classifier:
    """A plain residual network of as many weights, with the constant that `certify` composes."""
    like = ours("auto")(data)
    like.build((None, *data.images.shape[1:]))
    return bounded(plain(like).model)


def trained(make: Callable[[Labelled], Classifier], data: Labelled, steps: int) -> Classifier:
    """A network trained by Adam with a rate that falls as a cosine."""
    keras.utils.set_random_seed(0)
    network = make(data)
    network.build((None, *data.images.shape[1:]))
    settings = Settings({"data": "any", "eps": EPS, "temperature": TEMPERATURE})
    batches = LabelledBatches(data, 1, settings, BATCH, 0, steps)
    if isinstance(network, Bounded):  # without a constant, a margin would only scale the logits
        settings = Settings({"data": "any"})
    train(network, batches, RATE, losses.margin_loss(settings))
    return network


class SortedPairs(keras.layers.Layer):
    """Each pair of neighbours in order: the activation GroupSort2, of norm 1."""

    def call(self, x: Any) -> Any:
        """The smaller of each pair, then the larger."""
        pairs = ops.reshape(x, (-1, x.shape[-1] // 2, 2))
        ordered = ops.stack([ops.min(pairs, -1), ops.max(pairs, -1)], -1)
        return ops.reshape(ordered, (-1, x.shape[-1]))


def peer(data: Labelled, steps: int) -> Classifier:
    """deel-torchlip's layers, trained by torch, and evaluated as Keras's with the same weights."""
    import torch
    from deel import torchlip

    torch.manual_seed(0)
    width = int(np.prod(data.images.shape[1:]))
    parts: list[Any] = []
    for k in range(BLOCKS):
        parts += [torchlip.SpectralLinear(ROWS if k else width, ROWS), torchlip.GroupSort2()]
    model = torch.nn.Sequential(*parts, torchlip.SpectralLinear(ROWS, len(data.classes)))
    settings = Settings({"data": "any"})
    batches = LabelledBatches(data, 1, settings, BATCH, 0, steps)
    adam = torch.optim.Adam(model.parameters(), RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for k in range(steps):
        x, target = (torch.from_numpy(part) for part in batches.batch(k))
        logits = model(x.reshape(len(x), -1))
        right = torch.nn.functional.one_hot(target[:, 0].long(), len(data.classes))
        scaled = (logits - 2**0.5 * EPS * right) / TEMPERATURE
        adam.zero_grad()
        torch.nn.functional.cross_entropy(scaled, target[:, 0].long()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        falling.step()
    exported = [layer.vanilla_export() for layer in model.eval() if hasattr(layer, "weight")]
    u = inputs = keras.Input(data.images.shape[1:])
    u = keras.layers.Flatten()(u)
    dense = [keras.layers.Dense(layer.out_features) for layer in exported]
    for layer in dense[:-1]:
        u = SortedPairs()(layer(u))
    net = keras.Model(inputs, dense[-1](u))
    matrices = [layer.weight.detach().numpy() for layer in exported]
    for layer, found, matrix in zip(dense, exported, matrices, strict=True):
        layer.set_weights([matrix.T, found.bias.detach().numpy()])
    norms = [float(np.linalg.norm(m.astype("float64"), 2)) for m in matrices]
    return Bounded(net, "l2", lambda: float(np.prod(norms)) * (1 + 1e-9))


def measured(network: Classifier, test: Labelled) -> dict[str, Any]:
    """Accuracies in percent, and the radii of what is right."""
    right = network.answers(test.images) == test.labels
    radii = np.where(right, network.radius(test.images), 0.0)
    stands = {}
    for eps in RADII:
        moved = pgd(network, test.images, test.labels, eps)
        kept = right & (network.answers(moved) == test.labels)
        assert (kept | (radii <= eps)).all(), "an attack broke a certificate"
        stands[eps] = 100 * kept.mean()
    return {
        "clean": 100 * right.mean(),
        "certified": {eps: 100 * (radii > eps).mean() for eps in RADII},
        "attacked": stands,
        "radii": radii,
        "weights": network.count_params(),
    }


def seconds(networks: dict[str, Classifier], test: Labelled) -> dict[str, float]:
    """Median time of a batch of 256 of each network, measured by turns."""
    batch = np.resize(test.images, (256, *test.images.shape[1:]))
    runs = {name: compiled(network.program(snapshot=True)) for name, network in networks.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for k in range(ROUNDS + 3):
        for name, run in runs.items():
            start = time.perf_counter()
            ops.convert_to_numpy(run(batch))
            if k >= 3:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(found)) for name, found in times.items()}


def contenders(data: Labelled, steps: int) -> dict[str, Callable[[], Classifier]]:
    """Networks by name, each trained when it is called."""
    makers = {
        "CPL": ours("auto"),
        "SLL": ours("scaled"),
        "AOL": ours("auto", normalize="columns"),
        "averaged, θ = ½": ours("auto", fraction=0.5),
        "plain ResNet": unbounded,
    }
    found = {name: (lambda make=make: trained(make, data, steps)) for name, make in makers.items()}
    if importlib.util.find_spec("torch") and importlib.util.find_spec("deel"):
        found["deel-torchlip"] = lambda: peer(data, steps)
    else:
        console.print("deel-torchlip is left out: pip install torch deel-torchlip")
    return found


def draw(rows: dict[str, dict[str, Any]], path: str) -> None:
    """Certified accuracy against the size of the perturbation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    sizes = np.linspace(0, 1.5, 151)
    for name, row in rows.items():
        axes.plot(sizes, [100 * (row["radii"] > eps).mean() for eps in sizes], label=name)
    axes.set(xlabel="size ε of the perturbation, ℓ2", ylabel="certified accuracy (%)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=90)


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Command line; returns what was measured of each network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--folder", help="of the data sets")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--picture")
    parser.add_argument("--quick", action="store_true", help="few steps and images")
    args = parser.parse_args(arguments)
    steps, count = (30, 40) if args.quick else (args.steps, ATTACKED)
    train_set, test = (sources.load(args.data, part, args.folder) for part in ("train", "test"))
    test = test.part(slice(count))
    rows, networks = {}, {}
    for name, make in contenders(train_set, steps).items():
        networks[name] = make()
        rows[name] = measured(networks[name], test)
        console.print(f"{name}: {rows[name]['clean']:.1f} %")
    times = seconds(networks, test)
    table = Table(title=f"{args.data}: certified / under attack, % of {len(test)} test images")
    heads = ("clean", *[f"ε = {eps:g}" for eps in RADII], "weights", "time")
    table.add_column("network")
    for head in heads:
        table.add_column(head, justify="right")
    for name, row in rows.items():
        both = [f"{row['certified'][e]:.1f} / {row['attacked'][e]:.1f}" for e in RADII]
        more = (f"{row['weights']:,}", f"{times[name] / times['CPL']:.2f}")
        table.add_row(name, f"{row['clean']:.1f}", *both, *more)
    console.print(table)
    if args.picture:
        draw(rows, args.picture)
    return rows


if __name__ == "__main__":
    main()
