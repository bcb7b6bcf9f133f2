"""Pictures of fluxes, kernels, schedules and evolutions, by matplotlib.

It comes with ``pip install 'keras-pde[plot]'``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.fluxes import registry
from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.models.block_network import BlockNetwork
from keras_pde.operators import ConvOperator, norms
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.schedule import Schedule

__all__ = [
    "plot_amplification",
    "plot_evolution",
    "plot_fluxes",
    "plot_kernels",
    "plot_learned_fluxes",
]


def check_installed() -> None:
    """Raise ImportError, with the line that installs it, where matplotlib is missing.

    Example:
        >>> from keras_pde.models.plotting import check_installed
        >>> check_installed()
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"Pictures need matplotlib ({error}): pip install 'keras-pde[plot]'"
        ) from None


def _axes(rows: int, columns: int, width: float, height: float) -> tuple[Any, np.ndarray]:
    check_installed()
    from matplotlib.figure import Figure  # no pyplot: no global state, no screen

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()


def _of_kind(x: Any, name: str, kind: type) -> None:
    if not isinstance(x, kind):
        raise ValueError(f"{name} must be a {kind.__name__}. Received: {name}={gate.said(x)}")


def plot_fluxes(fluxes: Sequence[str | Flux | FluxLayer], extent: float = 4.0) -> Any:
    r"""Φ(s), the diffusivity g(s²) and the potential ψ(s) of fluxes, for s in [−extent, extent].

    Args:
        fluxes: names, `Flux` objects or built flux layers.
        extent: largest \|s\| shown, in the units of s.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: an unknown flux.

    Example:
        >>> from keras_pde.models.plotting import plot_fluxes
        >>> figure = plot_fluxes(["charbonnier", "perona_malik"])
        >>> [axis.get_title() for axis in figure.axes]
        ['flux Φ(s)', 'diffusivity g(s²)', 'potential ψ(s)']
    """
    extent = gate.number(extent, "extent", low=0, low_open=True)
    if not isinstance(fluxes, list | tuple):
        raise ValueError(f"fluxes must be a list. Received: fluxes={gate.said(fluxes)}")
    figure, axes = _axes(1, 3, 4.0, 3.2)
    s = np.linspace(-extent, extent, 801)
    for flux in fluxes:
        name, curves = _curves(flux, ops.convert_to_tensor(s))
        for axis, curve in zip(axes, curves, strict=True):
            axis.plot(s, ops.convert_to_numpy(curve), label=name)
    for axis, title in zip(axes, ("flux Φ(s)", "diffusivity g(s²)", "potential ψ(s)"), strict=True):
        axis.set(title=title, xlabel="s")
        axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes[2].legend(fontsize="small", loc="upper center")
    return figure


def _curves(flux: str | Flux | FluxLayer, s: Tensor) -> tuple[str, list[Tensor]]:
    """Name, Φ(s), g(s²) and ψ(s) of a flux."""
    if isinstance(flux, FluxLayer):
        column = ops.cast(s, flux.compute_dtype)[:, None]
        laws = (flux.fluxes, flux.diffusivities, flux.potentials)
        return flux.name, [law([column])[0][:, 0] for law in laws]
    given = registry.get(flux, "fluxes")
    return given.name, [given(s), given.diffusivity_at(s), given.potential(s)]


def plot_learned_fluxes(model: BlockNetwork, noise: float = 25 / 255, extent: float = 0.3) -> Any:
    """Φ(s) of every channel, a panel a block, of a model with learned fluxes.

    Where a flux depends on neighbours or other channels, they all have the value s.

    Args:
        model: built; of blocks.
        noise: the noise level, for a noise-conditioned flux.
        extent: largest |s| shown.

    Returns:
        A matplotlib Figure.

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(3, filters=4, flux=keras_pde.SplineFlux())
        >>> net.build((None, None, None, 1))
        >>> [axis.get_title() for axis in keras_pde.plotting.plot_learned_fluxes(net).axes]
        ['block 1', 'block 2', 'block 3']
    """
    _of_kind(model, "model", BlockNetwork)
    model.require_weights("model has no weights yet")
    noise = gate.number(noise, "noise", low=0)
    extent = gate.number(extent, "extent", low=0, low_open=True)
    count = len(model.blocks)
    figure, axes = _axes(math.ceil(count / 5), min(count, 5), 2.2, 2.0)
    s = np.linspace(-extent, extent, 401, dtype="float32")
    for k, (block, axis) in enumerate(zip(model.blocks, axes, strict=False), start=1):
        ndim, reach = block.operator.ndim, block.flux.support
        shape = (*[None] * (ndim + 1), block.operator.channels)
        channels = block.operator.compute_output_shape(shape)[-1]
        values = np.tile(s.reshape(-1, *[1] * (ndim + 1)), (1, *[2 * reach + 1] * ndim, channels))
        level = (
            {"noise": np.full((len(s),), noise, "float32")} if block.flux.noise_conditioned else {}
        )
        curves = ops.convert_to_numpy(block.flux(values, **level))
        axis.plot(s, curves[(slice(None), *[reach] * ndim)], linewidth=0.6)
        axis.set_title(f"block {k}", fontsize="small")
        axis.tick_params(labelsize="x-small")
        axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    for axis in axes[count:]:
        axis.remove()
    return figure


