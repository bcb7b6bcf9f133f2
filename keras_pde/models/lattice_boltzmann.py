"""LatticeBoltzmann: flow of a viscous fluid by collisions and streaming of populations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.layers.collision import Collision
from keras_pde.models.influence import Influence
from keras_pde.models.lattice_certificate import lattice_certificate
from keras_pde.models.time_stepper import TimeStepper
from keras_pde.operators.lattice import AXES, Lattice
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate
from keras_pde.runtime.precision import at_least_float32, narrow
from keras_pde.runtime.types import Shape, Tensor

SOUND = 3**-0.5  # its speed, points a step
SPEED = 0.02  # of the example


@keras.saving.register_keras_serializable(package="keras_pde")
class LatticeBoltzmann(TimeStepper):
    r"""uᵏ⁺¹ = K C(uᵏ): collisions C at each point, then streaming K, of the populations uᵢ ≥ 0.

    The density ρ = Σu and the velocity v = Σcu/ρ, of points a step, follow the Navier-Stokes
    equations of a nearly incompressible fluid of viscosity ν with an error of second order in the
    spacing and in |v|/c_s, c_s = 1/√3 (L4). Mass, and on a torus momentum, are kept for every
    weight of a learned collision (L3); the step commutes with the symmetries of the grid (L2); and
    near rest no state grows, in the norm Σu²/w, for any ν > 0 (L5). Cost: that of the collision,
    and a copy.

    Args:
        lattice: "D1Q3", "D2Q9", "D3Q19" or "D3Q27".
        viscosity: ν of BGK in units of the lattice, (spacing)²/step; None leaves the collision to
            learned layers.
        steps: number of steps of a call. `rollout` takes any number.
        boundary: "periodic" or "walls" (bounce-back halfway), or a list of these, one an axis.
        lids: velocities of walls that move along themselves, by face, such as {"y+": (0.1, 0)}: the
            high end of the second axis. All others rest. The mean density is taken to be near 1.
        hidden: channels of the hidden layers of a learned collision, see `Collision`.

    Attributes:
        collision: C, whose weights are the network's.
        streaming: K, a `Lattice`.

    Shapes: the populations (batch, \*spatial, q) → the same.

    Raises:
        ValueError: a viscosity that is not positive: the scheme is unstable for ν ≤ 0. A lid that
            is no wall, or that moves off its plane.

    Source: Qian, d'Humières, Lallemand (1992); moving walls: Ladd (1994); learned: Ortali,
    Gabbana, Atmodimedjo, Corbetta, arXiv:2405.13850 (2024).

    Example:
        >>> from keras_pde import LatticeBoltzmann
        >>> cavity = LatticeBoltzmann("D2Q9", 0.05, boundary="walls", lids={"y+": (0.1, 0.0)})
        >>> at_rest = cavity.equilibrium(np.ones((1, 8, 8)), np.zeros((1, 8, 8, 2)))
        >>> density, velocity = cavity.moments(cavity.rollout(at_rest, 100))
        >>> bool(abs(density.mean() - 1) < 1e-6), bool(velocity[0, :, -1, 0].min() > 0)
        (True, True)
    """

    def __init__(
        self,
        lattice: str = "D2Q9",
        viscosity: float | None = 1 / 6,
        steps: int = 1,
        *,
        boundary: str | Sequence[str] = "periodic",
        lids: Mapping[str, Sequence[float]] | None = None,
        hidden: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(1.0, steps, **kwargs)
        self.collision = Collision(
            lattice, viscosity, hidden=hidden, dtype=self.dtype_policy, name="collision"
        )
        self.streaming = Lattice(lattice, boundary, dtype=self.dtype_policy, name="streaming")
        self.lattice = lattice
        self.viscosity = self.collision.viscosity
        self.boundary: Any = self.streaming.boundary
        self.lids = None if lids is None else check_lids(lids, self.streaming)
        self.hidden = self.collision.hidden

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Check the axes and populations, and build the collision."""
        super().build(input_shape)
        shape = self.image_shape(input_shape)
        self.streaming.build(shape)
        if not self.collision.built:
            self.collision.build(shape)

    @property
    def operators(self) -> list[Operator]:
        """The streaming."""
        return [self.streaming]

    # Computation

    def prepare(self, u: Tensor) -> Any:
        """The collision's weights, which populations come from walls, and what lids add to them."""
        behind = self.streaming.behind_walls(u)
        return self.collision.prepare(), behind, self._pushed(u) if self.lids else None

    def _pushed(self, u: Tensor) -> Tensor:
        """6w(c·U) for the populations that come from behind a lid alone, and from no edge of it.

        What comes from an edge belongs to the wall beside the lid: with a push, the velocity in a
        cavity had an error of first order.
        """
        lattice = self.streaming.velocity_set
        walls = [a for a, kind in enumerate(self.streaming.boundaries) if kind == "walls"]
        total: Any = 0.0
        for face, velocity in (self.lids or {}).items():
            axis, low = AXES.index(face[0]), face[1] == "-"
            alone = self.streaming.from_face(u, axis, low)
            for other in (a for a in walls if a != axis):
                for end in (True, False):
                    beside = self.streaming.from_face(u, other, end)
                    alone = ops.logical_and(alone, ops.logical_not(beside))
            push = 6 * lattice.weights * (lattice.velocities @ np.asarray(velocity))
            wide = at_least_float32(u).dtype
            total = total + ops.cast(alone, wide) * ops.cast(push, wide)
        return total

    def step(self, u: Tensor, prepared: Any) -> Tensor:
        """Collide, stream; from behind a lid of velocity U comes 6w(c·U) more."""
        weights, behind, pushed = prepared
        streamed = self.streaming.stream(self.collision.collide(u, weights), behind)
        return streamed if pushed is None else narrow(at_least_float32(streamed) + pushed, u)

    def moments(self, state: Any) -> tuple[np.ndarray, np.ndarray]:
        r"""Density (batch, \*spatial) and velocity (batch, \*spatial, axes) of a state.

        Raises:
            ValueError: another number of populations than the lattice has.

        Example:
            >>> from keras_pde import LatticeBoltzmann
            >>> net = LatticeBoltzmann("D1Q3")
            >>> density, velocity = net.moments(net.equilibrium([[1.0, 1.5]], [[[0.1], [0.0]]]))
            >>> density.round(6).tolist(), velocity.round(6).tolist()
            ([[1.0, 1.5]], [[[0.1], [0.0]]])
        """
        lattice = self.streaming.velocity_set
        return lattice.moments(gate.array(state, "state", channels=len(lattice.weights)))

    def observe(self, states: np.ndarray) -> np.ndarray:
        """Velocities: populations themselves hardly differ from those of a fluid at rest."""
        return self.moments(states)[1]

    def equilibrium(self, density: Any, velocity: Any) -> np.ndarray:
        r"""The populations of a fluid in equilibrium, in float32: a state to start from.

        Args:
            density: ρ, (batch, \*spatial); near 1.
            velocity: v in points a step, (batch, \*spatial, axes); below 0.1 where the flow is to
                be incompressible.

        Raises:
            ValueError: values that are no finite floats, or of other shapes.
        """
        d = self.streaming.ndim
        density = gate.array(density, "density", ranks=(d + 1,))
        velocity = gate.array(velocity, "velocity", ranks=(d + 2,), channels=d)
        if velocity.shape[:-1] != density.shape:
            raise ValueError(
                f"velocity must have the shape of density, {density.shape}, and then {d}. Received:"
                f" shape {velocity.shape}"
            )
        found = self.streaming.velocity_set.equilibrium(density, velocity)
        return found.astype("float32" if self.compute_dtype != "float64" else "float64")

    # What is known of it

    def influence(self) -> Influence:
        """A step moves populations by a point."""
        return Influence(self.step_count, exact=True)

    @property
    def description(self) -> str:
        """Steps, lattice and collision in a few words."""
        nu = "learned" if self.viscosity is None else f"BGK of viscosity {self.viscosity:.4g}"
        more = " and a learned part" * bool(self.hidden and self.viscosity is not None)
        steps = f"{self.step_count} step{'s' * (self.step_count > 1)}"
        return f"{steps} on {self.lattice}, {nu}{more}"

    def step_certificate(self) -> Certificate:
        """Mass, momentum and symmetries of a step, which hold for every weight."""
        return lattice_certificate(self.subject, self.collision, self.streaming, self.lids)

    def example(self) -> dict[str, np.ndarray]:
        """A smooth periodic flow near rest, in equilibrium."""
        waves = super().example()["input"].astype("float64") - 0.5
        d = self.streaming.ndim
        found = self.equilibrium(1 + SPEED * waves[..., 0], SPEED * waves[..., 1 : d + 1])
        return {"input": found.astype("float32")}

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        del config["dt"]  # a step of the lattice
        return {
            **config,
            "lattice": self.lattice,
            "viscosity": self.viscosity,
            "boundary": self.boundary,
            "lids": self.lids,
            "hidden": self.hidden,
        }


