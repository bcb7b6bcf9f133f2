"""Calls with several inputs, or of plain operations: sums, means, concatenation, numbers.

Constants of the branches add up in a sum; √(a² + b²) bounds a concatenation, and maxima, for
|max(a, b) − max(c, d)|² ≤ |a − c|² + |b − d|².
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.keras_graph import Call
from keras_pde.certificates.other_layers import diagonal
from keras_pde.certificates.pointwise import ACTIVATIONS, Slopes
from keras_pde.runtime.types import Shape

Rule = Callable[[list[Certificate]], Certificate]

EQUAL_SIZES = "tensors that are added have equal sizes"
DIFFERENT = "its inputs have different shapes, and how often a number is repeated is not known"
SUM, MEAN, BESIDE, LARGEST = "sum", "mean", "beside", "largest"
MERGES: dict[Any, str] = {
    layers.Add: SUM,
    layers.Subtract: SUM,
    layers.Average: MEAN,
    layers.Concatenate: BESIDE,
    layers.Maximum: LARGEST,
    layers.Minimum: LARGEST,
}
# operations such as keras.ops.add and x + y, whose classes Keras does not make public
OPERATIONS = {
    "Add": SUM,
    "Subtract": SUM,
    "Concatenate": BESIDE,
    "Maximum": LARGEST,
    "Minimum": LARGEST,
}
POINTWISE = {
    "Absolute": Slopes(-1.0, 1.0),
    "Negative": Slopes(-1.0, -1.0),
    "Relu": ACTIVATIONS[keras.activations.relu],
    "Relu6": ACTIVATIONS[keras.activations.relu6],
    "Sigmoid": ACTIVATIONS[keras.activations.sigmoid],
    "Softplus": ACTIVATIONS[keras.activations.softplus],
    "Tanh": ACTIVATIONS[keras.activations.tanh],
}


def merge_rule(call: Call) -> Rule | str | None:
    """The rule of a call that merges its inputs, why it has none, or None for other layers."""
    kind = type(call.operation)
    if kind in MERGES:
        return _merge(MERGES[kind], call)
    if isinstance(call.operation, layers.Layer) or not kind.__module__.startswith("keras."):
        return None
    name = kind.__name__
    if name in POINTWISE:
        slopes = POINTWISE[name].certificate(name.lower())
        return lambda before: before[0].then(slopes)
    if len(call.moving) == 1 and name != "Concatenate":
        return _with_number(name, call)
    return _merge(OPERATIONS[name], call) if name in OPERATIONS else None


def _merge(how: str, call: Call) -> Rule | str:
    """Branches of one shape, or repeated to the shape of the result."""
    branches = [x.shape for x in call.moving]
    if how == BESIDE:
        return lambda before: functools.reduce(Certificate.beside, before)
    factors = [_repeats(shape, call.outputs[0].shape) for shape in branches]
    if any(factor is None for factor in factors):
        return DIFFERENT
    open_sizes = any(None in shape[1:] for shape in branches)

    def rule(before: list[Certificate]) -> Certificate:
        wide = [_times(c, f) for c, f in zip(before, factors, strict=True) if f is not None]
        if how == SUM:
            total = functools.reduce(Certificate.plus, wide)
        elif how == LARGEST:
            total = functools.reduce(Certificate.beside, wide)
        else:
            total = wide[0]
            for k, other in enumerate(wide[1:], start=2):
                total = total.mixed(other, 1 / k)
        more = (EQUAL_SIZES,) * open_sizes
        return replace(total, assumptions=tuple(dict.fromkeys((*total.assumptions, *more))))

    return rule


def _repeats(shape: Shape, result: Shape) -> float | None:
    """√ of how often each number of a tensor stands in the result; None where it is not known."""
    if shape == result:
        return 1.0
    if len(shape) != len(result) or shape[0] != result[0]:
        return None
    times = 1.0
    for n, m in zip(shape[1:], result[1:], strict=True):
        if n == m:
            continue
        if n != 1 or m is None:
            return None
        times *= m
    return math.sqrt(times)


def _times(certificate: Certificate, factor: float) -> Certificate:
    if factor == 1:
        return certificate
    repeated = Certificate(f"repeated {factor**2:g} times", factor, factor)
    return certificate.then(repeated)


def _with_number(name: str, call: Call) -> Rule | str:
    """x + c, c − x, c·x and x/c, for a number or an array that repeats no entry of x."""
    first, *rest = [*call.arguments, None]
    backward = not isinstance(first, keras.KerasTensor)
    given = first if backward else rest[0]
    unknown = "no constant is known for this operation"
    if name not in ("Add", "Subtract", "Multiply", "Divide", "TrueDivide") or (
        backward and name.endswith("Divide")
    ):
        return unknown
    if not isinstance(given, Sequence | float | int | np.ndarray | np.generic):
        return unknown
    if call.outputs[0].shape != call.moving[0].shape:
        return DIFFERENT
    number, none = np.asarray(given, float), np.zeros(())
    if not np.isfinite(number).all():
        return "it computes with numbers that are NaN or infinite"
    if name == "Add":
        change = diagonal("add", np.ones(()), number)
    elif name == "Subtract":
        change = diagonal("subtract", np.full((), -1.0 if backward else 1.0), number)
    elif name == "Multiply":
        change = diagonal("multiply", number, none)
    elif (number == 0).any():
        return "it divides by 0"
    else:
        change = diagonal("divide", 1 / number, none)
    return lambda before: before[0].then(change)
