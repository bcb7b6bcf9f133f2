"""GatedFlux: a diffusivity that looks at all channels and at the neighbourhood."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pde.fluxes.gate_bounds import NOISE_RANGE as NOISE_RANGE
from keras_pde.fluxes.gate_layer import GateLayer
from keras_pde.operators.convolution import depthwise
from keras_pde.runtime.compiling import one_pass
from keras_pde.runtime.precision import as_in, at_least_float32, narrow


@keras.saving.register_keras_serializable(package="keras_pde")
class GatedFlux(GateLayer):
    r"""Flux Φ with a learned, regularised diffusivity.

    Φ(s)ᵢ = g(sᵢ²/λᵢ²)·sigmoid(bᵢ + Σⱼ Vᵢⱼ(Dⱼ ∗ h)ⱼ)·sᵢ, hⱼ = eⱼ²/(ℓⱼ² + eⱼ²).

    What a channel is smoothed by depends on the evidence h ∈ [0, 1) of all channels in a
    neighbourhood, weighed by D and mixed by V: the regularised diffusivity of Catté, Lions, Morel
    and Coll, learned. Norm stability (S1) asks of a diffusivity only that it lies in [0, L_g],
    whatever it depends on, and a gate in (0, 1) keeps it there: certified with every weight. By the
    gate Φ changes at most c = ¼·(3√3/8)·sup|Φ/λ|·‖(Vᵢⱼ·sup|D̂ⱼ|·λᵢ/ℓⱼ)ᵢⱼ‖ times e
    (`asymmetry_bound`).

    gates="state", e = s: Φ is no gradient, so there is no energy and no averagedness. Each step
    multiplies its Lipschitz constant by 1 + τ‖K‖²(μ + c) (F6). Cost: a depthwise convolution and a
    1×1 convolution of Ku a step.

    gates="input", e = Kf with f the guide, in a network its input: f opens the gates once. While
    they are held, Φ is the gradient of Σ gateᵢ ψᵢ, so implicit steps and energies exist. With a
    monotone flux a step adds τ‖K‖²c to the Lipschitz constant, a sum and no product (F7, I8). Cost:
    the convolution Kf, the depthwise and the 1×1 one, once for each block, and its gates in memory,
    as large as Ku. Tied blocks save the latter two in every further step.

    Args:
        flux: name of a flux, or a `keras_pde.activations.Flux`, of g ≥ 0.
        contrast, learn_contrast, per_channel, noise_conditioned: as in `FluxActivation`.
        neighbourhood: width of D, odd.
        gates: "state" or "input".
        evidence_contrast: ℓ, learned and conditioned as λ is (first value where it is learned);
            None takes ℓ = λ. Larger ones make c smaller.
        coupling: c₀ > 0 with c ≤ c₀ for every weight: V is divided by max(1, b/c₀) with a
            differentiable bound b of c, once a call and in no step; None leaves c free. Outside
            5/255 to 55/255 a noise level then scales contrasts as at the end of that range. Cost:
            products of channels × channels matrices, none where weights are snapshots.

    Call args: ``s`` (batch, \*spatial, channels), 1-D to 3-D; ``noise``, σ per sample (batch,) or
    as a map (batch, \*spatial, 1). Returns Φ(s), the shape of s; the layer alone takes e = s.

    Raises:
        ValueError: as `FluxActivation`; a flux with negative diffusivities; an even neighbourhood;
            a state without spatial axes; a coupling with a flux that is not bounded.

    Source: Catté, Lions, Morel, Coll (SIAM J. Numer. Anal. 1992); Alt et al., arXiv:2103.15419
    (2021) for the stability; gates between channels as in generalised divisive normalisation:
    Ballé, Laparra, Simoncelli, arXiv:1511.06281 (2016).

    Example:
        >>> import keras_pde
        >>> options = {"learn_contrast": True, "per_channel": True, "gates": "input"}
        >>> flux = keras_pde.GatedFlux("charbonnier", 0.1, coupling=0.5, **options)
        >>> options = {"zero_mean": True, "normalize": True, "boundary": "dirichlet"}
        >>> operator = keras_pde.ConvOperator(8, 5, **options)
        >>> block = keras_pde.DiffusionBlock(operator, flux, "learned")
        >>> net = keras_pde.DiffusionResNet(3, block=block)
        >>> net.build((None, None, None, 1))
        >>> certificate = net.certificate()
        >>> certificate.norm_stable, certificate.lipschitz <= 1 + 3 * 2 * 0.5
        (True, True)
    """

    def flux_parameters(self, noise: Any = None, rank: int = 4) -> list[Any]:
        """λ, ℓ, D, V and b, for gates of the state."""
        return self.parameters_with(None, None, noise, rank)

    def parameters_with(self, weights: Any, guide: Any, noise: Any, rank: int) -> list[Any]:
        """λ, ℓ, D, V and b; for gates="input" λ and the gates that a guide opens."""
        contrast = self.contrast_now(noise, rank)
        evidence = contrast if self.evidence_contrast is None else self.evidence_now(noise, rank)
        law = [evidence, *(self.weights_in_use() if weights is None else weights)]
        if not self.guided:
            return [contrast, *law]
        if guide is None:
            raise ValueError(
                f"{self.name} has gates='input' and was given no guide that opens them: call it"
                " through a block or a network, or take parameters_with(None, [Kf], noise, rank)"
            )
        (e,) = self._one_part(guide)
        wide, *law = _wide(e, law)
        return [
            contrast,
            one_pass(_opened, _evidence(wide, *law[:3]), law[3]),
        ]

    def _given_or_now(
        self, parts: list[Any], noise: Any, parameters: list[Any] | None
    ) -> list[Any]:
        if parameters is not None or not self.guided:
            return super()._given_or_now(parts, noise, parameters)
        return self.parameters_with(None, parts, noise, len(parts[0].shape))

    def fluxes(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """Φ(s)."""
        return self._pointwise(self._flux, parts, noise, parameters)

    def diffusivities(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """g times the gate."""
        return self._pointwise(self._diffusivity, parts, noise, parameters)

    def linearize(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """Φ′ with the gates held; not there for gates of the state, whose Φ′ is not symmetric."""
        self._refuse_state("symmetric derivative, which implicit steps need")
        return self._pointwise(self._slope, parts, noise, parameters)

    def potentials(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """The gate times ψ(s), the gates held; not there for gates of the state."""
        self._refuse_state("potential, and its blocks no energy")
        contrast, gates = self._given_or_now(parts, noise, parameters)
        return [gates * self.flux.potential(s, contrast) for s in self._one_part(parts)]

    def _refuse_state(self, what: str) -> None:
        if not self.guided:
            raise ValueError(
                f"A flux with gates of the state is no gradient, so it has no {what}: use"
                " gates='input', FluxActivation or SplineFlux"
            )

    def _pointwise(
        self, law: Any, parts: list[Any], noise: Any, parameters: list[Any] | None
    ) -> list[Any]:
        """A law of s, 1/λ (a product costs less than a quotient) and the gates, in one pass."""
        (s,) = self._one_part(parts)
        wide, contrast, *rest = _wide(s, self._given_or_now(parts, noise, parameters))
        if not self.guided:
            rest = [_evidence(wide, *rest[:3]), rest[3]]
        return [one_pass(lambda s, *x: narrow(law(s, *x), s), s, 1 / contrast, *rest)]

    def _flux(self, s: Any, inverse: Any, *gates: Any) -> Any:
        return self._diffusivity(s, inverse, *gates) * at_least_float32(s)

    def _diffusivity(self, s: Any, inverse: Any, *gates: Any) -> Any:
        g = self.flux.diffusivity_at(at_least_float32(s) * inverse, 1.0)
        return g * (gates[0] if self.guided else ops.sigmoid(gates[0] + gates[1]))

    def _slope(self, s: Any, inverse: Any, gates: Any) -> Any:
        return gates * self.flux.slope(at_least_float32(s) * inverse, 1.0)

    def _one_part(self, parts: list[Any]) -> list[Any]:
        if len(parts) > 1:
            raise ValueError(
                "GatedFlux needs a convolution with weights: give the operator filters, or use"
                " FluxActivation with a stencil"
            )
        return parts

    @property
    def description(self) -> str:
        """What the gate looks at."""
        of = " of the input" if self.guided else ""
        bound = "" if self.coupling is None else f", coupling at most {self.coupling:g}"
        return f"gate over {self.neighbourhood} pixels and all channels{of}{bound}"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {
            **super().get_config(),
            "neighbourhood": self.neighbourhood,
            "gates": self.gates,
            "evidence_contrast": self.evidence_contrast,
            "coupling": self.coupling,
        }
        del config["coupled"]
        return config


def _opened(seen: Any, bias: Any) -> Any:
    return ops.sigmoid(seen + bias)


def _wide(s: Any, parameters: list[Any]) -> list[Any]:
    """s in at least float32, and the parameters in the same precision."""
    wide = at_least_float32(ops.convert_to_tensor(s))
    return [wide, *(as_in(p, wide) for p in parameters)]


def _evidence(e: Any, contrast: Any, window: Any, mixing: Any) -> Any:
    """Σⱼ Vᵢⱼ(Dⱼ ∗ h)ⱼ."""

    def evidence(e: Any, inverse: Any) -> Any:
        # not r/(1 + r): the ratio r may overflow
        return 1 - 1 / (1 + ops.square(e * inverse))

    return ops.matmul(depthwise(one_pass(evidence, e, 1 / contrast), window), mixing)
