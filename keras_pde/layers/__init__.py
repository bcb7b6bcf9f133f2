"""One numerical step, or one of its parts, a file."""

from keras_pde.layers.diffusion_block import DiffusionBlock
from keras_pde.layers.flux_activation import FluxActivation
from keras_pde.layers.spline_flux import SplineFlux

__all__ = ["DiffusionBlock", "FluxActivation", "SplineFlux"]
