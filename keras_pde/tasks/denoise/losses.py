"""What training minimises: with clean images, or without any.

A loss owns its targets, which are made of a batch's noisy patches, and its value. Losses without
clean images are divided by σ², so that all noise levels count about alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from keras import ops

from keras_pde.tasks.denoise.sure import STEP

__all__ = ["Loss", "Neighbor2Neighbor", "Recorrupted", "Supervised", "Sure", "get", "names"]

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


class Loss(ABC):
    """Targets from noisy patches, and a value for each sample, whose mean is minimised.

    Attributes:
        name: in recipes.
        needs_clean: whether its targets are clean patches.

    Args:
        network: that is trained; a loss may call it again.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.denoise import losses
        >>> network = keras_pde.from_preset("linear_2d")
        >>> noisy = 0.1 * np.random.default_rng(0).standard_normal((2, 8, 8, 1)).astype("float32")
        >>> batch = noisy, np.full(2, 0.1, "float32"), 0 * noisy
        >>> loss = losses.get("sure")(network)
        >>> noisy, sigma, target = loss.batch(np.random.default_rng(1), *batch)
        >>> tuple(loss(target, network(noisy)).shape), loss.output_shape(target.shape)
        ((2,), (2, 8, 8, 1))
    """

    name: ClassVar[str]
    needs_clean: ClassVar[bool] = False
    extra: ClassVar[int] = 0  # channels of a target, beside those of patches
    patches: ClassVar[int] = 1  # of a target

    def __init__(self, network: Any) -> None:
        self.network = network

    @abstractmethod
    def batch(
        self, rng: np.random.Generator, noisy: np.ndarray, sigma: np.ndarray, clean: np.ndarray
    ) -> Batch:
        """What the network is given, the noise level that it is told, and the target.

        Args:
            rng: a function of the recipe's seed and the step.
            noisy: (batch, height, width, channels), or so for signals and volumes.
            sigma: (batch,), its noise in units of white.
            clean: as noisy; of no influence where `needs_clean` is not set.
        """

    @abstractmethod
    def __call__(self, target: Any, output: Any) -> Any:
        """A value for each sample."""

    def output_shape(self, target: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of outputs, by that of targets."""
        return (*target[:-1], (target[-1] - self.extra) // self.patches)

    def run(self, noisy: Any, sigma: Any) -> Any:
        """The network once more, told σ of each sample where it is told the level."""
        return self.network([noisy, sigma] if self.network.noise_conditioned else noisy)


def _each(sigma: np.ndarray, like: np.ndarray) -> np.ndarray:
    return sigma.reshape(-1, *[1] * (like.ndim - 1))


def _map(sigma: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(_each(sigma, like), (*like.shape[:-1], 1)).astype(like.dtype)


def _axes(x: Any) -> tuple[int, ...]:
    """Those of a sample."""
    return tuple(range(1, len(x.shape)))


def _mean_square(x: Any) -> Any:
    return ops.mean(ops.square(x), axis=_axes(x))


def _told(channel: Any) -> Any:
    """What a channel of a target holds everywhere, for each sample."""
    return ops.max(channel, axis=_axes(channel))


class Supervised(Loss):
    """10 log₁₀ of the mean squared error of each sample, in dB, by its clean patch.

    Example:
        >>> from keras_pde.tasks.denoise.losses import Supervised
        >>> loss = Supervised(None)
        >>> round(float(loss(np.zeros((1, 4, 4, 1)), np.full((1, 4, 4, 1), 0.1))[0]), 3)
        -20.0
    """

    name = "supervised"
    needs_clean = True

    def batch(
        self, rng: np.random.Generator, noisy: np.ndarray, sigma: np.ndarray, clean: np.ndarray
    ) -> Batch:
        """The batch as it is."""
        return noisy, sigma, clean

    def __call__(self, target: Any, output: Any) -> Any:
        """In dB."""
        return (10 / np.log(10)) * ops.log(_mean_square(output - target) + 1e-7)


class Sure(Loss):
    r"""Stein's unbiased estimate of the mean squared error, over σ²: two runs a step.

        ℓ = mean (N(y) − y)²/σ² − 1 + 2 mean b·(N(y + εb) − N(y))/ε,    ε = σ/100.

    For y = x + σn with Gaussian n, E ℓ = E mean (N(y) − x)²/σ² to O(ε), as
    `keras_pde.tasks.denoise.sure.sure` proves: E n·N(x + σn) = σ E div N(y), and b·N′b has the
    expectation div N for random signs b. So its gradient is an unbiased one of the supervised loss.

    Source: Ramani, Blu, Unser (IEEE TIP 2008); Soltanayev, Chun, "Training deep learning based
    denoisers without ground truth data" (NeurIPS 2018, arXiv:1803.01314).

    Example:
        >>> from keras_pde.tasks.denoise import losses
        >>> losses.Sure.needs_clean, losses.Sure(None).output_shape((4, 8, 8, 6))
        (False, (4, 8, 8, 3))
    """

    name = "sure"
    patches = 2

    def batch(
        self, rng: np.random.Generator, noisy: np.ndarray, sigma: np.ndarray, clean: np.ndarray
    ) -> Batch:
        """The target holds y and σb."""
        signs = rng.choice(np.array([-1, 1], np.float32), noisy.shape)
        return noisy, sigma, np.concatenate([noisy, _each(sigma, noisy) * signs], axis=-1)

    def __call__(self, target: Any, output: Any) -> Any:
        """Of the square of σ."""
        noisy, step = ops.split(target, 2, axis=-1)
        sigma = _told(ops.abs(step))
        change = self.run(noisy + STEP * step, sigma) - output
        divergence = ops.mean(step * change, axis=_axes(step)) / (STEP * ops.square(sigma))
        return _mean_square(output - noisy) / ops.square(sigma) - 1 + 2 * divergence


class Recorrupted(Loss):
    r"""R2R, recorrupted to recorrupted: two noisy images of independent noise from one.

        y₁ = y + ασz,   y₂ = y − σz/α,   ℓ = (mean (N(y₁) − y₂)² − σ²(1 + 1/α²))/σ₁²

    with z ~ N(0, I) and σ₁² = σ²(1 + α²), the noise of y₁, which the network is told. The noises
    n + αz and n − z/α are Gaussian with covariance 1 − 1 = 0, so independent, and N(y₁) does not
    know that of y₂: E ‖N(y₁) − y₂‖² = E ‖N(y₁) − x‖² + E ‖y₂ − x‖². So E ℓ is the supervised error
    at noise σ₁, over σ₁².

    Source: Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted" (CVPR 2021, arXiv:2102.02234).

    Example:
        >>> from keras_pde.tasks.denoise.losses import Recorrupted
        >>> Recorrupted(None).output_shape((4, 8, 8, 2))
        (4, 8, 8, 1)
    """

    name = "r2r"
    extra = 1
    alpha: ClassVar[float] = 0.5

    def batch(
        self, rng: np.random.Generator, noisy: np.ndarray, sigma: np.ndarray, clean: np.ndarray
    ) -> Batch:
        """The target holds y₂ and σ."""
        noise = rng.standard_normal(noisy.shape, np.float32) * _each(sigma, noisy)
        first, second = noisy + self.alpha * noise, noisy - noise / self.alpha
        told = np.float32(np.sqrt(1 + self.alpha**2)) * sigma
        return first, told, np.concatenate([second, _map(sigma, noisy)], axis=-1)

    def __call__(self, target: Any, output: Any) -> Any:
        """Of the square of σ₁."""
        second, variance = target[..., :-1], ops.square(_told(target[..., -1]))
        error = _mean_square(output - second) - variance * (1 + 1 / self.alpha**2)
        return error / ((1 + self.alpha**2) * variance)


class Neighbor2Neighbor(Loss):
    r"""Two neighbours of each 2 × 2 pixels as a noisy pair, and what their difference costs.

        ℓ = (mean d² + γ mean (d − (g₁ − g₂)N(y))² − σ²)/σ²,   d = N(g₁y) − g₂y,   γ = 2.

    g₁ and g₂ take two different, adjacent pixels of each 2 × 2, at random (of a signal two samples,
    of a volume two voxels of each 2 × 2 × 2). The noise of g₂y is independent of g₁y given x, so
    E mean d² = E mean (N(g₁y) − g₂x)² + σ². g₂x is not g₁x: of the ideal denoiser N(y) = x,
    N(g₁y) = g₁x, d − (g₁ − g₂)N(y) is the noise of g₂y alone, and the second term keeps others near
    that. Its N(y) is not differentiated. Unlike the other losses it is biased where neighbours
    differ, and the network learns data of half the size; it needs no σ but for a network that is
    told it, and no Gaussian noise.

    Source: Huang, Li, Jia, Lu, Liu, "Neighbor2Neighbor" (CVPR 2021, arXiv:2101.02824).

    Example:
        >>> from keras_pde.tasks.denoise.losses import Neighbor2Neighbor
        >>> Neighbor2Neighbor(None).output_shape((4, 8, 8, 4))
        (4, 8, 8, 1)
    """

    name = "neighbor2neighbor"
    extra = 3
    gamma: ClassVar[float] = 2.0

    def batch(
        self, rng: np.random.Generator, noisy: np.ndarray, sigma: np.ndarray, clean: np.ndarray
    ) -> Batch:
        """The target holds y, σ and where the two neighbours are; its sizes are even."""
        spatial = range(1, noisy.ndim - 1)
        noisy = noisy[(slice(None), *(slice(noisy.shape[k] // 2 * 2) for k in spatial))]
        cells, corners = (
            [noisy.shape[0], *(noisy.shape[k] // 2 for k in spatial)],
            2 ** len(spatial),
        )
        # around a cell's pixels in a circle, a Gray code: any, and the one before or after it
        first = rng.integers(corners, size=cells)
        second = (first + rng.choice([1, corners - 1], cells)) % corners
        chosen = []
        for place in (first, second):
            code, hit = place ^ place >> 1, np.ones((*noisy.shape[:-1], 1), noisy.dtype)
            for bit, k in enumerate(reversed(spatial)):
                odd = code >> bit & 1
                for other in spatial:
                    odd = np.repeat(odd, 2, axis=other)
                parity = np.arange(noisy.shape[k]) % 2
                hit *= (odd == parity.reshape(-1, *[1] * (noisy.ndim - 2 - k)))[..., None]
            chosen.append(hit)
        return noisy, sigma, np.concatenate([noisy, _map(sigma, noisy), *chosen], axis=-1)

    def __call__(self, target: Any, output: Any) -> Any:
        """Of the square of σ."""
        noisy, sigma = target[..., :-3], _told(target[..., -3])

        def taken(image: Any, chosen: Any) -> Any:
            found = chosen * image
            for k in range(1, len(image.shape) - 1):
                before = (slice(None),) * k
                found = found[(*before, slice(0, None, 2))] + found[(*before, slice(1, None, 2))]
            return found

        first, second = target[..., -2:-1], target[..., -1:]
        known = ops.stop_gradient(output)
        difference = self.run(taken(noisy, first), sigma) - taken(noisy, second)
        gap = taken(known, first) - taken(known, second)
        cost = _mean_square(difference) + self.gamma * _mean_square(difference - gap)
        return cost / ops.square(sigma) - 1


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss for loss in (Supervised, Sure, Recorrupted, Neighbor2Neighbor)
}


def names() -> list[str]:
    """The names of all losses.

    Example:
        >>> from keras_pde.tasks.denoise import losses
        >>> losses.names()
        ['supervised', 'sure', 'r2r', 'neighbor2neighbor']
    """
    return list(LOSSES)


def get(name: str) -> type[Loss]:
    """The loss of a name.

    Raises:
        ValueError: there is none; the names are listed.

    Example:
        >>> from keras_pde.tasks.denoise import losses
        >>> losses.get("r2r").__name__
        'Recorrupted'
    """
    if name not in LOSSES:
        raise ValueError(f"No loss is called {name!r}. There are: {', '.join(LOSSES)}.")
    return LOSSES[name]
