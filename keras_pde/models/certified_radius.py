"""The certified radius of each image, in float64 with its rounding errors subtracted (K3).

Let N be the classifier in exact arithmetic, with the kernels, step sizes and rows that float64
computes from the stored weights. N is evaluated in float64; ũₖ are the computed states. A block of
Lipschitz constant 1 hands an error on without growth, and adds that of its own arithmetic. With κ
≥ ‖K‖, s = κ‖ũ‖ + ‖b‖ ≥ ‖Kũ + b‖, q = Ls ≥ ‖Φ(Kũ + b)‖, and errors f and a of K and Kᵀ
(`keras_pde.operators.rounding`), it adds at most

    ρ = 2(τκ(L f‖ũ‖ + 64εq) + τaq + 4ε(τκq + ‖ũ‖)),   ε = 2⁻⁵³,

where the factor 2 covers products of errors, and a flux is granted 64 roundings of L|s|. The errors
of K are stated for sums in float32. They are convex in the unit roundoff and 0 at 0, so in float64
they are at most 2⁻²⁹ times as large.

Keras has no products in float64 on PyTorch. There N has the numbers of the network's own precision,
it is evaluated in float32, and ε = 2⁻²⁴.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import weakref
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certified import damage
from keras_pde.certificates.margin import OUTWARD, radii
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.diffusion_step import PreparedBlock
from keras_pde.models.named_classes import together
from keras_pde.runtime.compiling import double_precision, finest_roundoff
from keras_pde.runtime.precision import SUMS, unit_roundoff

FLUX_ROUNDINGS = 64
BATCH = 64  # images at once, in float64
PIXELS = 1 << 18  # of all images at once


class BlockErrors(NamedTuple):
    """What the rounding error of a block is computed from: ε, τ, κ, f, a, L and ‖b‖."""

    unit: float
    step: float
    norm: float
    forward: float
    adjoint: float
    slope: float
    bias: float

    def added(self, size: np.ndarray, points: int) -> np.ndarray:
        """ρ of states of norm ``size`` on so many points."""
        s = self.norm * size + self.bias * math.sqrt(points)
        q = self.slope * s
        inner = self.slope * self.forward * size + FLUX_ROUNDINGS * self.unit * q
        step = self.step * (self.norm * inner + self.adjoint * q)
        return 2 * (step + 4 * self.unit * (self.step * self.norm * q + size))

    def reached(self, size: float, points: int) -> float:
        """Bound of a state behind the block, from one of that before it: ‖u‖ + τκL‖b‖."""
        return size + self.step * self.norm * self.slope * self.bias * math.sqrt(points)


def errors_of(block: DiffusionBlock, prepared: PreparedBlock, unit: float) -> BlockErrors:
    """The constants of a block that computes with a unit roundoff.

    Raises:
        ValueError: an operator that does not say how it rounds.
    """
    rounding = block.operator.rounding_errors(SUMS)
    bias = np.array(ops.convert_to_numpy(block.bias)) if block.use_bias else np.zeros(1)
    squared = block.operator.squared_norm_bound(prepared.kernels)
    finer = unit / SUMS
    return BlockErrors(
        unit=unit,
        step=float(np.max(np.abs(np.array(ops.convert_to_numpy(prepared.step))))),
        norm=math.sqrt(float(ops.convert_to_numpy(squared))),
        forward=rounding.forward * finer,
        adjoint=rounding.adjoint * finer,
        slope=max(map(abs, block.flux.slope_bounds)),
        bias=float(np.linalg.norm(bias)),
    )


class Evaluation(NamedTuple):
    """What a radius needs besides the image: N, its numbers in use, and what is proved of them.

    Args:
        network: N, a copy of a `Nonexpansive` network that computes as finely as there is.
        prepared: kernels and step sizes in use, block by block.
        constants: what the rounding errors are computed from, block by block.
        apart: ‖C_y − C_j‖, (classes, classes).
        lipschitz: L of the last state.
    """

    network: Any
    prepared: list[PreparedBlock]
    constants: list[BlockErrors]
    apart: np.ndarray
    lipschitz: float


# the latest one of each classifier, with the weights that it is of
_KEPT: weakref.WeakKeyDictionary[Any, tuple[bytes, Evaluation]] = weakref.WeakKeyDictionary()


def evaluation(network: Any) -> Evaluation:
    """The evaluation of a classifier with the weights at hand; bounds are computed once for them.

    Inside `keras_pde.runtime.double_precision` only.
    """
    network.require_weights("A radius is computed from weights")
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    kept = _KEPT.get(network)
    if kept is not None and kept[0] == digest.digest():
        return kept[1]
    exact = network.in_float64() if finest_roundoff() < SUMS else network.twin()
    prepared, unit = [block.prepare().constant() for block in exact.steps], finest_roundoff()
    made = Evaluation(
        exact,
        prepared,
        [errors_of(block, kept, unit) for block, kept in zip(exact.steps, prepared, strict=True)],
        _apart(exact),
        exact.state_certificate().lipschitz,
    )
    _KEPT[network] = (digest.digest(), made)
    return made


def certified_radii(network: Any, x: Any) -> np.ndarray:
    """r of each answer: no ‖e‖ < r changes the class that N answers, which is the network's.

    Answers are of an image each, or of a pixel. Where N finds another class than the network does,
    r = 0.

    Raises:
        ValueError: a network that computes in 16 bits, whose logits round by more than exact
            arithmetic can say.
    """
    if unit_roundoff(network.compute_dtype):
        raise ValueError(
            f"A radius is proved of exact arithmetic, which {network.name} is too far from in"
            f" {network.compute_dtype}: load it with dtype='float32', which has the same weights"
        )
    x = np.asarray(x)
    answers = network.answers(x)
    if damage(network):  # a weight that is no number, of which nothing is proved
        return np.zeros(answers.shape)
    size = together(x, BATCH, PIXELS)
    with double_precision():
        exact = evaluation(network)
        found = [logits_with_error(exact, x[k : k + size]) for k in range(0, len(x), size)]
    if not found:
        return np.zeros(answers.shape)
    logits, error = (np.concatenate(parts) for parts in zip(*found, strict=True))
    rows = logits.reshape(-1, logits.shape[-1])
    each = np.repeat(error, len(rows) // len(error))  # of an image, for all its pixels
    r = radii(rows, exact.apart, exact.lipschitz, each).reshape(answers.shape)
    return np.where(logits.argmax(axis=-1) == answers, r, 0.0)


def logits_with_error(exact: Evaluation, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits of images, and what a difference of two of them may be wrong by."""
    network = exact.network
    states: list[Any] = []
    rounded = x.astype(keras.backend.standardize_dtype(network.compute_dtype))
    logits = network.run(ops.convert_to_tensor(rounded), exact.prepared, states)
    error, unit = _norms(x.astype("float64") - rounded), finest_roundoff()
    arrays = iter([np.array(ops.convert_to_numpy(state), "float64") for state in states])
    rest = iter(exact.constants)
    for stage in network.stages:
        u = next(arrays)
        size = _norms(u)
        error += _patch_error(network, stage, unit) * size
        for _ in range(stage.count):
            error += next(rest).added(size, u[0, ..., 0].size)
            u = next(arrays)
            size = _norms(u)
    return np.array(ops.convert_to_numpy(logits), "float64"), _in_logits(network, error, size, unit)


