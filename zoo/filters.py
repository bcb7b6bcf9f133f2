"""The classical filters of the zoo: what each is, and the network that it is."""

from __future__ import annotations

from dataclasses import dataclass

import keras_pde
from keras_pde import DiffusionBlock, DiffusionResNet, FEDResNet, FluxActivation, schemes

__all__ = ["FILTERS", "ClassicalFilter"]


@dataclass(frozen=True)
class ClassicalFilter:
    """One classical filter: flux, stencil, dimension, channels, scheme."""

    name: str
    flux: str
    description: str
    stencil: str = "forward"
    ndim: int = 2
    channels: int = 1
    explicit: bool = False
    reach: float = 40.0  # longest stopping time tried for noise 25
    contrasts: tuple[float, float] = (0.01, 0.4)  # range of the search

    @property
    def limit(self) -> float:
        """Largest stable explicit step."""
        operator = keras_pde.ConvOperator(initializer=self.stencil)
        operator.build((None,) * (self.ndim + 1) + (self.channels,))
        return 2 / operator.squared_norm_bound()

    def block(self, contrast: float, step_size: float) -> DiffusionBlock:
        """The explicit step of this filter."""
        coupled = self.ndim > 1 or self.channels > 1
        return DiffusionBlock(
            self.stencil, FluxActivation(self.flux, contrast, coupled=coupled), step_size
        )

    def model(self, contrast: float, time: float, cycles: int) -> DiffusionResNet:
        """The filter to a stopping time, by the shortest FED cycles or by explicit steps."""
        if self.explicit:
            schedule = schemes.explicit(time=time, max_step=self.limit * 0.95)
            block = self.block(contrast, time / len(schedule))
            model: DiffusionResNet = DiffusionResNet(
                len(schedule), block=block, tied=True, name=self.name
            )
        else:
            n = schemes.fed(time=time, cycles=cycles, max_step=self.limit).cycle_length
            block = self.block(contrast, 3 * time / (cycles * n * (n + 1)))
            model = FEDResNet(cycles, n, block=block, tied=True, name=self.name)
        model.build((None,) * (self.ndim + 1) + (self.channels,))
        return model


FILTERS = [
    ClassicalFilter("linear_2d", "linear", "homogeneous diffusion, the Gaussian scale space"),
    ClassicalFilter("charbonnier_2d", "charbonnier", "Charbonnier diffusion"),
    ClassicalFilter(
        "charbonnier_explicit_2d",
        "charbonnier",
        "Charbonnier diffusion by explicit steps, nonexpansive and averaged",
        explicit=True,
        reach=8.0,
    ),
    ClassicalFilter(
        "perona_malik_2d", "perona_malik", "Perona-Malik diffusion, rational diffusivity"
    ),
    ClassicalFilter(
        "perona_malik_exponential_2d",
        "perona_malik_exponential",
        "Perona-Malik diffusion, exponential diffusivity",
    ),
    ClassicalFilter(
        "weickert_2d", "weickert", "edge-enhancing diffusion with Weickert's diffusivity"
    ),
    ClassicalFilter("truncated_tv_2d", "truncated_tv", "truncated total variation flow (Huber)"),
    ClassicalFilter(
        "truncated_bfb_2d", "truncated_bfb", "truncated balanced forward-backward diffusion"
    ),
    ClassicalFilter(
        "fab_2d",
        "fab",
        "forward-and-backward diffusion: sharpens, and is not stable",
        explicit=True,
        reach=8.0,
        contrasts=(0.1, 2.0),
    ),
    ClassicalFilter(
        "biharmonic_2d",
        "linear",
        "linear fourth-order (biharmonic) diffusion",
        stencil="laplacian",
        reach=4.0,
    ),
    ClassicalFilter(
        "charbonnier_fourth_order_2d",
        "charbonnier",
        "nonlinear fourth-order diffusion",
        stencil="laplacian",
        reach=10.0,
        contrasts=(0.02, 1.0),
    ),
    ClassicalFilter("linear_1d", "linear", "homogeneous diffusion of signals", ndim=1),
    ClassicalFilter("perona_malik_1d", "perona_malik", "Perona-Malik diffusion of signals", ndim=1),
    ClassicalFilter(
        "truncated_tv_1d", "truncated_tv", "truncated total variation flow of signals", ndim=1
    ),
    ClassicalFilter(
        "biharmonic_1d",
        "linear",
        "linear fourth-order diffusion of signals",
        stencil="second",
        ndim=1,
        reach=8.0,
    ),
    ClassicalFilter("linear_color", "linear", "homogeneous diffusion of colour images", channels=3),
    ClassicalFilter(
        "charbonnier_color",
        "charbonnier",
        "Charbonnier diffusion with one edge for all colours",
        channels=3,
    ),
    ClassicalFilter(
        "perona_malik_color",
        "perona_malik",
        "Perona-Malik diffusion with one edge for all colours",
        channels=3,
    ),
    ClassicalFilter(
        "truncated_tv_color",
        "truncated_tv",
        "truncated total variation flow with one edge for all colours",
        channels=3,
    ),
]
