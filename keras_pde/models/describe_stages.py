"""What a classifier says when printed: its stages, or its equilibrium; and a flowchart."""

from __future__ import annotations

from typing import Any

from keras_pde.runtime.printed import counted


def describe(network: Any) -> str:
    """The lines of ``print(network)``: its stages, blocks and head."""
    lines = [f"{type(network).__name__} {network.name!r}"]
    rest = iter(network.steps)
    for k, stage in enumerate(network.stages):
        blocks = [next(rest) for _ in range(stage.count)]
        lines.append(f"  stage {k:<10} {stage.way_in}")
        if not blocks:
            continue
        block, step = blocks[0], blocks[0].step_size
        said = step if isinstance(step, str) else f"{step:.4g}"
        bias = ", inner bias" if block.use_bias else ""
        lines += [
            f"  {stage.count} block{'s' * (stage.count > 1):<9} u − τKᵀΦ(Ku{' + b' * bool(bias)})"
            f" with K {block.operator.description}",
            f"                   Φ {block.flux.law}, τ {said}, {block.fraction:g} of the limit",
        ]
    return "\n".join(
        [
            *lines,
            f"  head             {network.classes} rows of norm 1",
            f"  parameters       {counted(network)}",
        ]
    )


def describe_equilibrium(network: Any) -> str:
    """The lines of ``print(network)`` of a classifier by an equilibrium."""
    units, flux = network.units, network.flux.name
    return "\n".join(
        [
            f"{type(network).__name__} {network.name!r}",
            f"  equilibrium      z = Φ(Az + Bu + b) of {units} units, Φ {flux}",
            f"  contraction      matrix measure of A at most {1 - network.margin:.4g}",
            f"  solver           {network.solver!r}, to {network.tolerance:g}",
            f"  head             {network.classes} logits Cz + c",
            f"  parameters       {counted(network)}",
        ]
    )


def diagram(network: Any) -> str:
    """The stages as a mermaid flowchart."""
    lines, last = ["flowchart LR", '  f["image"]'], "f"
    for k, stage in enumerate(network.stages):
        lines.append(f'  {last} --> P{k}["{stage.way_in}"]')
        lines.append(f'  P{k} --> N{k}["{stage.count} blocks u − τKᵀΦ(Ku + b)"]')
        last = f"N{k}"
    lines.append(f'  {last} --> C["{network.classes} rows of norm 1"]')
    lines.append('  C --> z["logits, and a certified radius"]')
    return "\n".join(lines)
