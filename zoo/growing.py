"""A network's start from the weights of a smaller one that is trained already."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

SMALL = 0.1  # what the kernels of further channels and filters start at, of their usual size


def grow(model: Any, source: Any) -> None:
    """Give a model the weights of a source with the same layers, of which it may have more channels and filters.

    Each weight gets the source's as its leading part. The rest of a convolution's kernel keeps a tenth of its initial values: with none the
    further channels would stay at zero for ever, and with all the model would start far from the source.

    Raises:
        ValueError: layers that differ, or a source that is larger.

    Example:
        >>> import keras_pde
        >>> from keras_pde.zoo.growing import grow
        >>> small, large = (keras_pde.DiffusionResNet(2, filters=n, lifting=2) for n in (4, 8))
        >>> for net in (small, large):
        ...     net.build((None, None, None, 1))
        >>> grow(large, small)
        >>> kernels = [np.array(net.blocks[0].operator.kernels[0]) for net in (small, large)]
        >>> bool(np.all(kernels[1][..., :4] == kernels[0]))
        True
    """
    if len(model.weights) != len(source.weights):
        raise ValueError(f"{source.name} has {len(source.weights)} weights and {model.name} {len(model.weights)}: the same layers are needed")
    grown = []
    for weight, given in zip(model.weights, source.weights, strict=True):
        old, new = (np.array(ops.convert_to_numpy(w)) for w in (given, weight))
        if old.ndim != new.ndim or any(n < m for n, m in zip(new.shape, old.shape, strict=True)):
            raise ValueError(f"{weight.path} has the shape {new.shape}, {given.path} {old.shape}: it does not fit in")
        if weight.name.startswith("kernel") and new.shape != old.shape:
            new = new * SMALL
        new[tuple(slice(n) for n in old.shape)] = old
        grown.append(new)
    for weight, value in zip(model.weights, grown, strict=True):
        weight.assign(value)
