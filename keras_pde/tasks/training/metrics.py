"""Metrics of classifiers, for `fit` and `evaluate` (public as keras_pde.metrics)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_pde.models.certified_classifier import CertifiedClassifier
from keras_pde.models.robust_implicit import RobustImplicit
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

__all__ = ["CertifiedAccuracy", "CertifiedLinfAccuracy"]

FARTHEST = 2.0  # ‖C_y − C_j‖ of rows of norm 1


class Certified(keras.metrics.Mean):
    """Share of the images whose class is right for every e of size eps, in a norm.

    Args:
        eps: size of the perturbations.
        network: what the logits are of, or None.

    Raises:
        ValueError: an eps that is no finite number >= 0; another network.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.training.metrics import Certified
        >>> issubclass(keras_pde.metrics.CertifiedLinfAccuracy, Certified)
        True
    """

    kind: ClassVar[type] = CertifiedClassifier
    instead: ClassVar[str] = ""

    def __init__(self, eps: float, network: Any, name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.eps = gate.number(eps, "eps", low=0.0)
        if network is not None and not isinstance(network, self.kind):
            raise ValueError(
                f"network must be a {self.kind.__name__}, or None. Received:"
                f" network={gate.said(network)}"
            )
        self.network: Any = network

    def tally(self, gaps: Tensor, labels: Tensor, sample_weight: Any) -> None:
        """Count the images whose gaps to all other classes than the label's are positive."""
        own = ops.one_hot(labels, gaps.shape[-1], dtype="bool")
        kept = ops.all(ops.logical_or(gaps > 0, own), axis=-1)
        super().update_state(ops.cast(kept, self.dtype), sample_weight)

    def lead(self, y_pred: Tensor, labels: Tensor, apart: Any) -> Tensor:
        """z_y − z_j − eps·apart, (batch, classes)."""
        z = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        own = ops.one_hot(labels, z.shape[-1], dtype="float32")
        return ops.sum(own * z, axis=-1, keepdims=True) - z - self.eps * apart

    def require_weights(self, given: Tensor) -> None:
        """Refuse to go on where Keras's trainer shows a metric no weights."""
        if keras.backend.backend() != "jax":
            return
        import jax

        if isinstance(ops.convert_to_tensor(given), jax.core.Tracer):
            raise ValueError(
                "Keras's trainer on JAX shows a metric no weights of the network, so the numbers"
                f" at hand are not known: {self.instead}ask network.certified(x, labels, eps)"
            )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments but the network, which a file holds once, as the model itself."""
        return {**super().get_config(), "eps": self.eps}


@keras.saving.register_keras_serializable(package="keras_pde")
class CertifiedAccuracy(Certified):
    """Share of the images whose class is right for every ‖e‖ ≤ eps, by the margin of the logits.

    An image counts where z_y − z_j > eps‖C_y − C_j‖ for its label y and all other j (K2). With a
    network the rows are those in use, at every step of a training; without one the distance of two
    rows of norm 1 is taken to be 2, which it never exceeds. Logits are taken as they are: their
    roundings in float32 are not subtracted, as `CertifiedClassifier.radius` does.

    Args:
        eps: size of the perturbations, in the 2-norm.
        network: the `CertifiedClassifier` that the logits are of, or None.

    Raises:
        ValueError: an eps that is no finite number >= 0; another network; a network in `fit` or
            `evaluate` on JAX, where Keras shows a metric no weights.

    Example:
        >>> import keras_pde
        >>> metric = keras_pde.metrics.CertifiedAccuracy(0.2)
        >>> metric.update_state(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 0.3]]))
        >>> float(metric.result())
        0.5
    """

    instead = "leave network out, which takes the distance of two rows to be 2, or "

    def __init__(
        self,
        eps: float,
        network: CertifiedClassifier | None = None,
        name: str = "certified_accuracy",
        **kwargs: Any,
    ) -> None:
        super().__init__(eps, network, name, **kwargs)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Count the images of a batch.

        Args:
            y_true: labels, (batch,) or (batch, 1).
            y_pred: logits, (batch, classes).
            sample_weight: of each image, or None.
        """
        labels, apart = _labels(y_true), FARTHEST
        if self.network is not None:
            self.require_weights(y_pred)
            distances = ops.cast(self.network.head.distances(), "float32")
            apart = ops.take(distances, labels, axis=0)
        self.tally(self.lead(y_pred, labels, apart), labels, sample_weight)


