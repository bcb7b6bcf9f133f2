"""FEDResNet: Fast Explicit Diffusion as a residual network with prescribed step sizes."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde import fluxes as activations
from keras_pde import schemes
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.lifting import Lifting
from keras_pde.models.diffusion_resnet import DiffusionResNet
from keras_pde.runtime import gate


@keras.saving.register_keras_serializable(package="keras_pde")
class FEDResNet(DiffusionResNet):
    r"""ResNet of FED cycles: n steps τᵢ = (τ/2)/cos²(π(2i+1)/(4n+2)) reach the time τn(n+1)/3.

    This is (n+1)/3 times as far as n explicit steps, at the same cost. Single steps exceed the
    stability limit; the cycle is stable because the diffusivity is frozen at its start, which makes
    it a polynomial |p| ≤ 1 of one operator: ‖u⁺‖ ≤ ‖u‖ for every flux with g ≥ 0, and for kernels
    that differ from cycle to cycle.

    Args:
        cycles: number of cycles; each has its own block unless tied.
        cycle_length: steps n of a cycle.
        filters, kernel_size, flux, block, tied, lifting: as in `DiffusionResNet`; the flux is
            "perona_malik" by default.

    Shapes, units, errors: as `DiffusionResNet`.

    Source: Grewenig, Weickert, Bruhn (DAGM 2010); as a network: Alt et al., arXiv:2103.15419
    (2021).

    Example:
        >>> import keras_pde
        >>> net = keras_pde.FEDResNet(cycles=3, cycle_length=5, filters=32, flux="perona_malik")
        >>> net.build((None, None, None, 1))
        >>> net.schedule
        Schedule fed: 3 cycles of 5 steps, time 30 (2.00 times the 15 explicit steps of 1), frozen
        >>> net.certificate().norm_stable
        True
    """

    def __init__(
        self,
        cycles: int = 3,
        cycle_length: int = 5,
        filters: int | None = None,
        kernel_size: int = 5,
        flux: str | activations.Flux | FluxLayer | None = None,
        *,
        block: DiffusionBlock | None = None,
        tied: bool = False,
        lifting: int | Lifting | None = None,
        **kwargs: Any,
    ) -> None:
        if block is None and flux is None:
            flux = "perona_malik"
        count, length = gate.count(cycles, "cycles"), gate.count(cycle_length, "cycle_length")
        schedule = schemes.fed(length, cycles=count)
        super().__init__(
            schedule, filters, kernel_size, flux, block=block, tied=tied, lifting=lifting, **kwargs
        )
        self.cycles, self.cycle_length = cycles, cycle_length

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {**super().get_config(), "cycles": self.cycles, "cycle_length": self.cycle_length}
        del config["schedule"]
        return config
