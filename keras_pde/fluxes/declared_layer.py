"""Declared bounds of flux layers that are not the library's own, checked on samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from keras_pde.fluxes.declared import refuse, within
from keras_pde.runtime.compiling import computes_now
from keras_pde.runtime.registry import own

if TYPE_CHECKING:
    from keras_pde.fluxes.flux_layer import FluxLayer

SCALES = np.repeat(np.geomspace(1e-2, 1e2, 9), 2)  # of the states, in contrasts
SIZES = {1: (9,), 2: (4, 5), 3: (3, 3, 2)}
NOISE = 25 / 255


def check_layer(layer: FluxLayer, ndim: int, channels: int) -> None:
    """Refuse a built flux layer whose values contradict what it declares.

    Pairs of states, near and far, of sizes from 0.01 to 100 contrasts, give quotients
    ⟨Φ(a) − Φ(b), a − b⟩/‖a − b‖², which lie between the slope bounds, up to `asymmetry_bound`; g
    lies between its own bounds, Φ = g s, and the potential changes by ⟨Φ, a − b⟩.

    Raises:
        ValueError: with the bound, the value declared, the value found, and where.

    Example:
        >>> from keras_pde import FluxActivation
        >>> from keras_pde.fluxes.declared_layer import check_layer
        >>> check_layer(FluxActivation("fab"), 2, 1)        # of the library: its tests check it
    """
    if own(layer) or not computes_now() or ndim not in SIZES:
        return
    name, rng = type(layer).__name__, np.random.default_rng(0)
    shape = (len(SCALES), *SIZES[ndim], channels)
    size = (layer.contrast * SCALES).reshape(-1, *(1,) * (len(shape) - 1))
    noise = np.full(len(SCALES), NOISE, "float32") if layer.noise_conditioned else None
    s = rng.normal(size=shape) * size

    def phi(x: np.ndarray) -> np.ndarray:
        return _value(layer.fluxes([_tensor(x)], noise)[0])

    def work(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b).reshape(len(SCALES), -1).sum(axis=1)

    at, where = phi(s), (layer.contrast * SCALES)
    g = _value(layer.diffusivities([_tensor(s)], noise)[0]) * np.ones_like(s)
    order = np.argsort(g.ravel())[[0, -1]]
    within(name, "diffusivity_bounds", layer.diffusivity_bounds, g.ravel()[order], s.ravel()[order])
    k = int(np.argmax(np.nan_to_num(np.abs(g * s - at), nan=np.inf) / np.abs(size)))
    if not abs((g * s - at).ravel()[k]) <= 1e-3 * (abs(at.ravel()[k]) + layer.contrast):
        what = "diffusivities times s are not the fluxes"
        refuse(name, what, (g * s).ravel()[k], at.ravel()[k], s.ravel()[k])
    apart, (low, high) = layer.asymmetry_bound, layer.slope_bounds
    single = np.zeros(shape)
    single.reshape(len(SCALES), -1)[:, 0] = 1
    for d in (0.05 * rng.normal(size=shape) * size, rng.normal(size=shape) * size, single * size):
        moved = phi(s + d) - at
        declared = (low - apart, high + apart)
        within(name, "slope_bounds", declared, work(moved, d) / work(d, d), where)
        quotient = np.sqrt(work(moved, moved) / work(d, d))
        largest = max(abs(low), abs(high)) + apart
        within(name, "slope_bounds and asymmetry_bound", (0.0, largest), quotient, where)
        if channels > 1 and not layer.couples_channels and not apart and d is not single:
            alone = d * (np.arange(channels) == 0)
            spread = np.abs(phi(s + alone) - at)[..., 1:].max() / np.abs(size).max()
            within(name, "couples_channels=False", (0.0, 0.0), np.array([spread]), where)
    if not layer.has_potential:
        return
    d = 0.05 * rng.normal(size=shape) * size
    try:
        psi = [_all(layer.potentials([_tensor(x)], noise)).sum(axis=1) for x in (s + d, s - d)]
    except NotImplementedError:
        return
    found, expected = psi[0] - psi[1], 2 * work(at, d)
    loose = np.sqrt(work(at, at) * work(d, d))
    if np.median(np.abs(found - expected) / np.maximum(loose, 1e-30)) > 0.1:
        what = "the potential is not that of the flux, has_potential=True"
        refuse(name, what, expected[0], found[0], where[0])


def _all(parts: list[Any]) -> np.ndarray:
    return np.concatenate([_value(p).reshape(len(SCALES), -1) for p in parts], axis=1)


def _tensor(x: np.ndarray) -> Any:
    return ops.convert_to_tensor(x, dtype="float32")


def _value(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(ops.convert_to_tensor(x), "float64")))
