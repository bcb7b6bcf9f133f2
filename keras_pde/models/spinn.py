"""SPINN: a function as a sum of bumps whose centres move, for equations without a mesh."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_pde.models.meshless_function import MeshlessFunction
from keras_pde.models.spinn_nodes import follow
from keras_pde.models.spinn_stepping import implicit_steps
from keras_pde.models.spinn_training import Show, projected_refinement, projected_training
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.copying import MARK, serialize_unbuilt
from keras_pde.runtime.printed import counted
from keras_pde.schemes.collocation import Condition, Law


@keras.saving.register_keras_serializable(package="keras_pde")
class SPINN(MeshlessFunction):
    r"""∂^α u(x) = ΣUᵢ ∂^α φᵢ(x) with bumps φᵢ whose centres and widths are weights.

    The network is sparse, and each weight is readable: a height, a place, a width. A `Condition`
    states an equation or a boundary value at points. `solve` finds the heights by linear least
    squares in float64. `learn` moves centres and widths too, by Adam on what these leave, and
    `refine` by Gauss and Newton: nodes gather where a solution needs them. `implicit_euler`
    advances an equation in time. All derivatives are closed forms (Z3), so no tape is inside
    another. Cost: points times centres.

    Args:
        basis: a `MeshlessBasis`, of which the network has a copy; or its centres, a list of points.
        outputs: channels of u; `solve` and what builds on it take 1.

    Shapes: points (batch, \*any, d) → (batch, \*any, outputs).

    Raises:
        ValueError: points of another number of coordinates; conditions of another.

    Source: Ramabathiran, Ramachandran, arXiv:2102.13037 (2021).

    Example:
        >>> from keras_pde import SPINN, MeshlessBasis
        >>> from keras_pde.schemes.collocation import Condition
        >>> x = np.linspace(0, 1, 40)[:, None]
        >>> basis = MeshlessBasis(np.linspace(-0.1, 1.1, 13)[:, None].tolist(), width=0.2)
        >>> net = SPINN(basis, dtype="float64")
        >>> load = Condition(x, {(2,): -1.0}, np.pi**2 * np.sin(np.pi * x[:, 0]))
        >>> residual = net.solve([load, Condition(x[[0, -1]], {(0,): 1.0}, weight=100.0)])
        >>> error = np.asarray(net(x))[:, 0] - np.sin(np.pi * x[:, 0])
        >>> bool(abs(error).max() < 1e-3)
        True
    """

    def learn(
        self,
        conditions: Sequence[Condition],
        steps: int = 500,
        learning_rate: float = 0.01,
        show: Show = lambda step, loss: None,
    ) -> float:
        """Move centres and widths by Adam, with the heights of the least squares at each step.

        With U the least squares' solution, the gradient of ‖AU − b‖² by centres and widths is that
        with U held fixed (Z4), so each step is a linear solve and a gradient. Returns what `solve`
        does, of the step that left least.

        Args:
            conditions: equations, boundary values and data.
            steps: of Adam, whose rate falls to 0 as a cosine.
            learning_rate: the highest.
            show: called with the step and the root mean square, after each.
        """
        steps = gate.count(steps, "steps")
        rate = gate.number(learning_rate, "learning_rate", low=0.0, low_open=True)
        return projected_training(self, list(conditions), steps, rate, show)

    def refine(self, conditions: Sequence[Condition], evaluations: int = 50) -> float:
        """Move centres and widths by Gauss and Newton's method, with the least squares' heights.

        For few nodes this converges in some 20 steps to errors that Adam does not reach. Returns
        what `solve` does. In float64 only its differences are exact enough.

        Args:
            conditions: equations, boundary values and data.
            evaluations: steps in a trust region, at most.
        """
        evaluations = gate.count(evaluations, "evaluations")
        return projected_refinement(self, list(conditions), evaluations)

    def implicit_euler(
        self,
        law: Law,
        points: Any,
        dt: float,
        steps: int,
        conditions: Sequence[Condition] = (),
    ) -> np.ndarray:
        """Advance ∂ₜu = F by implicit Euler steps, and return u at the points, (steps + 1, points).

        Each step solves (u⁺ − u)/dt = F(u⁺) at the points, with the conditions, by Newton's method;
        each iteration is a least-squares solve in float64. The heights at the start are the initial
        state, and those of the last step are left.

        Args:
            law: F and its derivatives.
            points: (points, d), more than centres.
            dt: the step.
            steps: how many.
            conditions: boundary values, which hold at every step.

        A step that Newton's method does not solve in 20 iterations is a RuntimeWarning.
        """
        points = np.asarray(gate.array(points, "points", ranks=(2,)), np.float64)
        dt, steps = gate.number(dt, "dt", low=0.0, low_open=True), gate.count(steps, "steps")
        return implicit_steps(self, law, points, dt, steps, list(conditions))

    def follow(
        self, interval: tuple[float, float], strength: float = 0.2, overlap: float = 1.3
    ) -> np.ndarray:
        """Move the centres where the function is steep, in one dimension, and keep its values.

        They get equal parts of ∫√(1 + (s u′)²)dx between them, as adaptive meshes do.

        Args:
            interval: its two ends.
            strength: s, how much a slope counts; 0 spreads the centres evenly.
            overlap: widths beside the distances of the centres.

        Returns:
            Points (points, 1), three a centre, that lie as densely: to collocate at.

        Raises:
            ValueError: several dimensions, or fewer than 3 centres.
        """
        if self.basis.axes != 1 or self.basis.count < 3 or self.outputs != 1:
            raise ValueError(
                f"{self.name} follows a function of 1 dimension with 3 centres or more and 1"
                f" output. Received: {self.basis.axes} dimensions, {self.basis.count} centres,"
                f" {self.outputs} outputs"
            )
        self.require_weights()
        low, high = (gate.number(x, "interval") for x in interval)
        strength = gate.number(strength, "strength", low=0.0)
        overlap = gate.number(overlap, "overlap", low=0.0, low_open=True)
        return follow(self, (low, high), strength, overlap)

    @property
    def description(self) -> str:
        """What it computes, in a few words."""
        return f"{self.basis.count} bumps in {self.basis.axes} dimensions"

    def __repr__(self) -> str:
        basis = self.basis
        shares = ", each over the sum of all" * basis.partition_of_unity
        moves = "weights" if basis.learned else "fixed"
        return "\n".join(
            [
                f"{type(self).__name__} {self.name!r}",
                f"  bumps            {basis.count} in {basis.axes}-D, {basis.kernel}{shares}",
                f"  nodes            centres and widths are {moves}",
                f"  outputs          {self.outputs}",
                f"  parameters       {counted(self)}",
            ]
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "basis": serialize_unbuilt(self.basis),
            "outputs": self.outputs,
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> SPINN:
        """Rebuild from `get_config`."""
        config = copy.copy(config)
        config["basis"] = keras.saving.deserialize_keras_object(config["basis"])
        return cls(**{key: value for key, value in config.items() if key != MARK})
