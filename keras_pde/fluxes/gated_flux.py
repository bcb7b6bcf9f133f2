"""GatedFlux: a diffusivity that looks at all channels and at the neighbourhood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.flux_layer import REFERENCE_NOISE, SMALLEST_CONTRAST
from keras_pde.operators.convolution import depthwise
from keras_pde.runtime import gate
from keras_pde.runtime.bounds import times
from keras_pde.runtime.compiling import one_pass
from keras_pde.runtime.precision import as_in, at_least_float32, narrow

# for which the Lipschitz constant of a noise-conditioned gate is stated
NOISE_RANGE = (5 / 255, 55 / 255)
# sup of the derivatives of sigmoid(x) and of x²/(1 + x²)
STEEPEST_SIGMOID, STEEPEST_EVIDENCE = 0.25, 3 * math.sqrt(3) / 8


@keras.saving.register_keras_serializable(package="keras_pde")
class GatedFlux(FluxActivation):
    r"""Flux Φ with a learned, regularised diffusivity.

    Φ(s)ᵢ = g(sᵢ²/λᵢ²)·sigmoid(bᵢ + Σⱼ Vᵢⱼ(Dⱼ ∗ h)ⱼ)·sᵢ, hⱼ = sⱼ²/(λⱼ² + sⱼ²).

    What a channel is smoothed by depends on the evidence h ∈ [0, 1) of all channels in a
    neighbourhood, weighed by D and mixed by V: the regularised diffusivity of Catté, Lions, Morel
    and Coll, learned. Norm stability (S1) asks of a diffusivity only that it lies in [0, L_g],
    whatever it depends on, and a gate in (0, 1) keeps it there: certified with every weight. Φ is
    no gradient, so there is no energy and no averagedness. Its derivative is a diagonal matrix with
    entries between 0 and the bounds of Φ′ plus one of norm at most c =
    ¼·(3√3/8)·sup|Φ/λ|·‖(|Vᵢⱼ|·‖Dⱼ‖₁·λᵢ/λⱼ)ᵢⱼ‖ (`asymmetry_bound`), so the Lipschitz constant of a
    block grows by τ‖K‖²c. Cost: a depthwise convolution and a 1×1 convolution of Ku.

    Args:
        flux: name of a flux, or a `keras_pde.activations.Flux`, of g ≥ 0.
        contrast, learn_contrast, per_channel, noise_conditioned: as in `FluxActivation`.
        neighbourhood: width of D, odd.

    Call args: ``s`` (batch, \*spatial, channels), 1-D to 3-D; ``noise``, σ per sample (batch,) or
    as a map (batch, \*spatial, 1). Returns Φ(s), the shape of s.

    Raises:
        ValueError: as `FluxActivation`; a flux with negative diffusivities; an even neighbourhood;
            a state without spatial axes.

    Source: Catté, Lions, Morel, Coll (SIAM J. Numer. Anal. 1992); Alt et al., arXiv:2103.15419
    (2021) for the stability; gates between channels as in generalised divisive normalisation:
    Ballé, Laparra, Simoncelli, arXiv:1511.06281 (2016).

    Example:
        >>> import keras_pde
        >>> options = {"learn_contrast": True, "per_channel": True}
        >>> flux = keras_pde.GatedFlux("perona_malik_exponential", 0.1, **options)
        >>> options = {"zero_mean": True, "normalize": True, "boundary": "dirichlet"}
        >>> operator = keras_pde.ConvOperator(8, 5, **options)
        >>> block = keras_pde.DiffusionBlock(operator, flux, "learned")
        >>> block.build((None, None, None, 1))
        >>> block.certificate().norm_stable, block.certificate().energy_descent
        (True, False)
    """

    has_potential = False
    linear = rational = False

    def __init__(
        self,
        flux: str | activations.Flux = "perona_malik_exponential",
        contrast: float | None = None,
        *,
        neighbourhood: int = 5,
        learn_contrast: bool = False,
        per_channel: bool = False,
        noise_conditioned: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            flux,
            contrast,
            learn_contrast=learn_contrast,
            per_channel=per_channel,
            noise_conditioned=noise_conditioned,
            **{"coupled": False, **kwargs},
        )
        if self.coupled or not self.flux.isotropic or self.flux.diffusivity_bounds[0] < 0:
            raise ValueError(
                "A gate needs a flux with g(s²) >= 0 that is not coupled. Received:"
                f" flux={self.flux!r}, coupled={self.coupled}"
            )
        if gate.count(neighbourhood, "neighbourhood", high=1023) % 2 == 0:
            raise ValueError(
                "neighbourhood is the width of a window around a point: an odd whole number."
                f" Received: neighbourhood={neighbourhood!r}"
            )
        self.neighbourhood = neighbourhood

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create contrast, window, mixing matrix and bias.

        The gate is nearly open at first, and the same everywhere.
        """
        ndim, channels = len(input_shape) - 2, input_shape[-1]
        if not 1 <= ndim <= 3 or channels is None:
            raise ValueError(
                "A gate looks at neighbours: s must be (batch, *spatial, channels), 1-D to 3-D."
                f" Received: shape {tuple(input_shape)}"
            )
        super().build(input_shape)
        self.channels, self.ranks = channels, (ndim + 2,)
        width = self.neighbourhood
        centre = np.full((width,) * ndim, 0.5 / width**ndim)
        centre[(width // 2,) * ndim] += 1
        start = np.repeat(centre[..., None, None], channels, axis=-2)

        def window(shape: Any, dtype: Any = None) -> Any:
            return ops.convert_to_tensor(start, dtype=dtype)

        self.window = self.add_weight(
            shape=start.shape, initializer=window, autocast=False, name="window"
        )
        self.mixing = self.add_weight(
            shape=(channels, channels), initializer="zeros", autocast=False, name="mixing"
        )
        self.gate_bias = self.add_weight(
            shape=(channels,),
            initializer=keras.initializers.Constant(3.0),
            autocast=False,
            name="gate_bias",
        )

    @property
    def support(self) -> int:
        """Pixels from which a neighbour acts on Φ."""
        return self.neighbourhood // 2

    def flux_parameters(self, noise: Any = None, rank: int = 4) -> list[Any]:
        """λ, D, V and b."""
        return [
            self.contrast_now(noise, rank),
            *(
                at_least_float32(ops.convert_to_tensor(w))
                for w in (self.window, self.mixing, self.gate_bias)
            ),
        ]

    def fluxes(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """Φ(s)."""
        return [
            one_pass(
                lambda s, *gate: narrow(self._diffusivity(s, *gate) * at_least_float32(s), s),
                *self._gated(parts, noise, parameters),
            )
        ]

    def diffusivities(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """g times the gate."""
        return [
            one_pass(
                lambda s, *gate: narrow(self._diffusivity(s, *gate), s),
                *self._gated(parts, noise, parameters),
            )
        ]

    def _diffusivity(self, s: Any, inverse: Any, seen: Any, bias: Any) -> Any:
        return self.flux.diffusivity_at(at_least_float32(s) * inverse, 1.0) * ops.sigmoid(
            seen + bias
        )

    def _gated(
        self, parts: list[Any], noise: Any, parameters: list[Any] | None
    ) -> tuple[Any, Any, Any, Any]:
        """s, 1/λ (a product costs less than a quotient), the mixed evidence and b."""
        if len(parts) > 1:
            raise ValueError(
                "GatedFlux needs a convolution with weights: give the operator filters, or use"
                " FluxActivation with a stencil"
            )
        (s,) = parts
        contrast, window, mixing, bias = self._given_or_now(parts, noise, parameters)
        wide = at_least_float32(ops.convert_to_tensor(s))
        contrast, window, mixing, bias = (as_in(p, wide) for p in (contrast, window, mixing, bias))
        inverse = 1 / contrast

        def evidence(wide: Any, inverse: Any) -> Any:
            # not r/(1 + r): the ratio r may overflow
            return 1 - 1 / (1 + ops.square(wide * inverse))

        seen = depthwise(one_pass(evidence, wide, inverse), window)
        return s, inverse, ops.matmul(seen, mixing), bias

    def linearize(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """Not there: Φ′ is not symmetric."""
        raise ValueError(
            "A gated flux has no symmetric derivative, which implicit steps need: use"
            " FluxActivation or SplineFlux"
        )

    def potentials(self, parts: list[Any], noise: Any = None) -> list[Any]:
        """Not there: Φ is no gradient."""
        raise ValueError(
            "A gated flux is no gradient, so it has no potential and its blocks no energy: use"
            " FluxActivation or SplineFlux"
        )

    @property
    def slope_bounds(self) -> tuple[float, float]:
        """Bounds of the diagonal part of Φ′."""
        low, high = self.flux.slope_bounds
        return min(0.0, low), max(0.0, high)

    @property
    def diffusivity_bounds(self) -> tuple[float, float]:
        """(0, L_g)."""
        return 0.0, self.flux.diffusivity_bounds[1]

    @property
    def asymmetry_bound(self) -> float:
        """Upper bound c of what Φ′ differs by from its diagonal part, from the weights at hand.

        Inf for a flux that is not bounded.
        """
        if not self.built:
            return math.inf
        window, mixing = (
            np.array(ops.convert_to_numpy(w), dtype=np.float64) for w in (self.window, self.mixing)
        )
        weights = np.abs(window).sum(axis=tuple(range(window.ndim - 2)))[:, 0]
        least, most = self._contrasts()
        if not np.any(mixing):
            return 0.0
        matrix = np.abs(mixing) * weights[:, None] * most[None, :] / least[:, None]
        if not np.isfinite(matrix).all():
            return math.inf
        norm = float(np.linalg.norm(matrix, 2)) * (1 + 1e-9)
        return times(STEEPEST_SIGMOID, STEEPEST_EVIDENCE, self.flux.height, norm)

    def _contrasts(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest λ/r of each channel for noise in `NOISE_RANGE`."""
        channels = int(self.mixing.shape[0])
        if not (self.learn_contrast or self.noise_conditioned):
            return np.full(channels, self.contrast), np.full(channels, self.contrast)
        raw = np.array(ops.convert_to_numpy(self.raw_contrast), dtype=np.float64)
        logs = (
            np.log(np.array(NOISE_RANGE) / REFERENCE_NOISE)
            if self.noise_conditioned
            else np.zeros(2)
        )
        slope = (
            np.array(ops.convert_to_numpy(self.noise_slope), dtype=np.float64)
            if self.noise_conditioned
            else 0.0
        )
        both = [
            np.maximum(np.logaddexp(0, raw + slope * t), SMALLEST_CONTRAST * math.exp(-t))
            + np.zeros(channels)
            for t in logs
        ]
        return np.minimum(*both), np.maximum(*both)

    @property
    def description(self) -> str:
        """What the gate looks at."""
        return f"gate over {self.neighbourhood} pixels and all channels"

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Granted for the Lipschitz constant."""
        low, high = (round(255 * x) for x in NOISE_RANGE)
        return (
            super().assumptions
            + (
                (
                    f"for the Lipschitz constant one noise level for all pixels, of {low} to {high}"
                    " grey levels of 255"
                ),
            )
            * self.noise_conditioned
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {**super().get_config(), "neighbourhood": self.neighbourhood}
        del config["coupled"]
        return config
