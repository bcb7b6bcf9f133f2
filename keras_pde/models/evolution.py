"""Evolution: the run of a schedule over blocks, written out or as loops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.diffusion_step import PreparedBlock
from keras_pde.runtime.loops import repeat
from keras_pde.runtime.precision import as_in, at_least_float32
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.schedule import Schedule


def evolve(
    schedule: Schedule,
    blocks: Sequence[DiffusionBlock],
    prepared: Sequence[PreparedBlock],
    source: Tensor,
    noise: Tensor | None,
    states: list[Tensor] | None = None,
    guide: Tensor | None = None,
) -> Tensor:
    """uᴺ of v = block(uᵏ; τₖ), uᵏ⁺¹ = wₖv + (1 − wₖ)uᵏ⁻¹ from u⁰ = the source.

    Args:
        schedule: τₖ and wₖ, in cycles.
        blocks: each for an equal share of the steps.
        prepared: what `DiffusionBlock.prepare` returned for each of them.
        source: u⁰, of which data terms are the distance.
        noise: level for noise-conditioned fluxes.
        states: a list to append the states to, after each step (after each cycle if frozen).
        guide: what guided fluxes look at, the source unless given. Each block looks once, where its
            steps begin, so that the gates of one block at a time are held.
    """
    share = len(schedule) // len(blocks)
    guide = source if guide is None else guide
    u, known = source, dict[int, Any]()

    def given(i: int) -> list[Any] | None:
        """What the flux of block i depends on besides Ku, computed where its steps begin."""
        if i not in known:
            known.clear()
            known[i] = blocks[i].flux_parameters(prepared[i], noise, guide)
        return known[i]

    if states is not None:
        states.append(u)
    for index, cycle in enumerate(schedule.cycles):
        first = index * len(cycle)
        block = blocks[first // share]
        freeze = functools.partial(
            block.freeze,
            prepared=prepared[first // share],
            noise=noise,
            parameters=given(first // share),
        )
        frozen = freeze(u) if schedule.frozen else None

        def step(
            k: int, pair: list[Tensor], tau: Number, w: Number, frozen: Any = frozen
        ) -> list[Tensor]:
            v = blocks[k // share].step(
                pair[0],
                prepared[k // share],
                source=source,
                noise=noise,
                scale=tau,
                frozen=frozen,
                parameters=given(k // share),
            )
            # without extrapolation the state before the last is not needed
            if len(pair) == 1:
                return [v]
            return [as_in(w, v) * v + as_in(1 - w, v) * pair[1], pair[0]]

        pair: list[Tensor] = [u, u] if cycle.extrapolates else [u]
        record = states if not schedule.frozen else None
        if share >= len(cycle) > 2 and record is None:
            lists = [
                ops.convert_to_tensor(x, dtype=at_least_float32(u).dtype)
                for x in (cycle.step_sizes, cycle.extrapolations)
            ]
            carried = freeze(u) if frozen is None and block.stores_diffusivity else []
            body = functools.partial(_looped, step, freeze if carried else None, first, len(pair))
            pair = repeat(body, [*pair, *carried], lists, written_out=not block.operator.sliced)
        else:
            for k, (tau, w) in enumerate(
                zip(cycle.step_sizes, cycle.extrapolations, strict=True), start=first
            ):
                pair = step(k, pair, tau, w)
                if record is not None:
                    record.append(pair[0])
        u = pair[0]
        if schedule.frozen and states is not None:
            states.append(u)
    return u


def _looped(
    step: Callable[..., Any],
    freeze: Callable[..., Any] | None,
    k: int,
    size: int,
    state: list[Tensor],
    x: list[Tensor],
) -> list[Tensor]:
    """One step of a loop.

    With ``freeze`` the state also holds the diffusivity for the step to come.
    """
    if freeze is None:
        return step(k, state, x[0], x[1])
    pair = step(k, state[:size], x[0], x[1], frozen=state[size:])
    return [*pair, *freeze(pair[0])]
