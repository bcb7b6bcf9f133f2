"""The models that `test_break` attacks, with the kernels that are worst for their certificates."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    FluxActivation,
    FSIResNet,
    GatedFlux,
    Lifting,
    Schedule,
    SplineFlux,
)

D = {"dtype": "float64"}


def learned(
    filters: Any = 2,
    kernel_size: int = 2,
    boundary: str = "neumann",
    normalize: bool | str = True,
    **options: Any,
) -> ConvOperator:
    return ConvOperator(
        filters,
        kernel_size,
        boundary=boundary,
        normalize=normalize,
        **options,
        **D,
    )


def block(
    flux: Any = "charbonnier", step_size: Any = "auto", operator: Any = None, **options: Any
) -> DiffusionBlock:
    return DiffusionBlock(
        learned() if operator is None else operator, flux, step_size, **options, **D
    )


def spline(low: float) -> SplineFlux:
    return SplineFlux(6, 3.0, (low, 1.0), contrast=0.5, **D)


def gated(flux: str, gates: str = "input", **options: Any) -> GatedFlux:
    learned_too = {"learn_contrast": True, "per_channel": True, "neighbourhood": 3}
    return GatedFlux(flux, 0.5, gates=gates, **learned_too, **options, **D)


def gated_block(flux: GatedFlux) -> DiffusionBlock:
    return block(flux, "learned", learned(3, 3, "dirichlet"))


MODELS = {
    "explicit tied charbonnier neumann 2x2": lambda: DiffusionResNet(3, block=block(), tied=True),
    "explicit untied perona-malik 2x2": lambda: DiffusionResNet(2, block=block("perona_malik")),
    "explicit free kernels": lambda: DiffusionResNet(
        2, block=block("perona_malik_exponential", operator=learned(normalize=False))
    ),
    "explicit per channel": lambda: DiffusionResNet(
        3, block=block("perona_malik", "per_channel", learned(3, normalize=False))
    ),
    "explicit scaled": lambda: DiffusionResNet(
        3, block=block("smooth_relu", "scaled", learned(3, 2, "dirichlet", "columns"))
    ),
    "explicit weickert periodic": lambda: DiffusionResNet(
        3, block=block("weickert", operator=learned(2, 3, "periodic")), tied=True
    ),
    "explicit fab": lambda: DiffusionResNet(
        3, block=block(FluxActivation("fab", 0.4, **D)), tied=True
    ),
    "explicit fab coupled": lambda: DiffusionResNet(
        2, block=block("fab", operator=learned(3, 3, "dirichlet"), coupled=True)
    ),
    "explicit relu": lambda: DiffusionResNet(3, block=block("relu")),
    "explicit spline": lambda: DiffusionResNet(
        3, block=block(spline(-0.7), operator=learned(2, 3, "periodic"))
    ),
    "explicit monotone spline": lambda: DiffusionResNet(
        3, block=block(spline(0.0), operator=learned(2, 3, "periodic")), tied=True
    ),
    "explicit bias": lambda: DiffusionResNet(3, block=block("charbonnier", use_bias=True)),
    "explicit data term": lambda: DiffusionResNet(3, block=block("perona_malik", data_weight=0.5)),
    "explicit learned data term": lambda: DiffusionResNet(
        3, block=block("charbonnier", "learned", data_weight="learned"), tied=True
    ),
    "explicit lifted": lambda: DiffusionResNet(
        3, block=block("charbonnier"), lifting=Lifting(3, learned=True)
    ),
    "explicit coupled stencil": lambda: DiffusionResNet(
        3, block=block("perona_malik", 0.25, "forward", coupled=True), tied=True
    ),
    "explicit stacked": lambda: DiffusionResNet(
        3, block=block("truncated_bfb", operator=learned((2, 3), 2)), tied=True
    ),
    "even dct neumann": lambda: DiffusionResNet(
        3,
        block=block("charbonnier", operator=ConvOperator(kernel_size=4, initializer="dct", **D)),
        tied=True,
    ),
    "haar neumann": lambda: DiffusionResNet(
        3, block=block("truncated_tv", operator=ConvOperator(initializer="haar", **D)), tied=True
    ),
    "fed untied perona-malik": lambda: FEDResNet(2, 4, block=block("perona_malik")),
    "fed linear": lambda: FEDResNet(2, 4, block=block("linear")),
    "fed fab": lambda: FEDResNet(1, 3, block=block("fab")),
    "fed data term": lambda: FEDResNet(
        3, 3, block=block("perona_malik", operator=learned(2, 3, "dirichlet"), data_weight=0.2)
    ),
    "fsi tied charbonnier": lambda: FSIResNet(2, 4, block=block("charbonnier")),
    "fsi frozen": lambda: FSIResNet(2, 5, block=block("perona_malik"), frozen=True),
    "fsi frozen data term": lambda: FSIResNet(
        3, 4, block=block("charbonnier", data_weight=0.02), frozen=True
    ),
    "fsi linear": lambda: FSIResNet(2, 5, block=block("linear")),
    "fsi untied": lambda: FSIResNet(1, 5, block=block("charbonnier"), tied=False),
    "dufort-frankel below 1": lambda: DuFortFrankelResNet(
        5, 0.7, block=block("perona_malik"), tied=False
    ),
    "dufort-frankel": lambda: DuFortFrankelResNet(
        5, 4 / 3, block=block("charbonnier", fraction=0.5)
    ),
    "dufort-frankel at the limit": lambda: DuFortFrankelResNet(
        5, 4 / 3, block=block("perona_malik", operator=learned(2, 3, "periodic"))
    ),
    "dufort-frankel linear": lambda: DuFortFrankelResNet(7, 1.6, block=block("linear"), tied=True),
    "gates of the input": lambda: DiffusionResNet(
        3, block=gated_block(gated("charbonnier", evidence_contrast=0.7))
    ),
    "gates of the input, tied": lambda: DiffusionResNet(
        3, block=gated_block(gated("truncated_tv", coupling=0.3)), tied=True
    ),
    "gates of the input, perona-malik": lambda: DiffusionResNet(
        2, block=gated_block(gated("perona_malik"))
    ),
    "gates of the input, fsi": lambda: FSIResNet(
        1, 3, block=gated_block(gated("charbonnier", coupling=1.0)), tied=False
    ),
    "gates of the input, lifted": lambda: DuFortFrankelResNet(
        3, 0.7, block=gated_block(gated("charbonnier", coupling=1.0)), tied=True, lifting=3
    ),
    "gates of the state, coupling": lambda: DiffusionResNet(
        3, block=gated_block(gated("charbonnier", "state", evidence_contrast=0.7, coupling=0.5))
    ),
    "custom": lambda: DiffusionResNet(
        Schedule((0.5, 1.2, 0.8), (1.0, 1.3, 0.6)), block=block("charbonnier"), tied=True
    ),
    "custom frozen": lambda: DiffusionResNet(
        Schedule((1.5, 0.4, 0.8), (0.7, 1.3, 0.9), frozen=True), block=block("perona_malik")
    ),
}

# the others get positive kernels, the worst case at reflecting boundaries
SIGNED = {
    "explicit weickert periodic",
    "explicit fab coupled",
    "explicit spline",
    "explicit monotone spline",
    "explicit coupled stencil",
    "even dct neumann",
    "haar neumann",
    "fed data term",
    "dufort-frankel at the limit",
    *(name for name in MODELS if name.startswith("gates")),
}


def build(name: str, seed: int = 0) -> DiffusionResNet:
    """The model in float64 with random kernels, positive where that is the worst case."""
    positive = name not in SIGNED
    keras.utils.set_random_seed(seed)
    model = MODELS[name]()
    assert model.compute_dtype == "float64"  # a model computes in its block's precision
    rng = np.random.default_rng(seed)
    model.build((None, None, None, 1))
    for weight in model.weights:
        value = rng.normal(size=weight.shape)
        if "kernel_" in weight.path:
            value = 2 * (np.abs(value) ** 2 if positive else value)
            if positive and weight.shape[-1] > 1:
                value[..., 1:] *= 0.3
        elif "lifting" in weight.path or "head" in weight.path:
            value = 0.7 * value
        weight.assign(value)
    return model
