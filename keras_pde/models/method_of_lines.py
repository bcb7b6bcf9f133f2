"""MethodOfLines: an evolution equation as a network that is its numerical scheme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from keras_pde.certificates.certificate import Certificate
from keras_pde.layers.polynomial_right_hand_side import PolynomialRightHandSide
from keras_pde.models.describe_method_of_lines import describe
from keras_pde.models.influence import Influence
from keras_pde.models.method_of_lines_certificate import Scheme, step_certificate
from keras_pde.models.right_hand_side_in_use import CONSERVED, InUse, layer_of
from keras_pde.models.time_step import bounded, checked_step
from keras_pde.models.time_stepper import TimeStepper
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.copying import MARK
from keras_pde.runtime.types import Shape, Tensor
from keras_pde.schemes import equations, integrators
from keras_pde.schemes.integrators.fourier import shaped_like
from keras_pde.schemes.integrators.integrator import Integrator


@keras.saving.register_keras_serializable(package="keras_pde")
class MethodOfLines(TimeStepper):
    r"""uᵏ⁺¹ = S(uᵏ, Δt) for ∂ₜu = F(u): the method of lines as a network.

    The right-hand side F is a layer that discretises an equation in space, and the integrator S
    advances it in time. With `PolynomialRightHandSide` the network has no weights and is the
    classical scheme, to load, certify and export; learned right-hand sides start there, or are
    trained on data. Steps beyond the stability bound of the linear part are refused.

    Args:
        right_hand_side: a layer such as `PolynomialRightHandSide` or `TwoLayerRightHandSide`; or an
            equation by its name, its terms, or as an `Equation`, by central differences of order 2
            with spacing 1 on a periodic grid. `from_equation` has all choices.
        integrator: a name of `keras_pde.schemes.integrators`, or an `Integrator`.
        dt: the time Δt of a step; None is 0.9 times the longest stable one, for nonlinear equations
            that at constant states of their range, and short enough for what grows by itself.
        steps: number of steps of a call. `rollout` takes any number.
        conserve: "mean" or "norm": what each step keeps. F loses its mean over the points of each
            channel, or its part along the state; for "norm" steps are scaled to the norm of the
            state too, and with integrators that split F steps alone are corrected.

    Shapes: the state (batch, \*spatial, channels) → the same; the channels are a multiple of the
    components of the equation, copies of it side by side.

    Raises:
        ValueError: a step beyond the longest stable one; no step where every one or none is stable;
            integrators that split F, of learned right-hand sides or beside periodic boundaries.

    Source: Celledoni, Jackaman, Murari, Owren, arXiv:2305.00723 (2023).

    Example:
        >>> from keras_pde import MethodOfLines
        >>> net = MethodOfLines.from_equation("heat", diffusivity=0.1, spacing=0.1, dt=0.05)
        >>> x = 0.1 * np.arange(40)
        >>> u = np.cos(2 * np.pi * x / 4)[None, :, None].astype("float32")
        >>> after = net.rollout(u, 100)
        >>> round(float(after[0, 0, 0] / np.exp(-0.1 * (np.pi / 2) ** 2 * 5)), 2)
        1.0
        >>> certificate = net.certificate()
        >>> certificate.norm_stable, certificate["order_space"].constant
        (True, 2.0)
    """

    def __init__(
        self,
        right_hand_side: Any = "heat",
        integrator: str | Integrator = "rk4",
        dt: float | None = None,
        steps: int = 1,
        *,
        conserve: str | None = None,
        **kwargs: Any,
    ) -> None:
        method = integrators.get(integrator)
        rhs = layer_of(right_hand_side, kwargs.get("dtype"))
        if conserve is not None:
            conserve = gate.word(conserve, "conserve", CONSERVED)
        if method.splits and (rhs.learned or rhs.boundary != "periodic"):
            raise ValueError(
                f"The integrator {method.name!r} takes the linear part apart in Fourier space: it"
                " needs a periodic boundary, and a right-hand side that is not learned. Use an"
                " explicit one, such as 'rk4'."
            )
        super().__init__(checked_step(rhs, method, dt, conserve), steps, **kwargs)
        self.right_hand_side = rhs
        self.integrator = method
        self.conserve = conserve
        self.fourier = method.splits or rhs.reach is None

    @classmethod
    def from_equation(
        cls,
        equation: Any,
        integrator: str | Integrator = "rk4",
        dt: float | None = None,
        steps: int = 1,
        *,
        spacing: float | Sequence[float] = 1.0,
        boundary: str = "periodic",
        accuracy: int | str = 2,
        upwind: bool = False,
        learned: bool = False,
        conserve: str | None = None,
        name: str | None = None,
        dtype: Any = None,
        **coefficients: Any,
    ) -> Self:
        """The network of an equation.

        Args:
            equation: a name of `keras_pde.equations`, an `Equation`, or a list of terms.
            integrator: as of the network.
            dt: as of the network.
            steps: as of the network.
            spacing: as of `PolynomialRightHandSide`.
            boundary: as of the layer.
            accuracy: as of the layer.
            upwind: as of the layer.
            learned: as of the layer.
            conserve: as of the network.
            name: of the model.
            dtype: of the model.
            coefficients: those of the named equation, and its ``ndim``.

        Raises:
            ValueError: as of the equation, the layer and the network.

        Example:
            >>> from keras_pde import MethodOfLines
            >>> round(MethodOfLines.from_equation("advection", ndim=2, velocity=(1.0, 0.5)).dt, 4)
            1.6971
        """
        rhs = PolynomialRightHandSide(
            equations.get(equation, **coefficients),
            spacing,
            boundary,
            accuracy,
            upwind=upwind,
            learned=learned,
            dtype=dtype,
        )
        return cls(rhs, integrator, dt, steps, conserve=conserve, name=name, dtype=dtype)

    @property
    def boundary(self) -> str:  # type: ignore[override]
        """That of the right-hand side."""
        return self.right_hand_side.boundary

    @property
    def written_out(self) -> bool:
        """Whether the right-hand side has convolutions."""
        return self.right_hand_side.written_out

    @property
    def operators(self) -> list[Operator]:
        """The stencils of the right-hand side, which an export holds constant."""
        return self.right_hand_side.operators

    @property
    def prefers_xla(self) -> bool:  # type: ignore[override]
        """Whether XLA is the faster way to run it on a CPU."""
        return all(o.prefers_xla for o in self.operators if o.built)

    def check_input(self, name: str, x: Tensor, first: Tensor) -> None:
        """Refuse what is no state of the equation."""
        super().check_input(name, x, first)
        self.right_hand_side.check_state(x, f"{name} of {self.name}")

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Create the weights of the right-hand side, if it has any."""
        shape = self.image_shape(input_shape)
        self.right_hand_side.check_channels(shape, f"the input of {self.name}")
        super().build(input_shape)
        if not self.right_hand_side.built:
            self.right_hand_side.build((None,) * (len(shape) - 1) + (shape[-1],))

    # Computation

    def prepare(self, u: Tensor) -> Any:
        """The right-hand side with its weights, and what the integrator keeps of it."""
        rhs = InUse(self.right_hand_side, u, None if self.integrator.splits else self.conserve)
        return rhs, self.integrator.prepare(rhs, self.dt, u)

    def step(self, u: Tensor, prepared: Any) -> Tensor:
        """The state after one step."""
        rhs, kept = prepared
        after = shaped_like(self.integrator.step(u, self.dt, rhs, kept), u)
        if self.conserve == "norm" or (self.conserve == "mean" and self.integrator.splits):
            return CONSERVED[self.conserve].corrected(after, u)
        return after

    # What is known of it

    @property
    def longest_step(self) -> float:
        """The longest stable step of the linear part with the weights in use; inf for every one.

        Example:
            >>> from keras_pde import MethodOfLines
            >>> round(MethodOfLines.from_equation("heat", "euler", spacing=0.1).longest_step, 6)
            0.005
        """
        return self.integrator.longest_step(bounded(self.right_hand_side.spectrum()))

    def step_certificate(self) -> Certificate:
        """What is proved about one step, from the weights at hand."""
        rhs = self.right_hand_side
        if rhs.learned:
            self.require_weights()
        return step_certificate(self.subject, Scheme(rhs, self.integrator, self.dt, self.conserve))

    def influence(self) -> Influence:
        """How far a pixel acts: as far as the stencils reach in all stages of all steps."""
        reach, method = self.right_hand_side.reach, self.integrator
        if reach is None or method.splits or self.conserve is not None:
            return Influence.fading()
        return Influence(reach * method.stages * self.step_count, exact=True)

    def example(self) -> dict[str, np.ndarray]:
        """A smooth periodic state in the range of the equation."""
        state = super().example()["input"].astype("float64")
        ranges = self.right_hand_side.example_range()
        copies = self.input_channels // len(ranges)
        low, high = np.repeat(ranges, copies, axis=0).T
        return {"input": (low + (high - low) * state).astype("float32")}

    def with_steps(self, steps: int) -> Self:
        """The same network with another number of steps in a call.

        Example:
            >>> from keras_pde import MethodOfLines
            >>> MethodOfLines("heat").with_steps(5).time / MethodOfLines("heat").time
            5.0
        """
        return self._with(steps=steps)

    def with_dt(self, dt: float) -> Self:
        """The same network with another time step.

        Raises:
            ValueError: a step beyond the longest stable one, of the weights in use.

        Example:
            >>> from keras_pde import MethodOfLines
            >>> MethodOfLines("heat").with_dt(0.1).dt
            0.1
        """
        checked_step(self.right_hand_side, self.integrator, dt, self.conserve)
        return self._with(dt=dt)

    def with_spacing(self, spacing: float | Sequence[float]) -> Self:
        """The same equation on points so far apart, by classical stencils.

        Raises:
            ValueError: a right-hand side that is learned; a step that is too long then.

        Example:
            >>> from keras_pde import MethodOfLines
            >>> MethodOfLines("heat", dt=0.1).with_spacing(0.5).right_hand_side.spacing
            [0.5]
        """
        rhs = self.right_hand_side
        if rhs.learned:
            raise ValueError(f"{self.name} has learned stencils, which are for one spacing")
        config = {**rhs.get_config(), "spacing": spacing}
        return self._with(right_hand_side=type(rhs).from_config(config))

    def __repr__(self) -> str:
        return describe(self)

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "right_hand_side": keras.saving.serialize_keras_object(self.right_hand_side),
            "integrator": self.integrator.name,
            "conserve": self.conserve,
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**{key: value for key, value in config.items() if key != MARK})
