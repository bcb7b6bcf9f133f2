"""Numerical methods for partial differential equations, as Keras networks with proved stability."""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from keras_pde.runtime.quiet import import_keras_quietly, started_as_command
from keras_pde.runtime.version import __version__ as __version__

__all__ = [
    "SPINN",
    "AdversarialEstimator",
    "Certificate",
    "CertifiedClassifier",
    "CertifiedSegmenter",
    "Collision",
    "ConvOperator",
    "CoupledSplineFlux",
    "DenseOperator",
    "DiffusionBlock",
    "DiffusionResNet",
    "DuFortFrankelResNet",
    "FEDResNet",
    "FSIResNet",
    "FiniteDifference",
    "FluxActivation",
    "GatedFlux",
    "ImplicitDiffusion",
    "ImplicitRecurrent",
    "KernelNetwork",
    "KernelPropagator",
    "Lattice",
    "LatticeBoltzmann",
    "LearnedGraphKernel",
    "LearnedKernel",
    "Lifting",
    "MeshlessBasis",
    "MessagePassing",
    "MessagePassingNetwork",
    "MethodOfLines",
    "MonotoneImplicit",
    "MultigridUNet",
    "MultilevelKernel",
    "OrbitDense",
    "PolynomialRightHandSide",
    "Prolongation",
    "RBFFlux",
    "Restriction",
    "RobustImplicit",
    "Schedule",
    "Sinusoidal",
    "SinusoidalNetwork",
    "SmoothInDepth",
    "SplineFlux",
    "Stencil",
    "TwoLayerRightHandSide",
    "activations",
    "allocate",
    "calibrate",
    "callbacks",
    "certify",
    "classify",
    "degradations",
    "denoise",
    "equations",
    "evolve",
    "from_preset",
    "inpaint",
    "list_presets",
    "metrics",
    "optimizers",
    "plotting",
    "problems",
    "represent",
    "restore",
    "schemes",
    "segment",
    "smoothers",
    "solvers",
]

# Python imports this file before any file of the command keras-pde, which has to answer --help or a
# misspelt file name at once, without Keras. In the command's process alone the names therefore wait
# until one of them is asked for. Everywhere else they are here from the start, and with them the
# registration of every class, without which Keras could not load a saved network.
_asked = "__getattr__" in globals()  # true when this file runs for the second time, see below

if TYPE_CHECKING or _asked or not started_as_command(sys.orig_argv):
    from keras_pde import fluxes as activations
    from keras_pde import schemes
    from keras_pde.certificates.certificate import Certificate
    from keras_pde.certificates.certify import certify
    from keras_pde.fluxes.coupled_spline_flux import CoupledSplineFlux
    from keras_pde.fluxes.flux_activation import FluxActivation
    from keras_pde.fluxes.gated_flux import GatedFlux
    from keras_pde.fluxes.rbf_flux import RBFFlux
    from keras_pde.fluxes.spline_flux import SplineFlux
    from keras_pde.layers import (
        Collision,
        DiffusionBlock,
        ImplicitDiffusion,
        LearnedGraphKernel,
        LearnedKernel,
        Lifting,
        MeshlessBasis,
        MessagePassing,
        MonotoneImplicit,
        OrbitDense,
        PolynomialRightHandSide,
        Prolongation,
        Restriction,
        Sinusoidal,
        TwoLayerRightHandSide,
    )
    from keras_pde.models import (
        SPINN,
        AdversarialEstimator,
        CertifiedClassifier,
        CertifiedSegmenter,
        DiffusionResNet,
        DuFortFrankelResNet,
        FEDResNet,
        FSIResNet,
        ImplicitRecurrent,
        KernelNetwork,
        KernelPropagator,
        LatticeBoltzmann,
        MessagePassingNetwork,
        MethodOfLines,
        MultigridUNet,
        RobustImplicit,
        SinusoidalNetwork,
        plotting,
    )
    from keras_pde.operators import (
        ConvOperator,
        DenseOperator,
        FiniteDifference,
        Lattice,
        MultilevelKernel,
        SmoothInDepth,
        Stencil,
    )
    from keras_pde.presets import from_preset
    from keras_pde.schemes import Schedule, equations, solvers
    from keras_pde.schemes.multigrid import problems, smoothers
    from keras_pde.tasks.allocate.allocating import allocate
    from keras_pde.tasks.classify.classifying import classify
    from keras_pde.tasks.denoise.calibrating import calibrate
    from keras_pde.tasks.denoise.image import denoise
    from keras_pde.tasks.evolve.evolving import evolve
    from keras_pde.tasks.inpaint import inpaint
    from keras_pde.tasks.listing import list_presets
    from keras_pde.tasks.represent.representing import represent
    from keras_pde.tasks.restore import degradations, restore
    from keras_pde.tasks.segment.segmenting import segment
    from keras_pde.tasks.training import callbacks, metrics, optimizers

    for _name in __all__:  # so that `from keras_pde.metrics import CertifiedAccuracy` finds them
        if isinstance(globals()[_name], ModuleType):
            sys.modules.setdefault(f"{__name__}.{_name}", globals()[_name])
else:

    def __getattr__(name: str) -> object:
        """Run this file again, now with its names, because one of them is asked for (PEP 562)."""
        if name == "schemes":  # a folder, which files of the package import from here too
            return importlib.import_module("keras_pde.schemes")
        if name in __all__:
            import_keras_quietly()
            importlib.reload(sys.modules[__name__])
        if name in globals():
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
