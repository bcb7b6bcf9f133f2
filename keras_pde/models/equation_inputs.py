"""EquationInputs: a network that is given the right-hand side of an equation, and what it needs."""

from __future__ import annotations

import numpy as np

from keras_pde.models.multigrid_inputs import given_name
from keras_pde.models.network import EXAMPLE_SIZE, Network
from keras_pde.runtime import gate
from keras_pde.runtime.types import Shape, Tensor
from keras_pde.schemes.multigrid.problems import Problem


class EquationInputs(Network):
    """Base of `MultigridSolver`: names, shapes and examples of b, a mask, or a coefficient."""

    problem: Problem

    @property
    def boundary(self) -> str:  # type: ignore[override]
        """Boundary condition."""
        return self.problem.boundary

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The right-hand side is the image; inpainting has a mask, some problems a coefficient."""
        given = given_name(self.problem)
        return super().named_inputs if given is None else ("image", given)

    @property
    def optional_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """A start x instead of 0; a noise-conditioned net has none."""
        return () if self.noise_conditioned else ("x",)

    def example(self) -> dict[str, np.ndarray]:
        """A small right-hand side, with a mask or a noise level where the network takes one."""
        rng = np.random.default_rng(20260)
        size = EXAMPLE_SIZE[: self.ndim]
        b = rng.standard_normal((1, *size, self.input_channels)).astype("float32")
        if self.noise_conditioned:
            return {"input": b, "noise": np.full((1,), 0.1, "float32")}
        if self.problem.masked:
            return {"input": b, "mask": (rng.random((1, *size, 1)) < 0.3).astype("float32")}
        channels = self.problem.coefficient_channels(self.ndim)
        if channels:
            jumps = 10 ** (2 * rng.random((1, *size, channels)))
            return {"input": b, "coefficient": jumps.astype("float32")}
        return {"input": b}

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """Shape of every input by its name, with batch and sizes None."""
        channels = self.problem.coefficient_channels(self.ndim)
        if not channels:
            return super().input_shapes
        spatial = (None,) * (self.ndim + 1)
        return {"image": (*spatial, self.input_channels), "coefficient": (*spatial, channels)}

    def check_input(self, name: str, x: Tensor, first: Tensor) -> None:
        """Refuse a coefficient of another rank, size, or number of channels."""
        if name != "coefficient":
            super().check_input(name, x, first)
            return
        shape, said = tuple(first.shape), f"coefficient of {self.name}"
        channels = self.problem.coefficient_channels(len(shape) - 2)
        gate.tensor(x, said, ranks=(len(shape),), channels=channels)
        gate.same_sizes(x, said, shape, "image", channels=False)
