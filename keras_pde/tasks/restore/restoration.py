"""Restoration of an image from its degraded data: `keras_pde.restore`."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_pde.data import noise as noises
from keras_pde.runtime import gate
from keras_pde.tasks.restore.degradations.degradation import Degradation
from keras_pde.tasks.restore.degradations.pair import Pair
from keras_pde.tasks.restore.iterations import ITERATIONS
from keras_pde.tasks.restore.prior import choose_prior
from keras_pde.tasks.restore.restored import Restored
from keras_pde.tasks.restore.theorem import METHODS, Conclusion, conclude, longest_step

__all__ = ["noise_of", "restore"]

LEAST = 1.0  # grey levels of noise in the data
SHARE = 0.9  # of the longest step of the proximal gradient iteration
STRENGTH = 10.0  # grey levels that ADMM's own step leads to
MOST = 100.0  # times 1/‖A‖²: the longest of such steps
SOLVES = 0.1  # of the tolerance: what the solves of an implicit denoiser reach


def restore(
    y: Any,
    A: Any,
    At: Callable[[np.ndarray], Any] | None = None,
    preset: str = "auto",
    noise: float | None = None,
    method: str = "admm",
    *,
    step: float | None = None,
    strength: float | None = None,
    iterations: int = 200,
    tolerance: float = 1e-4,
    norm: float | None = None,
    start: Any = None,
    progress: Callable[[int, float], None] | None = None,
) -> Restored:
    """The solution u of u = N(u − γAᵀ(Au − y)) for data y = Au + noise and a denoiser N.

    "pgd" iterates this map, and for an averaged N and γ < 2/‖A‖² the iterates converge to a
    solution if there is one (R1). "admm" has the same solutions, and converges for a firmly
    nonexpansive N and every γ, whatever ‖A‖ is (R2). In both cases no change is larger than the one
    before. Where the theorem does not apply, a RuntimeWarning says what it lacks, and the iteration
    runs all the same. Cost: a run of the denoiser an iteration. ADMM takes fewer iterations, and
    some tens of A and Aᵀ in each where (I + γAᵀA)⁻¹ has no closed form.

    Args:
        y: the data. Pixels are uint8, uint16, or floats with black 0 and white 1.
        A: a degradation of `keras_pde.degradations`, or a function of an image; (height, width) or
            (height, width, channels) floats.
        At: the adjoint of a function A, which random vectors test.
        preset: a denoiser's name or directory; "auto" is the best averaged one for the channels. A
            preset for one channel filters each channel of a colour image by itself.
        noise: standard deviation of the noise in y, in grey levels of 255. None estimates it where
            the data are pixels all over.
        method: "admm", or "pgd", the proximal gradient iteration.
        step: γ. By default 1.8/‖A‖² for "pgd", less where the certificate allows less only; for
            "admm" the one that leads to a strength of 10, but at least 1/‖A‖² and at most 100/‖A‖².
        strength: the noise level that N is told, noise·√γ by default: the fixed points are then
            those of one variational problem, whatever γ is.
        iterations: at most.
        tolerance: relative change of an iteration to reach. The solves of an implicit denoiser
            reach a tenth of it.
        norm: an upper bound of ‖A‖ for a function A; without it nothing is proved of "pgd".
        start: the first image; by default what the degradation proposes.
        progress: called after every iteration with its number and the relative residual.

    Returns:
        A `Restored`: pixels, residuals, and what is proved.

    Raises:
        ValueError: data, functions, options or a preset that do not fit; functions that are not
            adjoint, with the difference and the bound.

    Source: Venkatakrishnan, Bouman, Wohlberg (2013); Hertrich, Neumayer, Steidl, arXiv:2011.02281
    (2020), for averaged denoisers.

    Example:
        >>> import keras_pde
        >>> from keras_pde import degradations
        >>> sharp = np.kron([[0.2, 0.8], [0.8, 0.2]], np.ones((16, 16)))
        >>> blur = degradations.Blur("gaussian:1.5")
        >>> found = keras_pde.restore(
        ...     blur(sharp), blur, preset="truncated_tv_implicit_2d", noise=1, iterations=20
        ... )
        >>> bool(np.square(found.pixels - sharp).sum() < np.square(blur(sharp) - sharp).sum() / 2)
        True
        >>> found.conclusion.averaged, found.rises
        (0.5, 0)
    """
    data = gate.array(y, "y", integers=True)
    gate.word(method, "method", METHODS)
    step = gate.number(step, "step", low=0, low_open=True, none=True)
    noise = gate.number(noise, "noise", low=0, none=True)
    strength = gate.number(strength, "strength", low=0, low_open=True, none=True)
    iterations = gate.whole(iterations, "iterations", low=1)
    tolerance = gate.number(tolerance, "tolerance", low=1e-6, high=1, high_open=True)
    if progress is not None and not callable(progress):
        raise ValueError(
            "progress must be a function of two numbers, or None. Received:"
            f" progress={gate.said(progress)}"
        )
    degradation = _degradation(A, At, data.shape, norm)
    shape = degradation.image_shape(data.shape)
    if len(shape) not in (2, 3):
        raise ValueError(
            "The image must be (height, width) or (height, width, channels). Received: data of the"
            f" shape {data.shape}, which belong to an image of the shape {shape}"
        )
    level = noise_of(degradation, data) if noise is None else max(noise, LEAST)
    gamma = _step(degradation, shape, method, level) if step is None else step
    told = level * math.sqrt(gamma) if strength is None else strength
    prior = choose_prior(preset, shape, told, SOLVES * tolerance)
    most = longest_step(prior.certificate())
    if step is None and method == "pgd" and most is not None and most < 2:
        gamma *= most / 2
        told = level * math.sqrt(gamma) if strength is None else strength
        prior = choose_prior(preset, shape, told, SOLVES * tolerance)
    bound = degradation.norm_bound(shape)
    conclusion = conclude(prior.certificate(), method, gamma, bound, prior.exact_for(shape))
    _warn_of(conclusion)

    values = _floats(data)
    u = degradation.first_guess(values) if start is None else _started(start, shape)
    states = ITERATIONS[method](degradation, values, prior, gamma, u)
    residuals, changes = [], []
    for u, change in itertools.islice(states, iterations):
        changes.append(change)
        residuals.append(change / (float(np.linalg.norm(u)) or 1.0))
        if not math.isfinite(residuals[-1]):
            raise ValueError(
                f"The iteration diverged: after {len(changes)} iterations its state is not finite."
                f" Take a smaller step than {gamma:g}."
            )
        if progress is not None:
            progress(len(changes), residuals[-1])
        if residuals[-1] <= tolerance:
            break
    if conclusion.proved and prior.failures:
        conclusion = Conclusion(method, None, missing=(prior.failures,))
        _warn_of(conclusion)
    return Restored(
        pixels=_as_data(u, data.dtype),
        residuals=np.array(residuals),
        changes=np.array(changes),
        converged=residuals[-1] <= tolerance,
        step=gamma,
        strength=prior.strength,
        preset=prior.name,
        conclusion=conclusion,
    )


def noise_of(degradation: Degradation, data: np.ndarray) -> float:
    """The estimated noise level of data, in grey levels of 255: at least 1.

    Raises:
        ValueError: data that are not pixels all over.

    Example:
        >>> from keras_pde import degradations
        >>> from keras_pde.tasks.restore.restoration import noise_of
        >>> noise_of(degradations.Blur("box:3"), np.full((8, 8), 0.5))
        1.0
    """
    if not degradation.data_are_pixels:
        raise ValueError(
            f"The noise of data of {degradation} cannot be estimated: state noise=, in grey levels"
            " of 255"
        )
    return max(noises.estimate(data if data.ndim == 3 else data[..., None]), LEAST)


def _degradation(A: Any, At: Any, shape: tuple[int, ...], norm: Any) -> Degradation:
    if isinstance(A, Degradation):
        if At is not None or norm is not None:
            raise ValueError(
                f"{A} knows its adjoint and its norm: At and norm belong to a function A. Received:"
                f" {'At' if At is not None else 'norm'}={gate.said(norm if At is None else At)}"
            )
        return A
    if At is None:
        raise ValueError(
            "A must be a degradation of keras_pde.degradations, or a function with its adjoint At."
            f" Received: A={gate.said(A)}, At=None"
        )
    return Pair(A, At, shape, norm)


def _step(degradation: Degradation, shape: tuple[int, ...], method: str, level: float) -> float:
    """γ, where none is asked for."""
    norm = degradation.norm_estimate(shape)
    if not norm:
        raise ValueError(f"{degradation} maps every image to 0, so its data say nothing")
    if method == "pgd":
        return 2 * SHARE / norm**2
    return min(max((STRENGTH / level) ** 2, 1 / norm**2), MOST / norm**2)


def _warn_of(conclusion: Conclusion) -> None:
    if not conclusion.proved:
        warnings.warn(
            f"No theorem says that this iteration converges: {'; '.join(conclusion.missing)}.",
            RuntimeWarning,
            stacklevel=3,
        )


def _started(start: Any, shape: tuple[int, ...]) -> np.ndarray:
    values = _floats(gate.array(start, "start", integers=True))
    if values.shape != shape:
        raise ValueError(f"start must have the image's shape {shape}. Received: {values.shape}")
    return values


def _floats(data: np.ndarray) -> np.ndarray:
    peak = np.iinfo(data.dtype).max if data.dtype.kind in "iu" else 1
    return data.astype(np.float64) / peak


def _as_data(u: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Integers are rounded and clipped, floats are not."""
    if dtype.kind == "f":
        return u
    peak = np.iinfo(dtype).max
    return np.rint(u.clip(0, 1) * peak).astype(dtype)
