"""Pictures of fluxes, with their diffusivities and potentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.fluxes import registry
from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.models.block_network import BlockNetwork
from keras_pde.models.plotting.canvas import checked, grid, panels
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

__all__ = ["plot_fluxes", "plot_learned_fluxes"]

TITLES = ("flux Φ(s)", "diffusivity g(s²)", "potential ψ(s)")


def plot_fluxes(
    fluxes: Sequence[str | Flux | FluxLayer], extent: float = 4.0, ax: Any = None
) -> np.ndarray:
    r"""Φ(s), the diffusivity g(s²) and the potential ψ(s) of fluxes, for s in [−extent, extent].

    Args:
        fluxes: names, `Flux` objects or built flux layers.
        extent: largest \|s\| shown, in the units of s.
        ax: three axes to draw into; None makes a figure.

    Returns:
        The three axes, in an array; ``axes[0].figure`` is the figure.

    Raises:
        ValueError: an unknown flux.

    Example:
        >>> from keras_pde import plotting
        >>> [axis.get_title() for axis in plotting.plot_fluxes(["charbonnier", "perona_malik"])]
        ['flux Φ(s)', 'diffusivity g(s²)', 'potential ψ(s)']
    """
    extent = gate.number(extent, "extent", low=0, low_open=True)
    if not isinstance(fluxes, list | tuple):
        raise ValueError(f"fluxes must be a list. Received: fluxes={gate.said(fluxes)}")
    s = np.linspace(-extent, extent, 801)
    curves = [_curves(flux, ops.convert_to_tensor(s)) for flux in fluxes]
    axes = panels(1, 3, 4.0, 3.2, ax)
    for name, values in curves:
        for axis, curve in zip(axes, values, strict=True):
            axis.plot(s, ops.convert_to_numpy(curve), label=name)
    for axis, title in zip(axes, TITLES, strict=True):
        axis.set(title=title, xlabel="s")
        axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    if curves:
        axes[2].legend(fontsize="small", loc="upper center")
    return axes


def _curves(flux: str | Flux | FluxLayer, s: Tensor) -> tuple[str, list[Tensor]]:
    """Name, Φ(s), g(s²) and ψ(s) of a flux."""
    if isinstance(flux, FluxLayer):
        column = ops.cast(s, flux.compute_dtype)[:, None]
        laws = (flux.fluxes, flux.diffusivities, flux.potentials)
        return flux.name, [law([column])[0][:, 0] for law in laws]
    given = registry.get(flux, "fluxes")
    return given.name, [given(s), given.diffusivity_at(s), given.potential(s)]


def plot_learned_fluxes(
    model: BlockNetwork, noise: float = 25 / 255, extent: float = 0.3, ax: Any = None
) -> np.ndarray:
    """Φ(s) of every channel, a panel a block, of a model with learned fluxes.

    Where a flux depends on neighbours or other channels, they all have the value s.

    Args:
        model: built; of blocks.
        noise: the noise level, for a noise-conditioned flux.
        extent: largest |s| shown.
        ax: as many axes as there are blocks; None makes a figure.

    Returns:
        The axes of the blocks, in an array.

    Raises:
        ValueError: a model that is not of blocks, or not built.

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(3, filters=4, flux=keras_pde.SplineFlux())
        >>> net.build((None, None, None, 1))
        >>> [axis.get_title() for axis in keras_pde.plotting.plot_learned_fluxes(net)]
        ['block 1', 'block 2', 'block 3']
    """
    checked(model, "model", BlockNetwork).require_weights("model has no weights yet")
    noise = gate.number(noise, "noise", low=0)
    extent = gate.number(extent, "extent", low=0, low_open=True)
    axes = grid(len(model.blocks), 5, 2.2, 2.0, ax)
    s = np.linspace(-extent, extent, 401, dtype="float32")
    for k, (block, axis) in enumerate(zip(model.blocks, axes, strict=True), start=1):
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
    return axes
