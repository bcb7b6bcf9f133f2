"""DiffusionBlock: one explicit step of nonlinear diffusion, the symmetric residual block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde import schemes
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.evolution import evolution_certificate
from keras_pde.certificates.facts import BlockFacts
from keras_pde.certificates.rounding import outward
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers import step_size as steps
from keras_pde.layers.diffusion_step import DiffusionStep, PreparedBlock, per_sample
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate
from keras_pde.runtime.positive import inverse_softplus, softplus
from keras_pde.runtime.precision import as_in, at_least_float32
from keras_pde.runtime.printed import rounded


@keras.saving.register_keras_serializable(package="keras_pde")
class DiffusionBlock(DiffusionStep):
    r"""Explicit diffusion step u⁺ = u − τ(β(u − f) + KᵀΦ(Ku + b)).

    A residual block whose second kernel is −Kᵀ, with half the weights of a free one. Without bias
    ‖u⁺‖ ≤ ‖u‖ for τ ≤ 2/(L_g‖K‖²) and g ≥ 0 (S1), whether or not Φ is monotone; u ↦ u⁺ has the
    Lipschitz constant max(1, 1 + τμ‖K‖²) for τ ≤ 2/(L‖K‖²) (S2), is θ-averaged for monotone Φ with
    θ = τL‖K‖²/2 (S4), and lowers E(u) = Σψ(Ku) + β/2‖u − f‖² for τ ≤ 2/(β + L‖K‖²) (S5). With a
    source f every state stays bounded by ‖f‖ for τ ≤ 2/(2β + L_g‖K‖²). Cost: the convolutions K and
    Kᵀ, and the flux.

    Args:
        operator: an `Operator` such as `ConvOperator`; a stencil name ("forward", ...), for the
            classical operator without weights; or a number of filters, for learned normalised
            zero-mean 3-wide kernels.
        flux: a flux name, a `keras_pde.activations.Flux`, a `FluxActivation` or a `SplineFlux`.
        step_size: τ as a number (refused beyond the limit where the limit is known); "auto", τ =
            fraction · limit with limit = 2/(2β + L‖K‖²); "learned", τ = fraction · limit ·
            sigmoid(θ), θ = 0 at first; "per_channel", a step for each filter from row sums of KKᵀ
            (Gershgorin), τᵢ = fraction · 2/(L Σⱼ|KKᵀ|ᵢⱼ); "scaled", τᵢ = fraction ·
            2/(L Σⱼ|KKᵀ|ᵢⱼqⱼ/qᵢ) with learned q = e^θ, |θ| ≤ 30, 1 at first (B1).
        fraction: in (0, 1], the part of the limit that all words use.
        coupled: one diffusivity g(Σ(Ku)²) for all filters and channels; for a flux given by name.
        use_bias: learn b. Keeps the Lipschitz constant, loses norm stability.
        data_weight: β ≥ 0, pull towards the source f; "learned" makes β = softplus(θ), 0.1 at
            first.

    Call args: ``u`` (batch, \*spatial, channels); ``source`` f, same shape (u itself if β > 0 and
    none is given); ``noise``, σ per sample or as a map, for a noise-conditioned flux; ``guide``,
    same shape (the source unless given), which opens gates of the input. Returns u⁺.

    Raises:
        ValueError: a step size beyond the limit (with the limit), options that exclude each other.

    Presets by arguments: flux="relu", use_bias=True is the convex potential layer (CPL), with
    step_size="scaled" the SDP-based layer (SLL), and with fraction=θ < 1 the θ-averaged block.

    Source: Alt et al., arXiv:2103.15419 (2021); Ruthotto, Haber, arXiv:1804.04272 (2018); CPL:
    Meunier et al., arXiv:2110.12690 (2021); steps for each channel and SLL: Araujo et al.,
    arXiv:2303.03169 (2023); averaged: Sherry et al., arXiv:2306.17332 (2023).

    Example:
        >>> from keras_pde import DiffusionBlock
        >>> block = DiffusionBlock("forward", flux="perona_malik", step_size=0.2, coupled=True)
        >>> u = keras.random.normal((1, 16, 16, 1), seed=0)
        >>> bool(ops.sum(block(u) ** 2) <= ops.sum(u**2)), block.count_params()
        (True, 0)
        >>> DiffusionBlock("forward", step_size=0.3)(u)
        Traceback (most recent call last):
        ...
        ValueError: step_size=0.3 is unstable: ... step_size <= 2/(2β + L‖K‖²) = 0.25. Lower it, ...
    """

    def __init__(
        self,
        operator: Operator | str | int = "forward",
        flux: str | activations.Flux | FluxLayer = "charbonnier",
        step_size: float | str = "auto",
        *,
        fraction: float = 1.0,
        coupled: bool = False,
        use_bias: bool = False,
        data_weight: float | str = 0.0,
        **kwargs: Any,
    ) -> None:
        coupled = gate.flag(coupled, "coupled")
        if not isinstance(flux, FluxLayer):
            flux = FluxActivation(flux, coupled=coupled)
        elif coupled and not flux.coupled:
            raise ValueError(
                "coupled=True is for a flux given by name: make the layer FluxActivation(...,"
                " coupled=True) instead"
            )
        super().__init__(operator, flux, **kwargs)
        self.step_size = step_size
        steps.check(step_size, fraction, data_weight)
        self.fraction = float(fraction)
        self.coupled = self.flux.coupled
        self.use_bias = gate.flag(use_bias, "use_bias")
        self.data_weight = data_weight
        self.raw_step: Any = None
        self.raw_scaling: Any = None
        steps.check_rows(step_size, self.operator, self.flux, data_weight)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build operator and flux, and check a fixed step against the limit."""
        inner = self.build_parts(input_shape)
        if self.use_bias:
            self.bias = self.add_weight(shape=(inner[-1],), initializer="zeros", name="bias")
        if self.step_size == "learned":
            self.raw_step = self.add_weight(
                shape=(), initializer="zeros", autocast=False, name="raw_step"
            )
        if self.step_size == "scaled":
            self.raw_scaling = self.add_weight(
                shape=(inner[-1],), initializer="zeros", autocast=False, name="raw_scaling"
            )
        if self.data_weight == "learned":
            start = keras.initializers.Constant(float(inverse_softplus(0.1)))
            self.raw_data_weight = self.add_weight(
                shape=(), initializer=start, autocast=False, name="raw_data_weight"
            )
        limit = self.step_limit
        if not isinstance(self.step_size, str) and limit is not None:
            if self.step_size > limit * (1 + 1e-9):
                raise ValueError(
                    f"step_size={self.step_size:g} is unstable: the explicit step needs step_size"
                    f" <= 2/(2β + L‖K‖²) = {rounded(limit, 4, up=False)}. Lower it, or reach the"
                    " same time in fewer steps with FEDResNet or FSIResNet."
                )
        self.built = True

    @property
    def step_limit(self) -> float | None:
        """2/(2β + L‖K‖²) where it does not change with the weights or the channel, else None."""
        if steps.varies(self.step_size):
            return None
        return steps.largest(self.operator, self.flux, self.data_weight)

    def prepare(self) -> PreparedBlock:
        """Kernels, step size and data weight in use, in at least float32: a step rounds each once.

        Compute once for many steps.
        """
        kernels = self.operator.weights_in_use()
        beta: Any = self.data_weight
        if beta == "learned":
            beta = softplus(at_least_float32(ops.convert_to_tensor(self.raw_data_weight)))
        step = steps.in_use(
            self.step_size,
            self.fraction,
            self.raw_step if self.step_size == "learned" else self.raw_scaling,
            self.operator,
            kernels,
            self.flux,
            beta,
            self.compute_dtype,
        )
        return PreparedBlock(kernels, step, beta, self.flux.weights_in_use())

    def inner(self, u: Any, prepared: PreparedBlock) -> list[Any]:
        """Ku + b, in parts."""
        parts = self.operator.parts(u, prepared.kernels)
        if not self.use_bias:
            return parts
        bias = ops.convert_to_tensor(self.bias)
        biases = ops.split(bias, len(parts)) if len(parts) > 1 else [bias]
        return [s + b for s, b in zip(parts, biases, strict=True)]

    def freeze(
        self,
        u: Any,
        prepared: PreparedBlock,
        noise: Any = None,
        parameters: list[Any] | None = None,
    ) -> list[Any]:
        """The diffusivity at u, in parts: what a FED cycle keeps."""
        parts = self.flux.diffusivities(self.inner(u, prepared), noise, parameters)
        return parts[:1] if self.coupled else parts

    @property
    def stores_diffusivity(self) -> bool:
        """Whether a loop of steps should carry g from step to step.

        XLA for the CPU computes g anew for each neighbour that reads it, which is dear with a root
        or an exponential (``python benchmarks/loops.py``). Where K is slices, evaluating Ku once
        more for g costs less than that.
        """
        return self.operator.sliced and not self.flux.rational

    def step(
        self,
        u: Any,
        prepared: PreparedBlock,
        *,
        source: Any = None,
        noise: Any = None,
        scale: Any = 1.0,
        frozen: list[Any] | None = None,
        parameters: list[Any] | None = None,
    ) -> Any:
        """One step of size scale·τ, with g given or computed at u, by given flux parameters."""
        parts = self.inner(u, prepared)
        if frozen is None:
            fluxes = self.flux.fluxes(parts, noise, parameters)
        else:
            shared = frozen * len(parts) if len(frozen) == 1 else frozen
            fluxes = [g * s for g, s in zip(shared, parts, strict=True)]
        step = prepared.step
        if steps.varies(self.step_size):
            fluxes, step = [as_in(step, f) * f for f in fluxes], 1.0
        update = self.operator.adjoint_of(fluxes, prepared.kernels)
        if self.data_weight and source is not None:
            update = update + as_in(prepared.data_weight, u) * (u - source)
        return u - as_in(scale * step, u) * update

    def check_call(
        self, u: Any = None, source: Any = None, noise: Any = None, guide: Any = None, **_: Any
    ) -> None:
        """Refuse what is no state, a source of another shape, and a noise level that is none."""
        self.check_state(u, noise, "u", source, guide)

    def call(self, u: Any, source: Any = None, noise: Any = None, guide: Any = None) -> Any:
        """u⁺."""
        prepared, f = self.prepare(), u if source is None else source
        given = self.flux_parameters(prepared, noise, f if guide is None else guide)
        return self.step(u, prepared, source=f, noise=noise, parameters=given)

    def energy(self, u: Any, source: Any = None, noise: Any = None, guide: Any = None) -> Any:
        """E(u) = Σψ(Ku + b) + β/2‖u − f‖² for each sample; varying steps weigh it, Στᵢψᵢ."""
        self.check_call(u, source, noise, guide)
        prepared, f = self.prepare(), u if source is None else source
        weight = prepared.step if steps.varies(self.step_size) else 1.0
        potentials = self.potentials(u, prepared, noise, f if guide is None else guide)
        total = sum(per_sample(as_in(weight, p) * p) for p in potentials)
        if self.data_weight and source is not None:
            total = total + as_in(prepared.data_weight, total) / 2 * per_sample(
                ops.square(u - source)
            )
        return total

    def facts(self) -> BlockFacts:
        """τ‖K‖², bounds and assumptions, from the weights as the block computes with them."""
        prepared = self.prepare()
        sizes = np.asarray(ops.convert_to_numpy(prepared.step))
        tau = float(np.max(sizes))
        squared = self.operator.certified_squared_norm()
        gates = self.gating(squared)
        if steps.varies(self.step_size):
            # a step of size 0 is one of a row sum that overflows
            strength = self.fraction * 2 / self.flux.stiffness if np.all(sizes > 0) else np.inf
            data = 0.0
            # steps that differ between channels weigh the entries of Φ′ unequally
            gates = math.inf if gates else gates
        else:
            strength = tau * squared
            data = tau * float(ops.convert_to_numpy(prepared.data_weight))
        facts = BlockFacts(
            strength,
            data,
            self.flux.diffusivity_bounds,
            self.flux.slope_bounds,
            self.flux.linear,
            self.use_bias,
            self.assumptions(),
            asymmetry=0.0 if self.flux.guided else gates,
            guidance=gates if self.flux.guided else 0.0,
            potential=self.flux.has_potential,
        )
        return outward(facts, self.operator, self.compute_dtype, tau)

    def certificate(self) -> Certificate:
        """What is proved about u ↦ u⁺ (with f = u), from the weights at hand."""
        self.require_weights()
        return evolution_certificate(self.subject, schemes.explicit(1), [self.facts()], tied=True)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "step_size": self.step_size,
            "fraction": self.fraction,
            "coupled": self.coupled,
            "use_bias": self.use_bias,
            "data_weight": self.data_weight,
        }
