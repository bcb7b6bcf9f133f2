"""What a model says when printed: its scheme, operator, flux, time and size."""

from __future__ import annotations

from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.models.block_network import BlockNetwork
from keras_pde.operators.operator import Operator
from keras_pde.runtime.printed import counted, rounded
from keras_pde.schemes.schedule import Schedule


def describe(model: BlockNetwork, schedule: Schedule) -> str:
    """The lines of ``print(model)``."""
    block = model.blocks[0]
    op, flux = block.operator, block.flux
    numeric = not isinstance(block.step_size, str)
    step = (
        f"{block.step_size:.4g}"
        if numeric
        else f"{block.step_size}, up to {block.fraction:g} of the limit"
    )
    limit = block.step_limit if block.built else None
    bound = f" (stable up to {rounded(limit, 4, up=False)})" if limit is not None else ""
    sharing = "one block for all" if len(model.blocks) == 1 else f"{len(model.blocks)} blocks"
    extra = ["inner bias"] if block.use_bias else []
    if block.data_weight:
        weight = block.data_weight
        extra.append(f"data term {weight if isinstance(weight, str) else format(weight, 'g')}")
    if model.lifting is not None:
        extra.append(f"lifting: {model.lifting!r}")
    reach = block.support * model.step_count + block.guide_support
    field = (2 * reach + 1) * model.patch_size
    if numeric:
        schedule = schedule.scaled(block.step_size)
    lines = [
        f"{type(model).__name__} {model.name!r}",
        f"  scheme           {str(schedule).removeprefix('Schedule ')}",
        f"  blocks           {', '.join([sharing, *extra])}",
        *_operator_and_flux(op, flux),
        f"  step size        {step}{bound}",
        f"  diffusion time   {model.time:.4g}{'' if numeric else ' steps'}",
        f"  receptive field  {field} pixels wide",
        f"  parameters       {counted(model)}",
    ]
    return "\n".join(lines)


def describe_implicit(model: BlockNetwork) -> str:
    """The lines of ``print(model)``, with q and m, on which iterations and guarantees depend."""
    block = model.blocks[0]
    numeric = not isinstance(block.step_size, str)
    step = (
        f"{block.step_size:.4g}"
        if numeric
        else f"learned, {block.tau:.4g} now"
        if model.built
        else "learned"
    )
    sharing = "one block for all" if len(model.blocks) == 1 else f"{len(model.blocks)} blocks"
    lifting = "" if model.lifting is None else f"; lifting: {model.lifting!r}"
    q, m = block.spectral_bounds if model.built else (None, None)
    numbers = f"q = τL‖K‖² ≤ {_bound(q)}, m = τμ‖K‖² ≤ {_bound(m)}: " if model.built else ""
    unique = (
        "unique for every τ"
        if m == 0
        else "unique"
        if m is not None and m < 1
        else "unique for τμ‖K‖² < 1"
    )
    lines = [
        f"{type(model).__name__} {model.name!r}",
        (
            f"  equation         uᵏ⁺¹ + τKᵀΦ(Kuᵏ⁺¹) = uᵏ, {model.step_count} implicit"
            f" step{'s' * (model.step_count > 1)}, {sharing}{lifting}"
        ),
        (
            f"  solver           {block.solver!r}, to the relative residual {block.tolerance:g} in"
            f" at most {block.max_iterations} iterations"
        ),
        *_operator_and_flux(block.operator, block.flux),
        f"  step size        τ = {step}; {numbers}the solution is {unique}",
        f"  diffusion time   {model.time:.4g}",
        "  receptive field  the whole image",
        f"  parameters       {counted(model)}",
    ]
    return "\n".join(lines)


def _operator_and_flux(op: Operator, flux: FluxLayer) -> list[str]:
    contrast = "learned contrast" if flux.learn_contrast else f"contrast {flux.contrast:g}"
    details = [
        contrast,
        flux.description,
        "coupled channels" if flux.coupled else "",
        "depends on the noise level" if flux.noise_conditioned else "",
    ]
    return [
        f"  operator K       {op.description}",
        f"  flux             {', '.join(filter(None, [flux.law, *details]))}",
    ]


def _bound(x: float | None) -> str:
    return "changes with the weights" if x is None else rounded(x, 4)
