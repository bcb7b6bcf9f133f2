"""CoupledSplineFlux: learned splines of joint magnitudes, with slope bounds and an energy."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.fluxes.spline_flux import SplineFlux
from keras_pde.operators.convolution import depthwise
from keras_pde.runtime import gate
from keras_pde.runtime.compiling import one_pass
from keras_pde.runtime.precision import as_in, at_least_float32, narrow

# of a channel's weight that goes to its own group, and of a window's to its centre, at first
OWN_SHARE, CENTRE_SHARE = 0.8, 0.5
SMALLEST_SQUARE = 1e-30  # of a joint magnitude: √ has no derivative at 0
LARGEST_STATE = 1e18  # whose square is summed; g of larger ones is that of this one


@keras.saving.register_keras_serializable(package="keras_pde")
class CoupledSplineFlux(SplineFlux):
    r"""Gradient of Σᵢ ψᵢ(rᵢ), rᵢ² = Σⱼ Vⱼᵢ (Dⱼ ⋆ sⱼ²).

    Learned splines ψᵢ′ of joint magnitudes over channels j and neighbours.

    Φ(s)ⱼ = sⱼ·(Dⱼ ∗ Σᵢ Vⱼᵢ gᵢ(rᵢ)) with gᵢ(r) = ψᵢ′(r)/r (⋆ correlates, ∗ convolves, with zeros
    beyond the boundary): what a channel is smoothed by depends on the energy of all channels around
    a pixel. V, D ≥ 0 with Σᵢ Vⱼᵢ = 1 and ΣDⱼ = 1 by construction, so B: s ↦ (√(Vⱼᵢ Dⱼ(y))·sⱼ(x +
    y)), of which the rᵢ are the norms over (j, y), has ‖B‖ ≤ 1. The Hessian H of a ψᵢ(|·|) has the
    eigenvalues ψᵢ″(r) and gᵢ(r), which lie in the slope bounds [low, high] or in [0, high]. So Φ′ =
    BᵀHB is symmetric with eigenvalues in [min(low, 0), high], and g ∈ [0, high], as for uncoupled
    splines: S1, S2, and for implicit steps uniqueness, firm nonexpansiveness (low ≥ 0) and the
    minimised energy hold with the same constants for every weight. Cost: two depthwise convolutions
    and two 1×1 convolutions of Ku.

    Args:
        knots, extent, slopes, start, contrast, learn_contrast, noise_conditioned, grading: as in
            `SplineFlux`, for each group.
        neighbourhood: width of D, odd.
        groups: how many joint magnitudes, at most the channels; one a channel unless given.
            Channels j, j + groups, j + 2·groups, ... begin in one group.

    Call args: ``s`` (batch, \*spatial, channels), 1-D to 3-D; ``noise``, σ per sample (batch,) or
    as a map (batch, \*spatial, 1). Returns Φ(s), the shape of s.

    Raises:
        ValueError: as `SplineFlux`; an even neighbourhood; groups that are none or more than the
            channels; a state without spatial axes.

    Source: one diffusivity for several channels: Gerig, Kübler, Kikinis, Jolesz (IEEE Trans. Med.
    Imaging 1992); group sparsity: Yuan, Lin (J. R. Stat. Soc. B 2006); learned splines with slope
    bounds: Goujon, Neumayer, Unser, arXiv:2308.10542 (2023).

    Example:
        >>> import keras_pde
        >>> options = {"start": "perona_malik", "neighbourhood": 3}
        >>> flux = keras_pde.CoupledSplineFlux(knots=3, slopes=(-0.02, 1.0), **options)
        >>> options = {"zero_mean": True, "normalize": True, "boundary": "dirichlet"}
        >>> step = keras_pde.ImplicitDiffusion(keras_pde.ConvOperator(8, 5, **options), flux, 40.0)
        >>> step.build((None, None, None, 1))
        >>> step.certificate().norm_stable, step.certificate().lipschitz <= 1 / (1 - 40 * 0.02)
        (True, True)
    """

    couples_channels = True

    def __init__(
        self,
        knots: int = 16,
        extent: float = 4.0,
        slopes: Sequence[float] = (0.0, 1.0),
        start: str | activations.Flux = "charbonnier",
        *,
        contrast: float = 1.0,
        learn_contrast: bool = False,
        noise_conditioned: bool = False,
        grading: float = 1.0,
        neighbourhood: int = 3,
        groups: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            knots,
            extent,
            slopes,
            start,
            contrast=contrast,
            learn_contrast=learn_contrast,
            noise_conditioned=noise_conditioned,
            grading=grading,
            **kwargs,
        )
        if gate.count(neighbourhood, "neighbourhood", high=1023) % 2 == 0:
            raise ValueError(
                "neighbourhood is the width of a window around a point: an odd whole number."
                f" Received: neighbourhood={neighbourhood!r}"
            )
        if groups is not None:
            gate.count(groups, "groups")
        self.neighbourhood, self.groups = neighbourhood, groups

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the splines' weights, one spline a group, and those of windows and mixing."""
        ndim, channels = len(input_shape) - 2, input_shape[-1]
        if not 1 <= ndim <= 3 or channels is None:
            raise ValueError(
                "A coupled flux looks at neighbours: s must be (batch, *spatial, channels), 1-D to"
                f" 3-D. Received: {tuple(input_shape)}"
            )
        groups = self.groups or channels
        if groups > channels:
            raise ValueError(
                f"There are at most as many joint magnitudes as channels, {channels}. Received:"
                f" groups={groups}"
            )
        super().build((*input_shape[:-1], groups))
        self.channels, self.ranks = channels, (ndim + 2,)
        width = self.neighbourhood
        window = np.full((width,) * ndim, (1 - CENTRE_SHARE) / max(1, width**ndim - 1))
        window[(width // 2,) * ndim] = CENTRE_SHARE
        own = np.arange(channels)[:, None] % groups == np.arange(groups)
        mixing = np.where(own, OWN_SHARE, (1 - OWN_SHARE) / max(1, groups - 1))

        def logarithm(values: np.ndarray) -> Any:
            return lambda shape, dtype=None: ops.convert_to_tensor(np.log(values), dtype=dtype)

        windows = np.repeat(window[..., None, None], channels, axis=-2)
        self.raw_window = self.add_weight(
            shape=windows.shape, initializer=logarithm(windows), autocast=False, name="raw_window"
        )
        self.raw_mixing = self.add_weight(
            shape=mixing.shape, initializer=logarithm(mixing), autocast=False, name="raw_mixing"
        )

    def flux_parameters(self, noise: Any = None, rank: int = 4) -> list[Any]:
        """λ, the slopes, D and V."""
        window, mixing = (
            at_least_float32(ops.convert_to_tensor(w)) for w in (self.raw_window, self.raw_mixing)
        )
        places = tuple(range(len(window.shape) - 2))
        return [
            *super().flux_parameters(noise, rank),
            _shares(window, places),
            _shares(mixing, (-1,)),
        ]

    def fluxes(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """Φ(s)."""
        return [
            one_pass(
                lambda s, g: narrow(g * at_least_float32(s), s),
                parts[0],
                self._shared(parts, noise, parameters),
            )
        ]

    def diffusivities(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """Dⱼ ∗ Σᵢ Vⱼᵢ gᵢ(rᵢ), to multiply with."""
        return [narrow(self._shared(parts, noise, parameters), parts[0])]

    def _shared(self, parts: list[Any], noise: Any, parameters: list[Any] | None) -> Any:
        wide, contrast, slopes, window, mixing = self._ready(parts, noise, parameters)
        squares = joint(one_pass(_square, wide), window, mixing)
        g = one_pass(
            lambda q, *more: self.unit_diffusivity(_root(q), *more), squares, contrast, slopes
        )
        return joint_adjoint(g, window, mixing)

    def _ready(self, parts: list[Any], noise: Any, parameters: list[Any] | None) -> tuple[Any, ...]:
        """s and all parameters in the precision of s, float32 at least."""
        if len(parts) > 1:
            raise ValueError(
                "CoupledSplineFlux needs a convolution with weights: give the operator filters, or"
                " use FluxActivation with a stencil"
            )
        wide = at_least_float32(ops.convert_to_tensor(parts[0]))
        return wide, *(as_in(p, wide) for p in self._given_or_now(parts, noise, parameters))

    def linearize(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """g of the channels, s, g′(r)/r of the groups, D and V."""
        wide, contrast, slopes, window, mixing = self._ready(parts, noise, parameters)
        squares = joint(one_pass(_square, wide), window, mixing)

        def laws(q: Any, *more: Any) -> tuple[Any, Any]:
            r = _root(q)
            g = self.unit_diffusivity(r, *more)
            (slope,) = self._linearize([r], list(more))
            # in the first segment both are its slope
            return g, (slope - g) / ops.maximum(q, SMALLEST_SQUARE)

        g, bend = one_pass(laws, squares, contrast, slopes)
        near = ops.clip(wide, -LARGEST_STATE, LARGEST_STATE)
        return [joint_adjoint(g, window, mixing), near, bend, window, mixing]

    def tangent(self, linearization: list[Any], directions: list[Any]) -> list[Any]:
        """Φ′(s)v = gv + s·Wᵀ((g′/r)·W(sv)), W the joint sum."""
        g, s, bend, window, mixing = linearization
        (v,) = directions
        inner = joint(one_pass(lambda s, v: s * at_least_float32(v), s, v), window, mixing)
        outer = joint_adjoint(one_pass(ops.multiply, bend, inner), window, mixing)
        return [
            one_pass(
                lambda g, s, outer, v: narrow(g * at_least_float32(v) + s * outer, v),
                g,
                s,
                outer,
                v,
            )
        ]

    def potentials(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """ψᵢ(rᵢ), a channel for each group."""
        wide, contrast, slopes, window, mixing = self._ready(parts, noise, parameters)
        return [
            narrow(
                self.unit_potential(_root(joint(_square(wide), window, mixing)), contrast, slopes),
                parts[0],
            )
        ]

    @property
    def slope_bounds(self) -> tuple[float, float]:
        """Eigenvalue bounds of Φ′. They include 0 because windows are cut at the boundary."""
        low, high = super().slope_bounds
        return min(0.0, low), high

    @property
    def slope_range(self) -> tuple[float, float]:
        """The bounds by construction."""
        low, high = super().slope_range
        return min(0.0, low), high

    @property
    def diffusivity_bounds(self) -> tuple[float, float]:
        """(0, sup g)."""
        return 0.0, super().diffusivity_bounds[1]

    @property
    def support(self) -> int:
        """Pixels from which a neighbour acts on Φ."""
        return 2 * (self.neighbourhood // 2)

    @property
    def description(self) -> str:
        """What the joint magnitudes are taken over."""
        return (
            f"joint over {self.neighbourhood} pixels,"
            f" {self.groups or 'as many groups as channels'}{' groups' if self.groups else ''}"
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "neighbourhood": self.neighbourhood, "groups": self.groups}


def joint(values: Any, window: Any, mixing: Any) -> Any:
    """Sums over neighbours by D and over channels by V."""
    return ops.matmul(depthwise(values, window), mixing)


def joint_adjoint(values: Any, window: Any, mixing: Any) -> Any:
    """The adjoint of `joint`."""
    return depthwise(
        ops.matmul(values, ops.transpose(mixing)),
        functools.reduce(ops.flip, range(len(window.shape) - 2), window),  # 3.13 flips one axis
    )


def _shares(raw: Any, axis: tuple[int, ...]) -> Any:
    """Positive numbers that sum to 1 over the axes."""
    e = ops.exp(raw - ops.stop_gradient(ops.max(raw, axis=axis, keepdims=True)))
    return e / ops.sum(e, axis=axis, keepdims=True)


def _square(s: Any) -> Any:
    return ops.square(ops.clip(s, -LARGEST_STATE, LARGEST_STATE))


def _root(squares: Any) -> Any:
    return ops.sqrt(ops.maximum(squares, SMALLEST_SQUARE))
