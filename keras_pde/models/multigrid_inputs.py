"""Inputs of a MultigridUNet: which tensor is which, and checks of the arrays of `solve`."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_pde.fluxes.flux_layer import REFERENCE_NOISE, SMALLEST_RATIO
from keras_pde.runtime.types import Inputs, Tensor
from keras_pde.schemes.multigrid.problems import Problem


def split_inputs(problem: Problem, inputs: Inputs) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """(b, mask or None, x or None) of a call's inputs."""
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    names = ["f", "mask", "x"] if problem.masked else ["b", "x"]
    least = 2 if problem.masked else 1
    if not least <= len(given) <= len(names):
        raise ValueError(
            f"{problem!r} takes"
            f" {' or '.join(str(names[:k]) for k in range(least, len(names) + 1))}. Received:"
            f" {len(given)} tensors"
        )
    full = [*given, None, None]
    return (full[0], full[1], full[2]) if problem.masked else (full[0], None, full[1])


def scaled_input(name: str, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """b/r for [b, σ], and r = 255σ/25 by which the result is multiplied.

    So a net that is made for noise 25 serves every level.
    """
    if not isinstance(inputs, list | tuple) or len(inputs) != 2:
        raise ValueError(f"{name} takes a pair (tensor, noise level)")
    b, noise = inputs[0], ops.cast(ops.convert_to_tensor(inputs[1]), inputs[0].dtype)
    if len(noise.shape) not in (0, len(b.shape)):
        noise = ops.reshape(noise, (-1,) + (1,) * (len(b.shape) - 1))
    ratio = ops.maximum(noise / REFERENCE_NOISE, SMALLEST_RATIO)
    return b / ratio, ratio


def spatial_sizes(x: Tensor) -> tuple[Any, ...]:
    """Sizes of (batch, *spatial, channels): numbers where they are known, tensors where not."""
    return tuple(ops.shape(x)[1:-1])


def checked_arrays(
    problem: Problem, inputs: Inputs, guess: Tensor | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Right-hand side (of inpainting: f, 0 where it is unknown), mask and start, in float64."""
    b, mask, x = split_inputs(problem, inputs)
    if x is not None:
        raise ValueError("solve takes the start as guess=…")
    right = np.asarray(b, dtype=np.float64)
    if not 3 <= right.ndim <= 5:
        raise ValueError(
            "The right-hand side must be (batch, *spatial, channels), 1-D to 3-D. Received: shape"
            f" {right.shape}"
        )
    if not right.size:
        raise ValueError(f"The right-hand side is empty: shape {right.shape}")
    start = None if guess is None else np.array(guess, dtype=np.float64)
    if start is not None and (start.shape != right.shape or not np.isfinite(start).all()):
        raise ValueError(
            f"guess must be finite and of the shape {right.shape}. Received: shape {start.shape}"
        )
    if mask is not None:
        return _masked(right, np.asarray(mask), start)
    if not np.isfinite(right).all():
        raise ValueError("The right-hand side holds NaN or infinite values")
    axes = tuple(range(1, right.ndim - 1))
    if problem.singular:
        mean, size = np.abs(right.mean(axis=axes)), np.sqrt((right**2).mean(axis=axes))
        if (mean > 1e-6 * size).any():
            raise ValueError(
                f"{problem!r} has a solution only for a right-hand side of mean 0, and this one has"
                f" the mean {mean.max():.3g}: subtract it"
            )
        right = right - right.mean(axis=axes, keepdims=True)
    if start is None and not problem.linear:
        start = right  # diffusion moves b only so far
    return right, None, start


def _masked(
    f: np.ndarray, mask: np.ndarray, start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if mask.shape != (*f.shape[:-1], 1):
        raise ValueError(
            f"The mask must be {(*f.shape[:-1], 1)}, one value a pixel. Received: shape"
            f" {mask.shape}"
        )
    known = mask > 0
    if not known.reshape(len(f), -1).any(axis=1).all():
        raise ValueError("The mask has no known pixel: inpainting needs at least one")
    if not np.isfinite(np.where(known, f, 0.0)).all():
        raise ValueError("Known pixels hold NaN or infinite values")
    f = np.where(known, f, 0.0)  # whatever unknown pixels hold
    return f, known.astype(np.float64), f if start is None else np.where(known, f, start)
