"""Pictures side by side, with a detail enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pde.models.plotting.canvas import grid
from keras_pde.runtime import gate

__all__ = ["plot_comparison"]


def plot_comparison(
    images: Mapping[str, Any],
    zoom: tuple[int, int, int] | None = None,
    reference: Any = None,
    ax: Any = None,
) -> np.ndarray:
    """Images side by side, before and after, each with the same detail enlarged below its title.

    Args:
        images: arrays (height, width) or (height, width, channels) of one size, values in [0, 1],
            by what they are.
        zoom: (row, column, size) of the square that is enlarged to a third of the picture's width
            in a corner; None takes an eighth in the middle, and size 0 enlarges nothing.
        reference: an image of the same size; the titles then state the PSNR against it.
        ax: as many axes as there are images; None makes a figure.

    Returns:
        The axes of the images, in an array.

    Raises:
        ValueError: images of several sizes; a square outside of them.

    Example:
        >>> from keras_pde import plotting
        >>> clean = np.full((64, 64), 0.5)
        >>> noisy = clean + 0.1
        >>> axes = plotting.plot_comparison({"clean": clean, "noisy": noisy}, reference=clean)
        >>> [axis.get_title() for axis in axes]
        ['clean', 'noisy, 20.00 dB']
    """
    if not isinstance(images, Mapping) or not images:
        raise ValueError(
            f"images must be a dictionary of images by their titles. Received: {gate.said(images)}"
        )
    shown = {str(name): gate.array(x, f"images[{name!r}]") for name, x in images.items()}
    sizes = {x.shape for x in shown.values()}
    if len(sizes) > 1 or next(iter(sizes))[2:] not in ((), (1,), (3,)) or len(*sizes) < 2:
        raise ValueError(
            "images must be (height, width), or that and 1 or 3 channels, all of one size."
            f" Received: shapes {sorted(sizes)}"
        )
    height, width = next(iter(sizes))[:2]
    row, column, size = zoom or ((height * 7) // 16, (width * 7) // 16, min(height, width) // 8)
    inside = 0 <= row <= height - size and 0 <= column <= width - size
    if not (all(isinstance(n, int | np.integer) for n in (row, column, size)) and inside):
        raise ValueError(
            f"zoom must be (row, column, size) of a square inside {height} × {width}. Received:"
            f" zoom={zoom}"
        )
    axes = grid(len(shown), 4, 3.2, 3.4, ax)
    for axis, (name, pixels) in zip(axes, shown.items(), strict=True):
        values = np.clip(pixels, 0, 1).squeeze()
        axis.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(name + _psnr(pixels, reference), fontsize="small")
        axis.axis("off")
        if size:
            _enlarge(axis, values, row, column, size)
    return axes


def _enlarge(axis: Any, values: np.ndarray, row: int, column: int, size: int) -> None:
    """The square in a corner that it does not cover, with its place marked."""
    from matplotlib.patches import Rectangle

    height, width = values.shape[:2]
    low, right = row < height / 2, column < width / 2
    inset = axis.inset_axes((0.64 if right else 0.02, 0.02 if low else 0.64, 0.34, 0.34))
    inset.imshow(
        values[row : row + size, column : column + size],
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    inset.set(xticks=[], yticks=[])
    for spine in inset.spines.values():
        spine.set_color("gold")
    corner = (column - 0.5, row - 0.5)
    axis.add_patch(Rectangle(corner, size, size, fill=False, edgecolor="gold", linewidth=1))


def _psnr(pixels: np.ndarray, reference: Any) -> str:
    if reference is None:
        return ""
    clean = gate.array(reference, "reference")
    if clean.shape != pixels.shape:
        raise ValueError(
            f"reference must have the shape of the images, {pixels.shape}. Received: shape"
            f" {clean.shape}"
        )
    error = float(np.mean(np.square(np.float64(pixels) - np.float64(clean))))
    return f", {-10 * np.log10(error):.2f} dB" if error else ""