def check_lids(lids: Any, lattice: Lattice) -> dict[str, list[float]]:
    """Velocities of moving walls by face.

    Raises:
        ValueError: a face that is none or no wall; a velocity of another length, off the wall's
            plane, or not below the speed of sound.

    Example:
        >>> from keras_pde import Lattice
        >>> from keras_pde.models.lattice_boltzmann import check_lids
        >>> check_lids({"y+": (0.1, 0)}, Lattice("D2Q9", "walls"))
        {'y+': [0.1, 0.0]}
    """
    axes = AXES[: lattice.ndim]
    faces = [axis + side for axis in axes for side in "-+"]
    if not isinstance(lids, Mapping):
        raise ValueError(
            f"lids must be velocities by face, such as {{'{faces[-1]}': ...}}. Received:"
            f" lids={gate.said(lids)}"
        )
    found = {}
    for face, velocity in lids.items():
        gate.word(face, "a face of lids", faces)
        axis = axes.index(face[0])
        if lattice.boundaries[axis] != "walls":
            raise ValueError(f"lids has a wall at {face}, where boundary is 'periodic'")
        values = gate.array(velocity, "a velocity of lids", ranks=(1,), integers=True)
        moved = [float(x) for x in values]
        if len(moved) != lattice.ndim or moved[axis] or np.hypot.reduce(moved) >= SOUND:
            raise ValueError(
                f"A velocity of lids has {lattice.ndim} components, in the plane of its wall, and"
                f" is below the speed of sound, {SOUND:.3f}. Received: {moved} at {face}"
            )
        found[face] = moved
    return found
