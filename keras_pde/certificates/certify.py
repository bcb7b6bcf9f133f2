"""keras_pde.certify: the certificate of a Keras model, composed from those of its layers."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import keras
from keras import layers

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified, uncertified
from keras_pde.certificates.guarantee import THEN
from keras_pde.certificates.keras_graph import Call, ancestors, calls_of, is_functional
from keras_pde.certificates.keras_layers import layer_certificate, why_unknown
from keras_pde.certificates.merging import Rule, merge_rule
from keras_pde.certificates.other_layers import INFERENCE
from keras_pde.runtime import gate

EXACT = "exact arithmetic"
INPUT = "the input"
MOST_REASONS = 6


def certify(model: keras.Model | keras.layers.Layer) -> Certificate:
    """What is proved about a Keras model, from the weights of its layers at hand.

    The constants of layers multiply along the graph of a Sequential or functional model, those of
    branches that are added add up, and those of concatenated ones are the legs of a right triangle.
    Known are the layers and networks of this library, by their own certificates, and Keras's with a
    constant: Dense and the convolutions (by an upper bound of the kernel's norm), activations,
    pooling, normalisation, padding, shapes, and the layers that add, average or concatenate. Of a
    model with several inputs the constants are those in all of them together; an input that only
    tells a noise level is assumed not to change.

    Args:
        model: a built Sequential or functional model, with models in it or not, or a layer.

    Returns:
        The certificate. Where a layer has no known constant, nothing is proved, and the reasons
        name each such layer.

    Raises:
        ValueError: the model has no weights yet.

    Source: composition of Lipschitz constants; Combettes, Yamada (2015) for averaged maps.

    Example:
        >>> import keras
        >>> import keras_pde
        >>> model = keras.Sequential([
        ...     keras.Input((32, 32, 1)),
        ...     keras_pde.DiffusionResNet(4, filters=8, kernel_size=3),
        ...     keras.layers.AveragePooling2D(2),
        ...     keras.layers.Flatten(),
        ... ])
        >>> certificate = keras_pde.certify(model)
        >>> certificate.norm_stable, round(certificate.lipschitz, 6)
        (True, 0.5)
        >>> square = keras.layers.Lambda(lambda x: x * x, name="square")
        >>> odd = keras.Sequential([keras.Input((4,)), square])
        >>> keras_pde.certify(odd).reasons["lipschitz"]
        "'square' (Lambda): no constant is known for this kind of layer"
    """
    if isinstance(model, Certified):
        return model.certificate()
    if not isinstance(model, layers.Layer):
        raise ValueError(f"certify takes a Keras model or layer. Received: {gate.said(model)}")
    if not model.built:
        raise ValueError(
            "A certificate is computed from weights: build the model first, by calling it or by"
            " build(input_shape)"
        )
    subject = f"{type(model).__name__} {model.name!r}"
    if is_functional(model):
        return _shortened(replace(_of_graph(model), subject=subject))
    found = layer_certificate(model) or _identity(1)
    return _assuming(replace(found, subject=subject), EXACT)


def _of_graph(model: Any) -> Certificate:
    """The certificate of a functional model, tensor by tensor."""
    inputs, calls = {id(x): x for x in model.inputs}, calls_of(model)
    outputs = tuple(keras.tree.flatten(model.outputs))
    used = [x for call in calls for x in call.moving] + list(outputs)
    moving = {id(x) for x in used} & set(inputs)
    rules = [_rule(call, moving, set(inputs)) for call in calls]
    unknown = [
        f"{_name(call.operation)}: {rule}"
        for call, rule in zip(calls, rules, strict=True)
        if isinstance(rule, str)
    ]
    if unknown:
        return uncertified(model.name, THEN.join(dict.fromkeys(unknown)))
    start = _identity(len(moving))
    known: dict[int, Certificate] = dict.fromkeys(moving, start)
    for call, rule in zip(calls, rules, strict=True):
        result = rule([known[id(x)] for x in call.moving])  # type: ignore[operator]
        known.update(dict.fromkeys(map(id, call.outputs), result))
    total = functools.reduce(Certificate.beside, [known[id(x)] for x in outputs])
    alone = len(moving) == len(outputs) == 1
    if total["averaged"].proved and not (alone and outputs[0].shape == inputs[min(moving)].shape):
        lost = total["averaged"].lost("input and output are different spaces")
        total = total.with_guarantees(lost)
    held = {i for call in calls for i in ancestors(call.held, set(inputs))} - moving
    fixed = [f"the input {x.name!r} does not change" for i, x in inputs.items() if i in held]
    return _assuming(total, *fixed, EXACT)


def _rule(call: Call, moving: set[int], inputs: set[int]) -> Rule | str:
    """The certificate of a call's result from those of its inputs, or why there is none."""
    operation = call.operation
    if call.foreign:
        return f"it is called with {' and '.join(call.foreign)} besides its input"
    if ancestors(call.held, inputs) & moving:
        return "what it assumes not to change depends on the model's input"
    if not isinstance(operation, Certified) and is_functional(operation):
        inner = _of_graph(operation)
        return _followed_by(inner) if _known(inner) else _why_not(inner)
    found = merge_rule(call)
    if found is not None:
        return found
    if not isinstance(operation, layers.Layer):
        return "no constant is known for this operation"
    if len(call.moving) > 1:
        return why_unknown(operation)
    certificate = layer_certificate(operation, call.moving[0].shape)
    if certificate is None:
        return _unchanged
    if not _known(certificate):
        return _why_not(certificate)
    return _followed_by(_by_name(certificate, operation))


def _unchanged(before: list[Certificate]) -> Certificate:
    """The identity, at inference."""
    return _assuming(before[0], INFERENCE)


def _known(certificate: Certificate) -> bool:
    """Whether anything is stated about a map."""
    return any(guarantee.known for guarantee in certificate.guarantees)


def _why_not(certificate: Certificate) -> str:
    return certificate.reasons.get("lipschitz") or "nothing is proved about it"


def _followed_by(certificate: Certificate) -> Rule:
    """The certificate of a map behind its inputs'."""

    def rule(before: list[Certificate]) -> Certificate:
        first = functools.reduce(Certificate.beside, before)
        if first.subject == INPUT:  # the energy of a single map is its own
            return replace(certificate, assumptions=(*first.assumptions, *certificate.assumptions))
        return first.then(certificate)

    return rule


def _by_name(certificate: Certificate, layer: Any) -> Certificate:
    """The certificate with reasons that name the layer."""
    named = (
        replace(g, reason=f"{layer.name!r} {g.reason}") if g.reason else g
        for g in certificate.guarantees
    )
    return replace(certificate, subject=layer.name, guarantees=tuple(named))


def _name(operation: Any) -> str:
    return f"{operation.name!r} ({type(operation).__name__})"


def _identity(inputs: int) -> Certificate:
    """The certificate of one input as a function of all that move."""
    if inputs == 1:
        return Certificate(INPUT, 1.0, 1.0, 0.0)
    why = {"averaged": "the model has several inputs"}
    return Certificate("an input", 1.0, 1.0, reasons=why)


def _assuming(certificate: Certificate, *more: str) -> Certificate:
    """With further assumptions, each said once, exact arithmetic last."""
    said = dict.fromkeys((*certificate.assumptions, *more))
    last = [EXACT] if said.pop(EXACT, 0) is None else []
    return replace(certificate, assumptions=(*said, *last))


def _shortened(certificate: Certificate) -> Certificate:
    """With no more reasons for one guarantee than a reader reads."""
    short = []
    for guarantee in certificate.guarantees:
        reasons = guarantee.reason.split(THEN)
        more = len(reasons) - MOST_REASONS
        if more > 1:
            kept = (*reasons[:MOST_REASONS], f"and {more} more")
            guarantee = replace(guarantee, reason=THEN.join(kept))
        short.append(guarantee)
    return replace(certificate, guarantees=tuple(short))
