"""MonotoneImplicit: a layer z = Φ(Az + Bu + b) that has one solution for all weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified
from keras_pde.certificates.contraction import Contraction
from keras_pde.certificates.equilibrium import contracting_certificate, monotone_certificate
from keras_pde.layers.implicit_gradient import attach, held
from keras_pde.layers.solve_failures import SolveFailures
from keras_pde.layers.well_posed_matrix import MATRICES, Contracting
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.precision import at_least_float32, block_sums, drawn_wide, narrow, product
from keras_pde.runtime.types import Shape, Tensor
from keras_pde.schemes import solvers
from keras_pde.schemes.solvers.equilibrium import Equilibrium
from keras_pde.schemes.solvers.solver import SolverResult


@dataclass
class PreparedEquilibrium:
    """What does not change from sample to sample: A, its weights, Bᵀ and b."""

    matrix: Tensor
    weights: dict[str, Tensor]
    inputs: Tensor
    bias: Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class MonotoneImplicit(Gated, Certified):
    r"""Ψ: u ↦ z with z = Φ(Az + Bu + b), an equilibrium that is well-posed for all weights.

    It is the steady state of ż = −z + Φ(Az + Bu + b), a network of infinitely many layers with one
    weight matrix. A is made of free weights so that its matrix measure is at most 1 − margin (W1).

    * "linf": A = D⁻¹MD − diag(|M|1) + (1 − margin)I − diag(a²), with D = diag(e^η) and M without a
      diagonal: a contraction in a weighted maximum norm. The layer has the ℓ∞ constant of W2, and
      `bounds` encloses z for u in a box (W4).
    * "l2": A = (1 − margin)I − FᵀF + S − Sᵀ, a monotone operator network: I − A is strongly
      monotone, and the Euclidean constant is ‖B‖/margin (W5).

    Gradients come from the implicit function theorem (W6): memory does not depend on the number of
    iterations; a second derivative is a ValueError. Cost: a product with A and Φ an iteration.

    Args:
        units: n, numbers of z.
        norm: "linf" or "l2".
        flux: Φ, a name or a `keras_pde.activations.Flux` with slopes in [0, 1]; for "l2" a
            projection ("relu", "truncated_tv" or "linear").
        margin: > 0, by which 1 exceeds the matrix measure. A small margin fits more, moves more
            with its input, and is slower to solve.
        solver: name or object of `keras_pde.solvers`; None takes "fixed_point" for "linf", where
            "anderson" takes fewer, dearer iterations, and "peaceman_rachford" for "l2".
        tolerance: of the relative residual of z = Φ(Az + Bu + b), in the maximum norm or, for "l2",
            the Euclidean one, and of the gradient's linear system.
        max_iterations: of the solver, and of the gradient's. Eager calls warn where they do not
            suffice.

    Shapes: (batch, \*any, features) → (batch, \*any, units).

    Raises:
        ValueError: arguments out of range; a flux that is not as above; a solver that is not proved
            to converge.

    Source: Jafarpour, Davydov, Proskurnikov, Bullo, arXiv:2106.03194 (2021); boxes: Jafarpour,
    Abate, Davydov, Bullo, Coogan, arXiv:2208.03889 (2022); "l2": Winston, Kolter, arXiv:2006.08591
    (2020).

    Example:
        >>> from keras_pde import MonotoneImplicit
        >>> layer = MonotoneImplicit(16)
        >>> u = np.random.default_rng(0).random((3, 5)).astype("float32")
        >>> tuple(layer(u).shape), layer.certificate()["well_posed"].proved
        ((3, 16), True)
        >>> low, high = layer.bounds(u - 0.1, u + 0.1)
        >>> bool(ops.all(low - 1e-4 <= layer(u)) and ops.all(layer(u) <= high + 1e-4))
        True
    """

    def __init__(
        self,
        units: int = 32,
        norm: str = "linf",
        flux: str | activations.Flux = "relu",
        margin: float = 0.5,
        solver: str | solvers.Solver | None = None,
        *,
        tolerance: float = 1e-5,
        max_iterations: int = 500,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = gate.count(units, "units")
        self.norm = gate.word(norm, "norm", tuple(MATRICES))
        self.flux = activations.get(flux, "flux")
        self.margin = gate.number(margin, "margin", low=0, low_open=True)
        self.parametrization = MATRICES[norm](self.margin)
        self.solver = solvers.get(
            self.parametrization.solver if solver is None else solver,
            self.parametrization.equation,
        )
        self.tolerance = gate.number(
            tolerance, "tolerance", low=0, low_open=True, high=1, high_open=True
        )
        self.max_iterations = gate.count(max_iterations, "max_iterations", high=10**9)
        self._check_flux()
        self.solver.check(None, max(0.0, 1 - self.margin), self.flux)

    def _check_flux(self) -> None:
        low, high = self.flux.slope_bounds
        if low < 0 or high > 1:
            raise ValueError(
                "An equilibrium is well-posed for a flux with slopes in [0, 1], and those of"
                f" {self.flux.name} lie in [{low:.4g}, {high:.4g}]. Use 'relu', 'charbonnier' or"
                " 'truncated_tv'."
            )
        if self.norm == "l2" and not self.flux.projection:
            raise ValueError(
                "The splittings of norm='l2' need a flux that is a projection, and"
                f" {self.flux.name} is none. Use 'relu', 'truncated_tv', 'linear' or norm='linf'."
            )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs with a fixed last axis."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                "Input must be (batch, ..., features), features fixed. Received: shape"
                f" {tuple(input_shape)}"
            )
        self.features, n, kind = int(input_shape[-1]), self.units, self.parametrization
        self.raw: dict[str, Any] = {}
        for name in kind.square:
            drawn = drawn_wide(keras.initializers.RandomNormal(stddev=kind.spread(n)))
            self.raw[name] = self.add_weight(
                shape=(n, n), initializer=drawn, autocast=False, name=name
            )
        for name, start in kind.diagonal.items():
            filled = keras.initializers.Constant(start)
            self.raw[name] = self.add_weight(
                shape=(n,), initializer=filled, autocast=False, name=name
            )
        self.kernel = self.add_weight(
            shape=(self.features, n),
            initializer=drawn_wide(keras.initializers.GlorotUniform()),
            autocast=False,
            name="kernel",
        )
        self.bias = self.add_weight(shape=(n,), initializer="zeros", autocast=False, name="bias")
        self.built = True

    def check_call(self, u: Tensor = None, **_: Any) -> None:
        """Refuse what is no tensor of the features that the layer was built for."""
        features = self.features if self.built else None
        gate.tensor(u, f"u of {self.name}", ranks=range(2, 9), channels=features)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The units along the last axis."""
        return (*input_shape[:-1], self.units)

    def prepare(self) -> PreparedEquilibrium:
        """A, B and b in use, in at least float32; compute once for many calls."""
        weights = {name: _wide(w) for name, w in self.raw.items()}
        matrix = self.parametrization.matrix(weights)
        return PreparedEquilibrium(matrix, weights, _wide(self.kernel), _wide(self.bias))

    def equilibrium(self, u: Tensor, prepared: PreparedEquilibrium) -> Equilibrium:
        """The equation of z for an input, in the precision of the input, at least float32."""
        u, ready = at_least_float32(u), _in_precision(prepared, u)
        f = block_sums(u, ready.inputs) + ready.bias
        return self.parametrization.equilibrium(f, ready.matrix, self.flux, ready.weights)

    def call(self, u: Tensor) -> Tensor:
        """z."""
        return narrow(self._solved(self.equilibrium(u, self.prepare())), u)

    def solve(self, u: Any, start: Any = None, trace: bool = False) -> SolverResult:
        """The solution z without gradients, with the iterations and the residual of each sample.

        Args:
            u: the input.
            start: where iterations begin, of the shape of z; Bu + b unless given.
            trace: whether to record the residuals.

        Example:
            >>> from keras_pde import MonotoneImplicit
            >>> bool(MonotoneImplicit(8).solve(np.ones((1, 3))).converged[0])
            True
        """
        self.check_call(u)
        u = ops.convert_to_tensor(u, dtype=self.compute_dtype)
        if not self.built:
            self.build(u.shape)
        equation = held(self.equilibrium(u, self.prepare()))
        if start is not None:
            equation.start = ops.convert_to_tensor(start, dtype=equation.f.dtype)
        return self.solver.solve(equation, self.tolerance, self.max_iterations, trace)

    def bounds(self, lower: Any, upper: Any) -> tuple[Tensor, Tensor]:
        """z̲ ≤ z ≤ z̄ for every u with lower ≤ u ≤ upper, entry by entry, to the tolerance.

        One solve of the embedded network, an equilibrium of 2n numbers with the same contraction
        (W4), with gradients. Both arguments are as an input of a call.

        Raises:
            ValueError: a layer with norm="l2", whose matrix contracts no box; a layer without
                weights.
        """
        self.check_call(lower)
        self.check_call(upper)
        kind = self.parametrization
        if not isinstance(kind, Contracting):
            raise ValueError(
                f"{self.name} has norm='l2', and its equilibrium contracts no box. Use norm='linf'."
            )
        self.require_built()
        low, high = (ops.convert_to_tensor(x, dtype=self.compute_dtype) for x in (lower, upper))
        ready = _in_precision(self.prepare(), low)
        wide, inputs = (at_least_float32(low), at_least_float32(high)), ready.inputs
        more, less = ops.relu(inputs), -ops.relu(-inputs)
        f = [product(u, more) + product(v, less) + ready.bias for u, v in (wide, wide[::-1])]
        both = kind.boxes(ops.concatenate(f, -1), ready.matrix, self.flux, ready.weights)
        found = narrow(self._solved(both), low)
        return found[..., : self.units], found[..., self.units :]

    def _solved(self, equation: Equilibrium) -> Tensor:
        """The solution with gradients."""
        limits = self.tolerance, self.max_iterations
        failures = SolveFailures("warn", self.name, self.solver, *limits, "", "")
        solution = self.solver.solve(held(equation), *limits)

        def adjoint(at: Equilibrium, z: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
            return at.adjoint(self.solver, z, cotangent, *limits)

        z = attach(equation, ops.stop_gradient(solution.u), adjoint, failures.gradient)
        return failures.solution(z, solution)

    def require_built(self) -> None:
        """Refuse to go on without weights."""
        if not self.built:
            raise ValueError(f"{self.name} has no weights yet: build it or call it once")

    def contraction(self) -> Contraction:
        """A, B, b and h in use, in float64, of a layer with norm="linf"."""
        self.require_built()
        ready = self.prepare()
        scaling = ready.weights["log_scaling"]
        matrix, inputs, bias, scaling = (
            np.array(ops.convert_to_numpy(x), np.float64)
            for x in (ready.matrix, ready.inputs, ready.bias, scaling)
        )
        return Contraction(matrix, inputs.T, bias, np.exp(scaling.mean() - scaling))

    def certificate(self) -> Certificate:
        """What is proved about u ↦ z, from the weights at hand."""
        self.require_built()
        what = f"{type(self).__name__} {self.name!r}"
        if self.norm == "linf":
            return contracting_certificate(what, self.contraction(), self.flux, self.tolerance)
        ready = self.prepare()
        matrix, inputs, bias = (
            np.array(ops.convert_to_numpy(x), np.float64)
            for x in (ready.matrix, ready.inputs, ready.bias)
        )
        return monotone_certificate(what, matrix, inputs, bias, self.flux, self.tolerance)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "norm": self.norm,
            "flux": activations.serialize(self.flux),
            "margin": self.margin,
            "solver": solvers.serialize(self.solver),
            "tolerance": self.tolerance,
            "max_iterations": self.max_iterations,
        }


def _wide(weight: Any) -> Tensor:
    return at_least_float32(ops.convert_to_tensor(weight))


def _in_precision(prepared: PreparedEquilibrium, u: Tensor) -> PreparedEquilibrium:
    dtype = at_least_float32(u).dtype
    cast = keras.tree.map_structure(lambda x: ops.cast(x, dtype), vars(prepared))
    return PreparedEquilibrium(**cast)
