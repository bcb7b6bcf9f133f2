"""Windows that patches are cut from: their size along each axis, and their symmetries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["crosses", "mirrored", "sizes", "turned"]


def sizes(patch_size: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Pixels of a patch along each axis; one number stands for all of them.

    Raises:
        ValueError: a number for each axis, of another count of axes.

    Example:
        >>> from keras_pde.data import windows
        >>> windows.sizes(32, 3), windows.sizes((8, 64, 64), 3)
        ((32, 32, 32), (8, 64, 64))
    """
    size = tuple(patch_size) if isinstance(patch_size, Sequence) else (patch_size,) * ndim
    if len(size) != ndim:
        raise ValueError(
            f"patch_size={patch_size} has {len(size)} numbers, and the data {ndim} axes: expected"
            " one number, or one for each axis"
        )
    return size


def crosses(shape: Sequence[int]) -> str:
    """A shape as people write it.

    Example:
        >>> from keras_pde.data import windows
        >>> windows.crosses((3, 4, 5))
        '3 × 4 × 5'
    """
    return " × ".join(map(str, shape))


def turned(patch: np.ndarray, symmetry: int) -> np.ndarray:
    """A square under one of its 8 symmetries: turned by quarters, from 4 on mirrored too.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import windows
        >>> windows.turned(np.array([[1, 2], [3, 4]]), 2).tolist()
        [[4, 3], [2, 1]]
    """
    patch = np.rot90(patch, symmetry % 4)
    return patch[::-1] if symmetry >= 4 else patch


def mirrored(patch: np.ndarray, symmetry: int) -> np.ndarray:
    """A patch (*spatial, channels), mirrored along the axes whose bits are set.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import windows
        >>> windows.mirrored(np.array([[1], [2], [3]]), 1)[:, 0].tolist()
        [3, 2, 1]
    """
    steps = (-1 if symmetry >> axis & 1 else 1 for axis in range(patch.ndim - 1))
    return patch[tuple(slice(None, None, step) for step in steps)]
