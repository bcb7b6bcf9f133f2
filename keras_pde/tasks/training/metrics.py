"""Metrics of classifiers, for `fit` and `evaluate` (public as keras_pde.metrics)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.models.certified_classifier import CertifiedClassifier
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

__all__ = ["CertifiedAccuracy"]

FARTHEST = 2.0  # ‖C_y − C_j‖ of rows of norm 1


@keras.saving.register_keras_serializable(package="keras_pde")
class CertifiedAccuracy(keras.metrics.Mean):
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

    def __init__(
        self,
        eps: float,
        network: CertifiedClassifier | None = None,
        name: str = "certified_accuracy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.eps = gate.number(eps, "eps", low=0.0)
        if network is not None and not isinstance(network, CertifiedClassifier):
            raise ValueError(
                "network must be a CertifiedClassifier, or None. Received:"
                f" network={gate.said(network)}"
            )
        self.network = network

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Count the images of a batch.

        Args:
            y_true: labels, (batch,) or (batch, 1).
            y_pred: logits, (batch, classes).
            sample_weight: of each image, or None.
        """
        z = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        labels = ops.reshape(ops.cast(ops.convert_to_tensor(y_true), "int32"), (-1,))
        own = ops.one_hot(labels, z.shape[-1], dtype="float32")
        if self.network is None:
            apart: Any = FARTHEST
        else:
            _require_weights(z)
            apart = ops.take(ops.cast(self.network.head.distances(), "float32"), labels, axis=0)
        gaps = ops.sum(own * z, axis=-1, keepdims=True) - z - self.eps * apart
        kept = ops.all(ops.logical_or(gaps > 0, own > 0), axis=-1)
        super().update_state(ops.cast(kept, self.dtype), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments but the network, which a file holds once, as the model itself."""
        return {**super().get_config(), "eps": self.eps}


def _require_weights(z: Tensor) -> None:
    if keras.backend.backend() != "jax":
        return
    import jax

    if isinstance(z, jax.core.Tracer):
        raise ValueError(
            "Keras's trainer on JAX shows a metric no weights of the network, so the rows at hand"
            " are not known: leave network out, which takes the distance of two rows to be 2, or"
            " ask network.certified(x, labels, eps)"
        )
