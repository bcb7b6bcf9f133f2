"""ImplicitDiffusion: one implicit step of nonlinear diffusion, an equilibrium layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.facts import BlockFacts
from keras_pde.certificates.implicit import implicit_certificate
from keras_pde.fluxes import noise_level
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.diffusion_step import DiffusionStep, per_sample
from keras_pde.layers.implicit_gradient import attach, held, symmetric_adjoint
from keras_pde.layers.solve_failures import ON_FAILURE, SolveFailures
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate
from keras_pde.runtime.positive import softplus
from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.schemes import solvers
from keras_pde.schemes.solvers.implicit_step import ImplicitStep
from keras_pde.schemes.solvers.solver import SolverResult


@dataclass
class PreparedStep:
    """What does not change from step to step: kernels in use, τ, parameters of the flux, q, m."""

    kernels: list[Any]
    step: Any
    parameters: list[Any]
    q: Any
    m: Any
    weights: list[Any] | None = None


@keras.saving.register_keras_serializable(package="keras_pde")
class ImplicitDiffusion(DiffusionStep):
    r"""Implicit diffusion step u = f − τKᵀΦ(Ku) = argmin ½‖u − f‖² + τE(u).

    An equilibrium layer, stable for every τ.

    ‖u‖ ≤ ‖f‖ for every τ and g ≥ 0, whether or not Φ is monotone. For monotone Φ the step is a
    proximal map: unique, firmly nonexpansive. For Φ′ ≥ −μ it is unique and has the Lipschitz
    constant 1/(1 − τμ‖K‖²) while τμ‖K‖² < 1. The iterations of the solver are a recurrent network
    with a skip from f. Gradients come from the implicit function theorem: the memory of training
    does not depend on the number of iterations. A second derivative is a ValueError. What is
    computed differs from u by the tolerance that the certificate states (I7). Gates that the input
    opens keep all this for a guide that is held, and f ↦ u has the constant of I8. Cost: K, Φ and
    Kᵀ an iteration; about as much for a gradient.

    Args:
        operator: an `Operator` such as `ConvOperator`; a stencil name ("forward", ...), for the
            classical operator without weights; or a number of filters, for learned normalised
            zero-mean 3-wide kernels.
        flux: a flux name, a `keras_pde.activations.Flux`, a `FluxActivation` (with coupled=True for
            one diffusivity for all filters and channels) or a `SplineFlux`.
        step_size: τ > 0; "learned", τ = softplus(θ), 1 at first.
        solver: name of a solver in `keras_pde.solvers`, or one of its objects.
        tolerance: of the relative residual ‖u + τKᵀΦ(Ku) − f‖/‖f‖ of each sample, and of the
            gradient's linear system. float32 reaches about 2e-8·τ‖K‖²; below what the precision
            reaches, a solve ends at max_iterations and counts as not converged.
        max_iterations: of the solver, and of the gradient's.
        on_failure: what to do with samples that did not converge: "warn" in eager calls; "nan",
            return NaN for them, without a gradient, and NaN as the gradient where only its linear
            system failed; "ignore". Inside compiled functions only "nan" and a model's `diagnose`
            report.

    Call args: ``f`` (batch, \*spatial, channels); ``noise``, σ per sample or as a map, for a
    noise-conditioned flux; ``guide``, same shape as f (f itself unless given), which opens gates of
    the input. Returns u, the shape of f. Inner computations are in float32 at least.

    Raises:
        ValueError: arguments out of range; a solver that cannot solve the step (with the bound).

    Source: Alt et al., arXiv:2107.14742 (2021); implicit schemes: Weickert, ter Haar Romeny,
    Viergever (1998); equilibrium layers: Bai, Kolter, Koltun, arXiv:1909.01377 (2019).

    Example:
        >>> from keras_pde import FluxActivation, ImplicitDiffusion
        >>> flux = FluxActivation("charbonnier", 0.1, coupled=True)
        >>> layer = ImplicitDiffusion("forward", flux, step_size=50.0)
        >>> f = keras.random.normal((2, 16, 16, 1), seed=0)
        >>> u = layer(f)
        >>> bool(ops.sum(u**2) <= ops.sum(f**2)), layer.certificate().firmly_nonexpansive
        (True, True)
        >>> bool(ops.all(layer.solve(f).residual <= 1e-5))
        True
    """

    variable = "f"

    def __init__(
        self,
        operator: Operator | str | int = "forward",
        flux: str | activations.Flux | FluxLayer = "charbonnier",
        step_size: float | str = 1.0,
        solver: str | solvers.Solver = "accelerated",
        *,
        tolerance: float = 1e-5,
        max_iterations: int = 500,
        on_failure: str = "warn",
        **kwargs: Any,
    ) -> None:
        super().__init__(operator, flux, **kwargs)
        gate.number_or_word(step_size, "step_size", ("learned",), low=0, low_open=True)
        tolerance = gate.number(
            tolerance, "tolerance", low=0, low_open=True, high=1, high_open=True
        )
        max_iterations = gate.count(max_iterations, "max_iterations", high=10**9)
        gate.word(on_failure, "on_failure", ON_FAILURE)
        if not self.flux.has_potential:
            raise ValueError(
                f"An implicit step minimises an energy, and {type(self.flux).__name__} has none."
                " Use FluxActivation, SplineFlux, or GatedFlux with gates='input'."
            )
        self.step_size = step_size
        self.solver = solvers.get(solver)
        self.tolerance = float(tolerance)
        self.max_iterations = max_iterations
        self.on_failure = on_failure

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build operator and flux, and ask the solver whether it can solve the step."""
        self.build_parts(input_shape)
        if self.step_size == "learned":
            start = keras.initializers.Constant(math.log(math.e - 1))
            self.raw_step = self.add_weight(
                shape=(), initializer=start, autocast=False, name="raw_step"
            )
        self.solver.check(*self.spectral_bounds, self.flux)
        self.built = True

    @property
    def spectral_bounds(self) -> tuple[float | None, float | None]:
        """q = τL‖K‖² and m = τμ‖K‖², with L = sup Φ′ and −μ = inf Φ′.

        They are None where they change with the weights.
        """
        low = self.flux.slope_range[0]
        if not self.operator.bound_is_constant or isinstance(self.step_size, str):
            return None, 0.0 if low >= 0 else None
        strength = self.step_size * self.operator.squared_norm_bound()
        return strength * self.flux.stiffness, strength * max(0.0, -low)

    def prepare(self, noise: Any = None, guide: Any = None) -> PreparedStep:
        """Kernels, step size and parameters in use; compute once for many steps.

        Args:
            noise: level for a noise-conditioned flux.
            guide: the image that opens the gates of a guided flux.
        """
        kernels = self.operator.weights_in_use()
        step: Any = self.step_size
        if step == "learned":
            step = softplus(at_least_float32(ops.convert_to_tensor(self.raw_step)))
        q, m = self.spectral_bounds
        if q is None:
            bound = self.operator.squared_norm_bound(kernels)
            q, low = step * bound * self.flux.stiffness, self.flux.slope_range[0]
            m = 0.0 if low >= 0 else step * bound * -low
        ready = PreparedStep(kernels, step, [], q, m, self.flux.weights_in_use())
        if guide is not None:
            guide = at_least_float32(ops.convert_to_tensor(guide))
        given = self.flux_parameters(ready, noise, guide)
        if given is None:
            given = self.flux.flux_parameters(noise, self.operator.ndim + 2)
        return replace(ready, parameters=given)

    def problem(self, f: Any, prepared: PreparedStep) -> ImplicitStep:
        """The step from f, in float32 at least."""
        f = at_least_float32(ops.convert_to_tensor(f))

        def cast(x: Any) -> Any:
            return x if isinstance(x, float | int) else ops.cast(x, f.dtype)

        kernels, parameters = (
            [cast(k) for k in prepared.kernels],
            [cast(p) for p in prepared.parameters],
        )
        return ImplicitStep(
            f,
            self.operator,
            self.flux,
            kernels,
            cast(prepared.step),
            parameters,
            cast(prepared.q),
            cast(prepared.m),
        )

    def solve(
        self, f: Any, noise: Any = None, trace: bool = False, guide: Any = None
    ) -> SolverResult:
        """The solution u without gradients, with the iterations and the residual of each sample.

        Example:
            >>> from keras_pde import ImplicitDiffusion
            >>> layer = ImplicitDiffusion("forward", step_size=4.0)
            >>> solution = layer.solve(np.eye(8)[None, ..., None])
            >>> bool(solution.converged[0])
            True
        """
        self.check_call(f, noise, guide)
        f = ops.convert_to_tensor(f, dtype=self.compute_dtype)
        if not self.built:
            self.build(f.shape)
        return self.solve_prepared(f, self.prepare(noise, f if guide is None else guide), trace)

    def solve_prepared(self, f: Any, prepared: PreparedStep, trace: bool = False) -> SolverResult:
        """As `solve`, with what `prepare` returned."""
        return self.solver.solve(
            held(self.problem(f, prepared)), self.tolerance, self.max_iterations, trace
        )

    def step(self, f: Any, prepared: PreparedStep) -> Any:
        """u, with gradients."""
        problem = self.problem(f, prepared)
        solution = self.solver.solve(held(problem), self.tolerance, self.max_iterations)
        failures = SolveFailures(
            self.on_failure, self.name, self.solver, self.tolerance, self.max_iterations
        )
        u = attach(
            problem,
            ops.stop_gradient(solution.u),
            symmetric_adjoint(self.tolerance, self.max_iterations),
            failures.gradient,
        )
        u = failures.solution(u, solution)
        return narrow(u, ops.convert_to_tensor(f))

    def check_call(self, f: Any = None, noise: Any = None, guide: Any = None, **_: Any) -> None:
        """Refuse what is no state, and a noise level that is none."""
        self.check_state(f, noise, "f", guide=guide)

    def call(self, f: Any, noise: Any = None, guide: Any = None) -> Any:
        """u."""
        f = f if noise is None else noise_level.samples_or_nan(f, noise)
        return self.step(f, self.prepare(noise, f if guide is None else guide))

    def energy(self, u: Any, noise: Any = None, guide: Any = None) -> Any:
        """E(u) = Σψ(Ku), a value per sample; the guide of a guided flux is u unless given."""
        self.check_state(u, noise, "u", guide=guide)
        kernels, weights = self.operator.weights_in_use(), self.flux.weights_in_use()
        ready = PreparedStep(kernels, 1.0, [], 0.0, 0.0, weights)
        parts = self.potentials(u, ready, noise, u if guide is None else guide)
        return sum(per_sample(p) for p in parts)

    @property
    def tau(self) -> float:
        """The step size τ in use."""
        return (
            float(ops.convert_to_numpy(softplus(self.raw_step.value)))
            if isinstance(self.step_size, str)
            else float(self.step_size)
        )

    def facts(self) -> BlockFacts:
        """τ‖K‖², bounds and assumptions, from the weights at hand."""
        squared = self.operator.certified_squared_norm()
        return BlockFacts(
            self.tau * squared,
            guidance=self.gating(squared),
            diffusivity=self.flux.diffusivity_bounds,
            slope=self.flux.slope_bounds,
            linear=self.flux.linear,
            assumptions=self.assumptions(),
        )

    def certificate(self) -> Certificate:
        """What is proved about f ↦ u, from the weights at hand."""
        self.require_weights()
        return implicit_certificate(
            self.subject,
            [self.facts()],
            tied=True,
            tolerance=self.tolerance,
            dtype=self.compute_dtype,
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "step_size": self.step_size,
            "solver": solvers.serialize(self.solver),
            "tolerance": self.tolerance,
            "max_iterations": self.max_iterations,
            "on_failure": self.on_failure,
        }
