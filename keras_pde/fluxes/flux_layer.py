"""What flux layers share: a contrast that can be learned, per channel, and follow the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.fluxes import noise_level
from keras_pde.fluxes.flux import checked_contrast, contrast_of_parts
from keras_pde.fluxes.noise_level import REFERENCE_NOISE as REFERENCE_NOISE
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.compiling import one_pass
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.positive import inverse_softplus, softplus
from keras_pde.runtime.precision import at_least_float32
from keras_pde.runtime.types import Number, Tensor

SMALLEST_CONTRAST = 1e-7  # a learned λ never underflows to 0, where Φ is 0/0


class FluxLayer(Gated):
    """Layer Φ(s; λ) with contrast λ = softplus(θ), or a constant.

    For a noise level σ, λ = r·softplus(θ + η log r), r = σ/σ₀, σ₀ = 25/255 in the units of u. With
    η = 0 the flux scales with the noise, Φ(cs; cσ) = cΦ(s; σ):
    a network without other scales then filters every noise level as it filters σ₀.

    A subclass gives ``unit_diffusivity`` (g as a function of s/λ), ``unit_potential`` and the two
    pairs of bounds.
    """

    coupled = False  # whether one diffusivity serves all channels
    has_potential = True  # whether Φ is the gradient of a ψ
    channels: int | None = None  # that its weights are for, once built; None is any number
    ranks: tuple[int, ...] | None = None  # numbers of axes that a state may have; None is any
    guided = False  # whether Φ also depends on Kf, with f a guide such as the network's input

    def __init__(
        self,
        contrast: float = 1.0,
        *,
        learn_contrast: bool = False,
        per_channel: bool = False,
        noise_conditioned: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        gate.flag(learn_contrast, "learn_contrast")
        gate.flag(noise_conditioned, "noise_conditioned")
        if gate.flag(per_channel, "per_channel") and not learn_contrast:
            raise ValueError(
                "per_channel=True gives each channel a contrast to learn: it needs"
                " learn_contrast=True"
            )
        self.contrast = checked_contrast(contrast)
        if (learn_contrast or noise_conditioned) and self.contrast < SMALLEST_CONTRAST:
            raise ValueError(
                "A contrast that is learned, or follows the noise, stays above"
                f" {SMALLEST_CONTRAST:g}. Received: contrast={contrast}. Scale the data and the"
                " contrast."
            )
        self.learn_contrast = learn_contrast
        self.per_channel = per_channel
        self.noise_conditioned = noise_conditioned

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the contrast's weights."""
        if self.learn_contrast or self.noise_conditioned:
            shape = (input_shape[-1],) if self.per_channel else ()
            start = float(inverse_softplus(self.contrast))
            self.raw_contrast = self.add_weight(
                shape=shape,
                initializer=keras.initializers.Constant(start),
                trainable=self.learn_contrast,
                autocast=False,
                name="raw_contrast",
            )
            if self.noise_conditioned:
                self.noise_slope = self.add_weight(
                    shape=shape, initializer="zeros", autocast=False, name="noise_slope"
                )
            self.channels = input_shape[-1] if self.per_channel else None
        self.built = True

    def check_call(self, s: Tensor = None, noise: Tensor | float | None = None, **_: Any) -> None:
        """Refuse what is no state with the axes and channels that it was built for."""
        gate.tensor(s, f"s of {self.name}", ranks=self.ranks, channels=self.channels)
        if self.noise_conditioned or noise is not None:
            noise_level.check(noise, self.noise_conditioned, self.name, tuple(s.shape))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Same as the input."""
        return tuple(input_shape)

    def contrast_now(self, noise: Any = None, rank: int = 4) -> Any:
        """λ: a number, or a tensor that broadcasts to a state of the given rank."""
        if not (self.learn_contrast or self.noise_conditioned):
            return self.contrast
        slope = self.noise_slope if self.noise_conditioned else None
        return self._contrast_of(self.raw_contrast, slope, noise, rank)

    def _contrast_of(self, raw: Any, slope: Any, noise: Any, rank: int) -> Any:
        """max(r·softplus(θ + η log r), ε) of the weights θ and η, r = 1 where there is no η."""
        raw = at_least_float32(ops.convert_to_tensor(raw))
        if slope is None:
            return ops.maximum(softplus(raw), SMALLEST_CONTRAST)
        ratio = noise_level.ratio(noise, rank, self.name, raw.dtype)
        raw = raw + at_least_float32(ops.convert_to_tensor(slope)) * ops.log(ratio)
        return ops.maximum(ratio * softplus(raw), SMALLEST_CONTRAST)

    def weights_in_use(self) -> list[Any] | None:
        """What Φ takes of its weights whatever the noise and the state, for `parameters_with`.

        Compute once for many steps; None where that is nothing.
        """
        return None

    def parameters_with(self, weights: Any, guide: Any, noise: Any, rank: int) -> list[Any]:
        """`flux_parameters` for weights in use and a guide Kf in parts, or None for either."""
        return self.flux_parameters(noise, rank)

    def flux_parameters(self, noise: Any = None, rank: int = 4) -> list[Any]:
        """What Φ depends on besides s, numbers and tensors, λ first.

        Compute once for many evaluations.
        """
        return [self.contrast_now(noise, rank)]

    def _given_or_now(
        self, parts: list[Any], noise: Any, parameters: list[Any] | None
    ) -> list[Any]:
        return (
            self.flux_parameters(noise, len(parts[0].shape)) if parameters is None else parameters
        )

    def unit_diffusivity(self, s: Any, contrast: Any, *more: Any) -> Any:
        """g(s²) for the given parameters."""
        raise NotImplementedError

    def fluxes(
        self, parts: list[Tensor], noise: Tensor = None, parameters: list[Number] | None = None
    ) -> list[Tensor]:
        """Φ of a state in parts, in one pass over memory where `keras_pde.runtime.fused` asks.

        Args:
            parts: the state, one tensor or the rows of a stencil.
            noise: the noise level, for a noise-conditioned flux.
            parameters: what `flux_parameters` returned, where it is computed once for many calls.
        """
        return self._in_one_pass(self._fluxes, parts, noise, parameters)

    def diffusivities(
        self, parts: list[Tensor], noise: Tensor = None, parameters: list[Number] | None = None
    ) -> list[Tensor]:
        """g of a state in parts, to multiply with, in one pass; what a frozen cycle keeps."""
        return self._in_one_pass(self._diffusivities, parts, noise, parameters)

    def linearize(
        self, parts: list[Tensor], noise: Tensor = None, parameters: list[Number] | None = None
    ) -> list[Tensor]:
        """What Φ′ at a state consists of, for `tangent`: tensors only, in one pass."""
        return self._in_one_pass(self._linearize, parts, noise, parameters)

    def _in_one_pass(
        self,
        law: Callable[[list[Tensor], list[Number]], list[Tensor]],
        parts: list[Tensor],
        noise: Tensor,
        parameters: list[Number] | None,
    ) -> list[Tensor]:
        """A pointwise law of the parts and the parameters, as one function of tensors."""
        given = self._given_or_now(parts, noise, parameters)
        tensors = [p for p in given if not isinstance(p, float | int)]

        def function(parts: list[Tensor], tensors: list[Tensor]) -> list[Tensor]:
            rest = iter(tensors)
            return law(
                list(parts), [p if isinstance(p, float | int) else next(rest) for p in given]
            )

        return one_pass(function, parts, tensors)

    def _fluxes(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """Φ, pointwise."""
        return [g * s for g, s in zip(self._diffusivities(parts, parameters), parts, strict=True)]

    def _diffusivities(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """g, pointwise."""
        contrast, *more = parameters
        contrasts = contrast_of_parts(contrast, parts)
        return [self.unit_diffusivity(s, c, *more) for s, c in zip(parts, contrasts, strict=True)]

    def _linearize(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """What Φ′ consists of, pointwise."""
        raise NotImplementedError

    def potentials(
        self, parts: list[Tensor], noise: Tensor = None, parameters: list[Number] | None = None
    ) -> list[Tensor]:
        """ψ of a state in parts, where `has_potential`; of a guided Φ with its guide held."""
        raise NotImplementedError

    def tangent(self, linearization: list[Any], directions: list[Any]) -> list[Any]:
        """Φ′(s)v, exactly, for directions v in parts like s; symmetric in v."""
        return [slope * v for slope, v in zip(linearization, directions, strict=True)]

    def call(self, s: Any, noise: Any = None) -> Any:
        """Φ(s), same shape as s."""
        return self.fluxes([s], noise)[0]

    @property
    def diffusivity_bounds(self) -> tuple[float, float]:
        """(inf g, sup g), from the weights at hand."""
        raise NotImplementedError

    @property
    def slope_bounds(self) -> tuple[float, float]:
        """(inf Φ′, sup Φ′), from the weights at hand."""
        raise NotImplementedError

    @property
    def slope_range(self) -> tuple[float, float]:
        """(inf Φ′, sup Φ′) over all weights.

        What a solver is chosen by while the weights change.
        """
        return self.slope_bounds

    @property
    def stiffness(self) -> float:
        """max(sup g, sup Φ′) for all weights: what a stable step size is chosen by."""
        raise NotImplementedError

    @property
    def linear(self) -> bool:
        """Whether g is constant."""
        return False

    @property
    def rational(self) -> bool:
        """Whether g takes a division only, no root and no exponential."""
        return False

    @property
    def couples_channels(self) -> bool:
        """Whether a symmetric Φ′ has entries off its diagonal."""
        return self.coupled

    @property
    def asymmetry_bound(self) -> float:
        """Distance of Φ′ from a symmetric matrix with eigenvalues between the slope bounds.

        An upper bound in the spectral norm, from the weights at hand. Of a guided Φ it is the
        Lipschitz constant in Kf; with f held Φ′ is such a matrix.
        """
        return 0.0

    def reaction_matrix(self) -> np.ndarray | None:
        """Aᵢⱼ ≥ the norm of ∂Φᵢ/∂sⱼ beyond the diagonal, transposed; None where that is 0."""
        return None

    @property
    def support(self) -> int:
        """Pixels from which a neighbour acts on Φ."""
        return 0

    def respace(self, factors: Sequence[float]) -> None:
        """Become the flux for data of another spacing: itself, where it acts at a point."""

    @property
    def law(self) -> str:
        """g in words, for ``print(model)``: a flux's name, or what a spline is bounded by."""
        return type(self).__name__

    @property
    def description(self) -> str:
        """What else Φ depends on (neighbours, other channels), for ``print(model)``."""
        return ""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the reader of a certificate must grant, in words."""
        return ()

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "contrast": self.contrast,
            "learn_contrast": self.learn_contrast,
            "per_channel": self.per_channel,
            "noise_conditioned": self.noise_conditioned,
        }
