"""DuFortFrankelResNet: the Du Fort-Frankel scheme as a residual network with a fixed skip."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde import fluxes as activations
from keras_pde import schemes
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.lifting import Lifting
from keras_pde.models.diffusion_resnet import DiffusionResNet


@keras.saving.register_keras_serializable(package="keras_pde")
class DuFortFrankelResNet(DiffusionResNet):
    r"""ResNet uᵏ⁺¹ = w(uᵏ − (1/2α)KᵀΦ(Kuᵏ)) + (1 − w)uᵏ⁻¹ with fixed w = 4τα/(1 + 2τα) in (0, 2).

    The block's step size is 1/(2α). w ≤ 1 does not increase ‖u‖ for any blocks, tied or not; w > 1
    takes physical steps w/(2 − w) times as large, bounded for a frozen or linear operator up to a
    transient of w/(2 − w). Tied blocks lower the energy for w ≤ 1, and for w ≥ 1 while the physical
    step is at most 2/(L‖K‖²).

    Args:
        steps: number of steps.
        extrapolation: w; 4/3 doubles the explicit step.
        filters, kernel_size, flux, block, lifting: as in `DiffusionResNet`.
        tied: one block for all steps (the default), or one a step.

    Shapes, units, errors: as `DiffusionResNet`.

    Source: Du Fort, Frankel (1953); as a network: Alt et al., arXiv:2103.15419 (2021).

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DuFortFrankelResNet(6, extrapolation=0.8, filters=8, tied=False)
        >>> net.build((None, None, None, 1))
        >>> net.certificate().norm_stable
        True
    """

    def __init__(
        self,
        steps: int = 8,
        extrapolation: float = 4 / 3,
        filters: int | None = None,
        kernel_size: int = 5,
        flux: str | activations.Flux | FluxLayer | None = None,
        *,
        block: DiffusionBlock | None = None,
        tied: bool = True,
        lifting: int | Lifting | None = None,
        **kwargs: Any,
    ) -> None:
        schedule = schemes.dufort_frankel(steps, extrapolation=extrapolation)
        super().__init__(
            schedule, filters, kernel_size, flux, block=block, tied=tied, lifting=lifting, **kwargs
        )
        self.steps, self.extrapolation = steps, extrapolation

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {**super().get_config(), "steps": self.steps, "extrapolation": self.extrapolation}
        del config["schedule"]
        return config
