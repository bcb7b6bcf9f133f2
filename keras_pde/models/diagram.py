"""A network as a mermaid flowchart, for its card."""

from __future__ import annotations

from keras_pde.layers.lifting import Lifting

__all__ = ["flowchart"]


def flowchart(
    steps: str,
    noise_conditioned: bool = False,
    lifting: Lifting | None = None,
    iterates: bool = False,
) -> str:
    """From the noisy image to the denoised one.

    Args:
        steps: what the network does, in a box.
        noise_conditioned: whether an arrow brings the noise level.
        lifting: from the image to the state, in a box before and one after.
        iterates: whether the box has an arrow to itself.

    Example:
        >>> from keras_pde.models.diagram import flowchart
        >>> print(flowchart("4 steps"))
        flowchart LR
          f["noisy image f"]
          f --> N["4 steps"]
          N --> u["denoised image"]
    """
    lines = ["flowchart LR", '  f["noisy image f"]']
    state = "f"
    if lifting is not None:
        lines.append(f'  f --> P["lifting: {lifting!r}"]')
        state = "P"
    lines.append(f'  {state} --> N["{steps}"]')
    if iterates:
        lines.append("  N --> N")
    if noise_conditioned:
        lines.append('  s["noise level σ"] --> N')
    if lifting is not None:
        lines += ['  N --> Q["lowering: transposed lifting"]', '  Q --> u["denoised image"]']
    else:
        lines.append('  N --> u["denoised image"]')
    return "\n".join(lines)
