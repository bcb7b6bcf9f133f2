"""Pictures of an evolution: its states, its energy and norm, and an animation."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_pde.models.block_network import BlockNetwork
from keras_pde.models.plotting.canvas import checked, grid, panel
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

__all__ = ["animate_evolution", "plot_energy", "plot_evolution"]


def plot_evolution(model: BlockNetwork, image: Tensor, most: int = 6, ax: Any = None) -> np.ndarray:
    """States of a network's evolution of one 2-D image, from input to output.

    The input comes first, the output last, and equally many steps lie between the others.

    Args:
        model: a 2-D network of blocks; the input's channels must match.
        image: (height, width) or (height, width, channels), in [0, 1].
        most: largest number of states shown, at least 2.
        ax: as many axes as states are shown; None makes a figure.

    Returns:
        The axes of the states, in an array.

    Raises:
        ValueError: an image of another rank.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.from_preset("perona_malik_2d")
        >>> axes = keras_pde.plotting.plot_evolution(model, np.zeros((16, 16)), most=4)
        >>> len(axes) <= 4, axes[0].get_title()
        (True, 'input')
    """
    most = gate.whole(most, "most", low=2)
    states, unit = _states(model, image)
    chosen = equally_spaced(len(states) - 1, most)
    axes = grid(len(chosen), 6, 2.4, 2.6, ax)
    for axis, k in zip(axes, chosen, strict=True):
        _show(axis, states[k])
        axis.set_title("input" if k == 0 else f"{unit} {k}", fontsize="small")
    return axes


def equally_spaced(last: int, most: int) -> list[int]:
    """0, then numbers up to ``last`` at the smallest equal distance that keeps them to ``most``.

    Example:
        >>> from keras_pde.models.plotting.evolution import equally_spaced
        >>> equally_spaced(6, 6), equally_spaced(6, 7), equally_spaced(7, 4), equally_spaced(1, 6)
        ([0, 2, 4, 6], [0, 1, 2, 3, 4, 5, 6], [0, 1, 4, 7], [0, 1])
    """
    if last < 1:
        return [0]
    stride = -(-last // (most - 1))
    return [0, *range(last - stride * ((last - 1) // stride), last + 1, stride)]


def plot_energy(model: BlockNetwork, image: Tensor, noise: Any = None, ax: Any = None) -> Any:
    """Energy E(uᵏ) and norm ‖uᵏ‖ along the evolution of one image, each over its first value.

    Where the certificate says so neither rises. The energy is drawn where there is one of all
    steps: tied blocks, whose flux has a potential.

    Args:
        model: a network of blocks, in 1-D to 3-D.
        image: (*spatial) or (*spatial, channels).
        noise: the noise level, for a network that is told it.
        ax: axes to draw into; None makes a figure.

    Returns:
        The axes.

    Raises:
        ValueError: an image of another rank; a network that needs a noise level without one.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.DiffusionResNet(6, filters=4, flux="charbonnier", tied=True)
        >>> image = np.random.default_rng(0).random((24, 24))
        >>> axes = keras_pde.plotting.plot_energy(model, image)
        >>> [bool((np.diff(line.get_ydata()) <= 1e-6).all()) for line in axes.lines]
        [True, True]
    """
    states, unit = _states(model, image, noise, None)
    axis = panel(4.4, 3.2, ax)
    curves = {"norm ‖u‖": [float(np.linalg.norm(np.float64(u))) for u in states]}
    energies = _energies(model, states, noise)
    if energies:
        curves["energy E(u)"] = energies
    for name, values in curves.items():
        axis.plot(np.asarray(values) / (abs(values[0]) or 1.0), label=name, marker=".")
    axis.set(xlabel=f"{unit}s", ylabel="relative to the input's")
    axis.grid(alpha=0.3)
    axis.legend(fontsize="small")
    return axis


def _energies(model: BlockNetwork, states: list[np.ndarray], noise: Any) -> list[float]:
    """E of each state; none where the steps have no energy in common."""
    level = None if noise is None else np.full((1,), noise, "float32")
    try:
        block = model.block_with_energy()
        found = [block.energy(ops.convert_to_tensor(u[None]), noise=level) for u in states]
    except (ValueError, NotImplementedError):
        return []
    return [float(ops.convert_to_numpy(energy)[0]) for energy in found]


def animate_evolution(
    model: BlockNetwork, image: Tensor, interval: int = 200, ax: Any = None
) -> Any:
    """The evolution of one 2-D image as an animation, a frame a state.

    Args:
        model: a 2-D network of blocks.
        image: (height, width) or (height, width, channels), in [0, 1].
        interval: between frames, in milliseconds.
        ax: axes to draw into; None makes a figure.

    Returns:
        A matplotlib animation; ``animation.save("scale_space.gif", writer="pillow")`` writes it.

    Raises:
        ValueError: an image of another rank.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.from_preset("truncated_tv_2d")
        >>> movie = keras_pde.plotting.animate_evolution(model, np.zeros((16, 16)))
        >>> len(list(movie.new_frame_seq())) > 2
        True
        >>> movie._draw_was_started = True    # it is not shown here
    """
    interval = gate.count(interval, "interval")
    states, unit = _states(model, image)
    axis = panel(3.2, 3.4, ax)
    from matplotlib.animation import FuncAnimation
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = axis.figure
    if figure.canvas.manager is None and not isinstance(figure.canvas, FigureCanvasAgg):
        FigureCanvasAgg(figure)
    shown = _show(axis, states[0])

    def draw(k: int) -> list[Any]:
        shown.set_data(_pixels(states[k]))
        axis.set_title("input" if k == 0 else f"{unit} {k}", fontsize="small")
        return [shown]

    return FuncAnimation(figure, draw, frames=len(states), interval=interval)


def _states(
    model: BlockNetwork, image: Tensor, noise: Any = None, ndim: int | None = 2
) -> tuple[list[np.ndarray], str]:
    """States of one image without the batch axis, and what lies between them."""
    checked(model, "model", BlockNetwork)
    pixels = gate.array(image, "image")
    axes = pixels.ndim if ndim is None else ndim
    if ndim is None:  # channels are an axis where the network is for one axis less
        axes = model.ndim if model.built else pixels.ndim
    if pixels.ndim not in (axes, axes + 1):
        shape = "(height, width)" if axes == 2 else f"{axes} axes"
        raise ValueError(
            f"image must be {shape}, or that and channels. Received: shape {pixels.shape}"
        )
    u = (pixels if pixels.ndim == axes + 1 else pixels[..., None])[None]
    inputs: Any = u
    if model.noise_conditioned:
        level = gate.number(25 / 255 if noise is None else noise, "noise", low=0)
        inputs = [u, np.full((1,), level, "float32")]
    states = model.features(inputs)
    if model.lifting is not None:
        states = [model.lifting.lower(state, u.shape[1:-1]) for state in states]
    unit = "step" if len(states) > model.step_count else "cycle"  # frozen ones have a state a cycle
    return [np.asarray(ops.convert_to_numpy(state))[0] for state in states], unit


def _pixels(state: np.ndarray) -> np.ndarray:
    shown: np.ndarray = np.clip(state, 0, 1)
    return shown[..., 0] if shown.shape[-1] == 1 else shown


def _show(axis: Any, state: np.ndarray) -> Any:
    axis.axis("off")
    return axis.imshow(_pixels(state), cmap="gray", vmin=0, vmax=1)
