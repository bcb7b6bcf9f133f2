"""A network's start from a trained one, which is smaller or has a bound that it does without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.layers import DiffusionBlock
from keras_pde.models.block_network import BlockNetwork
from keras_pde.runtime.positive import inverse_softplus

# weights of a gate that looks with contrasts of its own, and what they start from
EVIDENCE = {"raw_evidence": "raw_contrast", "evidence_slope": "noise_slope"}
SMALL = 0.3  # what the kernels of further channels and filters start at, of their usual size


def grow(model: Any, source: Any) -> None:
    """Give a model the weights of a source with the same layers, and no more channels and filters.

    Each weight gets the source's as its leading part. The rest of a convolution's kernel keeps
    three tenths of its initial values: with none the further channels would stay at zero for ever,
    and with all the model would start far from the source.

    Blocks of a fixed step τ′, whose kernels may grow, start from blocks of a step τ that is
    computed so that they are stable: with c² = τ/τ′, cK for K and cλ for λ make the step the same,
    for Φ(cs; cλ) = cΦ(s; λ). Where the contrast depends on the noise this holds at σ₀ = 25/255, and
    nearly at other levels. The contrasts must be weights; biases start at zero.

    Gates with contrasts of their own start from gates that have those of the flux.

    Raises:
        ValueError: layers that differ, or a source that is larger.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.training.growing import grow
        >>> small, large = (keras_pde.DiffusionResNet(2, filters=n, lifting=2) for n in (4, 8))
        >>> for net in (small, large):
        ...     net.build((None, None, None, 1))
        >>> grow(large, small)
        >>> kernels = [np.array(net.blocks[0].operator.kernels[0]) for net in (small, large)]
        >>> bool(np.all(kernels[1][..., :4] == kernels[0]))
        True
    """
    grown = []
    for weight, old in zip(model.weights, _given(model, source), strict=True):
        new = ops.convert_to_numpy(weight).copy()
        if old is not None:
            if old.ndim != new.ndim or any(
                n < m for n, m in zip(new.shape, old.shape, strict=True)
            ):
                raise ValueError(
                    f"{weight.path} has the shape {new.shape}, and that of {source.name} is"
                    f" {old.shape}: it does not fit in"
                )
            if weight.name.startswith("kernel") and new.shape != old.shape:
                new = new * SMALL
            new[tuple(slice(n) for n in old.shape)] = old
        grown.append(new)
    for weight, value in zip(model.weights, grown, strict=True):
        weight.assign(value)


def _given(model: Any, source: Any) -> list[np.ndarray | None]:
    """What the source has for each weight of the model; None where it has none."""
    own, theirs = _blocks(model), _blocks(source)
    blocks = list(zip(own, theirs, strict=False))
    inside = sum(len(a.weights) for a in theirs) == len(source.weights)
    paired = bool(blocks) and len(own) == len(theirs)
    if inside and paired and all(_loses_its_bound(b, a) for b, a in blocks):
        values = {id(weight): value for b, a in blocks for weight, value in _at_a_fixed_step(b, a)}
        return [values.get(id(weight)) for weight in model.weights]
    for b, a in blocks:
        if b.operator.normalize != a.operator.normalize or isinstance(
            b.step_size, str
        ) != isinstance(a.step_size, str):
            raise ValueError(
                f"{source.name} and {model.name} do not bound kernels and steps in the same way, so"
                " that the same weights are another map: the same layers are needed"
            )
    more = [weight for weight in model.weights if weight.name in EVIDENCE]
    known = any(weight.name in EVIDENCE for weight in source.weights)
    if more and not known and len(model.weights) - len(more) == len(source.weights):
        return list(_with_evidence(model, source))
    if len(model.weights) != len(source.weights):
        raise ValueError(
            f"{source.name} has {len(source.weights)} weights and {model.name}"
            f" {len(model.weights)}: the same layers are needed"
        )
    return [ops.convert_to_numpy(weight) for weight in source.weights]


def _with_evidence(model: Any, source: Any) -> Iterator[np.ndarray]:
    """The source's weights, and its contrasts once more for the evidence."""
    theirs, latest = iter(source.weights), {}
    for weight in model.weights:
        if weight.name not in EVIDENCE:
            latest[weight.name] = ops.convert_to_numpy(next(theirs))
        yield latest[EVIDENCE.get(weight.name, weight.name)]


def _blocks(model: Any) -> Sequence[Any]:
    """The model's blocks; a multigrid network has none."""
    return model.blocks if isinstance(model, BlockNetwork) else ()


def _loses_its_bound(block: Any, source: Any) -> bool:
    """Whether a step of the block, whose kernels are used as they are, can be the source's."""
    alike = (
        isinstance(block, DiffusionBlock)
        and isinstance(source, DiffusionBlock)
        and type(block.flux) is type(source.flux)
    )
    if (
        not alike
        or isinstance(block.step_size, str)
        or source.step_size not in ("auto", "learned")
        or block.data_weight
        or source.data_weight
    ):
        return False
    if (
        source.use_bias
        or block.operator.normalize
        or block.operator.zero_mean > source.operator.zero_mean
    ):
        return False
    names = [{weight.name for weight in each.weights} for each in (block, source)]
    return "raw_contrast" in names[1] and names[1] - {"raw_step"} <= names[0]


def _at_a_fixed_step(block: Any, source: Any) -> list[tuple[Any, np.ndarray | None]]:
    """A block's weights, and the values with which its step, of another size, is the source's."""
    prepared = source.prepare()
    root = float(np.sqrt(float(ops.convert_to_numpy(prepared.step)) / block.step_size))
    values = {weight.name: ops.convert_to_numpy(weight) for weight in source.weights}
    for weight, kernel in zip(source.operator.kernels, prepared.kernels, strict=True):
        values[weight.name] = ops.convert_to_numpy(kernel) * root ** (1 / len(prepared.kernels))
    values["raw_contrast"] = inverse_softplus(root * np.logaddexp(0, values["raw_contrast"]))
    return [(weight, values.get(weight.name)) for weight in block.weights]
