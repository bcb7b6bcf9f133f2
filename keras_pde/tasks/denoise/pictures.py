"""Pictures of a trained denoiser's card: an example, its fluxes, its kernels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keras_pde.runtime.writing import whole, write_bytes

if TYPE_CHECKING:
    from keras_pde.models.network import Network


def write_pictures(network: Network, folder: Path) -> None:
    """Write example.png and, of a network made of blocks, fluxes.png and kernels.png."""
    from keras_pde.data import noise
    from keras_pde.data import side_by_side as compare
    from keras_pde.data.photograph import sample
    from keras_pde.models import plotting
    from keras_pde.models.block_network import BlockNetwork
    from keras_pde.tasks import quality as qualities
    from keras_pde.tasks.denoise.denoiser import Denoiser

    clean = sample(network.input_channels, 2)[0, 96:288, 144:400]
    noisy = noise.add_noise(clean, 25)
    denoised = Denoiser(network, tuned=True)(noisy, 25).pixels.clip(0, 1)
    notes = {
        name: f"{qualities.quality(clean, x).psnr:.2f} dB"
        for name, x in (("noisy", noisy), ("denoised", denoised))
    }
    panels = compare.comparison(noisy, denoised, clean, notes)
    write_bytes(folder / "example.png", compare.comparison_png(panels))
    if not isinstance(network, BlockNetwork):
        return
    fluxes = plotting.plot_learned_fluxes(network)
    kernels = plotting.plot_kernels(network.blocks[0].operator, 64, patch_size=network.patch_size)
    for name, figure in (("fluxes.png", fluxes), ("kernels.png", kernels)):
        with whole(folder / name) as stage:
            figure.savefig(stage, dpi=70)
