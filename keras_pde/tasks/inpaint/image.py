"""Inpainting u = f on known pixels, (−Δ)ᵏu = 0 on the others.

Images from few of their pixels, and holes filled.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_pde.runtime import gate
from keras_pde.tasks.inpaint import galerkin

__all__ = ["Inpainted", "inpaint", "random_mask", "solve"]

MOST = 300  # cycles
AT_ONCE = 1 << 22  # pixels up to which matrices are kept, and nothing needs to be compiled


class Inpainted(NamedTuple):
    """What `solve` found.

    Args:
        pixels: u, of the shape of the image.
        cycles: of multigrid.
        residual: the last relative one, of the worst channel.
        converged: whether it is within the tolerance.

    Example:
        >>> from keras_pde.tasks.inpaint import Inpainted
        >>> Inpainted(np.zeros((2, 2, 1)), cycles=5, residual=3e-7, converged=True).cycles
        5
    """

    pixels: np.ndarray
    cycles: int
    residual: float
    converged: bool


def inpaint(
    pixels: np.ndarray,
    mask: np.ndarray,
    order: int = 2,
    tolerance: float = 1e-6,
    callback: Callable[[int, float], None] | None = None,
) -> np.ndarray:
    """The solution of u = f where the mask is true, and of a diffusion equation elsewhere.

    The equation is −Δu = 0 for order 2 and Δ²u = 0 for order 4, with a reflecting boundary.

    With L the five-point −Δ or its square, L_uu u_u = −L_uk f_k: symmetric and
    positive definite for any mask with a known pixel, so the solution is unique, and conjugate
    gradients preconditioned by a multigrid cycle reach it. Order 2 obeys the max-min principle min
    f ≤ u ≤ max f and leaves a peak at isolated pixels; order 4 is smooth there, mostly more
    accurate, and may overshoot. Cost: cycles proportional to the pixels, some 5 to 20 of them; more
    at order 4 for less than 1 % known pixels or wide holes (30 to 100). Up to four million pixels
    sparse matrices make the cycles at once; larger images are solved by a network that is compiled.

    Args:
        pixels: f, (height, width) or (height, width, channels), in any units. What the unknown
            ones hold, NaN included, does not matter.
        mask: (height, width) bool, true where f is known.
        order: 2, homogeneous diffusion, or 4, biharmonic.
        tolerance: relative residual ‖b − Au‖/‖b‖ to reach.
        callback: called after every cycle with its number and the residual.

    Returns:
        u, float64 of the shape of pixels, equal to f on known pixels, not clipped.

    Raises:
        ValueError: shapes that do not fit, a mask that is not bool or has no known pixel, known
            pixels that are not finite, an order other than 2 and 4, a tolerance ≤ 0. A tolerance
            that is not reached is a RuntimeWarning.

    Source: Masnou, Morel (1998); Galić, Weickert, Welk, Bruhn, Belyaev, Seidel (2008); Mainberger
    et al. (2012).

    Example:
        >>> import keras_pde
        >>> ramp = np.tile(np.arange(9), (9, 1))
        >>> known = np.zeros((9, 9), bool)
        >>> known[:, [0, 8]] = True
        >>> filled = keras_pde.inpaint(np.where(known, ramp, 255), known)
        >>> bool(np.allclose(filled, ramp, atol=1e-4))
        True
    """
    result = solve(pixels, mask, order, tolerance, callback)
    if not result.converged:
        warnings.warn(
            f"Inpainting of order {order} stopped at a relative residual of {result.residual:.1e}"
            f" after {result.cycles} cycles, above tolerance={tolerance:g}: ask for a larger one,"
            " or for fewer unknown pixels.",
            RuntimeWarning,
            stacklevel=2,
        )
    return result.pixels


def solve(
    pixels: np.ndarray,
    mask: np.ndarray,
    order: int = 2,
    tolerance: float = 1e-6,
    callback: Callable[[int, float], None] | None = None,
) -> Inpainted:
    """As `inpaint`, with the number of cycles, the residual and whether it is within the tolerance.

    Raises:
        ValueError: as `inpaint`.

    Example:
        >>> from keras_pde.tasks import inpaint as inpainting
        >>> inpainting.solve(np.full((8, 8, 1), 0.5), inpainting.random_mask((8, 8), 0.2)).converged
        True
    """
    f, known = _checked(pixels, mask)
    if f.ndim == 2:
        grey = solve(f[..., None], known, order, tolerance, callback)
        return grey._replace(pixels=grey.pixels[..., 0])
    tolerance = gate.number(tolerance, "tolerance", low=0, low_open=True, high=1, high_open=True)
    if callback is not None and not callable(callback):
        raise ValueError(
            "callback must be a function of two numbers, or None. Received:"
            f" callback={gate.said(callback)}"
        )
    order = gate.whole(order, "order", low=2, high=4)
    if order == 3:
        raise ValueError(
            "Inpainting is of order 2 (homogeneous diffusion) or 4 (biharmonic). Received: order=3"
        )
    if known.all():
        return Inpainted(f, 0, 0.0, True)
    # NaN times 0 is NaN: what is unknown must not reach the solver
    f = np.where(known[..., None], f, 0.0)
    if known.size <= AT_ONCE:
        u, cycles, residual = galerkin.solve(f, known, order, tolerance, MOST, callback)
        u = np.where(known[..., None], f, u)
        return Inpainted(u, cycles, residual, residual <= tolerance)
    found = _solver(order).solve(
        [f[None], known[None, ..., None]],
        tolerance,
        callback=callback,
        max_cycles=MOST,
        accelerate=True,
    )
    return Inpainted(
        np.where(known[..., None], f, found.x[0]),
        found.cycles,
        float(found.residuals.max(axis=1).min()),
        found.converged,
    )


@functools.cache
def _solver(order: int) -> Any:
    """Kept: it compiles for seconds, once for each image size, and solves in a fraction of one."""
    from keras_pde.models import MultigridUNet
    from keras_pde.schemes.multigrid import problems

    return MultigridUNet(problems.Inpainting(order))


def _checked(pixels: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    f = gate.array(pixels, "pixels", integers=True, finite=False).astype(np.float64)
    if f.ndim not in (2, 3):
        raise ValueError(
            "pixels must be (height, width) or (height, width, channels). Received: shape"
            f" {f.shape}"
        )
    if isinstance(mask, np.ma.MaskedArray):
        raise ValueError(
            "mask is a masked array, whose own mask would be lost: give mask.filled(False)"
        )
    known = np.asarray(mask)
    if known.dtype != bool:
        raise ValueError(
            f"mask is of bool, true where a pixel is known. Received: {known.dtype}; mask > 0.5"
            " makes one."
        )
    if known.shape != f.shape[:2]:
        raise ValueError(
            f"The mask must have the image's height and width {f.shape[:2]}. Received:"
            f" {known.shape}"
        )
    if not known.any():
        raise ValueError(
            "The mask has no known pixel, and at least one is needed: true (white) means known. Is"
            " it inverted?"
        )
    bad = int((~np.isfinite(f[known])).sum())
    if bad:
        raise ValueError(
            f"{bad} values of known pixels are NaN or infinite. Mark these pixels as unknown in the"
            " mask, or replace them."
        )
    return f, known


def random_mask(shape: tuple[int, int], share: float, seed: int = 0) -> np.ndarray:
    """A mask with a share of all pixels true, drawn without replacement.

    These are the nearest whole number of pixels, and at least one.

    Args:
        shape: (height, width).
        share: in (0, 1].
        seed: of NumPy's default generator.

    Raises:
        ValueError: a share outside (0, 1].

    Example:
        >>> from keras_pde.tasks import inpaint as inpainting
        >>> int(inpainting.random_mask((20, 30), share=0.1, seed=1).sum())
        60
    """
    share = gate.number(share, "share", low=0, low_open=True, high=1)
    if not isinstance(shape, list | tuple) or len(shape) != 2:
        raise ValueError(f"shape must be (height, width). Received: shape={gate.said(shape)}")
    height, width = (gate.whole(n, "shape", low=1) for n in shape)
    seed = gate.whole(seed, "seed", low=0)
    mask = np.zeros(height * width, dtype=bool)
    mask[
        np.random.default_rng(seed).choice(
            mask.size, max(1, round(share * mask.size)), replace=False
        )
    ] = True
    return mask.reshape(height, width)
