"""keras_pde: numerical methods for partial differential equations as Keras networks with proved stability."""

from keras_pde import _quiet, activations, plotting, problems, schemes, smoothers, solvers  # noqa: F401
from keras_pde.layers import DiffusionBlock, FluxActivation, ImplicitDiffusion, Prolongation, Restriction, SplineFlux
from keras_pde.models import DiffusionResNet, DuFortFrankelResNet, FEDResNet, FSIResNet, ImplicitRecurrent, MultigridUNet
from keras_pde.operators import ConvOperator, Stencil
from keras_pde.presets import from_preset, list_presets
from keras_pde.schemes import Schedule
from keras_pde.stability import Certificate

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "ConvOperator",
    "DiffusionBlock",
    "DiffusionResNet",
    "DuFortFrankelResNet",
    "FEDResNet",
    "FSIResNet",
    "FluxActivation",
    "ImplicitDiffusion",
    "ImplicitRecurrent",
    "MultigridUNet",
    "Prolongation",
    "Restriction",
    "Schedule",
    "SplineFlux",
    "Stencil",
    "activations",
    "from_preset",
    "list_presets",
    "plotting",
    "problems",
    "schemes",
    "smoothers",
    "solvers",
]
