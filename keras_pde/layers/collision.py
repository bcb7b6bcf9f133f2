"""Collision: what the populations at a point do to each other, by BGK or learned on orbits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified, uncertified
from keras_pde.certificates.conservation import MassKept, MomentumKept
from keras_pde.certificates.equivariance import Equivariance
from keras_pde.layers.orbit_dense import OrbitDense
from keras_pde.operators.velocity_sets import VelocitySet, velocity_set
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.runtime.types import Shape, Tensor

SCALE = 100.0  # of f − w, which is about 0.01, for the learned layers
SOLIDS = {1: "line", 2: "square", 3: "cube"}
NO_BOUND = "no bound is stated of a collision, which is not linear"


@keras.saving.register_keras_serializable(package="keras_pde")
class Collision(Gated, Certified):
    r"""Collision u⁺ = u + Ω(u) of the populations at a point, which keeps mass and momentum.

    BGK relaxes to the equilibrium of the density ρ = Σu and the velocity v = Σcu/ρ,

        Ω = (u_eq − u)/τ,   u_eqᵢ = wᵢρ(1 + 3cᵢ·v + 9/2(cᵢ·v)² − 3/2|v|²),   τ = 3ν + 1/2,

    and gives the Navier-Stokes equations with the viscosity ν > 0 (L4). A learned collision adds a
    network of `OrbitDense` layers, on which the symmetries of the lattice act as they do on u (L2).
    Its hidden layers are products a(1 + b), for the equilibrium is a polynomial but for 1/ρ. Its
    input is 100(u − w), and its output is projected onto what keeps mass and momentum (L3),

        Ω − M(MᵀM)⁻¹MᵀΩ,   M = [1, c].

    It starts at 0: untrained, the collision is BGK, or without viscosity the identity.

    Args:
        lattice: "D1Q3", "D2Q9", "D3Q19" or "D3Q27".
        viscosity: ν of BGK in units of the lattice; None leaves all to learned layers.
        hidden: channels of each hidden learned layer; none is BGK alone.

    Attributes:
        velocity_set: velocities, weights and symmetries of the lattice.
        relaxation_time: τ, None without BGK.

    Shapes: (batch, \*any, q) → the same.

    Raises:
        ValueError: a viscosity that is not positive; no viscosity and no hidden layers.

    Source: Bhatnagar, Gross, Krook (1954); Qian, d'Humières, Lallemand (1992); learned Ortali,
    Gabbana, Atmodimedjo, Corbetta, arXiv:2405.13850 (2024).

    Example:
        >>> from keras_pde import Collision
        >>> collision = Collision("D2Q9", viscosity=0.1)
        >>> u = 1 / 9 + 0.01 * np.random.default_rng(0).random((1, 4, 4, 9))
        >>> bool(abs(np.sum(collision(u) - u)) < 1e-5), collision.count_params()
        (True, 0)
        >>> learned = Collision("D2Q9", None, hidden=(4,))
        >>> learned.build((None, None, None, 9))
        >>> learned.count_params(), learned.certificate()["momentum"].proved
        (207, True)
    """

    def __init__(
        self,
        lattice: str = "D2Q9",
        viscosity: float | None = 1 / 6,
        *,
        hidden: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lattice = lattice
        self.velocity_set = velocity_set(lattice)
        self.viscosity = gate.number(viscosity, "viscosity", low=0, low_open=True, none=True)
        if not isinstance(hidden, list | tuple):
            raise ValueError(
                "hidden must be a list of whole numbers, the channels of each hidden layer."
                f" Received: hidden={gate.said(hidden)}"
            )
        self.hidden = [gate.count(n, "hidden") for n in hidden]
        if self.viscosity is None and not self.hidden:
            raise ValueError(
                "A collision needs a viscosity, for BGK, or hidden layers that learn one. Received:"
                " viscosity=None, hidden=()"
            )
        self.relaxation_time = None if self.viscosity is None else 3 * self.viscosity + 0.5
        moved = self.velocity_set.permutations.tolist()
        self.orbit_layers = [
            OrbitDense(moved, 2 * n, dtype=self.dtype_policy, name=f"hidden_{k}")
            for k, n in enumerate(self.hidden)
        ]
        if self.hidden:
            self.orbit_layers.append(
                OrbitDense(moved, 1, initializer="zeros", dtype=self.dtype_policy, name="change")
            )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the learned layers."""
        q = len(self.velocity_set.weights)
        if len(input_shape) < 2 or input_shape[-1] != q:
            raise ValueError(
                f"{self.lattice} needs a state of {q} channels, its populations. Received: shape"
                f" {tuple(input_shape)}"
            )
        channels = 1
        for layer, width in zip(self.orbit_layers, [*self.hidden, 1], strict=False):
            if not layer.built:
                layer.build((None, q, channels))
            channels = width
        self.built = True

    def check_call(self, u: Tensor = None, **_: Any) -> None:
        """Refuse what has not the lattice's populations."""
        q = len(self.velocity_set.weights)
        gate.tensor(u, f"u of {self.name}", ranks=range(2, 9), channels=q)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def prepare(self) -> list[tuple[Tensor, Tensor | None]]:
        """The learned layers' weights in use, in at least float32: compute once for many calls."""
        return [layer.weights_in_use() for layer in self.orbit_layers]

    def collide(self, u: Tensor, prepared: list[tuple[Tensor, Tensor | None]]) -> Tensor:
        """u⁺ by the weights of `prepare`."""
        wide = at_least_float32(u)
        # u − w is exact where u is within a factor of 2 of w; sums of u would lose digits to ρ ≈ 1
        centred = wide - ops.cast(self.velocity_set.weights, wide.dtype)
        change: Any = 0.0
        if self.relaxation_time is not None:
            change = relaxation(centred, self.velocity_set) / self.relaxation_time
        if self.hidden:
            change = change + projected(self._learned(centred, prepared), self.velocity_set)
        return narrow(wide + change, u)

    def _learned(self, centred: Tensor, prepared: list[tuple[Tensor, Tensor | None]]) -> Tensor:
        x = SCALE * ops.expand_dims(centred, -1)  # slices by None are none of LiteRT's
        *hidden, last = zip(self.orbit_layers, prepared, strict=True)
        for layer, weights in hidden:
            a, b = ops.split(layer.transformed(x, weights), 2, axis=-1)
            x = a * (1 + b)
        layer, weights = last
        return layer.transformed(x, weights)[..., 0] / SCALE

    def call(self, u: Tensor) -> Tensor:
        """u⁺."""
        return self.collide(u, self.prepare())

    def certificate(self) -> Certificate:
        """What holds for every weight: mass, momentum and the symmetries of the lattice."""
        how = "projected onto M⊥ (L3)" if self.hidden else "so does the equilibrium (L3)"
        group = self.velocity_set.rotations
        elements = (self.lattice, *range(len(group)))
        return uncertified(self.name, NO_BOUND).with_guarantees(
            MassKept(1.0, how),
            MomentumKept(1.0, how),
            Equivariance(
                float(len(group)),
                "weights on orbits (L2)" if self.hidden else "ρ and v turn with u (L2)",
                group=f"the symmetries of the {SOLIDS[group.shape[1]]}",
                inputs=elements,
                outputs=elements,
            ),
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "lattice": self.lattice,
            "viscosity": self.viscosity,
            "hidden": self.hidden,
        }


