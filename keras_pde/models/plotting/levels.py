"""A picture of multigrid: the state on every level."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_pde.models.multigrid_unet import MultigridUNet
from keras_pde.models.plotting.canvas import checked, grid
from keras_pde.runtime import gate

__all__ = ["plot_levels"]


def plot_levels(model: MultigridUNet, b: Any, ax: Any = None) -> np.ndarray:
    """The state of every level when a cycle leaves it for the last time, the finest first.

    Each panel has a scale of its own; its title says its points.

    Args:
        model: a `MultigridUNet` for 2-D data, of one input.
        b: right-hand side (height, width), or (height, width, channels), of which the first
            channel is shown.
        ax: as many axes as there are levels; None makes a figure.

    Returns:
        The axes of the levels, in an array.

    Raises:
        ValueError: data of another rank; a network of another class.

    Example:
        >>> from keras_pde import MultigridUNet, plotting
        >>> axes = plotting.plot_levels(MultigridUNet("poisson"), np.ones((15, 15)))
        >>> [axis.get_title() for axis in axes]
        ['15 × 15', '7 × 7', '3 × 3', '1 × 1']
    """
    checked(model, "model", MultigridUNet)
    right = gate.array(b, "b")
    if right.ndim not in (2, 3):
        raise ValueError(
            f"b must be (height, width), or that and channels. Received: shape {right.shape}"
        )
    states = model.features((right if right.ndim == 3 else right[..., None])[None])
    axes = grid(len(states), 6, 2.4, 2.5, ax)
    for axis, state in zip(axes, states, strict=True):
        values = np.asarray(ops.convert_to_numpy(state))[0, ..., 0]
        axis.imshow(values, cmap="viridis")
        axis.set_title(" × ".join(map(str, values.shape)), fontsize="small")
        axis.axis("off")
    return axes
