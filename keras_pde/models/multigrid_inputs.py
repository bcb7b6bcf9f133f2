"""Inputs of a MultigridUNet: which tensor is which, and checks of the arrays of `solve`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from keras_pde.fluxes import noise_level
from keras_pde.fluxes.noise_level import REFERENCE_NOISE, SMALLEST_RATIO
from keras_pde.runtime import gate
from keras_pde.runtime.types import Inputs, Tensor
from keras_pde.schemes.multigrid.problems import Problem

RANKS = (3, 4, 5)
SMALLEST, LARGEST = 1e-140, 1e140  # of a right-hand side


def given_name(problem: Problem) -> str | None:
    """What a problem is given besides the right-hand side; None for nothing.

    Example:
        >>> from keras_pde import problems
        >>> given_name(problems.Inpainting()), given_name(problems.Diffusion(coefficient="cells"))
        ('mask', 'coefficient')
    """
    if problem.masked:
        return "mask"
    return "coefficient" if problem.coefficient_channels(1) else None


def split_inputs(problem: Problem, inputs: Inputs) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """(b, mask or coefficient or None, x or None) of a call's inputs."""
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    more = given_name(problem)
    names = ["b", "x"] if more is None else ["f" if problem.masked else "b", more, "x"]
    least = len(names) - 1
    if not least <= len(given) <= len(names):
        raise ValueError(
            f"{problem!r} takes"
            f" {' or '.join(str(names[:k]) for k in range(least, len(names) + 1))}. Received:"
            f" {len(given)} tensors"
        )
    full = [*given, None, None]
    return (full[0], None, full[1]) if more is None else (full[0], full[1], full[2])