def relaxation(centred: Tensor, lattice: VelocitySet) -> Tensor:
    """u_eq − u, given u − w.

    By products and sums, not by matrices, which GPUs multiply in fewer digits than float32 has.
    """
    density, momenta = invariants(centred, lattice)
    square = sum(j * j for j in momenta)
    along: Any = sum(j * _column(lattice, a, centred) for a, j in enumerate(momenta))
    second = (4.5 * along * along - 1.5 * square) / (1 + density)
    weights = ops.cast(lattice.weights, centred.dtype)
    return weights * (density + 3 * along + second) - centred


def invariants(u: Tensor, lattice: VelocitySet) -> tuple[Tensor, list[Tensor]]:
    """Σu, and Σcu axis by axis, (…, 1)."""
    axes = range(lattice.velocities.shape[1])
    momenta = [ops.sum(u * _column(lattice, a, u), axis=-1, keepdims=True) for a in axes]
    return ops.sum(u, axis=-1, keepdims=True), momenta


def projected(change: Tensor, lattice: VelocitySet) -> Tensor:
    """Ω − M(MᵀM)⁻¹MᵀΩ: what is left of a change keeps Σ and Σc.

    The columns of M = [1, c] are orthogonal, since the velocities come with their mirror images.
    """
    mass, momenta = invariants(change, lattice)
    q, lengths = lattice.velocities.shape[0], (lattice.velocities**2).sum(0)
    kept = mass / q
    for axis, (momentum, length) in enumerate(zip(momenta, lengths, strict=True)):
        kept = kept + momentum * (_column(lattice, axis, change) / float(length))
    return change - kept


def _column(lattice: VelocitySet, axis: int, like: Tensor) -> Tensor:
    """One component of all velocities, in the precision of another tensor."""
    return ops.cast(lattice.velocities[:, axis].astype(np.float32), like.dtype)
