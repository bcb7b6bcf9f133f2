"""StageEntry: the map from one grid of a classifier to the next, an isometry or a projection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pde.layers.lifting import Lifting

POOLINGS = ("patches", "average")


class StageEntry(keras.Layer):
    r"""The linear map P u = E A u with ‖P‖ = 1: patches A, then zeros E for further channels.

    "patches" makes channels of p×p patches, an isometry. "average" adds the pixels of a patch up
    and divides by √(pᵈ), which is an orthogonal projection: PPᵀ = I.
    Sizes that are no multiples of p are extended by zeros. A flat entry makes one vector of all
    pixels then. It has no weights and costs a transposition.

    Args:
        patch_size: p.
        pooling: "patches" or "average".
        channels: after the map, at least as many as arrive; None is as many.
        flat: whether the state is a vector (batch, channels).

    Raises:
        ValueError: at build, fewer channels than arrive, or a flat entry for sizes that are not
            fixed.

    Example:
        >>> from keras_pde.layers.stage_entry import StageEntry
        >>> u = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
        >>> tuple(StageEntry(2, channels=6)(u).shape), tuple(StageEntry(flat=True)(u).shape)
        ((1, 2, 2, 6), (1, 16))
        >>> print(np.array(StageEntry(2, "average")(u))[0, 0, :, 0])
        [5. 9.]
    """

    def __init__(
        self,
        patch_size: int = 1,
        pooling: str = "patches",
        channels: int | None = None,
        flat: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.pooling = pooling
        self.channels = channels
        self.flat = flat

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Check that the channels hold what arrives."""
        *_, found = self._arriving(input_shape)
        if found is None:
            raise ValueError(
                "A vector of all pixels needs an image whose sizes are fixed. Received: shape"
                f" {tuple(input_shape)}"
            )
        if self.channels is not None and self.channels < found:
            raise ValueError(
                f"A stage needs channels >= {found}, which arrive from an input of shape"
                f" {tuple(input_shape[1:])}: zeros are added, nothing is dropped. Received:"
                f" channels={self.channels}. Raise it, lower patch_size, or use pooling='average'."
            )
        self.more = 0 if self.channels is None else self.channels - found
        self.grouping = None
        if self.patch_size > 1:
            self.grouping = Lifting(patch_size=self.patch_size, dtype=self.dtype_policy)
            self.grouping.build(tuple(input_shape))
        self.built = True

    def _arriving(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape before further channels are added."""
        batch, *sizes, channels = shape
        p, d = self.patch_size, len(sizes)
        fewer = [None if n is None else -(-n // p) for n in sizes]
        if self.pooling == "patches" and channels is not None:
            channels *= p**d
        if not self.flat:
            return (batch, *fewer, channels)
        known = [n for n in (*fewer, channels) if n is not None]
        return (batch, math.prod(known) if len(known) == d + 1 else None)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Coarse sizes, or none of a flat entry, and the channels."""
        *before, found = self._arriving(input_shape)
        return (*before, found if self.channels is None else self.channels)

    def call(self, u: Any) -> Any:
        """P u."""
        pixels = self.patch_size ** (len(u.shape) - 2)
        if self.grouping is not None:
            u = self.grouping(u)
        if self.pooling == "average" and pixels > 1:
            shape = ops.shape(u)
            split = ops.reshape(u, (-1, *shape[1:-1], pixels, u.shape[-1] // pixels))
            u = ops.sum(split, axis=-2) / math.sqrt(pixels)
        if self.flat:
            u = ops.reshape(u, (-1, math.prod(u.shape[1:])))
        if not self.more:
            return u
        return ops.concatenate([u, ops.zeros_like(ops.repeat(u[..., :1], self.more, axis=-1))], -1)
