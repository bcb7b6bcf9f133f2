"""Other stopping times: the schedule that reaches one with given blocks, and the network on it."""

from __future__ import annotations

import math
import warnings
from typing import Any

import keras

from keras_pde import schemes
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.models.network import Network
from keras_pde.schemes.registry import CUSTOM
from keras_pde.schemes.schedule import TOLERANCE, Schedule
from keras_pde.schemes.scheme import scheme_of

__all__ = ["on_schedule", "retime", "scaled_to", "with_enough_steps"]

MAX_STEPS = 500


def retime(network: Network, time: float) -> Network:
    """The network with another stopping time, or itself if it has that time already.

    Raises:
        ValueError: a network without stopping time; a time that needs more than 500 steps; blocks
            with weights of their own.

    Example:
        >>> import keras_pde
        >>> from keras_pde.models import retiming
        >>> net = keras_pde.from_preset("linear_2d")
        >>> retiming.retime(net, net.time) is net
        True
    """
    if network.time is None:
        return network.with_time(time)  # refuses it
    if math.isclose(time, network.time, rel_tol=1e-6):
        return network
    # before the network is made: its schedule alone can take minutes
    steps = network.steps_for(time)
    if steps > MAX_STEPS:
        raise ValueError(
            f"Stopping time {time:g} needs about {steps:.0f} steps and the limit is {MAX_STEPS}."
            f" The filter's own time is {network.time:.4g}."
        )
    return network.with_time(time)


def unit_of(block: DiffusionBlock) -> float:
    """Time of a step of size 1: the block's step size where it is a number, else one step."""
    return 1.0 if isinstance(block.step_size, str) else block.step_size


def room_of(block: DiffusionBlock) -> float:
    """The longest stable step, as a multiple of the block's own; inf where it is not known.

    Example:
        >>> from keras_pde import DiffusionBlock
        >>> from keras_pde.models.retiming import room_of
        >>> room_of(DiffusionBlock(4, fraction=0.5))
        2.0
    """
    if isinstance(block.step_size, str):
        return 1 / block.fraction
    limit = block.step_limit
    return math.inf if limit is None else limit / block.step_size


def check_stable(schedule: Schedule, block: DiffusionBlock) -> None:
    """Refuse the steps of a scheme that are too long for a block, and warn of custom ones.

    The criterion is that of a frozen operator with the spectrum [0, 2/room]: a cycle's |p| ≤ 1, or
    at most the transient that the scheme states.

    Raises:
        ValueError: with the factor by which a cycle lets states grow, and the longest stable step.

    Example:
        >>> from keras_pde import DiffusionBlock, schemes
        >>> from keras_pde.models.retiming import check_stable
        >>> check_stable(schemes.explicit(4, max_step=3.0), DiffusionBlock(4))
        Traceback (most recent call last):
        ...
        ValueError: These explicit steps are unstable: ... ... by up to 625, as ...
    """
    room = room_of(block)
    if math.isinf(room):
        return
    scheme = scheme_of(schedule)
    transient = scheme.transient(schedule.cycles[0])
    growth = schedule.growth(2 / room)
    if growth <= max(1.0, transient if math.isfinite(transient) else 1.0) * (1 + TOLERANCE):
        return
    text = (
        f"These {schedule.kind} steps are unstable: a cycle multiplies a state by up to"
        f" {growth:.4g}, as the block's own step allows multiples up to {room:.6g}. Make the"
        f" schedule with max_step={room:.6g}, or lower the block's step_size or fraction"
    )
    if scheme.name == CUSTOM:
        warnings.warn(f"{text}.", stacklevel=2)
    else:
        raise ValueError(f"{text}; kind='custom' runs these lists all the same.")


def scaled_to(schedule: Schedule, block: DiffusionBlock, time: float) -> Schedule:
    """The schedule with its steps scaled so that it reaches a time with a block.

    Raises:
        ValueError: stable steps do not reach the time (with the number of steps that would).

    Example:
        >>> from keras_pde import DiffusionBlock, schemes
        >>> from keras_pde.models.retiming import scaled_to
        >>> block = DiffusionBlock("forward", step_size=0.25)
        >>> block.build((None, None, 1))
        >>> scaled_to(schemes.explicit(8), block, 1.0).step_sizes[0]
        0.5
    """
    unit = unit_of(block)
    target = time / unit
    room = room_of(block)
    factor = target / schedule.time
    if schedule.max_step * factor > room * (1 + 1e-9):
        least = len(schemes.retimed(schedule.scaled(room / schedule.max_step), target))
        raise ValueError(
            f"{len(schedule)} {schedule.kind} steps reach time"
            f" {schedule.time / schedule.max_step * room * unit:.4g} at most, and"
            f" {time:.4g} is needed. Take at least {least} steps, or a shorter time."
        )
    return schedule.scaled(factor)


def on_schedule(network: Any, cls: type, schedule: Schedule, time: float, suffix: str) -> Any:
    """A network of a class, without weights, whose blocks are a network's, on another schedule.

    Raises:
        ValueError: stable steps do not reach the time (with the number of steps that would).

    Example:
        >>> from keras_pde import DiffusionResNet, schemes
        >>> from keras_pde.models.retiming import on_schedule
        >>> net = DiffusionResNet(2, filters=4, tied=True)
        >>> slow = on_schedule(net, DiffusionResNet, schemes.explicit(8), net.time, "slow")
        >>> slow.time, slow.schedule.step_sizes[0]
        (2.0, 0.25)
    """
    return cls(
        scaled_to(schedule, network.blocks[0], time),
        block=keras.saving.deserialize_keras_object(network.block_template),
        tied=network.tied,
        lifting=network.lifting,
        name=f"{network.name}_{suffix}",
        dtype=network.dtype_policy,
    )


def with_enough_steps(schedule: Schedule, block: DiffusionBlock, time: float) -> Schedule:
    """The same scheme with as many stable steps of a block as a time needs.

    Example:
        >>> from keras_pde import DiffusionBlock, schemes
        >>> from keras_pde.models.retiming import with_enough_steps
        >>> block = DiffusionBlock("forward", step_size=0.25)
        >>> block.build((None, None, 1))
        >>> len(with_enough_steps(schemes.explicit(8), block, 3.0))
        6
    """
    unit = unit_of(block)
    relative = isinstance(block.step_size, str) or block.step_limit is None
    room = 1.0 if relative else block.step_limit / unit  # type: ignore[operator]
    return schemes.retimed(schedule.scaled(room / schedule.max_step), time / unit)
