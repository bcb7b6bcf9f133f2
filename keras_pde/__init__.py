"""keras_pde: numerical methods for partial differential equations as Keras networks with proved stability."""

from keras_pde import _quiet, activations, plotting, problems, schemes, smoothers, solvers  # noqa: F401
from keras_pde.denoising import denoise
from keras_pde.layers import (
    CoupledSplineFlux,
    DiffusionBlock,
    FluxActivation,
    GatedFlux,
    ImplicitDiffusion,
    Lifting,
    Prolongation,
    Restriction,
    SplineFlux,
)
from keras_pde.models import DiffusionResNet, DuFortFrankelResNet, FEDResNet, FSIResNet, ImplicitRecurrent, MultigridUNet
from keras_pde.operators import ConvOperator, Stencil
from keras_pde.presets import from_preset, list_presets
from keras_pde.schemes import Schedule
from keras_pde.stability import Certificate

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "ConvOperator",
    "CoupledSplineFlux",
    "DiffusionBlock",
    "DiffusionResNet",
    "DuFortFrankelResNet",
    "FEDResNet",
    "FSIResNet",
    "FluxActivation",
    "GatedFlux",
    "ImplicitDiffusion",
    "ImplicitRecurrent",
    "Lifting",
    "MultigridUNet",
    "Prolongation",
    "Restriction",
    "Schedule",
    "SplineFlux",
    "Stencil",
    "activations",
    "denoise",
    "from_preset",
    "list_presets",
    "plotting",
    "problems",
    "schemes",
    "smoothers",
    "solvers",
]