def scaled_input(name: str, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """b/r for [b, σ], and r = 255σ/25 by which the result is multiplied.

    So a net that is made for noise 25 serves every level.
    """
    if not isinstance(inputs, list | tuple) or len(inputs) != 2:
        raise ValueError(f"{name} takes a pair (tensor, noise level)")
    b = inputs[0]
    noise = noise_level.or_nan(ops.cast(ops.convert_to_tensor(inputs[1]), b.dtype))
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
    """Right-hand side, mask or coefficient, and start, in float64.

    Of inpainting the first is f, 0 where it is unknown.
    """
    b, mask, x = split_inputs(problem, inputs)
    if x is not None:
        raise ValueError("solve takes the start as guess=…")
    name = "f" if problem.masked else "b"
    values = _values(b, name, finite=not problem.masked)
    right = values.astype(np.float64)
    start = None if guess is None else _values(guess, "guess").astype(np.float64)
    if start is not None and start.shape != right.shape:
        raise ValueError(
            f"guess must be finite and of the shape {right.shape}. Received: shape {start.shape}"
        )
    if mask is not None and problem.masked:
        right, known, start = _masked(right, _known(mask), start)
        _squared(right, name)
        return right, known, start
    _squared(right, name)
    if problem.singular:
        right = consistent(repr(problem), right, values.dtype.name)
        start = None if start is None else centred(start)
    if start is None and not problem.linear:
        start = right  # diffusion moves b only so far
    return right, None if mask is None else _coefficient(problem, mask, right), start


def _coefficient(problem: Problem, given: Tensor, b: np.ndarray) -> np.ndarray:
    """A coefficient for each sample, or one for all."""
    a = _values(given, "coefficient").astype(np.float64)
    wanted = (*b.shape[1:-1], problem.coefficient_channels(b.ndim - 2))
    if a.shape[1:] != wanted or len(a) not in (1, len(b)):
        raise ValueError(
            f"The coefficient must be {(len(b), *wanted)}, or with a batch of 1. Received: shape"
            f" {a.shape}"
        )
    problem.check_coefficient(a)
    return a


def _values(x: Tensor, name: str, *, finite: bool = True) -> np.ndarray:
    """An array (batch, *spatial, channels), 1-D to 3-D, of floats or integers; maybe no sample."""
    if not isinstance(x, np.ma.MaskedArray) and np.ndim(x) in RANKS and np.shape(x)[0] == 0:
        shape = np.shape(x)
        gate.array(np.ones((1, *shape[1:]), np.asarray(x).dtype), name, integers=True)
        return np.zeros(shape)
    return gate.array(x, name, ranks=RANKS, finite=finite, integers=True)


def _squared(b: np.ndarray, name: str) -> None:
    """Refuse samples whose squares overflow, or all vanish: residuals are roots of their sums."""
    if b.size:
        largest = np.abs(b).max(axis=tuple(range(1, b.ndim)))
        wrong = (largest > LARGEST) | ((largest > 0) & (largest < SMALLEST))
        if wrong.any():
            raise ValueError(
                f"{name} must be 0 or have its largest value from {SMALLEST:g} to {LARGEST:g}, as"
                f" squares are added up in float64. Received: {largest[wrong][0]:.3g}. Scale it."
            )


def _known(mask: Tensor) -> np.ndarray:
    """A mask of bools or of numbers."""
    if not isinstance(mask, np.ma.MaskedArray) and np.asarray(mask).dtype == bool:
        return np.asarray(mask)
    return _values(mask, "mask")


def consistent(equation: str, b: np.ndarray, dtype: str) -> np.ndarray:
    """The right-hand side of a singular problem, of mean 0 to the last digit.

    A mean that rounding leaves is subtracted: at most (64 + √n)·2⁻²⁴ of the root mean square of the
    n values of a channel, or that with 2⁻¹¹ in place of 2⁻²⁴ where b was given in float16. Data are
    often centred in float32 before they are cast, so float64 has float32's bound.

    Args:
        equation: for the message.
        b: (batch, *spatial, channels), float64.
        dtype: that b was given in.

    Raises:
        ValueError: the mean is larger, so that there is no solution.

    Example:
        >>> b = np.arange(5.0).reshape(1, 5, 1)
        >>> bool(abs(consistent("a problem", b - 2 + 1e-7, "float64").sum()) < 1e-12)
        True
    """
    axes = tuple(range(1, b.ndim - 1))
    points = math.prod(b.shape[1:-1])
    largest = np.abs(b).max(axis=axes, keepdims=True)
    scaled = b / np.where(largest > 0, largest, 1.0)  # squares of small numbers would underflow
    mean = np.abs(scaled.mean(axis=axes, keepdims=True))
    size = np.sqrt((scaled**2).mean(axis=axes, keepdims=True))
    granted = (64 + math.sqrt(points)) * (2.0**-11 if dtype == "float16" else 2.0**-24)
    if (mean > granted * size).any():
        worst = np.unravel_index(np.argmax(mean - granted * size), mean.shape)
        raise ValueError(
            f"{equation} has a solution only for a right-hand side of mean 0, and this one has the"
            f" mean {float(mean[worst] * largest[worst]):.3g} in sample {worst[0]}, channel"
            f" {worst[-1]}: {float(mean[worst] / size[worst]):.2g} of its root mean square, and"
            f" rounding is taken to leave {granted:.2g} at most. Subtract it, as by b -"
            f" b.mean(axis={axes}, keepdims=True)"
        )
    return centred(b)


def centred(x: np.ndarray) -> np.ndarray:
    """x less the mean of each sample and channel, twice: the first mean is rounded.

    Example:
        >>> centred(np.array([1.0, 3.0]).reshape(1, 2, 1))[0, :, 0].tolist()
        [-1.0, 1.0]
    """
    axes = tuple(range(1, x.ndim - 1))
    for _ in range(2):
        x = x - x.mean(axis=axes, keepdims=True)
    return x


def _masked(
    f: np.ndarray, mask: np.ndarray, start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if mask.shape != (*f.shape[:-1], 1):
        raise ValueError(
            f"The mask must be {(*f.shape[:-1], 1)}, one value a pixel. Received: shape"
            f" {mask.shape}"
        )
    known = mask > 0
    if not known.any(axis=tuple(range(1, f.ndim))).all():
        raise ValueError("The mask has no known pixel: inpainting needs at least one")
    if not np.isfinite(np.where(known, f, 0.0)).all():
        raise ValueError("Known pixels hold NaN or infinite values")
    f = np.where(known, f, 0.0)  # whatever unknown pixels hold
    return f, known.astype(np.float64), f if start is None else np.where(known, f, start)
