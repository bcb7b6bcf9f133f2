"""One numerical step, or one of its parts, a file."""

from keras_pde.fluxes.coupled_spline_flux import CoupledSplineFlux
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.gated_flux import GatedFlux
from keras_pde.fluxes.rbf_flux import RBFFlux
from keras_pde.fluxes.spline_flux import SplineFlux
from keras_pde.layers.collision import Collision
from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.implicit_diffusion import ImplicitDiffusion
from keras_pde.layers.learned_graph_kernel import LearnedGraphKernel
from keras_pde.layers.learned_kernel import LearnedKernel
from keras_pde.layers.lifting import Lifting
from keras_pde.layers.meshless_basis import MeshlessBasis
from keras_pde.layers.message_passing import MessagePassing
from keras_pde.layers.monotone_implicit import MonotoneImplicit
from keras_pde.layers.orbit_dense import OrbitDense
from keras_pde.layers.polynomial_right_hand_side import PolynomialRightHandSide
from keras_pde.layers.sinusoidal import Sinusoidal
from keras_pde.layers.transfer import Prolongation, Restriction
from keras_pde.layers.two_layer_right_hand_side import TwoLayerRightHandSide

__all__ = [
    "Collision",
    "CoupledSplineFlux",
    "DiffusionBlock",
    "FluxActivation",
    "GatedFlux",
    "ImplicitDiffusion",
    "LearnedGraphKernel",
    "LearnedKernel",
    "Lifting",
    "MeshlessBasis",
    "MessagePassing",
    "MonotoneImplicit",
    "OrbitDense",
    "PolynomialRightHandSide",
    "Prolongation",
    "RBFFlux",
    "Restriction",
    "Sinusoidal",
    "SplineFlux",
    "TwoLayerRightHandSide",
]
