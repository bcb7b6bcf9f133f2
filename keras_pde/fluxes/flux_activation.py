"""FluxActivation: a classical flux as a layer, with a contrast that can be learned."""

from __future__ import annotations

import functools
from typing import Any

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.fluxes import declared
from keras_pde.fluxes.flux import STEEP, contrast_of_parts, in_units
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.runtime import gate
from keras_pde.runtime.precision import as_in, at_least_float32
from keras_pde.runtime.types import Number, Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class FluxActivation(FluxLayer):
    r"""Nonlinearity Φ(s) = g(s²/λ²)s, or coupled over the channels: Φ(s)ᵢ = g(Σⱼ sⱼ²/λ²)sᵢ.

    The bounds of g and Φ′ are those of the flux for every contrast λ > 0, so a learned contrast
    never costs a guarantee. Coupled channels share one diffusivity: rotation invariant, and one
    edge for all colours; the slopes of the coupled map lie between the least and the largest of g
    and Φ′. Cost: pointwise.

    Args:
        flux: name of a flux, or a `keras_pde.activations.Flux`.
        contrast: λ > 0, in the units of s (first value where it is learned); None takes the flux's
            own.
        learn_contrast: make λ = softplus(θ) a weight.
        per_channel: one learned λ for each channel instead of one for all.
        noise_conditioned: λ = r·softplus(θ + η log r), r = σ/(25/255), with a learned η and the
            noise level σ given at the call.
        coupled: one diffusivity from the sum of squares over all channels.

    Call args: ``s`` (batch, \*spatial, channels); ``noise``, σ per sample (batch,) or as a map
    (batch, \*spatial, 1).

    Raises:
        ValueError: unknown flux, contrast ≤ 0, per_channel without learn_contrast or with coupled,
            a flux that is no function of s² coupled, a missing noise level.

    Source: Alt et al., arXiv:2103.15419 (2021); coupling as in Weickert, Anisotropic Diffusion
    (1998).

    Example:
        >>> from keras_pde import FluxActivation
        >>> layer = FluxActivation("charbonnier", contrast=0.1, learn_contrast=True)
        >>> tuple(layer(np.ones((1, 4, 4, 2))).shape), layer.slope_bounds
        ((1, 4, 4, 2), (0.0, 1.0))
    """

    def __init__(
        self,
        flux: str | activations.Flux = "charbonnier",
        contrast: float | None = None,
        *,
        learn_contrast: bool = False,
        per_channel: bool = False,
        noise_conditioned: bool = False,
        coupled: bool = False,
        **kwargs: Any,
    ) -> None:
        self_flux = activations.get(flux)
        super().__init__(
            self_flux.contrast if contrast is None else contrast,
            learn_contrast=learn_contrast,
            per_channel=per_channel,
            noise_conditioned=noise_conditioned,
            **kwargs,
        )
        self.flux = self_flux
        self.coupled = gate.flag(coupled, "coupled")
        if coupled and not self.flux.isotropic:
            raise ValueError(
                f"The {self.flux.name} flux depends on the sign of s, so it cannot be coupled. Use"
                " coupled=False."
            )
        if coupled and per_channel:
            raise ValueError(
                "Coupled channels share one diffusivity, so they cannot have a contrast each:"
                " per_channel or coupled, not both"
            )

    def unit_diffusivity(self, s: Any, contrast: Any, *more: Any) -> Any:
        """g(s²/λ²)."""
        return self.flux.diffusivity_at(s, contrast)

    def _diffusivities(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """g of each part; one for all if coupled."""
        if not self.coupled:
            return super()._diffusivities(parts, parameters)
        (contrast,) = parameters
        units, unit = self._in_units(parts, contrast)
        shared = self.flux.diffusivity(self._sum_of_squares(units), unit)
        return [ops.cast(shared, parts[0].dtype)] * len(parts)

    def _fluxes(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """Φ of each part."""
        if self.flux.isotropic:
            return super()._fluxes(parts, parameters)
        contrasts = contrast_of_parts(parameters[0], parts)
        return [self.flux(s, c) for s, c in zip(parts, contrasts, strict=True)]

    def _linearize(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """Φ′ of each part; coupled, g, 2g′ and s/λ, in at least float32."""
        (contrast,) = parameters
        if not self.coupled:
            contrasts = contrast_of_parts(contrast, parts)
            return [self.flux.slope(s, c) for s, c in zip(parts, contrasts, strict=True)]
        # s/λ and not s: 1/λ² overflows in products with small s, and s²/λ² for large ones
        units = [
            ops.clip(s / as_in(contrast, s), -(STEEP**0.5), STEEP**0.5)
            for s in map(at_least_float32, parts)
        ]
        g, dg = self.flux.derivatives(self._sum_of_squares(units))
        return [g, 2 * dg, *units]

    def tangent(self, linearization: list[Any], directions: list[Any]) -> list[Any]:
        """Φ′(s)v; coupled, g v + 2g′⟨s, v⟩s/λ², with ⟨·, ·⟩ over all parts and channels."""
        if not self.coupled:
            return super().tangent(linearization, directions)
        g, dg, *units = linearization
        wide = [at_least_float32(v) for v in directions]
        inner = dg * self._sum_of_channels([s * v for s, v in zip(units, wide, strict=True)])
        return [
            ops.cast(g * v + inner * s, d.dtype)
            for s, v, d in zip(units, wide, directions, strict=True)
        ]

    def potentials(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """ψ of each part; of the Euclidean norm over all channels if coupled."""
        contrast, *_ = self._given_or_now(parts, noise, parameters)
        if self.coupled:
            units, unit = self._in_units(parts, contrast)
            squared = self._sum_of_squares(units)
            psi = self.flux.radial_potential(squared, as_in(unit, squared))
            return [psi if unit is contrast else psi * contrast * contrast]
        return [self.flux.potential(s, contrast) for s in parts]

    def _in_units(self, parts: list[Tensor], contrast: Number) -> tuple[list[Tensor], Number]:
        pairs = [in_units(at_least_float32(s), contrast) for s in parts]
        return [s for s, _ in pairs], pairs[0][1]

    def _sum_of_squares(self, parts: list[Any]) -> Any:
        return self._sum_of_channels([ops.square(at_least_float32(s)) for s in parts])

    def _sum_of_channels(self, parts: list[Any]) -> Any:
        total = functools.reduce(ops.add, parts)
        return total if total.shape[-1] == 1 else ops.sum(total, axis=-1, keepdims=True)

    @property
    def diffusivity_bounds(self) -> tuple[float, float]:
        """(inf g, sup g)."""
        return self.flux.diffusivity_bounds

    @property
    def slope_bounds(self) -> tuple[float, float]:
        """(inf Φ′, sup Φ′).

        Coupled, the eigenvalues of Φ′ are g(|s|²) and the slope of the radial flux.
        """
        (g0, g1), (s0, s1) = self.flux.diffusivity_bounds, self.flux.slope_bounds
        return (min(g0, s0), max(g1, s1)) if self.coupled else (s0, s1)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Whose bounds are declared, and not proved."""
        return declared.said(self.flux, f"the flux {self.flux.name}")

    @property
    def stiffness(self) -> float:
        """max(L_g, L)."""
        return max(self.flux.L_g, self.flux.L)

    @property
    def law(self) -> str:
        """Name of the flux."""
        return self.flux.name

    @property
    def rational(self) -> bool:
        """Whether g takes a division only, no root and no exponential."""
        return self.flux.rational

    @property
    def linear(self) -> bool:
        """Whether g is constant."""
        return self.flux.diffusivity_bounds[0] == self.flux.diffusivity_bounds[1]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "flux": activations.serialize(self.flux),
            "coupled": self.coupled,
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> FluxActivation:
        """Rebuild from `get_config`."""
        return cls(**{**config, "flux": activations.get(config["flux"])})
