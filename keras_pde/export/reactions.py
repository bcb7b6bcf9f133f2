"""A trained dense network as chemistry: species, reactions and their rates."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.export.dense_cascade import cascade_of
from keras_pde.export.mass_action import Reaction
from keras_pde.export.reaction_network import ReactionNetwork, decay_rate
from keras_pde.runtime import gate


def to_reactions(model: Any, *, signed_inputs: bool = False) -> ReactionNetwork:
    r"""The mass-action system whose unique positive attractor reads as the network's output.

    A layer Φ(Wz + b) with Φ = `keras_pde.activations.smooth_relu` of contrast λ becomes a species
    x = Φ + λ for each unit, ẋ = λ² + (Wz + b)x − x² (X1). The offsets λ, residual connections and
    layers without activation are folded into the rates of the next units, so every unit is
    catalysed by inputs and earlier units directly. An output that is no unit is the difference of
    two species that decay at rate 1. Rates are the weights in float64.

    Args:
        model: a built `keras.Model` from one input to one output whose layers are Dense,
            Activation, Add, Dropout, Flatten, Reshape, Rescaling, `FluxActivation` and
            `DiffusionBlock` with a `DenseOperator`, all with smooth_relu or no activation; or a
            `CertifiedClassifier` of such blocks, whose logits keep their certificate.
        signed_inputs: make two species of each input, whose difference it is. Inputs ≥ 0, such as
            pixels, need one.

    Returns:
        A `ReactionNetwork`, to print, to save as a table or as SBML, and to simulate.

    Raises:
        ValueError: a model without weights or with another layer, which is named.

    Source: Anderson, Joshi, Deshpande, arXiv:2010.13290 (2020).

    Example:
        >>> import keras_pde
        >>> from keras_pde.export import to_reactions
        >>> flux = keras_pde.activations.SmoothReLU(0.5)
        >>> layers = [keras.Input((4,)), keras.layers.Dense(6, flux), keras.layers.Dense(3)]
        >>> net = keras.Sequential(layers)
        >>> chemistry = to_reactions(net, signed_inputs=True)
        >>> print(chemistry.summary.split(",")[0], chemistry.input_species, chemistry.decay_rate)
        20 species (8 inputs 8 1.0
        >>> x = np.array([[0.3, -0.2, 0.9, -0.4]])
        >>> bool(np.allclose(chemistry.simulate(x).outputs[-1], net(x)[0], atol=1e-5))
        True
    """
    halved = gate.flag(signed_inputs, "signed_inputs")
    cascade = cascade_of(model)
    names = [f"X{i + 1}" for i in range(cascade.inputs)]
    inputs: tuple[str, ...] = tuple(names)
    if halved:
        inputs = tuple(f"{name}{half}" for name in names for half in "pn")
    catalysts = [[(f"{x}p", 1.0), (f"{x}n", -1.0)] if halved else [(x, 1.0)] for x in names]
    reactions: list[Reaction] = []
    units: list[str] = []
    for k, (state, h) in enumerate(cascade.layers, start=1):
        layer = [f"H{k}_{i + 1}" for i in range(len(h))]
        for name, row, offset, source in zip(layer, state.matrix, state.offset, h, strict=True):
            reactions += _unit(name, catalysts, row, float(offset), float(source))
        units += layer
        catalysts += [[(name, 1.0)] for name in layer]
    output = cascade.output
    assert output is not None  # as cascade_of leaves it
    matrix = output.wide(cascade.columns)
    read = matrix[:, cascade.inputs :]
    direct = not matrix[:, : cascade.inputs].any() and _picks(read)
    outputs: list[str] = []
    if not direct:
        outputs = [f"Y{i + 1}{half}" for i in range(len(matrix)) for half in "pn"]
        for i, (row, offset) in enumerate(zip(matrix, output.offset, strict=True)):
            reactions += _difference(f"Y{i + 1}", catalysts, row, float(offset))
        read = np.kron(np.eye(len(matrix)), [[1.0, -1.0]])
    skipped = np.zeros((len(matrix), len(inputs) + (0 if direct else len(units))))
    readout = np.concatenate([skipped, read], axis=1)
    return ReactionNetwork(
        cascade.inputs,
        (*inputs, *units, *outputs),
        tuple(reactions),
        (readout, output.offset if direct else np.zeros(len(matrix))),
        halved,
        decay_rate([float(x) for _, h in cascade.layers for x in h], not direct),
    )


def _unit(
    name: str, catalysts: list[list[tuple[str, float]]], row: np.ndarray, offset: float, h: float
) -> list[Reaction]:
    """ẋ = h + (row z + offset)x − x²."""
    found = []
    for weight, halves in zip(row, catalysts, strict=False):  # later units are no catalysts
        for other, sign in halves:
            found += _grown((other,), name, float(weight) * sign)
    found += _grown((), name, offset)
    return [*found, Reaction((), (name,), h), Reaction((name, name), (name,), 1.0)]


def _grown(catalyst: tuple[str, ...], name: str, rate: float) -> list[Reaction]:
    """A term of a: the unit doubles, or is destroyed, where it meets the catalyst."""
    if rate == 0:
        return []
    made = (name, name) if rate > 0 else ()
    return [Reaction((*catalyst, name), (*catalyst, *made), abs(rate))]


def _difference(
    name: str, catalysts: list[list[tuple[str, float]]], row: np.ndarray, offset: float
) -> list[Reaction]:
    """ẏ = row z + offset − y for y = Y⁺ − Y⁻: each term makes the species of its sign."""
    found = []
    terms: list[tuple[tuple[str, ...], float]] = [((), offset)]
    for weight, halves in zip(row, catalysts, strict=True):
        terms += [((other,), float(weight) * sign) for other, sign in halves]
    for catalyst, rate in terms:
        if rate:
            half = f"{name}{'p' if rate > 0 else 'n'}"
            found.append(Reaction(catalyst, (*catalyst, half), abs(rate)))
    return [*found, *(Reaction((f"{name}{half}",), (), 1.0) for half in "pn")]


def _picks(matrix: np.ndarray) -> bool:
    """Whether each row is one unit itself."""
    return bool(np.isin(matrix, (0.0, 1.0)).all() and (matrix.sum(axis=1) == 1).all())
