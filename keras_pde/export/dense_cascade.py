"""A dense network as a cascade: smooth ReLUs of affine maps of the inputs and of earlier units.

A state of the network is kept as an affine map of the inputs and of all units so far, so residual
connections, liftings and layers without activation need no species of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_pde.certificates.keras_graph import calls_of, is_functional
from keras_pde.certificates.linear_layers import bias_of, numbers
from keras_pde.certificates.pointwise import activation_name
from keras_pde.fluxes.classical import Linear
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.smooth_relu import SmoothReLU
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.models.certified_classifier import CertifiedClassifier
from keras_pde.operators.dense import DenseOperator
from keras_pde.runtime.types import Shape


@dataclass(frozen=True)
class Affine:
    """An affine map of the inputs and the first units: matrix (rows, columns) and offset."""

    matrix: np.ndarray
    offset: np.ndarray

    def then(self, matrix: np.ndarray, offset: np.ndarray | float = 0.0) -> Affine:
        """What a further affine map makes of it; the matrix is (rows, columns)."""
        return Affine(matrix @ self.matrix, matrix @ self.offset + offset)

    def wide(self, columns: int) -> np.ndarray:
        """The matrix with a column for each input and unit that came later."""
        return np.pad(self.matrix, ((0, 0), (0, columns - self.matrix.shape[1])))

    def __add__(self, other: Affine) -> Affine:
        columns = max(self.matrix.shape[1], other.matrix.shape[1])
        return Affine(self.wide(columns) + other.wide(columns), self.offset + other.offset)


@dataclass
class Cascade:
    """Units x = (a + √(a² + 4h))/2 in layers, a an affine map of inputs and earlier units.

    Args:
        inputs: their number.
        layers: for each, the map to its activations a, and h of each unit.
        output: of the network, an affine map of inputs and units.
    """

    inputs: int
    layers: list[tuple[Affine, np.ndarray]] = field(default_factory=list)
    output: Affine | None = None

    @property
    def columns(self) -> int:
        """Inputs and units so far."""
        return self.inputs + sum(len(h) for _, h in self.layers)

    def units(self, state: Affine, contrast: np.ndarray | float) -> Affine:
        """A layer of units on a state: Φ = x − λ with h = λ²."""
        lam = np.broadcast_to(np.asarray(contrast, float), state.offset.shape)
        before = self.columns
        self.layers.append((state, lam**2))
        matrix = np.eye(self.columns)[before:]
        return Affine(matrix, -lam)


def cascade_of(model: Any) -> Cascade:
    """The units of a network and the maps between them.

    Raises:
        ValueError: no built network; a layer that has no such form, with those that have.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(
            "to_reactions takes a keras.Model whose weights exist: call it once, or"
            f" model.build(...). Received: {type(model).__name__}"
        )
    if isinstance(model, CertifiedClassifier):
        sizes: tuple[int | None, ...] = (*model.sizes, model.input_channels)
    elif is_functional(model) and len(model.inputs) == len(model.outputs) == 1:
        sizes = tuple(model.inputs[0].shape[1:])
    else:
        raise _refused(model, "it is no graph of layers from one input to one output")
    if None in sizes:
        raise ValueError(
            f"{model.name} needs an input of fixed sizes, a species for each number. Received:"
            f" {sizes}"
        )
    size = math.prod(n for n in sizes if n is not None)
    found = Cascade(size)
    start = Affine(np.eye(size), np.zeros(size))
    found.output = _model(found, model, [start], (None, *sizes))
    return found


def _model(cascade: Cascade, model: Any, states: list[Affine], shape: Shape) -> Affine:
    """A network of dense blocks, or Keras's graph of layers."""
    if isinstance(model, CertifiedClassifier):
        return _classifier(cascade, model, states[0], shape)
    if not is_functional(model) or len(model.inputs) != len(states):
        raise _refused(model, "it is no graph of layers")
    known = {id(x): state for x, state in zip(model.inputs, states, strict=True)}
    for call in calls_of(model):
        if len(call.outputs) > 1 or call.held or call.foreign:
            raise _refused(call.operation, "it has further inputs or outputs")
        given = [known[id(x)] for x in call.moving]
        out = _operation(cascade, call.operation, given, tuple(call.moving[0].shape))
        known[id(call.outputs[0])] = out
    return known[id(model.outputs[0])]