def reader_facts(network: Any) -> dict[str, Any] | None:
    """What a reader of the network's artifact computes radii from (K8), for JSON.

    Returns:
        The norm, the slopes L‖C_y − C_j‖, (classes, classes), and the error that differences of
        logits have at most, for every image in [0, 1]. None where nothing is proved.
    """
    unit = unit_roundoff(network.compute_dtype)
    if unit or damage(network):
        return None
    lipschitz = network.state_certificate().lipschitz
    if not math.isfinite(lipschitz):
        return None
    double = keras.backend.standardize_dtype(network.compute_dtype) == "float64"
    slopes = lipschitz * _apart(network) * OUTWARD
    error = _largest_error(network, 2.0**-53 if double else SUMS)
    return {
        "norm": network.norm,
        "slopes": slopes.tolist(),
        "error": float(error),
        "of": "no ‖e‖ < minⱼ (z_y − z_j − error)/slopes[y][j] changes the class y of the largest"
        " logit; for images in [0, 1]",
    }


def _largest_error(network: Any, unit: float) -> Any:
    """Bound of what `logits_with_error` finds, for all images in [0, 1]."""
    shape = (None, *network.sizes, network.input_channels)
    size, error = math.sqrt(math.prod(shape[1:])), np.zeros(())
    rest = iter(network.steps)
    for entry, stage in zip(network.entries, network.stages, strict=True):
        shape = entry.compute_output_shape(shape)
        points = math.prod(shape[1:-1])
        error += _patch_error(network, stage, unit) * size
        for block in itertools.islice(rest, stage.count):
            constants = errors_of(block, block.prepare().constant(), unit)
            error += constants.added(size + error, points)
            size = constants.reached(size, points)
    return _in_logits(network, error, size + error, unit)


def _apart(network: Any) -> np.ndarray:
    """‖C_y − C_j‖, (classes, classes)."""
    rows = network.head.matrix()
    return np.linalg.norm(rows[:, None] - rows[None], axis=2)


def _patch_error(network: Any, stage: Any, unit: float) -> float:
    """What a sum over a patch loses, relative to the state."""
    return float(4 * stage.patch_size**network.ndim * unit)


def _in_logits(network: Any, error: Any, size: Any, unit: float) -> Any:
    """Bound of the error of a difference of logits, from that of the last state and its size."""
    bias = np.abs(np.array(ops.convert_to_numpy(network.head.bias))).max()
    return 2 * (error + 2 * (network.head.features + 4) * unit * (size + bias))


def _norms(u: np.ndarray) -> np.ndarray:
    return np.linalg.norm(u.reshape(len(u), -1), axis=1)
