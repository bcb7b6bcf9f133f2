"""Noise levels σ ≥ 0 as layers are given them: a number, a value per sample, or a map."""

from __future__ import annotations

import numbers

from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.types import DType, Shape, Tensor

__all__ = ["check", "known_or_nan", "or_nan", "ratio", "samples_or_nan"]

REFERENCE_NOISE = 25 / 255  # σ₀, at which a contrast is that of the constructor
SMALLEST_RATIO = 1e-4


def check(
    noise: Tensor,
    conditioned: bool,
    owner: str,
    shape: Shape,
    *,
    values: bool = True,
) -> None:
    r"""Refuse a noise level that is missing, has no effect, or is none.

    Args:
        noise: σ ≥ 0: a number, (batch,), (batch, 1), or a map (batch, \*spatial, 1).
        conditioned: whether the flux depends on it.
        owner: name of the layer, for the message.
        shape: of the state.
        values: look at the values too, where they are known.

    Raises:
        ValueError: none of these, with what came.

    Example:
        >>> from keras_pde.fluxes import noise_level
        >>> noise_level.check(np.array([-0.1]), True, "block", (1, 8, 1))
        Traceback (most recent call last):
        ...
        ValueError: noise of block must hold finite numbers >= 0. Received: -0.1, at 1 of 1 places
    """
    name = f"noise of {owner}"
    if not conditioned:
        if noise is not None:
            raise ValueError(
                f"{name} has no effect, as its flux takes no noise level: leave it out, or give the"
                f" flux noise_conditioned=True. Received: {gate.said(noise)}"
            )
        return
    if noise is None:
        raise ValueError(
            f"{name} is missing, and {owner} depends on the noise level: call it with noise=σ, a"
            " value per sample or a map"
        )
    if isinstance(noise, numbers.Number):
        gate.number(noise, name, low=0)
        return
    gate.tensor(noise, name)
    found = tuple(noise.shape)
    if len(found) > 1 and (len(found) not in (2, len(shape)) or found[-1] not in (1, None)):
        raise ValueError(
            f"{name} is a value per sample, (batch,), or a map (batch, *spatial, 1). Received:"
            f" shape {found}"
        )
    if len(found) == len(shape) > 2:
        gate.same_sizes(noise, name, shape, "the state", channels=False)
    if values:
        gate.levels(noise, name, batch=shape[0])


def ratio(noise: Tensor, rank: int, owner: str, dtype: DType) -> Tensor:
    """σ/σ₀, in a shape that broadcasts to a state of the given rank; at least 1e-4.

    Example:
        >>> from keras_pde.fluxes import noise_level
        >>> tuple(noise_level.ratio(np.array([0.1, 0.2]), 4, "block", "float32").shape)
        (2, 1, 1, 1)
    """
    check(noise, True, owner, (None,) * rank, values=False)
    sigma = or_nan(ops.cast(ops.convert_to_tensor(noise), dtype))
    if len(sigma.shape) not in (0, rank):
        sigma = ops.reshape(sigma, (-1,) + (1,) * (rank - 1))
    return ops.maximum(sigma / REFERENCE_NOISE, SMALLEST_RATIO)


def samples_or_nan(u: Tensor, noise: Tensor) -> Tensor:
    """The samples of a state whose noise level is one, NaN for the others.

    A solver that starts from the state would else return it where its equation is NaN.

    Example:
        >>> from keras_pde.fluxes import noise_level
        >>> u = noise_level.samples_or_nan(np.ones((2, 1, 1)), np.array([0.1, -0.1]))
        >>> print(np.array(u)[:, 0, 0])
        [ 1. nan]
    """
    known = ops.convert_to_tensor(noise) >= 0
    if len(known.shape) > 1:
        known = ops.all(known, axis=tuple(range(1, len(known.shape))))
    return known_or_nan(ops.reshape(known, (-1, *(1,) * (len(u.shape) - 1))), u)


def or_nan(noise: Tensor) -> Tensor:
    """σ ≥ 0 as it is, NaN for anything else: in a graph no wrong level has a finite result.

    Example:
        >>> from keras_pde.fluxes import noise_level
        >>> print(np.array(noise_level.or_nan(np.array([-1.0, 0.0, 2.0]))))
        [nan  0.  2.]
    """
    noise = ops.convert_to_tensor(noise)
    return known_or_nan(noise >= 0, noise)


def known_or_nan(known: Tensor, u: Tensor) -> Tensor:
    """Values where they are known, NaN elsewhere: u · 1/1 and u · 0/0.

    Converters to ONNX write ``where`` as a sum of products, in which NaN · 0 is NaN everywhere.

    Example:
        >>> from keras_pde.fluxes import noise_level
        >>> print(np.array(noise_level.known_or_nan(np.array([True, False]), np.ones(2))))
        [ 1. nan]
    """
    one = ops.cast(ops.convert_to_tensor(known), u.dtype)
    return u * one / one
