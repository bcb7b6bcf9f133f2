"""The four architectures of translation.py, and one training run for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from _timing import compiled

from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, FluxActivation, schemes
from keras_pde.data import Patches, noise

SIGMA, TEST_SEED, WIDTH, CONTRAST = 25.0, 0, 3, 0.01
EVALUATED = 16  # images a call of an evaluation: one program for any number of them


def _cycle(blocks: int) -> int:
    """FSI's cycle length: the largest divisor of the number of blocks that is at most 7."""
    return max(n for n in range(1, 8) if blocks % n == 0)


SCHEDULES: dict[str, Callable[[int], schemes.Schedule]] = {
    "symmetric": schemes.explicit,
    "Du Fort-Frankel": lambda blocks: schemes.dufort_frankel(blocks, extrapolation=4 / 3),
    "FSI": lambda blocks: schemes.fsi(_cycle(blocks), cycles=blocks // _cycle(blocks)),
    "symmetric, bias": schemes.explicit,
    "symmetric, unbounded": schemes.explicit,
}
MAIN = ("standard", "symmetric", "Du Fort-Frankel", "FSI")
CONTROLS = ("standard, no bias", "symmetric, bias", "symmetric, unbounded")
ACTIVATIONS = {"relu": "ReLU", "charbonnier": "Charbonnier", "perona_malik": "Perona-Malik"}


@dataclass(frozen=True)
class Training:
    """What all runs share: the budget and how it is spent.

    Of the learning rates the better on the validation images counts.
    """

    steps: int = 400
    batch_size: int = 4
    patch_size: int = 32
    learning_rates: tuple[float, ...] = (0.003, 0.01)


@dataclass(frozen=True)
class Outcome:
    """What training with one learning rate led to.

    Args:
        learning_rate: the rate.
        train_loss: mean loss of the last tenth of the steps, MSE in grey levels².
        val_psnr: on the validation images, in dB.
        test_psnr: on the test images, in dB.
        seconds: of training.
        certified: whether norm stability is proved.
    """

    learning_rate: float
    train_loss: float
    val_psnr: float
    test_psnr: float
    seconds: float
    certified: str


def _flux(activation: str) -> FluxActivation:
    return (
        FluxActivation(activation)
        if activation == "relu"
        else FluxActivation(activation, CONTRAST, learn_contrast=True)
    )


def _kernels(rng: np.random.Generator, filters: int, blocks: int) -> np.ndarray:
    """Zero-mean random kernels.

    All blocks together take a diffusion time of about 1 at first, however many they are.
    """
    kernels = rng.standard_normal((WIDTH, WIDTH, 1, filters))
    kernels -= kernels.mean(axis=(0, 1), keepdims=True)
    return kernels * np.sqrt(0.5 / (blocks + 1) / np.sum(kernels**2))


def symmetric(
    architecture: str, activation: str, blocks: int, filters: int
) -> tuple[keras.Model, Callable[[np.random.Generator], None]]:
    """u − τKᵀΦ(Ku) with τ = 2/L and ‖K‖ ≤ 1: every stable block, as K is free below that bound.

    "unbounded" leaves the bound out.
    """
    operator = ConvOperator(
        filters, WIDTH, boundary="dirichlet", normalize=not architecture.endswith(", unbounded")
    )
    block = DiffusionBlock(
        operator, _flux(activation), step_size=2.0, use_bias=architecture.endswith(", bias")
    )
    model = DiffusionResNet(SCHEDULES[architecture](blocks), block=block, tied=False)
    model.build((None, None, None, 1))

    def initialise(rng: np.random.Generator) -> None:
        for block in model.blocks:
            block.operator.kernels[0].assign(_kernels(rng, filters, blocks))

    return model, initialise


def standard(
    architecture: str, activation: str, blocks: int, filters: int
) -> tuple[keras.Model, Callable[[np.random.Generator], None]]:
    """u + W₂φ(W₁u + b) of plain Keras layers.

    Τ is part of W₂, which starts as −2W₁ᵀ: the symmetric block's start.
    """
    u = image = keras.Input((None, None, 1))
    pairs = []
    for _ in range(blocks):
        first = keras.layers.Conv2D(
            filters, WIDTH, padding="same", use_bias=not architecture.endswith("no bias")
        )
        second = keras.layers.Conv2D(1, WIDTH, padding="same", use_bias=False)
        u = keras.layers.Add()([u, second(_flux(activation)(first(u)))])
        pairs.append((first, second))
    model = keras.Model(image, u)

    def initialise(rng: np.random.Generator) -> None:
        for first, second in pairs:
            kernels = _kernels(rng, filters, blocks)
            first.kernel.assign(kernels)
            second.kernel.assign(-2 * kernels[::-1, ::-1].transpose(0, 1, 3, 2))

    return model, initialise


class Contestant:
    """One network, built and compiled once, trained anew for each seed."""

    def __init__(
        self, architecture: str, activation: str, blocks: int, filters: int, training: Training
    ) -> None:
        make = standard if architecture.startswith("standard") else symmetric
        self.training = training
        self.model, self._initialise = make(architecture, activation, blocks, filters)
        self.weights = self.model.trainable_variables
        self.parameters = sum(int(np.prod(w.shape)) for w in self.weights)
        self.optimizer = keras.optimizers.Adam()
        self.optimizer.build(self.weights)
        self._variables = [*self.model.variables, *self.optimizer.variables]
        self._start = [np.array(v) for v in self._variables]
        self._step = compiled(self._train, xla=False)
        self._run = compiled(lambda u: tf.clip_by_value(self.model(u), 0, 1), xla=False)

    def _train(self, noisy: Any, clean: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = 255**2 * tf.reduce_mean(tf.square(self.model(noisy) - clean))
        self.optimizer.apply(tape.gradient(loss, self.weights), self.weights)
        return loss

    def fit(self, seed: int, patches: Patches, validation: np.ndarray, test: np.ndarray) -> Outcome:
        """Train with each learning rate, and measure the better network.

        All start from the seed's weights and see the seed's batches.
        """
        start, runs = time.perf_counter(), []
        for rate in self.training.learning_rates:
            loss = self._descend(seed, patches, rate)
            runs.append(
                (
                    np.nan_to_num(self.psnr(validation), nan=-np.inf),
                    rate,
                    loss,
                    [np.array(v) for v in self._variables],
                )
            )
        seconds = (time.perf_counter() - start) / len(runs)
        score, rate, loss, values = max(runs, key=lambda run: run[0])
        self._assign(values)
        certified = "no"
        if isinstance(self.model, DiffusionResNet):
            certified = "yes" if self.model.certificate().norm_stable else "not proved"
        return Outcome(rate, loss, float(score), self.psnr(test), seconds, certified)

    def _descend(self, seed: int, patches: Patches, rate: float) -> float:
        """Adam with a cosine decay of the learning rate to zero.

        The mean loss of the last tenth.
        """
        self._assign(self._start)
        self._initialise(np.random.default_rng(seed))
        losses, steps = [], self.training.steps
        for step in range(steps):
            self.optimizer.learning_rate.assign(rate * (1 + np.cos(np.pi * step / steps)) / 2)
            noisy, _, clean = patches.batch(step)
            losses.append(float(self._step(noisy, clean)))
        return float(np.mean(losses[-max(1, steps // 10) :]))

    def _assign(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    def psnr(self, images: np.ndarray) -> float:
        """Mean PSNR of the images with noise of σ = 25, not clipped, of one seed.

        The output clipped.
        """
        from skimage.metrics import peak_signal_noise_ratio

        noisy = noise.add_noise(images, SIGMA, TEST_SEED)
        scores: list[float] = []
        for i in range(0, len(images), EVALUATED):
            # repeats images up to a full batch
            part = np.resize(noisy[i : i + EVALUATED], (EVALUATED, *noisy.shape[1:]))
            out = np.asarray(self._run(part), "float64")
            clean = np.asarray(images[i : i + EVALUATED], "float64")
            scores += [
                peak_signal_noise_ratio(x, y, data_range=1.0)
                for x, y in zip(clean, out, strict=False)
            ]
        return float(np.mean(scores))


def centres(images: list[np.ndarray], size: int) -> np.ndarray:
    """The central size × size part of each image."""
    corners = [((h - size) // 2, (w - size) // 2) for h, w, _ in (image.shape for image in images)]
    return np.stack(
        [image[i : i + size, j : j + size] for image, (i, j) in zip(images, corners, strict=True)]
    )
