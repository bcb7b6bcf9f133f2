"""Depth: the blocks of a network as samples of weights that are a function of depth."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.models.block_network import BlockNetwork
from keras_pde.models.retiming import on_schedule
from keras_pde.runtime import gate
from keras_pde.schemes.registry import CUSTOM
from keras_pde.schemes.schedule import Schedule, time_of
from keras_pde.schemes.scheme import scheme_of

__all__ = ["interpolate", "mixing", "of_depth", "redeepened", "roughness"]


def roughness(blocks: Sequence[Any]) -> float:
    """L·maxₖ‖θₖ₊₁ − θₖ‖ of the weights θₖ of L blocks.

    It stays the same for all L where the weights are a Lipschitz function of k/L, and grows like L
    where they are independent.

    Example:
        >>> import keras_pde
        >>> from keras_pde.models.depth import roughness
        >>> start = keras_pde.SmoothInDepth(length=None)
        >>> block = keras_pde.DiffusionBlock(keras_pde.ConvOperator(4, initializer=start))
        >>> net = keras_pde.DiffusionResNet(3, block=block)
        >>> net.build((None, None, 1))
        >>> roughness(net.blocks)
        0.0
    """
    weights = [_values(block) for block in blocks]
    squares = [
        sum(float(np.sum((b - a) ** 2)) for a, b in zip(one, next_one, strict=True))
        for one, next_one in itertools.pairwise(weights)
    ]
    return len(weights) * float(np.sqrt(max(squares)))


def _values(block: Any) -> list[np.ndarray]:
    return [ops.convert_to_numpy(weight).astype(np.float64) for weight in block.weights]


def of_depth(schedule: Schedule, blocks: int) -> Schedule:
    """The scheme of a schedule for so many blocks, one a step, or one a cycle if it is frozen.

    Where there is a block for each step, the number of cycles is kept; where there is one for each
    cycle, its length.

    Raises:
        ValueError: steps that cannot be divided into the cycles; lists that follow no scheme.

    Example:
        >>> from keras_pde import schemes
        >>> from keras_pde.models.depth import of_depth
        >>> len(of_depth(schemes.explicit(4), 6)), len(of_depth(schemes.fed(3, cycles=4), 6))
        (6, 18)
    """
    if schedule.kind == CUSTOM:
        raise ValueError(
            f"A custom schedule follows no scheme that would tell the lists of {blocks} blocks."
            " Give with_depth the Schedule of the deeper network instead of a number"
        )
    steps, cycles = schedule.cycle_length, blocks
    if not schedule.frozen:
        cycles = len(schedule) // schedule.cycle_length
        steps = blocks // cycles
        if steps * cycles != blocks:
            near = " or ".join(str(n * cycles) for n in (steps, steps + 1) if n)
            raise ValueError(
                f"{blocks} blocks, one for each step, are no multiple of the {cycles} cycles of the"
                f" {schedule.kind} schedule. Take {near}, or give with_depth a Schedule"
            )
    scheme = scheme_of(schedule)
    return scheme.schedule(
        steps,
        cycles=cycles,
        max_step=schedule.max_step,
        frozen=schedule.frozen,
        **scheme.options(schedule),
    )


def mixing(old: Schedule, blocks: int, new: Schedule, new_blocks: int) -> np.ndarray:
    """Rows of weights ≥ 0 of sum 1: what each new block takes of each old one.

    A block stands at the middle of its share of the diffusion time. Between these weights are
    interpolated, and beyond the first and the last they are constant.

    Raises:
        ValueError: a schedule whose time does not grow from block to block.

    Example:
        >>> from keras_pde import schemes
        >>> from keras_pde.models.depth import mixing
        >>> print(mixing(schemes.explicit(2), 2, schemes.explicit(4), 4))
        [[1.   0.  ]
         [0.75 0.25]
         [0.25 0.75]
         [0.   1.  ]]
    """
    places, wanted = _places(old, blocks), _places(new, new_blocks)
    return np.stack([np.interp(wanted, places, row) for row in np.eye(blocks)], axis=-1)


def _places(schedule: Schedule, blocks: int) -> np.ndarray:
    """Middles of the blocks' shares of the diffusion time, as parts of it."""
    ends, before, n = [0.0], 0.0, schedule.cycle_length
    for start in range(0, len(schedule), n):
        tau = schedule.step_sizes[start : start + n]
        w = schedule.extrapolations[start : start + n]
        ends += [before + time_of(tau[:k], w[:k]) for k in range(1, n + 1)]
        before = ends[-1]
    times = np.array(ends)[:: len(schedule) // blocks] / before
    if not np.all(np.diff(times) > 0):
        raise ValueError(
            f"The diffusion time of this {schedule.kind} schedule does not grow from block to"
            " block, so its weights are no function of time. Extrapolate by weights >= 1"
        )
    return (times[1:] + times[:-1]) / 2


def interpolate(model: BlockNetwork, source: BlockNetwork, mix: np.ndarray) -> None:
    """Give a network the weights of a source: its blocks' mixed, all others as they are.

    Example:
        >>> import keras_pde
        >>> from keras_pde.models.depth import interpolate
        >>> two, one = (keras_pde.DiffusionResNet(n, filters=4) for n in (2, 1))
        >>> for net in (two, one):
        ...     net.build((None, None, 1))
        >>> interpolate(one, two, np.array([[0.5, 0.5]]))
        >>> mean = sum(np.array(block.operator.kernels[0]) for block in two.blocks) / 2
        >>> bool(np.allclose(one.blocks[0].operator.kernels[0], mean))
        True
    """
    given = [_values(block) for block in source.blocks]
    inside = {id(weight) for block in source.blocks for weight in block.weights}
    rest = [weight for weight in source.weights if id(weight) not in inside]
    own = {id(weight) for block in model.blocks for weight in block.weights}
    others = [weight for weight in model.weights if id(weight) not in own]
    for weight, value in zip(others, rest, strict=True):
        weight.assign(ops.convert_to_numpy(value))
    for block, row in zip(model.blocks, mix, strict=True):
        for i, weight in enumerate(block.weights):
            parts = [c * values[i] for c, values in zip(row, given, strict=True) if c]
            weight.assign(sum(parts).astype(ops.convert_to_numpy(weight).dtype))


def redeepened(network: Any, cls: type, depth: int | Schedule) -> Any:
    """A network of other depth, with the weights of one that is untied.

    Args:
        network: with a schedule, blocks and their weights.
        cls: class of the result.
        depth: number of blocks, or a schedule.

    Raises:
        ValueError: tied blocks, no weights yet, steps that do not reach the time.

    Example:
        >>> import keras_pde
        >>> from keras_pde.models.depth import redeepened
        >>> net = keras_pde.DiffusionResNet(2, filters=4)
        >>> net.build((None, None, 1))
        >>> redeepened(net, keras_pde.DiffusionResNet, 4).schedule.step_sizes
        (0.5, 0.5, 0.5, 0.5)
    """
    network.require_weights("Weights of another depth are computed from weights")
    if network.tied:
        raise ValueError(
            f"{network.name} has one block for all its {network.step_count} steps, so that its"
            " depth is its schedule's length: use with_schedule"
        )
    if isinstance(depth, Schedule):
        schedule = depth
    else:
        schedule = of_depth(network.schedule, gate.count(depth, "depth"))
    count = len(schedule) // (schedule.cycle_length if schedule.frozen else 1)
    mix = mixing(network.schedule, len(network.blocks), schedule, count)
    model = on_schedule(network, cls, schedule, network.time, f"depth_{count}")
    model.build_from_config(network.get_build_config())
    interpolate(model, network, mix)
    return model
