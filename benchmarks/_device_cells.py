"""The cells of `device`'s table: networks, their inputs, and the programs that are timed."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from _device_bare import bare_convolutions

import keras_pde
from keras_pde import presets
from keras_pde.presets.files import GOLDEN


class Cell(NamedTuple):
    """One measurement: a network, what is run, in which precision, on which shape."""

    preset: str
    kind: str  # "forward", "training" or "golden"
    precision: str
    size: int = 0
    batch: int = 0


@contextlib.contextmanager
def precise(precision: str) -> Iterator[None]:
    """JAX's precision of convolutions while a function is traced."""
    with (
        jax.default_matmul_precision("highest")
        if precision.endswith("highest")
        else contextlib.nullcontext()
    ):
        yield


class Zoo:
    """The networks, each loaded once in each precision."""

    def __init__(self) -> None:
        self.loaded: dict[tuple[str, str], Any] = {}

    def __call__(self, cell: Cell) -> Any:
        """The network of a cell."""
        dtype = cell.precision.split()[0]
        if (cell.preset, dtype) not in self.loaded:
            self.loaded[cell.preset, dtype] = keras_pde.from_preset(cell.preset, dtype=dtype)
        return self.loaded[cell.preset, dtype]

    def inputs(self, cell: Cell) -> list[Any]:
        """A random image and what goes with it, on the device."""
        model, rng = self(cell), np.random.default_rng(0)
        # grids of 2^k - 1 points are what zero boundaries coarsen
        size = cell.size - 1 if isinstance(model, keras_pde.MultigridUNet) else cell.size
        arrays = [
            rng.random((cell.batch, *[size] * model.ndim, model.input_channels), dtype="float32")
        ]
        if "noise" in model.named_inputs:
            arrays.append(np.full((cell.batch,), 25 / 255, "float32"))
        if "mask" in model.named_inputs:
            arrays.append((rng.random((*arrays[0].shape[:-1], 1)) < 0.3).astype("float32"))
        return [jax.device_put(a) for a in arrays]

    def golden(self, cell: Cell) -> tuple[list[np.ndarray], np.ndarray]:
        """The preset's golden input and output."""
        with np.load(presets.folder_of(cell.preset) / GOLDEN) as file:
            return [file[k] for k in ("input", "noise", "mask") if k in file.files], file["output"]


def packed(arrays: Sequence[Any]) -> Any:
    """One array alone, several as a list, as the models take them."""
    return list(arrays) if len(arrays) > 1 else arrays[0]


def programs(zoo: Zoo, cell: Cell) -> dict[str, Callable[[], Any]]:
    """The network and its bare convolutions, compiled for the cell's shape.

    Functions of nothing that wait for the device.
    """
    model, arrays = zoo(cell), zoo.golden(cell)[0] if cell.kind == "golden" else zoo.inputs(cell)
    fixed = [v.value for v in model.non_trainable_variables]

    def network(weights: list[Any], arrays: list[Any]) -> Any:
        return model.stateless_call(weights, fixed, packed(arrays))[0]

    runs = {"network": (network, [v.value for v in model.trainable_variables])}
    if cell.kind == "forward" or (
        cell.kind == "training" and not isinstance(model, keras_pde.ImplicitRecurrent)
    ):
        with contextlib.suppress(NotImplementedError):
            runs["bare"] = bare_convolutions(model, arrays)
    made: dict[str, Callable[[], Any]] = {}
    for name, (function, weights) in runs.items():
        if cell.kind == "training":
            function = training(function, arrays[0])
        with precise(cell.precision):
            program = jax.jit(function).lower(weights, arrays).compile()
        made[name] = functools.partial(waited, program, weights, arrays)
    return made


def waited(program: Callable[..., Any], *arguments: Any) -> Any:
    """The program's result, once the device has it."""
    return jax.block_until_ready(program(*arguments))


def training(function: Callable[..., Any], clean: Any) -> Callable[..., Any]:
    """A step of gradient descent on the mean square error."""

    def step(weights: list[Any], arrays: list[Any]) -> Any:
        def loss(weights: list[Any]) -> Any:
            return ((function(weights, arrays).astype("float32") - clean) ** 2).mean()

        value, gradient = jax.value_and_grad(loss)(weights)
        return value, jax.tree.map(lambda w, g: w - 1e-3 * g, weights, gradient)

    return step
