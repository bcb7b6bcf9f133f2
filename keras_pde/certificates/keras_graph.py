"""The graph of a functional Keras model: which operation was called with which tensors.

Keras has no public way to ask for it. All that is private of Keras is read in this file.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.models.functional import Functional

from keras_pde.certificates.certified import Certified
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.runtime.types import Tensor


@dataclass(frozen=True)
class Call:
    """One call of an operation.

    Args:
        operation: a layer, a model, or an operation such as keras.ops.add.
        moving: the tensors that its result is a function of.
        held: further tensors, of which a certificate assumes that they do not change.
        foreign: further tensors about which nothing is known, by the names of their arguments.
        arguments: all arguments as they were given.
        outputs: its results.
    """

    operation: Any
    moving: tuple[Tensor, ...]
    held: tuple[Tensor, ...]
    foreign: tuple[str, ...]
    arguments: tuple[Any, ...]
    outputs: tuple[Tensor, ...]


def is_functional(model: Any) -> bool:
    """Whether a model computes what its graph says: Keras's own `call`, of known inputs."""
    if isinstance(model, keras.Sequential):
        return type(model).call is keras.Sequential.call
    return isinstance(model, Functional) and type(model).call is Functional.call


def call_of(tensor: Tensor) -> Call:
    """The call that a symbolic tensor is a result of."""
    history = tensor._keras_history
    operation = history.operation
    node = operation._inbound_nodes[history.node_index]
    args, kwargs = node.arguments.args, node.arguments.kwargs
    held: tuple[Tensor, ...] = ()
    foreign: tuple[str, ...] = ()
    if isinstance(operation, Certified):
        moving, held, foreign = _of_certified(operation, args, kwargs)
    elif isinstance(operation, FluxLayer):
        moving, held, foreign = _of_flux(operation, args, kwargs)
    elif is_functional(operation):
        moving, held = _of_model(operation, node.input_tensors)
    else:
        moving = tuple(node.input_tensors)
    arguments = (*args, *kwargs.values())
    return Call(operation, moving, held, foreign, arguments, tuple(node.outputs))


def _of_certified(
    operation: Any, args: Any, kwargs: Any
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[str, ...]]:
    """The first tensor moves; those that the layer says so are held."""
    (_, first), *rest = _named(operation, args, kwargs)
    moving, *others = keras.tree.flatten(first)
    held, foreign = list(others), []  # a network's inputs behind the image
    for name, value in rest:
        tensors = [x for x in keras.tree.flatten(value) if isinstance(x, keras.KerasTensor)]
        if name in operation.held_inputs:
            held += tensors
        elif name not in operation.sized_by and any(x is not moving for x in tensors):
            foreign.append(name)
    return (moving,), tuple(held), tuple(foreign)


def _of_flux(
    operation: Any, args: Any, kwargs: Any
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[str, ...]]:
    """The state moves, and the noise level is held."""
    (_, state), *rest = _named(operation, args, kwargs)
    held = tuple(x for _, x in rest if isinstance(x, keras.KerasTensor))
    return (state,), held, ()


def _of_model(model: Any, given: list[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The inputs of a model in the model: those that its own graph moves, and the others."""
    free = {id(x) for call in calls_of(model) for x in call.moving}
    free |= {id(x) for x in keras.tree.flatten(model.outputs)}
    pairs = list(zip(model.inputs, given, strict=True))
    return (
        tuple(x for inner, x in pairs if id(inner) in free),
        tuple(x for inner, x in pairs if id(inner) not in free),
    )


def _named(operation: Any, args: Any, kwargs: Any) -> list[tuple[str, Any]]:
    """The arguments of a call with the names that the layer's `call` gives them."""
    bound = inspect.signature(operation.call).bind(*args, **kwargs)
    return list(bound.arguments.items())


def ancestors(tensors: tuple[Tensor, ...], inputs: set[int]) -> set[int]:
    """The inputs, by their id, that tensors depend on in any way."""
    found, seen, todo = set(), set(), list(tensors)
    while todo:
        tensor = todo.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if id(tensor) in inputs:
            found.add(id(tensor))
        elif tensor._keras_history.operation is not None:
            history = tensor._keras_history
            todo += history.operation._inbound_nodes[history.node_index].input_tensors
    return found


def calls_of(model: Any) -> list[Call]:
    """The calls on the way from the inputs that move to the outputs, in their order."""
    inputs, order, done = {id(x) for x in model.inputs}, [], set()
    todo = [(x, False) for x in reversed(keras.tree.flatten(model.outputs))]
    while todo:
        tensor, ready = todo.pop()
        if id(tensor) in inputs or (id(tensor) in done and not ready):
            continue
        call = call_of(tensor)
        if ready:
            order.append(call)
            continue
        done |= {id(x) for x in call.outputs}
        todo.append((tensor, True))
        todo += [(x, False) for x in reversed(call.moving)]
    return order