@keras.saving.register_keras_serializable(package="keras_pde")
class CertifiedLinfAccuracy(Certified):
    """Share of the images whose class is right for every ‖e‖∞ ≤ eps, by boxes or by a constant.

    Where targets hold the images, as `targets` makes them, an image counts whose box proves its
    label: all logits of x + e are below the label's (W4). That costs a solve of twice the network's
    numbers. Of labels alone an image counts where z_y − z_j > eps·|C_y − C_j|(I − ⌈A⌉)⁻¹|B|1, by
    the constants of the network (W2), which prove less than boxes. Roundings and the tolerance of
    solves are not subtracted, as `RobustImplicit.certified` does.

    Args:
        eps: size of the perturbations, in the maximum norm.
        network: the `RobustImplicit` that the logits are of. A metric that was loaded has none,
            and has to be made again.

    Raises:
        ValueError: an eps that is no finite number >= 0; another network; at an update, no network,
            targets of another length, `fit` or `evaluate` on JAX, where Keras shows a metric no
            weights.

    Example:
        >>> import keras_pde
        >>> net = keras_pde.RobustImplicit(classes=3, units=8)
        >>> x = np.random.default_rng(0).random((20, 4, 4, 1)).astype("float32")
        >>> labels = net.answers(x)
        >>> boxes, constant = (keras_pde.metrics.CertifiedLinfAccuracy(0.01, net) for _ in range(2))
        >>> boxes.update_state(boxes.targets(labels, x), net(x))
        >>> constant.update_state(labels, net(x))
        >>> 1 >= float(boxes.result()) >= float(constant.result()) >= 0
        True
    """

    kind = RobustImplicit

    def __init__(
        self,
        eps: float,
        network: RobustImplicit | None = None,
        name: str = "certified_linf_accuracy",
        **kwargs: Any,
    ) -> None:
        super().__init__(eps, network, name, **kwargs)

    @staticmethod
    def targets(labels: Any, images: Any) -> np.ndarray:
        """Labels with their images, (batch, 1 + numbers of an image), as float32.

        Example:
            >>> import keras_pde
            >>> metric = keras_pde.metrics.CertifiedLinfAccuracy(0.1)
            >>> both = metric.targets([1, 2], np.ones((2, 4, 4, 1)))
            >>> both.shape, both[1, :2].tolist()
            ((2, 17), [2.0, 1.0])
        """
        rows = np.reshape(np.asarray(images, "float32"), (len(images), -1))
        return np.concatenate([np.reshape(labels, (-1, 1)).astype("float32"), rows], axis=1)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Count the images of a batch.

        Args:
            y_true: labels, (batch,) or (batch, 1); or `targets`, which have the images.
            y_pred: logits, (batch, classes); with images they are not looked at.
            sample_weight: of each image, or None.
        """
        if self.network is None:
            raise ValueError(
                "What is certified in the maximum norm depends on the weights: make the metric with"
                f" its network, CertifiedLinfAccuracy({self.eps:g}, network)"
            )
        self.require_weights(y_pred)
        given = ops.convert_to_tensor(y_true)
        if len(given.shape) < 2 or given.shape[-1] == 1:
            labels = _labels(given)
            slopes = ops.cast(self.network.distances(), "float32")
            gaps = self.lead(y_pred, labels, ops.take(slopes, labels, axis=0))
            return self.tally(gaps, labels, sample_weight)
        shape = (*self.network.sizes, self.network.input_channels)
        if given.shape[-1] != 1 + self.network.pixels:
            raise ValueError(
                f"Targets are labels, or CertifiedLinfAccuracy.targets(labels, images) with images"
                f" {shape}: {1 + self.network.pixels} numbers each. Received: shape"
                f" {tuple(given.shape)}"
            )
        labels, images = _labels(given[:, :1]), ops.reshape(given[:, 1:], (-1, *shape))
        worst = ops.cast(self.network.robust_logits(images, labels, self.eps), "float32")
        return self.tally(-worst, labels, sample_weight)


def _labels(given: Tensor) -> Tensor:
    return ops.reshape(ops.cast(ops.convert_to_tensor(given), "int32"), (-1,))
