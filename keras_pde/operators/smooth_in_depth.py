"""SmoothInDepth: an initializer whose kernels are a smooth random function of depth."""

from __future__ import annotations

import functools
import math
import random
from typing import Any

import keras
import numpy as np

from keras_pde.operators.initializing import initializer_of
from keras_pde.runtime import gate
from keras_pde.runtime.types import Shape, Tensor

SHORTEST = 0.1  # correlation length: beyond it blocks are as good as independent
LARGEST_SEED = 2**31


@keras.saving.register_keras_serializable(package="keras_pde")
class SmoothInDepth(keras.initializers.Initializer):
    r"""Initializer θ(s) = Σⱼ √wⱼ(ξⱼ cos ωⱼs + ηⱼ sin ωⱼs) of a block at the depth s in [0, 1].

    ξⱼ and ηⱼ are independent draws of another initializer. Σwⱼ = 1, so that every block has that
    one's variance, and Σwⱼωⱼ² = 1/ℓ², so that the mean square of θ(s) − θ(t) is at most
    ((s − t)/ℓ)² of it (H1): neighbours of n blocks differ by 1/(nℓ). The nodes are those of
    Gauss-Hermite quadrature: θ is the Gaussian process with the correlation exp(−(s − t)²/2ℓ²), up
    to 1e-3 of it. The function does not depend on the number of blocks: networks of any depth with
    one seed start from the same one.

    Copies of a block in a network stand at the depths (k + ½)/n. A network that starts so, trained
    by `keras_pde.optimizers.DepthAdam`, is one function of depth, and `DiffusionResNet.with_depth`
    makes networks of other depths of it.

    Args:
        initializer: a random initializer of Keras with mean zero, or its name; orthogonal kernels
            are mixed to others of their variance.
        length: ℓ as a part of the depth, at least 0.1; None is the limit of infinite length: all
            blocks start from the same weights.
        seed: of the function; None draws one, which is then kept.
        depth: s, which a network sets in each of its blocks.

    Raises:
        ValueError: an initializer that is not random or has another mean than zero.

    Source: Marion, Wu, Sander, Biau, arXiv:2309.01213 (2023).

    Example:
        >>> from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, SmoothInDepth
        >>> operator = ConvOperator(8, 5, initializer=SmoothInDepth(seed=1), zero_mean=True)
        >>> net = DiffusionResNet(50, block=DiffusionBlock(operator))
        >>> net.build((None, None, None, 1))
        >>> first, second, *_, last = (np.array(block.operator.kernels[0]) for block in net.blocks)
        >>> bool(np.abs(second - first).max() < 0.1 * np.abs(last - first).max())
        True
    """

    def __init__(
        self,
        initializer: Any = "orthogonal",
        length: float | None = 1.0,
        seed: int | None = None,
        *,
        depth: float = 0.0,
    ) -> None:
        self.initializer = _random(initializer_of(initializer))
        self.length = gate.number(length, "length", low=SHORTEST, none=True)
        if seed is None:
            # as Keras draws one; from then on it is part of the configuration that blocks copy
            seed = random.randrange(LARGEST_SEED)
        self.seed = gate.whole(seed, "seed", low=0, high=LARGEST_SEED - 1)
        self.depth = gate.number(depth, "depth", low=0, high=1)

    def __call__(self, shape: Shape, dtype: Any = None, **kwargs: Any) -> Tensor:
        """θ(s) of a shape: the same for the same seed, depth and shape."""
        factors = coefficients(self.depth, self.length)
        drawn = self.draws(shape, dtype, **kwargs)
        return sum(float(c) * part for c, part in zip(factors, drawn, strict=True))

    def draws(self, shape: Shape, dtype: Any = None, **kwargs: Any) -> list[Tensor]:
        """All ξⱼ, then all ηⱼ, which are the same at every depth."""
        seeds = np.random.SeedSequence(self.seed).generate_state(
            len(coefficients(self.depth, self.length))
        )
        config = self.initializer.get_config()
        draw = type(self.initializer).from_config
        return [
            draw({**config, "seed": int(seed) % LARGEST_SEED})(shape, dtype=dtype, **kwargs)
            for seed in seeds
        ]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "initializer": keras.initializers.serialize(self.initializer),
            "length": self.length,
            "seed": self.seed,
            "depth": self.depth,
        }


def coefficients(depth: float, length: float | None) -> np.ndarray:
    """√wⱼ cos ωⱼs, then √wⱼ sin ωⱼs: what the draws are multiplied by. Their squares sum to 1.

    Example:
        >>> from keras_pde.operators.smooth_in_depth import coefficients
        >>> near, far = (float(coefficients(0.3, 1.0) @ coefficients(s, 1.0)) for s in (0.3, 0.8))
        >>> round(near, 12), round(far, 5), round(float(np.exp(-0.5**2 / 2)), 5)
        (1.0, 0.8825, 0.8825)
    """
    if length is None:
        return np.ones(1)
    nodes, weights = _quadrature(math.ceil(1 / (2 * length**2)) + 3)
    angles = nodes * depth / length
    return np.concatenate([np.sqrt(weights) * np.cos(angles), np.sqrt(weights) * np.sin(angles)])


@functools.lru_cache(maxsize=16)
def _quadrature(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positive nodes ω and weights w with Σw cos(ωr) = exp(−r²/2), exact to degree 4·count − 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(2 * count)
    positive = nodes > 0
    return nodes[positive], weights[positive] / weights[positive].sum()


def _random(initializer: Any) -> Any:
    """A random initializer with mean zero.

    Raises:
        ValueError: any other.
    """
    known = isinstance(initializer, keras.initializers.Initializer)
    config = initializer.get_config() if known else {}
    mean = config.get("mean", 0) or config.get("minval", 0) + config.get("maxval", 0)
    if "seed" not in config or mean:
        raise ValueError(
            "SmoothInDepth mixes draws of a random initializer with mean zero. Received:"
            f" initializer={gate.said(initializer)}. For blocks that all start from one value no"
            " SmoothInDepth is needed: give that initializer itself"
        )
    return initializer


def at_depth(config: Any, depth: float) -> Any:
    """A layer's configuration with its initializers of this kind at a depth.

    Example:
        >>> from keras_pde import SmoothInDepth
        >>> from keras_pde.operators.smooth_in_depth import at_depth
        >>> config = keras.saving.serialize_keras_object(SmoothInDepth(seed=1))
        >>> keras.saving.deserialize_keras_object(at_depth([config], 0.25)[0]).depth
        0.25
    """
    if isinstance(config, list | tuple):
        return [at_depth(value, depth) for value in config]
    if not isinstance(config, dict):
        return config
    inner = {key: at_depth(value, depth) for key, value in config.items()}
    if inner.get("registered_name") == "keras_pde>SmoothInDepth":
        inner["config"] = {**inner["config"], "depth": depth}
    return inner
