"""Callbacks of `fit` for networks of keras_pde."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_pde.models.block_network import BlockNetwork
from keras_pde.models.depth import roughness

__all__ = ["DepthSmoothness"]


class DepthSmoothness(keras.callbacks.Callback):
    """Logs R = L·maxₖ‖θₖ₊₁ − θₖ‖ of the weights θₖ of L blocks at the end of each epoch.

    R is the Lipschitz constant of the weights over depth. While it keeps its size, the network
    samples one function of depth, and `DiffusionResNet.with_depth` changes the number of samples;
    where it grows, a deeper network of the interpolated weights is another map. R of different L
    can be compared: it is the same where the weights are one function, and grows like L where
    blocks are independent.

    Args:
        blocks: layers with weights of the same shapes, in the order of depth; None is the blocks of
            the network that is trained.
        name: of the entry in the logs.

    Raises:
        ValueError: when training starts, fewer than two blocks, or a model without blocks.

    Source: Marion, Wu, Sander, Biau, arXiv:2309.01213 (2023).

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(4, filters=4)
        >>> net.compile(keras_pde.optimizers.DepthAdam(), "mse")
        >>> u = np.random.default_rng(0).random((2, 8, 8, 1))
        >>> smoothness = keras_pde.callbacks.DepthSmoothness()
        >>> logs = net.fit(u, u, epochs=2, callbacks=[smoothness], verbose=0).history
        >>> len(logs["depth_smoothness"]), logs["depth_smoothness"][-1] == smoothness.last
        (2, True)
    """

    def __init__(self, blocks: Sequence[Any] | None = None, name: str = "depth_smoothness") -> None:
        super().__init__()
        self.blocks = blocks
        self.name = name
        self.last: float | None = None

    def _watched(self) -> Sequence[Any]:
        if self.blocks is not None:
            return self.blocks
        return self.model.blocks if isinstance(self.model, BlockNetwork) else ()

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuse a model whose weights are no function of depth."""
        count = len(self._watched())
        if count < 2:
            raise ValueError(
                "DepthSmoothness compares the weights of neighbouring blocks, and"
                f" {self.model.name} has {count}. Use an untied network of two blocks or more, or"
                " give blocks=, the layers themselves"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write R into the logs."""
        self.last = roughness(self._watched())
        if logs is not None:
            logs[self.name] = self.last
