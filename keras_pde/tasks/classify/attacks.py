"""Attacks on a classifier by gradients: what a certificate has to stand.

An attack finds a perturbation, and proves nothing where it finds none. It is measured beside what
is proved: wherever a sample is certified, no attack may succeed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_pde.models.named_classes import together
from keras_pde.runtime import gate
from keras_pde.runtime.gradients import values_and_gradients
from keras_pde.runtime.types import Tensor

__all__ = ["fgsm", "pgd"]

STEPS = 40
BATCH = 256  # images that are attacked together
PIXELS = 1 << 19  # of all of them
WIDTH = 0.02  # of logits, over which a pixel's change from right to wrong is smoothed


def fgsm(network: Any, x: Any, labels: Any, eps: Any) -> np.ndarray:
    """x + ε·(the direction that lowers the margin fastest), in the network's norm; in [0, 1].

    Args:
        network: a `Classifier`.
        x: images (batch, height, width, channels) in [0, 1].
        labels: (batch,).
        eps: ε > 0, for all or for each image.

    Source: Goodfellow, Shlens, Szegedy, arXiv:1412.6572 (2014).

    Example:
        >>> from keras_pde.models.classifier import Classifier
        >>> from keras_pde.tasks.classify.attacks import fgsm
        >>> class Means(Classifier):
        ...     def call(self, image):
        ...         return ops.mean(image, axis=(1, 2))
        >>> net = Means(classes=2)
        >>> image = np.full((1, 4, 4, 2), [0.2, 0.7], "float32")
        >>> moved = fgsm(net, image, [1], 0.4)
        >>> round(float(np.linalg.norm(moved - image)), 4), bool((moved[..., 1] < 0.7).all())
        (0.4, True)
    """
    x, labels, eps = _given(network, x, labels, eps)
    _, slopes = _lead(network)(x, labels)
    return _within(x + eps * _direction(slopes, network.norm), x, eps, network.norm)


def pgd(
    network: Any, x: Any, labels: Any, eps: Any, *, steps: int = STEPS, seed: int = 0
) -> np.ndarray:
    """Projected gradient descent on the margin in the ball ‖e‖ ≤ ε, from a random point of it.

    Of each image the point with the least margin on the way is kept. With a label for each pixel
    the number of wrong pixels is raised in place of the margin, smoothed for its gradient, and the
    point with the most is kept.

    Args:
        network: a `Classifier` or `CertifiedSegmenter`; its ``norm`` is that of the ball.
        x: images (batch, height, width, channels) in [0, 1].
        labels: (batch,), or of pixels (batch, height, width).
        eps: ε > 0, for all or for each image.
        steps: of descent, each of length 2.5 ε/steps.
        seed: of the first points.

    Returns:
        Images in [0, 1] within ε of x.

    Source: Madry et al., arXiv:1706.06083 (2017).

    Example:
        >>> from keras_pde.models.classifier import Classifier
        >>> from keras_pde.tasks.classify.attacks import pgd
        >>> class Means(Classifier):
        ...     def call(self, image):
        ...         return ops.mean(image, axis=(1, 2))
        >>> net = Means(classes=2)
        >>> image = np.full((1, 4, 4, 2), [0.45, 0.55], "float32")
        >>> net.answers(image), net.answers(pgd(net, image, [1], 0.5))
        (array([1]), array([0]))
    """
    x, labels, eps = _given(network, x, labels, eps)
    steps = gate.count(steps, "steps")
    lead, norm = _lead(network), network.norm
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(x.shape) if norm == "l2" else rng.uniform(-1, 1, x.shape)
    near = _within(x + eps * rng.random() * _unit(start, norm), x, eps, norm)
    best, most = x, np.full(len(x), -np.inf)
    for k in range(steps + 1):
        ahead, slopes = lead(near, labels)
        best = np.where((ahead > most).reshape(eps.shape), near, best)
        most = np.maximum(ahead, most)
        if k < steps:
            near = _within(near + 2.5 * eps / steps * _direction(slopes, norm), x, eps, norm)
    return best


def _given(network: Any, x: Any, labels: Any, eps: Any) -> tuple[np.ndarray, ...]:
    x, labels = np.asarray(x, np.float32), np.asarray(labels, np.int32)
    if labels.shape not in (x.shape[:1], x.shape[:-1]):
        raise ValueError(
            "An attack needs a label for each image, or each pixel. Received: shapes"
            f" {x.shape}, {labels.shape}"
        )
    sizes = np.broadcast_to(np.asarray(eps, np.float64), x.shape[:1])
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError(f"eps must be finite and > 0. Received: eps={gate.said(eps)}")
    if not network.built:
        network.build((None, *x.shape[1:]))
    return x, labels, sizes.reshape(-1, *[1] * (x.ndim - 1))


def _lead(network: Any) -> Any:
    """By how much the best other class is ahead of the right one, and its gradient, in batches.

    Of pixels it is the number that another class is ahead of, smoothed to have a gradient.
    """

    def lead(x: Tensor, labels: Tensor) -> Tensor:
        z = network(x)
        right = ops.one_hot(labels, network.classes, dtype=z.dtype)
        ahead = ops.max(z - 1e9 * right, axis=-1) - ops.sum(z * right, axis=-1)
        if len(ahead.shape) == 1:
            return ahead
        return ops.sum(ops.sigmoid(ahead / WIDTH), axis=tuple(range(1, len(ahead.shape))))

    evaluate = values_and_gradients(lead)

    def run(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = together(x, BATCH, PIXELS)
        parts = [evaluate(x[k : k + size], labels[k : k + size]) for k in range(0, len(x), size)]
        values, slopes = zip(*parts, strict=True)
        return np.concatenate(values), np.concatenate(slopes)

    return run


def _direction(gradient: np.ndarray, norm: str) -> np.ndarray:
    """The step of length 1 that climbs fastest."""
    return np.sign(gradient) if norm == "linf" else _unit(gradient, norm)


def _unit(e: np.ndarray, norm: str) -> np.ndarray:
    """Each image's perturbation over its norm."""
    size = _size(e, norm)
    return e / np.where(size > 0, size, 1)


def _size(e: np.ndarray, norm: str) -> np.ndarray:
    axes = tuple(range(1, e.ndim))
    if norm == "linf":
        return np.abs(e).max(axes, keepdims=True)
    return np.sqrt(np.square(e.astype(np.float64)).sum(axes, keepdims=True))


def _within(moved: np.ndarray, x: np.ndarray, eps: np.ndarray, norm: str) -> np.ndarray:
    """The nearest point of the ball, and then of the images: float32 that are no farther than ε."""
    e = np.float64(moved) - x
    if norm == "linf":
        e = np.clip(e, -eps, eps)
    else:
        e = e * np.minimum(1, eps / np.maximum(_size(e, norm), 1e-300))
    found = np.clip(x + e, 0, 1).astype(np.float32)
    longer = _size(np.float64(found) - x, norm) > eps  # by rounding: the next numbers are inside
    return np.where(longer, np.nextafter(found, x), found)
