"""Architectures: each a numerical scheme, on one base that runs any schedule, and multigrid."""

from keras_pde.models.adversarial_estimator import AdversarialEstimator
from keras_pde.models.certified_classifier import CertifiedClassifier
from keras_pde.models.certified_segmenter import CertifiedSegmenter
from keras_pde.models.diffusion_resnet import DiffusionResNet
from keras_pde.models.dufort_frankel_resnet import DuFortFrankelResNet
from keras_pde.models.fed_resnet import FEDResNet
from keras_pde.models.fsi_resnet import FSIResNet
from keras_pde.models.implicit_recurrent import ImplicitRecurrent
from keras_pde.models.kernel_network import KernelNetwork
from keras_pde.models.kernel_propagator import KernelPropagator
from keras_pde.models.lattice_boltzmann import LatticeBoltzmann
from keras_pde.models.message_passing_network import MessagePassingNetwork
from keras_pde.models.method_of_lines import MethodOfLines
from keras_pde.models.multigrid_unet import MultigridUNet
from keras_pde.models.robust_implicit import RobustImplicit
from keras_pde.models.sinusoidal_network import SinusoidalNetwork
from keras_pde.models.spinn import SPINN

__all__ = [
    "SPINN",
    "AdversarialEstimator",
    "CertifiedClassifier",
    "CertifiedSegmenter",
    "DiffusionResNet",
    "DuFortFrankelResNet",
    "FEDResNet",
    "FSIResNet",
    "ImplicitRecurrent",
    "KernelNetwork",
    "KernelPropagator",
    "LatticeBoltzmann",
    "MessagePassingNetwork",
    "MethodOfLines",
    "MultigridUNet",
    "RobustImplicit",
    "SinusoidalNetwork",
]
