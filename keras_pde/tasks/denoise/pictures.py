"""Pictures of a trained denoiser's card: an example, its fluxes, its kernels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_pde.runtime.writing import whole, write_bytes

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.models.network import Network

SECONDS = 4 * 360  # samples of an electrocardiogram that the card shows


def write_pictures(network: Network, folder: Path) -> None:
    """Write example.png and, of a network made of blocks, fluxes.png and kernels.png.

    Kernels are shown of networks for images only.
    """
    from keras_pde.models import plotting
    from keras_pde.models.block_network import BlockNetwork
    from keras_pde.tasks.denoise.denoiser import Denoiser

    denoiser = Denoiser(network, tuned=True)
    if network.ndim == 1:
        _save(_traces(denoiser), folder / "example.png")
    else:
        write_bytes(folder / "example.png", _panels(denoiser))
    if not isinstance(network, BlockNetwork):
        return
    _save(plotting.plot_learned_fluxes(network)[0].figure, folder / "fluxes.png")
    if network.ndim == 2:
        operator = network.blocks[0].operator
        kernels = plotting.plot_kernels(operator, 64, patch_size=network.patch_size)
        _save(kernels[0].figure, folder / "kernels.png")


def _save(figure: Any, path: Path) -> None:
    with whole(path) as stage:
        figure.savefig(stage, dpi=70)


def _example(denoiser: Any) -> list[np.ndarray]:
    """A sample without noise, with noise of 25 grey levels, and denoised."""
    from keras_pde.data import noise
    from keras_pde.data.photograph import sample
    from keras_pde.tasks.denoise.data import find_data, samples, test_set

    ndim, channels = denoiser.network.ndim, denoiser.network.input_channels
    if ndim == 2:
        clean = sample(channels, 2)[0, 96:288, 144:400]
    else:
        clean = samples(find_data(None, ndim) / test_set(channels, ndim), ndim, channels, 1)[0]
    noisy = noise.add_noise(clean, 25)
    return [clean, noisy, denoiser(noisy, 25).pixels.clip(0, 1)]


def _panels(denoiser: Any) -> bytes:
    """A comparison of images, or of the middle sections of volumes, along their first axis."""
    from keras_pde.data import side_by_side as compare
    from keras_pde.tasks import quality as qualities

    clean, noisy, denoised = (
        x if x.ndim == 3 else x[:, x.shape[1] // 2].transpose(1, 0, 2)[::-1]
        for x in _example(denoiser)
    )
    notes = {
        name: f"{qualities.quality(clean, x).psnr:.2f} dB"
        for name, x in (("noisy", noisy), ("denoised", denoised))
    }
    return compare.comparison_png(compare.comparison(noisy, denoised, clean, notes))


def _traces(denoiser: Any) -> Any:
    """A signal, as curves below each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, sharey=True)
    names = ("clean", "noisy", "denoised")
    for axis, name, values in zip(axes, names, _example(denoiser), strict=True):
        axis.plot(values[:SECONDS, 0], linewidth=0.8)
        axis.set_ylabel(name)
    return figure
