"""Segmenters beside a threshold and a plain network of their size, on the same test images.

    python benchmarks/segmented.py [PRESET] [--steps N]

Prints the IoU and pixel accuracy of Otsu's threshold, of each test image its own; of a residual
network of convolutions with about as many weights, which nothing bounds, trained on the same crops
for as many steps unless told; and of the preset. Beside them stand the pixel accuracy and IoU that
are proved at the preset's radii, which are 0 for the first two.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from skimage.filters import threshold_otsu

import keras_pde
from keras_pde import presets
from keras_pde.data.masked import Masked
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.segment import scores, sources
from keras_pde.tasks.training.recipes import Recipe


def plain(weights: int, channels: int, classes: int) -> keras.Model:
    """Residual blocks on patches of 2 pixels, as many as the weights allow."""
    width, kernel = 16, 5
    image = keras.Input((None, None, channels))
    u = layers.Conv2D(width, 2, 2)(image)
    for _ in range(max(1, round(weights / (2 * width * width * kernel**2)))):
        v = layers.Conv2D(width, kernel, padding="same", activation="relu")(u)
        u = u + layers.Conv2D(width, kernel, padding="same")(v)
    return keras.Model(image, layers.Conv2DTranspose(classes, 2, 2)(u))


def trained(recipe: Recipe, steps: int, weights: int) -> keras.Model:
    """The plain network, trained on the batches of a recipe with the plain cross-entropy."""
    task = tasks.get("segment")
    data = task.data(recipe, None)
    keras.utils.set_random_seed(0)
    network = plain(weights, recipe.channels, recipe.model["classes"])
    rate = keras.optimizers.schedules.CosineDecay(0.003, steps)
    network.compile(keras.optimizers.Adam(rate), task.loss)
    for step in range(steps):
        network.train_on_batch(*data.batch(step))
    return network


def answers_of(network: keras.Model, test: Masked) -> list[np.ndarray]:
    """Classes of the pixels; sizes are multiples of 2."""
    return scores.each(lambda x: network.predict(x, verbose=0).argmax(-1), test.images)


def row(name: str, weights: int, answers: Sequence[np.ndarray], test: Masked) -> dict[str, Any]:
    """A line of the table, without what is proved."""
    found = scores.clean(answers, test)
    return {"name": name, "weights": weights, "IoU": found["IoU"], "accuracy": found["accuracy"]}


def compare(preset: str, steps: int | None = None) -> list[dict[str, Any]]:
    """The lines of the table."""
    network: Any = keras_pde.from_preset(preset)
    recipe = Recipe.load(presets.folder_of(preset))
    settings = tasks.get("segment").settings(network)
    test = sources.load(settings.data, "test")
    otsu = [(x[..., 0] > threshold_otsu(x[..., 0])).astype(int) for x in test.images]
    rows = [row("Otsu's threshold", 0, otsu, test)]
    free = trained(recipe, steps or recipe.steps, network.count_params())
    rows.append(row("plain network", free.count_params(), answers_of(free, test), test))
    answers = scores.each(network.answers, test.images)
    radii = scores.each(network.radius, test.images)
    proved = scores.certified(answers, radii, test, settings.radii)
    mine = row(preset, network.count_params(), answers, test)
    return [*({**r, **dict.fromkeys(proved, 0.0)} for r in rows), {**mine, **proved}]


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Command line; returns the lines of the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("preset", nargs="?", default="sll_cells_2d")
    parser.add_argument("--steps", type=int, help="of the plain network; the recipe's unless given")
    args = parser.parse_args(arguments)
    rows = compare(args.preset, args.steps)
    print(*rows[0], sep=" | ")
    for line in rows:
        print(*(v if isinstance(v, str | int) else f"{v:.1f}" for v in line.values()), sep=" | ")
    return rows


if __name__ == "__main__":
    main()
