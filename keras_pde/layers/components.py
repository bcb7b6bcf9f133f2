"""A state's components, one after the other along its channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_pde.runtime.types import Tensor


def components_of(u: Tensor, count: int) -> list[Tensor]:
    """The components of a state, each with all copies."""
    if count == 1:
        return [u]
    copies = u.shape[-1] // count
    return [u[..., c * copies : (c + 1) * copies] for c in range(count)]


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Parts one after the other along the channels."""
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, -1)


def times(coefficient: Any, value: Tensor) -> Tensor:
    """A number or a scalar tensor times a state, in the precision of the state."""
    if isinstance(coefficient, float):
        if coefficient == 1 or not math.isfinite(coefficient):
            return value if coefficient == 1 else value * coefficient
        return ops.multiply(value, ops.convert_to_tensor(coefficient, dtype=value.dtype))
    return ops.multiply(value, ops.cast(coefficient, value.dtype))
