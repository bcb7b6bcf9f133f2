"""A level of the learned U-net.

The level operator with kernels, flux, weights of the smoothing steps and transfers to learn.
"""

from __future__ import annotations

import functools
import random
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.layers.transfer import Prolongation, Restriction
from keras_pde.operators.conv_norms import in_graph_bound
from keras_pde.operators.conv_operator import ConvOperator
from keras_pde.operators.initializing import starting_from
from keras_pde.operators.stencils import Stencil
from keras_pde.runtime.allocation import LimitedLayer
from keras_pde.runtime.precision import drawn_wide
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.level import Level
from keras_pde.schemes.multigrid.problems import Problem
from keras_pde.schemes.multigrid.smoother import Smoother, Step

KERNEL_SIZE = 3
LOOSENESS = 1.15


class LearnedLevel(LimitedLayer):
    """A u = |s|V u + Kᵀ(|τ|W∘Φ(Ku)) with s, K, τ and the contrast of Φ learned.

    It starts as the problem's own operator.

    K starts as forward differences, filter by filter along one axis, so the weights W of edges
    along that axis go with it. The diagonal by which smoothing divides follows τ‖K‖² by a
    differentiable upper bound, so smoothing stays stable in training.
    """

    def __init__(
        self,
        problem: Problem,
        index: int,
        channels: int,
        smoother: Smoother,
        steps: tuple[list[Step], list[Step]],
        last: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.problem, self.index, self.channels, self.last = problem, index, channels, last
        self.smoother, self.plan = smoother, steps
        law = problem.flux
        self.flux = FluxActivation(
            "linear" if law is None else law.flux,
            1.0 if law is None else law.contrast,
            learn_contrast=law is not None,
            per_channel=law is not None and not law.coupled,
            coupled=law is not None and law.coupled,
            dtype=self.dtype_policy,
            name="flux",
        )
        self.boundary = problem.boundary
        if not last:
            self.restriction = Restriction(
                self.boundary, learned=True, dtype=self.dtype_policy, name="restriction"
            )
            self.prolongation = Prolongation(
                self.boundary, learned=True, dtype=self.dtype_policy, name="prolongation"
            )

    def build(self, input_shape: Any) -> None:
        """Create the weights for (batch, *spatial, channels)."""
        self.ndim = len(input_shape) - 2
        self.convolution = ConvOperator(
            self.ndim * self.channels,
            KERNEL_SIZE,
            boundary=self.boundary,
            initializer="forward",
            dtype=self.dtype_policy,
            name="convolution",
        )
        self.convolution.build(input_shape)
        kernel = Stencil("forward").array(
            (*(KERNEL_SIZE,) * self.ndim, self.channels, self.ndim * self.channels)
        )
        self.start_norm = float(in_graph_bound([kernel], self.boundary, np))
        self.flux.build((*input_shape[:-1], self.ndim * self.channels))
        for transfer in [] if self.last else [self.restriction, self.prolongation]:
            transfer.build(input_shape)

        def filled(name: str, size: int, value: float) -> Any:
            # not the initializer Constant, which rounds to float32 on its way
            return self.add_weight(
                shape=(size,),
                initializer=lambda shape, dtype=None: ops.full(shape, value, dtype=dtype),
                name=name,
            )

        self.screening = (
            filled("screening", self.channels, self.problem.screening)
            if self.problem.screening
            else None
        )
        self.stiffness = filled("stiffness", self.ndim * self.channels, self.problem.stiffness)
        named = [
            (f"{side}_{k}", step)
            for side, steps in zip(("before", "after"), self.plan, strict=True)
            for k, step in enumerate(steps)
        ]
        self.step_weights = []
        for name, step in named:
            start = self.smoother.start(step.weight, self.ndim, self.channels)
            self.step_weights.append(
                self.add_weight(
                    shape=start.shape,
                    initializer=starting_from(start),
                    name=f"weight_{name}",
                )
            )
        self.built = True

    def on(self, grid: Grid, dtype: str) -> BoundLevel:
        """This level on a grid of known sizes."""
        return BoundLevel(self, grid, dtype)


class BoundLevel(Level):
    """A `LearnedLevel` on one grid, as a cycle needs it."""

    convolves = True
    exact = False  # the coarsest level smooths, as its weights may have become anything

    def __init__(self, layer: LearnedLevel, grid: Grid, dtype: str) -> None:
        super().__init__(grid, dtype)
        self.layer = layer
        self.weights = grid.edge_weights(dtype)
        self.wall = grid.wall(dtype)
        self.mass = grid.mass(dtype)
        self.kernels = layer.convolution.weights_in_use()
        # positive, so that the smoothing steps of the coarsest level cannot run away
        self.screening = (
            0.0 if layer.screening is None else ops.abs(ops.convert_to_tensor(layer.screening))
        )
        self.stiffness = ops.abs(ops.convert_to_tensor(layer.stiffness))
        # growth within the looseness of the bound in a graph is free, so that the net starts as the
        # cycle itself
        bound = layer.convolution.squared_norm_bound(self.kernels)
        largest = (
            ops.max(ops.cast(self.stiffness, bound.dtype)) * bound / (LOOSENESS * layer.start_norm)
        )
        self.strength = ops.cast(ops.maximum(largest, layer.problem.stiffness), dtype)
        before, after = layer.plan
        weights = [ops.convert_to_tensor(w) for w in layer.step_weights]
        learned = [Step(w, step.colour) for w, step in zip(weights, [*before, *after], strict=True)]
        self.plan = learned[: len(before)], learned[len(before) :]

    def operator(self, u: Any) -> Any:
        """A u."""
        layer, h = self.layer, self.grid.spacing
        (s,) = layer.convolution.parts(u, self.kernels)
        (flux,) = layer.flux.fluxes([s / h])
        flux = (h * self.stiffness) * flux
        rows = ops.split(flux, layer.ndim, -1) if layer.ndim > 1 else [flux]
        weighted = [w * row for w, row in zip(self.weights, rows, strict=True)]
        out = layer.convolution.adjoint_of(
            [ops.concatenate(weighted, -1) if layer.ndim > 1 else weighted[0]], self.kernels
        )
        wall = self.wall
        out = (
            out
            if isinstance(wall, float) and wall == 0
            else out + self.layer.problem.stiffness * wall * u
        )
        return out if self.layer.screening is None else out + (self.mass * self.screening) * u

    def diagonal(self, u: Any = None) -> Any:
        """sV + τ′ diag(L), τ′ ≥ τ by as much as max|τ|‖K‖² has grown."""
        return self.strength * self.grid.degree(self.dtype) + self.mass * self.screening

    def divide(self, b: Any, diagonal: Any) -> Any:
        """b/D; an isolated point of a reflecting grid has D = 0 and stays."""
        return b / ops.where(diagonal > 0, diagonal, ops.ones_like(diagonal))

    def update(self, residual: Any, weight: Any) -> Any:
        """What the smoother makes of D⁻¹(b − Ax)."""
        return self.layer.smoother.update(residual, weight, self.layer.boundary)

    def restrict(self, r: Any) -> Any:
        """Learned restriction."""
        return self.layer.restriction(r)

    def prolong(self, e: Any) -> Any:
        """Learned prolongation."""
        return self.layer.prolongation(e, sizes=self.grid.sizes)


def smallest_size(levels: int, boundary: str) -> int:
    """Least points an axis that a learned net of so many levels needs.

    2 on each level that is restricted.
    """
    size = 1
    for _ in range(levels - 1):
        size = max(2, 2 * size if boundary == "dirichlet" else 2 * size - 1)
    return int(np.maximum(size, 1))


def lifting_and_head(
    channels: int, dtype: Any
) -> tuple[keras.layers.Dense, functools.partial[keras.layers.Dense]]:
    """A 1×1 convolution to so many channels, and what makes one back, which starts as its inverse.

    Both initializers draw the same orthogonal matrix: a build inside a graph cannot copy weights.
    """
    orthogonal = drawn_wide(keras.initializers.Orthogonal(seed=random.randint(1, 10**9)))

    def transposed(shape: Any, dtype: Any = None) -> Any:
        return ops.transpose(orthogonal(shape[::-1], dtype=dtype))

    dense = functools.partial(keras.layers.Dense, use_bias=False, dtype=dtype)
    return dense(channels, kernel_initializer=orthogonal, name="lifting"), functools.partial(
        dense, kernel_initializer=transposed, name="head"
    )
