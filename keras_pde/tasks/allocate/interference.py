"""Interfering links: their gains, what each knows of them, and the sum of their rates.

g[i, j] is the gain from the transmitter of link j to the receiver of link i, in units of the noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["field", "observed", "sum_rate", "utility"]

PATH_LOSS = 3.0  # exponent of the distance
NEAR, FAR = 0.05, 0.25  # of a receiver from its transmitter, in sides of the field
SNR = 10.0  # of the mean gain at the distance FAR
SCALE = 8.0  # of the bits that log₂(1 + g) of a link is about


def field(rng: np.random.Generator, networks: int, links: int) -> np.ndarray:
    """Gains (networks, links, links) of links at random places, with Rayleigh fading.

    Transmitters lie anywhere in a square of side 1, and each receiver within 0.05 to 0.25 of its
    own. A gain is 10 (0.25/d)³ times an exponential variable, with distances d below 0.05 taken as
    0.05. The square has the same size for any number of links: more links interfere more.

    Example:
        >>> from keras_pde.tasks.allocate.interference import field
        >>> field(np.random.default_rng(0), 3, 5).shape
        (3, 5, 5)
    """
    places = rng.random((networks, links, 2))
    away, turn = rng.uniform(NEAR, FAR, (networks, links)), rng.random((networks, links))
    turned = np.stack([np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)], axis=-1)
    receivers = places + away[..., None] * turned
    apart = np.linalg.norm(receivers[:, :, None] - places[:, None], axis=-1)
    gains = SNR * (FAR / np.maximum(apart, NEAR)) ** PATH_LOSS
    return gains * rng.exponential(size=gains.shape)


def observed(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a network is given: nodes (networks, n, 1) and links (networks, n, n, 2).

    A node knows log₂(1 + gᵢᵢ)/8, the bits that its link has alone; a pair of links knows that of
    gᵢⱼ and of gⱼᵢ, which are 0 where nothing interferes.

    Example:
        >>> from keras_pde.tasks.allocate.interference import observed
        >>> nodes, links = observed(np.array([[[255.0, 3.0], [0.0, 255.0]]]))
        >>> nodes[0, :, 0], links[0, :, :, 0]
        (array([1., 1.], dtype=float32), array([[0.  , 0.25],
               [0.  , 0.  ]], dtype=float32))
    """
    bits = np.log2(1 + gains) / SCALE
    others = bits * (1 - np.eye(gains.shape[-1]))
    nodes = np.diagonal(bits, axis1=1, axis2=2)[..., None]
    links = np.stack([others, others.swapaxes(1, 2)], axis=-1)
    return nodes.astype("float32"), links.astype("float32")


def sum_rate(gains: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Σᵢ log₂(1 + gᵢᵢpᵢ/(1 + Σⱼgᵢⱼpⱼ)) of each network, over j ≠ i, in bits.

    Args:
        gains: (networks, n, n).
        powers: (networks, n).

    Example:
        >>> from keras_pde.tasks.allocate.interference import sum_rate
        >>> sum_rate(np.array([[[3.0, 2.0], [0.0, 1.0]]]), np.array([[1.0, 1.0]]))
        array([2.])
    """
    own = np.diagonal(gains, axis1=1, axis2=2) * powers
    every = (gains @ powers[..., None])[..., 0]
    return np.log2(1 + own / (1 + every - own)).sum(-1)


def utility(gains: Any, powers: Any) -> Any:
    """`sum_rate` of tensors, by `keras.ops`, to be maximised; powers (networks, n, 1).

    Example:
        >>> from keras_pde.tasks.allocate.interference import utility
        >>> float(utility(ops.array([[[3.0, 2.0], [0.0, 1.0]]]), ops.ones((1, 2, 1)))[0])
        2.0
    """
    from keras import ops

    gains = ops.cast(gains, powers.dtype)
    eye = ops.eye(gains.shape[-1], dtype=powers.dtype)
    own = ops.sum(gains * eye, axis=-1) * powers[..., 0]
    others = ops.sum(gains * (1 - eye) * ops.swapaxes(powers, 1, 2), axis=-1)
    return ops.sum(ops.log2(1 + own / (1 + others)), axis=-1)
