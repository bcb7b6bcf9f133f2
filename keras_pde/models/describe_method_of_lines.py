"""What a network by the method of lines says when printed: equation, scheme, step and bound."""

from __future__ import annotations

import math
from typing import Any

from keras_pde.runtime.printed import counted, rounded


def describe(network: Any) -> str:
    """The lines of ``print(network)``."""
    method, longest = network.integrator, network.longest_step
    bound = f"stable up to {rounded(longest, 6, up=False)}"
    if not network.right_hand_side.knows_spectrum:
        bound = "no bound is known"
    elif math.isinf(longest):
        bound = "every step is stable"
    stages = f"{method.stages} stage{'s' * (method.stages > 1)}"
    steps = f"{network.step_count} step{'s' * (network.step_count > 1)}"
    lines = [
        f"{type(network).__name__} {network.name!r}",
        *network.right_hand_side.lines(),
        f"  integrator       {method.name}, order {method.order}, {stages}",
        f"  time step        {network.dt:.6g} ({bound})",
        f"  time             {network.time:.6g} by {steps} a call",
    ]
    if network.conserve is not None:
        lines.append(f"  kept             the {network.conserve}, by projection")
    return "\n".join([*lines, f"  parameters       {counted(network)}"])
