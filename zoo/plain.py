"""A plain residual network beside each classifier, for the cards: `python -m zoo.plain [NAME...]`.

It has the classifier's stages, about as many weights, and blocks u + W₂σ(W₁u + b₁) + b₂ that
nothing bounds. It is trained on the images of the preset's recipe, in as many steps of the same
rate, by cross-entropy without a margin, and attacked as `keras-pde evaluate` attacks presets. The
rows go into zoo/published.json.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

import keras_pde
from keras_pde import presets
from keras_pde.layers.stage_entry import StageEntry
from keras_pde.models.classifier import Classifier
from keras_pde.operators.dense import DenseOperator
from keras_pde.tasks.classify import losses, sources
from keras_pde.tasks.classify.data import LabelledBatches
from keras_pde.tasks.classify.scores import ATTACKED, accuracies, attacked
from keras_pde.tasks.classify.settings import Settings
from keras_pde.tasks.training.recipes import Recipe
from zoo.published import add

WARMUP = 100


class Bounded(Classifier):
    """A functional model of Keras's layers with the constant that is proved of it."""

    def __init__(self, model: keras.Model, norm: str, constant: Callable[[], float] | None) -> None:
        super().__init__(classes=int(model.output_shape[-1]))
        self.model, self.constant = model, constant
        self.norm = norm  # type: ignore[misc]

    def call(self, image: Any) -> Any:
        """The model's output."""
        return self.model(image)

    def radius(self, x: Any) -> np.ndarray:
        """The margin over √2 L, with L of all logits together; 0 without a constant."""
        if self.constant is None:
            return np.zeros(len(x))
        ordered = np.sort(self.logits(x).astype("float64"), axis=-1)
        return (ordered[:, -1] - ordered[:, -2]) / (2**0.5 * self.constant())


def bounded(model: keras.Model) -> Bounded:
    """A model of Keras's layers with the ℓ2 constant that `keras_pde.certify` composes."""
    return Bounded(model, "l2", lambda: float(keras_pde.certify(model).lipschitz))


def residual(u: Any, inner: keras.layers.Layer, outer: keras.layers.Layer) -> Any:
    """u + outer(inner(u))."""
    return keras.layers.Add()([u, outer(inner(u))])


def dense(u: Any, rows: int) -> Any:
    """A block of matrices with as many weights as K of so many rows."""
    width = u.shape[-1]
    return residual(u, keras.layers.Dense(rows // 2, "relu"), keras.layers.Dense(width))


def plain(network: Any) -> Bounded:
    """An untrained residual network like a `CertifiedClassifier` or `RobustImplicit`.

    Example:
        >>> import keras_pde
        >>> from zoo.plain import plain
        >>> network = keras_pde.from_preset("cpl_digits_2d")
        >>> 0.9 < plain(network).count_params() / network.count_params() < 1.1
        True
    """
    inputs = u = keras.Input((*network.sizes, network.input_channels))
    if isinstance(network, keras_pde.RobustImplicit):
        u = keras.layers.Dense(network.units, "relu")(keras.layers.Flatten()(u))
        u = dense(u, network.units)
    else:
        steps = iter(network.steps)
        for stage in network.stages:
            u = StageEntry(stage.patch_size, stage.pooling, stage.channels, stage.flat)(u)
            for _ in range(stage.count):
                operator = next(steps).operator
                if isinstance(operator, DenseOperator):
                    u = dense(u, operator.rows)
                    continue
                about: dict[str, Any] = {"kernel_size": operator.kernel_size, "padding": "same"}
                first = keras.layers.Conv2D(operator.rows // 2, activation="relu", **about)
                u = residual(u, first, keras.layers.Conv2D(u.shape[-1], **about))
        u = keras.layers.Flatten()(u)
    model = keras.Model(inputs, keras.layers.Dense(network.classes)(u))
    found = Bounded(model, network.norm, None)
    found.build((None, *network.sizes, network.input_channels))
    return found


def train(network: Classifier, batches: LabelledBatches, rate: float, loss: Any) -> None:
    """Train by Adam with a rate that rises, then falls as a cosine."""
    steps = batches.steps
    falling = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=rate, warmup_steps=min(WARMUP, steps // 2)
    )
    network.compile(keras.optimizers.Adam(falling, global_clipnorm=1.0), loss=loss)
    network.fit(
        (batches.batch(k) for k in range(steps)), steps_per_epoch=steps, verbose=0, shuffle=False
    )


def row(name: str, folder: str | None = None, steps: int | None = None) -> dict[str, Any]:
    """The accuracies of a plain network trained as a preset was.

    Args:
        name: of the preset.
        folder: of the data sets.
        steps: of the training, for a quick look.
    """
    recipe = Recipe.load(presets.folder_of(name))
    settings = Settings(recipe.options)
    images, test = (sources.load(settings.data, part, folder) for part in ("train", "test"))
    keras.utils.set_random_seed(recipe.seed)
    network = plain(keras_pde.from_preset(name))
    steps = steps or recipe.steps
    batches = LabelledBatches(
        images, recipe.validation, settings, recipe.batch_size, recipe.seed, steps
    )
    train(network, batches, recipe.learning_rate, losses.margin_loss(Settings({"data": "any"})))
    few = test.part(slice(ATTACKED))
    return {
        "method": "plain residual network, trained alike",
        "guarantee": "none",
        "parameters": network.count_params(),
        "accuracy": {
            **accuracies(network, test, settings.radii),
            **attacked(network, few, settings.radii),
        },
        "source": "python -m zoo.plain",
        "published": False,
    }


def main(names: Sequence[str]) -> None:
    """Train beside each preset, or each classifier of the zoo, and write zoo/published.json."""
    for name in names or [n for n, e in presets.index().items() if e["task"] == "classify"]:
        found = row(name)
        print(name, f"{found['parameters']:,} weights", found["accuracy"], flush=True)
        add({f"classify/{name}": [found]})


if __name__ == "__main__":
    main(sys.argv[1:])
