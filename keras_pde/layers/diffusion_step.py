"""DiffusionStep: what the explicit and the implicit step of diffusion share, K, Φ and facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde import operators
from keras_pde.certificates import weighted_norms
from keras_pde.certificates.certified import Certified
from keras_pde.fluxes import noise_level
from keras_pde.fluxes.declared import said
from keras_pde.fluxes.declared_layer import check_layer
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.declared import check_operator
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Shape, Tensor


@dataclass
class PreparedBlock:
    """What does not change from step to step, nor with the input.

    Kernels in use, step size, a data weight, and what the flux takes of its weights, if anything.
    """

    kernels: list[Any]
    step: Any
    data_weight: Any
    weights: list[Any] | None = None

    def constant(self) -> PreparedBlock:
        """With arrays on TensorFlow: constants in its graphs, where tensors are inputs of them.

        Inputs would be laid out in every call.
        """
        if keras.backend.backend() != "tensorflow":
            return self
        return PreparedBlock(**keras.tree.map_structure(_as_array, vars(self)))


class DiffusionStep(Gated, Certified):
    """A layer with an operator K and a flux Φ, from which its step and its certificate are made.

    Args:
        operator: an `Operator`, a stencil's name, or a number of filters.
        flux: a flux layer, a flux, or a flux's name.
    """

    variable: ClassVar[str] = "u"  # the input that is certified

    def __init__(
        self,
        operator: Operator | str | int,
        flux: str | activations.Flux | FluxLayer,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operator = operators.get(operator)
        self.flux = flux if isinstance(flux, FluxLayer) else FluxActivation(flux)
        if "dtype" in kwargs:
            self.operator.dtype_policy = self.flux.dtype_policy = self.dtype_policy
        for part in (self.operator, self.flux):
            sharing.hold(part, self)

    def build_parts(self, input_shape: Sequence[int | None]) -> Shape:
        """Build operator and flux; returns the shape of Ku."""
        shape = tuple(input_shape)
        if not self.operator.built:
            self.operator.build(shape)
        inner = self.operator.compute_output_shape(shape)
        if not self.flux.built:
            self.flux.build(inner)
        self.check_declared()
        return inner

    def check_declared(self) -> None:
        """Sample what an operator and a flux of one's own declare: certificates rest on it.

        Raises:
            ValueError: a bound, an adjoint or a potential that the samples contradict.
        """
        check_operator(self.operator)
        check_layer(self.flux, self.operator.ndim, self.operator.rows)

    def inner(self, u: Tensor, prepared: Any) -> list[Tensor]:
        """What Φ acts on, in parts: Ku."""
        return self.operator.parts(u, prepared.kernels)

    def flux_parameters(self, prepared: Any, noise: Tensor, guide: Tensor) -> list[Any] | None:
        """What Φ depends on besides Ku, to compute once for many steps.

        None where Φ has no weights to compute once and no guide; each step then asks it itself.

        Args:
            prepared: what `prepare` returned.
            noise: level for a noise-conditioned flux.
            guide: the image that opens the gates of a guided flux.
        """
        flux, weights = self.flux, prepared.weights
        if weights is None and not flux.guided:
            return None
        seen = self.inner(guide, prepared) if flux.guided else None
        return flux.parameters_with(weights, seen, noise, self.operator.ndim + 2)

    def potentials(self, u: Tensor, prepared: Any, noise: Tensor, guide: Tensor) -> list[Tensor]:
        """ψ(Ku), in parts."""
        parts, given = self.inner(u, prepared), self.flux_parameters(prepared, noise, guide)
        if given is None:
            return self.flux.potentials(parts, noise)
        return self.flux.potentials(parts, noise, given)

    def check_state(
        self, u: Tensor, noise: Tensor, name: str, source: Tensor = None, guide: Tensor = None
    ) -> None:
        """Refuse what is no state of K, a noise level that Φ cannot do with, and a wrong source."""
        self.operator.check_state(u, f"{name} of {self.name}")
        conditioned = self.flux.noise_conditioned
        if conditioned or noise is not None:
            noise_level.check(noise, conditioned, self.name, tuple(u.shape))
        for x, kind in ((source, "source"), (guide, "guide")):
            if x is not None:
                self.operator.check_state(x, f"{kind} of {self.name}")
                gate.same_sizes(x, f"{kind} of {self.name}", tuple(u.shape), name)
        if guide is not None and not self.flux.guided:
            raise ValueError(
                f"guide of {self.name} has no effect, as its flux looks at the state only: leave it"
                " out, or give GatedFlux gates='input'"
            )

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Shape:
        """The shape of the state."""
        return tuple(input_shape)

    @property
    def support(self) -> int:
        """Pixels from which u acts on KᵀΦ(Ku), with gates of the input held."""
        return self.operator.support + (0 if self.flux.guided else self.flux.support)

    @property
    def guide_support(self) -> int:
        """How much farther a guide acts on KᵀΦ(Ku) than u does."""
        return self.flux.support if self.flux.guided else 0

    @property
    def subject(self) -> str:
        """What a certificate is about: class and name."""
        return f"{type(self).__name__} {self.name!r}"

    def assumptions(self) -> tuple[str, ...]:
        """What the reader of a certificate must grant, in words."""
        granted = []
        if self.operator.smallest_size > 1:
            granted.append(f"spatial sizes of at least {self.operator.smallest_size}")
        if self.flux.noise_conditioned:
            granted.append(f"a noise level that does not change with {self.variable}")
        self.check_declared()
        for part, kind in ((self.operator, "operator"), (self.flux, "flux")):
            granted += said(part, f"the {kind} {type(part).__name__}")
        return (*granted, *self.flux.assumptions)

    def require_weights(self) -> None:
        """Refuse to certify a layer that is not built.

        Raises:
            ValueError: it has no weights yet.
        """
        if not self.built:
            raise ValueError(
                "A certificate is computed from weights: build the layer first, by calling it or by"
                " build(input_shape)"
            )

    def gating(self, squared: float) -> float:
        """c with ‖KᵀXK‖ ≤ c‖K‖² for all that gates add to Φ′, from the weights at hand.

        Args:
            squared: the bound of ‖K‖² that stands for ‖K‖².
        """
        most = self.flux.asymmetry_bound
        matrix = self.flux.reaction_matrix()
        if matrix is None or not 0 < most < math.inf or not squared:
            return most
        return min(most, weighted_norms.sandwiched(matrix, self.operator) / squared)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "operator": sharing.configuration(self.operator, self),
            "flux": sharing.configuration(self.flux, self),
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        parts = {
            key: keras.saving.deserialize_keras_object(config[key])
            for key in ("operator", "flux")
            if isinstance(config.get(key), dict)
        }
        return cls(**{**config, **parts})


def per_sample(x: Tensor) -> Tensor:
    """The sum of each sample's values, (batch,)."""
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))


def _as_array(x: Any) -> Any:
    return x if x is None or isinstance(x, float | int) else ops.convert_to_numpy(x)
