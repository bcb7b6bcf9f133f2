"""keras_pde: numerical methods for partial differential equations as Keras networks with proved
stability.
"""

from keras_pde import fluxes as activations
from keras_pde import schemes
from keras_pde.certificates.certificate import Certificate
from keras_pde.fluxes.coupled_spline_flux import CoupledSplineFlux
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.gated_flux import GatedFlux
from keras_pde.fluxes.spline_flux import SplineFlux
from keras_pde.layers import DiffusionBlock, ImplicitDiffusion, Lifting, Prolongation, Restriction
from keras_pde.models import (
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    FSIResNet,
    ImplicitRecurrent,
    MultigridUNet,
    plotting,
)
from keras_pde.operators import ConvOperator, Stencil
from keras_pde.presets import from_preset, list_presets
from keras_pde.runtime.version import __version__
from keras_pde.schemes import Schedule, solvers
from keras_pde.schemes.multigrid import problems, smoothers
from keras_pde.tasks.denoise.image import denoise

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
