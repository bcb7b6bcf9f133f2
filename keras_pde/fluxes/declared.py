"""Declared bounds of fluxes that are not the library's own, checked on samples.

A certificate follows from the bounds that a flux declares. Those of this library are proved, and
tested against fine suprema; those of others are taken at their word, and a wrong word would be
"proved". So a flux is sampled where it is made: at magnitudes from 1e-6 to 1e6 contrasts, of both
signs, dense around the contrast. A sample refutes a wrong bound and proves none, and certificates
say that these bounds are declared.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from keras import ops

from keras_pde.runtime.compiling import computes_now
from keras_pde.runtime.registry import own

HALF = np.unique(np.concatenate([np.geomspace(1e-6, 1e6, 241), np.linspace(0.02, 8, 400)]))
GRID = np.concatenate([-HALF[::-1], [0.0], HALF])
LOOSE = 1e-3  # of a bound; corners and float32 take less
_CHECKED: set[Any] = set()  # fluxes that hold, by class, configuration and bounds


class Declaring(Protocol):
    """What is sampled of a flux: its values, and the bounds that it declares for them."""

    contrast: float
    isotropic: bool
    projection: bool
    diffusivity_bounds: tuple[float, float]
    slope_bounds: tuple[float, float]
    height: float

    def __call__(self, s: Any, contrast: Any = None) -> Any:
        """Φ(s)."""

    def diffusivity_at(self, s: Any, contrast: Any = None) -> Any:
        """g(s²)."""

    def slope(self, s: Any, contrast: Any = None) -> Any:
        """Φ′(s)."""

    def potential(self, s: Any, contrast: Any = None) -> Any:
        """ψ(s²)."""


def said(thing: Any, name: str) -> tuple[str, ...]:
    """The assumption under which a certificate uses what a thing declares; none for the library's.

    Example:
        >>> from keras_pde import activations
        >>> from keras_pde.fluxes.declared import said
        >>> said(activations.fab, "fab")
        ()
    """
    if own(thing):
        return ()
    return (f"the bounds that {name} declares, which are sampled and not proved",)


def check_flux(flux: Declaring) -> None:
    """Refuse a flux whose values contradict the bounds that it declares.

    Raises:
        ValueError: with the bound, the value declared, the value found, and where.

    Example:
        >>> from keras_pde import activations
        >>> from keras_pde.fluxes.declared import check_flux
        >>> check_flux(activations.fab)             # of the library: its tests check it
    """
    if own(flux) or not computes_now():
        return
    bounds = (flux.diffusivity_bounds, flux.slope_bounds, flux.height)
    key = (flux, flux.contrast, bounds)
    if key in _CHECKED:
        return
    name, lam = type(flux).__name__, flux.contrast
    s = GRID * lam
    phi, g = _values(flux, s), _values(flux.diffusivity_at, s)
    middle = (s[1:] + s[:-1]) / 2
    slopes = np.diff(phi) / np.diff(s)
    within(name, "diffusivity_bounds", flux.diffusivity_bounds, g, s)
    within(name, "slope_bounds", flux.slope_bounds, slopes, middle)
    within(name, "height", (-flux.height, flux.height), phi / lam, s)
    same(name, "diffusivity times s is not the flux", g * s, phi, s, lam)
    if flux.isotropic:
        same(name, "isotropic=True, but the flux is not odd", -phi[::-1], phi, s, lam)
    if flux.projection:
        same(name, "projection=True, but Φ(Φ(s)) is not Φ(s)", _values(flux, phi), phi, s, lam)
    twice = _values(lambda x: flux(x, 2 * lam), 2 * s)
    same(name, "Φ(2s; 2λ) is not 2Φ(s; λ)", twice, 2 * phi, s, lam)
    near = np.abs(GRID) <= 8
    work = np.cumsum(np.diff(s[near]) * (phi[near][1:] + phi[near][:-1]) / 2)
    try:
        inner = _values(flux.slope, middle)
        psi = _values(flux.potential, s[near])
    except NotImplementedError:  # steps without energy and without implicit steps need neither
        _CHECKED.add(key)
        return
    within(name, "slope_bounds", flux.slope_bounds, inner, middle)
    off = np.abs(inner - slopes) > 0.02 * (1 + np.abs(slopes))
    if off.mean() > 0.02:  # some at corners
        k = int(np.argmax(off))
        refuse(
            name, "slope, which is not the derivative of the flux", inner[k], slopes[k], middle[k]
        )
    what = "the potential is not the integral of the flux"
    same(name, what, psi[1:] - psi[0], work, s[near][1:], lam * lam)
    _CHECKED.add(key)


def within(name: str, bound: str, declared: Any, found: np.ndarray, where: np.ndarray) -> None:
    """Refuse values outside declared bounds.

    Raises:
        ValueError: with the value that lies farthest outside.
    """
    low, high = (float(x) for x in declared)
    finite = [abs(x) for x in (low, high) if np.isfinite(x)]
    slack = LOOSE * max([1.0, *finite])
    outside = np.maximum(low - slack - found, found - high - slack)
    outside[np.isnan(found)] = np.inf
    k = int(np.argmax(outside))
    if outside[k] > 0 or np.isnan(low + high):
        refuse(name, bound, (low, high), found[k], where[k])


def same(
    name: str, what: str, found: np.ndarray, expected: np.ndarray, where: np.ndarray, unit: float
) -> None:
    """Refuse values that differ from what they have to be.

    Raises:
        ValueError: with the value that differs most.
    """
    off = np.abs(found - expected) - LOOSE * (np.abs(expected) + unit)
    off[np.isnan(off)] = np.inf
    k = int(np.argmax(off))
    if off[k] > 0:
        refuse(name, what, expected[k], found[k], where[k])


def refuse(name: str, what: str, declared: Any, found: Any, where: Any) -> None:
    """Say what is declared and what is found.

    Raises:
        ValueError: always.
    """
    shown = (
        tuple(f"{x:.6g}" for x in declared) if isinstance(declared, tuple) else f"{declared:.6g}"
    )
    text = f"[{', '.join(shown)}]" if isinstance(shown, tuple) else shown
    raise ValueError(
        f"{name} declares what its values contradict, and certificates would rest on it: {what},"
        f" declared {text}, found {float(found):.6g} at s = {float(where):.6g}. Correct the"
        " declaration."
    )


def _values(function: Any, s: np.ndarray) -> np.ndarray:
    found = ops.convert_to_numpy(function(ops.convert_to_tensor(s, dtype="float64")))
    return np.array(found, dtype=np.float64)