def plot_kernels(operator: ConvOperator, most: int = 64, patch_size: int = 1) -> Any:
    """The kernels of a built 2-D `ConvOperator` as they are in use, one picture a filter.

    They are zero-mean or normalised where the operator makes them so, and stacked ones are
    multiplied out.

    Args:
        operator: a built operator, 2-D.
        most: largest number of filters shown.
        patch_size: of the lifting that K acts behind: the kernels are shown as they act on the
            image, on its first channel.

    Returns:
        A matplotlib Figure; red is positive, blue negative, one scale for all.

    Raises:
        ValueError: an operator that is not built, or not 2-D.

    Example:
        >>> import keras_pde
        >>> K = keras_pde.ConvOperator(6, 5, initializer="dct")
        >>> K.build((None, None, None, 1))
        >>> len(keras_pde.plotting.plot_kernels(K).axes)
        6
    """
    _of_kind(operator, "operator", ConvOperator)
    most, patch_size = gate.count(most, "most"), gate.count(patch_size, "patch_size")
    if not operator.built or operator.ndim != 2:
        raise ValueError(
            "plot_kernels shows a built 2-D operator: call operator.build((None, None, None,"
            " channels)) first"
        )
    whole = norms.composite(operator.kernel_arrays())[..., :most]
    k, p = whole.shape[0], patch_size
    channels = whole.shape[2] // (p * p) if whole.shape[2] % (p * p) == 0 else 1
    # a patch's channels are (row, column, image channel)
    patches = (
        whole[:, :, : p * p * channels].reshape(k, k, p, p, channels, -1)
        if p > 1
        else whole[:, :, None, None]
    )
    whole = patches[:, :, :, :, 0].transpose(0, 2, 1, 3, 4).reshape(k * p, k * p, -1)
    count = whole.shape[-1]
    columns = min(count, 12)
    figure, axes = _axes(math.ceil(count / columns), columns, 0.8, 0.85)
    scale = float(np.abs(whole).max()) or 1.0
    for i, axis in enumerate(axes):
        axis.axis("off")
        if i < count:
            axis.imshow(whole[:, :, i], cmap="RdBu_r", vmin=-scale, vmax=scale)
        else:
            axis.remove()
    return figure


def plot_amplification(schedules: Sequence[Schedule], points: int = 2000) -> Any:
    """Amplification polynomials |p(λ)| of one cycle of each schedule, over λ·max_step in [0, 2.2].

    The stable range ends at 2.

    Args:
        schedules: `Schedule` objects.
        points: samples of each curve.

    Returns:
        A matplotlib Figure.

    Example:
        >>> from keras_pde import plotting, schemes
        >>> figure = plotting.plot_amplification([schemes.explicit(10), schemes.fed(10)])
        >>> len(figure.axes[0].lines) >= 2
        True
    """
    points = gate.count(points, "points", high=10**7)
    for schedule in schedules:
        _of_kind(schedule, "schedules", Schedule)
    figure, (axis,) = _axes(1, 1, 5.0, 3.4)
    z = np.linspace(1e-4, 2.2, points)
    for schedule in schedules:
        cycle = schedule.cycles[0]
        axis.semilogy(
            z,
            np.abs(cycle.amplification(z / cycle.max_step)) + 1e-12,
            label=f"{cycle.kind}, {len(cycle)} steps",
        )
    axis.axvline(2, color="0.5", linestyle="--", linewidth=1)
    axis.axhline(1, color="0.5", linewidth=0.8)
    axis.set(xlabel="eigenvalue λ × step-size limit", ylabel="|p(λ)|", ylim=(1e-6, 1e2))
    axis.legend(fontsize="small")
    return figure


def plot_evolution(model: BlockNetwork, image: Tensor, most: int = 6) -> Any:
    """States of a network's evolution of one 2-D image, from input to output.

    Args:
        model: a 2-D network of blocks; the input's channels must match.
        image: (height, width) or (height, width, channels), in [0, 1].
        most: largest number of states shown, evenly chosen.

    Returns:
        A matplotlib Figure, one picture a state.

    Raises:
        ValueError: an image of another rank.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.from_preset("perona_malik_2d")
        >>> len(keras_pde.plotting.plot_evolution(model, np.zeros((16, 16)), most=4).axes)
        4
    """
    _of_kind(model, "model", BlockNetwork)
    most = gate.count(most, "most")
    pixels = gate.array(image, "image")
    if pixels.ndim not in (2, 3):
        raise ValueError(
            "image must be (height, width) or (height, width, channels). Received: shape"
            f" {pixels.shape}"
        )
    states = model.features((pixels if pixels.ndim == 3 else pixels[..., None])[None])
    if model.lifting is not None:
        states = [model.lifting.lower(state, pixels.shape[:2]) for state in states]
    chosen = np.unique(np.linspace(0, len(states) - 1, min(most, len(states))).round().astype(int))
    figure, axes = _axes(1, len(chosen), 2.4, 2.6)
    # a frozen schedule has a state a cycle
    unit = "step" if len(states) > model.step_count else "cycle"
    for axis, k in zip(axes, chosen, strict=True):
        axis.imshow(
            np.clip(ops.convert_to_numpy(states[k])[0], 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1
        )
        axis.set_title("input" if k == 0 else f"{unit} {k}", fontsize="medium")
        axis.axis("off")
    return figure
