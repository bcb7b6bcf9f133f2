"""Losses of certified training: cross-entropy with a margin, and of the worst case in a box."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from keras_pde.runtime.types import Tensor
from keras_pde.tasks.classify.settings import Settings

__all__ = ["cross_entropy", "margin_loss", "robust_loss"]

HEAD = 2  # numbers of a target before its image: class, and how far training is


def cross_entropy(labels: Tensor, logits: Tensor, eps: float, temperature: float) -> Tensor:
    """−log softmax((z − √2 ε e_y)/T)_y, with the logit of the right class lowered by √2 ε.

    Logits of a network with Lipschitz constant 1 and a head of rows of norm 1 differ by at most
    √2 ε more or less under a perturbation of size ε: the loss asks for that margin.

    Args:
        labels: (batch,), whole numbers.
        logits: (batch, classes).
        eps: ε.
        temperature: T.

    Returns:
        A value for each sample.

    Source: Prach, Lampert, arXiv:2208.03160 (2022).

    Example:
        >>> from keras_pde.tasks.classify.losses import cross_entropy
        >>> z = ops.convert_to_tensor([[2.0, 0.0]])
        >>> [round(float(cross_entropy([0], z, eps, 1.0)[0]), 4) for eps in (0.0, 2**0.5)]
        [0.1269, 0.6931]
    """
    right = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype=logits.dtype)
    scaled = (logits - math.sqrt(2) * eps * right) / temperature
    return ops.logsumexp(scaled, axis=-1) - ops.sum(scaled * right, axis=-1)


def margin_loss(settings: Settings) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss "supervised": cross-entropy with the options' eps and temperature.

    Example:
        >>> from keras_pde.tasks.classify.losses import margin_loss
        >>> from keras_pde.tasks.classify.settings import Settings
        >>> loss = margin_loss(Settings({"data": "digits", "eps": 1.0, "temperature": 0.5}))
        >>> target, z = np.array([[0.0, 0.1]]), ops.convert_to_tensor([[2.0, 2 - 2**0.5]])
        >>> round(float(loss(target, z)[0]), 4)                  # the margin is √2 ε: log 2
        0.6931
    """
    eps, temperature = settings.eps, settings.temperature

    def loss(target: Tensor, output: Tensor) -> Tensor:
        return cross_entropy(target[:, 0], output, eps, temperature)

    return loss


def robust_loss(settings: Settings, network: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss "robust": (1 − κ) CE(z) + κ CE(worst z in the box of ε), with ε and κ rising.

    Targets hold the images, as `LabelledBatches` with ``with_images`` makes them.

    Source: Jafarpour et al., arXiv:2208.03889 (2022).

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.classify.losses import robust_loss
        >>> from keras_pde.tasks.classify.settings import Settings
        >>> net = keras_pde.RobustImplicit(2, units=4)
        >>> net.build((None, 2, 2, 1))
        >>> loss = robust_loss(Settings({"data": "digits", "eps": 0.1, "ramp": 0.5}), net)
        >>> image = np.full((1, 2, 2, 1), 0.5, "float32")
        >>> targets = [np.float32([[0, done, *image.ravel()]]) for done in (0.0, 1.0)]
        >>> clean, robust = (float(loss(ops.convert_to_tensor(t), net(image))[0]) for t in targets)
        >>> robust > clean
        True
    """
    temperature = settings.temperature

    def loss(target: Tensor, output: Tensor) -> Tensor:
        labels, done = ops.cast(target[:, 0], "int32"), target[:, 1:HEAD]
        images = ops.reshape(target[:, HEAD:], (-1, *network.sizes, network.input_channels))
        risen = ops.minimum(done / max(settings.ramp, 1e-6), 1.0)
        box = ops.reshape(settings.eps * risen, (-1, *[1] * (len(network.sizes) + 1)))
        worst = network.training_logits(images, labels, box)
        kappa = settings.kappa * risen[:, 0]
        clean = cross_entropy(labels, output, 0.0, temperature)
        return (1 - kappa) * clean + kappa * cross_entropy(labels, worst, 0.0, temperature)

    return loss