def _operation(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    rule = RULES.get(type(layer))
    return (
        _model(cascade, layer, states, shape)
        if rule is None
        else rule(cascade, layer, states, shape)
    )


def _refused(layer: Any, why: str) -> ValueError:
    names = ", ".join(sorted(kind.__name__ for kind in RULES))
    return ValueError(
        f"{layer.name} ({type(layer).__name__}) has no reactions: {why}. Those that have are"
        f" CertifiedClassifier with dense blocks and graphs of {names}, with"
        " keras_pde.activations.smooth_relu as their only nonlinearity"
    )


# What each layer makes of a state


def _dense(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    kernel, bias = numbers(layer.kernel, layer), bias_of(layer)
    if kernel.shape[0] != len(states[0].offset):
        raise _refused(layer, f"it acts on vectors, not on an input of shape {shape}")
    moved = states[0].then(kernel.T, 0.0 if bias is None else bias)
    return _activated(cascade, layer, moved, layer.activation)


def _activation(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    return _activated(cascade, layer, states[0], layer.activation)


def _activated(cascade: Cascade, layer: Any, state: Affine, law: Any) -> Affine:
    if type(law) is Linear or law is keras.activations.linear:
        return state
    if type(law) is not SmoothReLU:
        raise _refused(layer, f"its activation is {activation_name(law)}")
    return cascade.units(state, law.contrast)


def _flux(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    if type(layer) is not FluxActivation or type(layer.flux) not in (SmoothReLU, Linear):
        raise _refused(layer, f"its flux is {layer.law}")
    if layer.noise_conditioned:
        raise _refused(layer, "its flux is told a noise level")
    if type(layer.flux) is Linear:
        return states[0]
    contrast = np.asarray(ops.convert_to_numpy(layer.contrast_now()), "float64")
    points = len(states[0].offset) // (contrast.size if contrast.ndim else 1)
    return cascade.units(states[0], np.tile(contrast, points) if contrast.ndim else contrast)


def _block(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    """u − KᵀτΦ(Ku + b): the flux makes the units, and u stays a map of earlier ones."""
    if type(layer.operator) is not DenseOperator:
        raise _refused(layer, "its operator is no matrix")
    prepared = layer.prepare()
    (kernel,) = (np.asarray(ops.convert_to_numpy(k), "float64") for k in prepared.kernels)
    if kernel.shape[0] != len(states[0].offset):
        raise _refused(layer, f"it acts on vectors, not on an input of shape {shape}")
    bias = numbers(layer.bias, layer) if layer.use_bias else 0.0
    flux = _flux(cascade, layer.flux, [states[0].then(kernel.T, bias)], shape)
    step = np.asarray(ops.convert_to_numpy(prepared.step), "float64")
    return states[0] + flux.then(-kernel * step)


def _classifier(cascade: Cascade, model: Any, state: Affine, shape: Shape) -> Affine:
    rest = iter(model.steps)
    for entry, stage in zip(model.entries, model.stages, strict=True):
        state = _linear(cascade, entry, [state], shape)
        shape = entry.compute_output_shape(shape)
        for _ in range(stage.count):
            state = _block(cascade, next(rest), [state], shape)
    return state.then(model.head.matrix(), numbers(model.head.bias, model.head))


def _linear(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    """A linear map without weights, by what it makes of unit vectors."""
    size = len(states[0].offset)
    units = np.eye(size, dtype="float32").reshape(size, *shape[1:])
    image = np.asarray(ops.convert_to_numpy(layer(units)), "float64")
    return states[0].then(image.reshape(size, -1).T)


def _sum(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    total = states[0]
    for state in states[1:]:
        if len(state.offset) != len(total.offset):
            raise _refused(layer, "its inputs are of several sizes")
        total = total + state
    return total


def _scaled(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    sizes = tuple(n or 1 for n in shape[1:])
    scale, offset = (
        np.broadcast_to(np.asarray(x, float), sizes).reshape(-1)
        for x in (layer.scale, layer.offset)
    )
    return states[0].then(np.diag(scale), offset)


def _unchanged(cascade: Cascade, layer: Any, states: list[Affine], shape: Shape) -> Affine:
    """The identity on the vector of all numbers, at inference."""
    return states[0]


RULES: dict[type, Callable[[Cascade, Any, list[Affine], Shape], Affine]] = {
    layers.Dense: _dense,
    layers.Activation: _activation,
    layers.Add: _sum,
    layers.Dropout: _unchanged,
    layers.Flatten: _unchanged,
    layers.Reshape: _unchanged,
    layers.Rescaling: _scaled,
    DiffusionBlock: _block,
    FluxActivation: _flux,
}
