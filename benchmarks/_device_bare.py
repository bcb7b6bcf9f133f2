"""What a network's convolutions cost alone: as many, of the same shapes, with nothing between."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from keras import ops

from keras_pde import ImplicitRecurrent, MultigridUNet, solvers


def bare_convolutions(
    model: Any, arrays: list[Any]
) -> tuple[Callable[[list[Any], list[Any]], Any], list[Any]]:
    """A function of (kernels, inputs), and the kernels, in the network's precision.

    A residual network has KᵀK in each step, an equilibrium as often as its solver evaluated it on
    this input. A multigrid cycle has a 3×3 convolution for every smoothing step and residual of
    every level.

    Raises:
        NotImplementedError: solvers that hold another solver, whose work is not told.
    """
    dtype = model.compute_dtype
    if isinstance(model, MultigridUNet):
        return _pyramid(model, dtype)
    iterations = 0
    if isinstance(model, ImplicitRecurrent):
        if not isinstance(model.blocks[0].solver, solvers.Accelerated | solvers.FixedPoint):
            raise NotImplementedError
        iterations = int(model.diagnose(arrays if len(arrays) > 1 else arrays[0]).iterations.max())
    steps = model.steps if isinstance(model, ImplicitRecurrent) else len(model.schedule)
    blocks = [model.blocks[k * len(model.blocks) // steps] for k in range(steps)]
    kernels = [_kernels(block.operator) for block in blocks]
    channels = blocks[0].operator.channels

    def through(chain: list[Any], _: Any, u: Any) -> Any:
        for kernel in chain:
            u = ops.conv(u, kernel, padding="same", data_format="channels_last")
        for kernel in reversed(chain):
            u = ops.conv_transpose(u, kernel, padding="same", data_format="channels_last")
        return u

    def run(kernels: list[Any], arrays: list[Any]) -> Any:
        u = arrays[0].astype(dtype)
        image = u.shape[-1]
        u = ops.repeat(u, -(-channels // image), axis=-1)[..., :channels]
        for chain in kernels:
            chain = [k.astype(dtype) for k in chain]
            step = functools.partial(through, chain)
            u = jax.lax.fori_loop(0, iterations, step, u) if iterations else step(0, u)
        return u[..., :image]

    return run, kernels


def _kernels(operator: Any) -> list[Any]:
    return [jax.numpy.asarray(k, "float32") for k in operator.kernel_arrays()]


def _pyramid(model: Any, dtype: str) -> tuple[Callable[[list[Any], list[Any]], Any], list[Any]]:
    count = model.cycle_type.before + model.cycle_type.after + 1
    kernel = jax.numpy.full(
        (*[3] * model.ndim, model.input_channels, model.input_channels), 1 / 9, "float32"
    )

    def run(kernels: list[Any], arrays: list[Any]) -> Any:
        u, total = arrays[0].astype(dtype), 0.0
        while min(u.shape[1:-1]) > 1:
            for _ in range(count):
                u = ops.conv(
                    u, kernels[0].astype(dtype), padding="same", data_format="channels_last"
                )
            total = total + u.mean()
            u = u[(slice(None), *[slice(None, None, 2)] * model.ndim)]
        return total

    return run, [kernel]
