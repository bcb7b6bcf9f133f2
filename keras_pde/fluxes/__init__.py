"""Fluxes Φ(s) = g(s²)s of nonlinear diffusion, as Keras activations.

A flux is an activation function that knows its mathematics: the diffusivity g, the potential ψ with
ψ′ = Φ, and the bounds on g and on Φ′ from which every guarantee of this library is computed. All
fluxes scale with their contrast λ > 0,

    Φ(s; λ) = λ Φ(s/λ; 1),    g(s²; λ) = g(s²/λ²; 1),    ψ(s; λ) = λ² ψ(s/λ; 1),

so the bounds do not depend on λ: learning the contrast never costs a guarantee.

| flux                     | monotone | inf Φ′            | shape                                  |
|--------------------------|----------|-------------------|----------------------------------------|
| linear                   | yes      | 1                 | identity                               |
| charbonnier              | yes      | 0                 | smooth clipping at λ                   |
| truncated_tv (Huber)     | yes      | 0                 | clipping at λ                          |
| perona_malik             | no       | −1/8              | rises to λ/2 at λ, falls like λ²/s     |
| perona_malik_exponential | no       | −2exp(−3/2)       | rises to 0.6065λ at λ, falls to 0      |
| weickert                 | no       | 1 − 8exp(−7/8)    | identity, then a steep fall to 0       |
| truncated_bfb            | no       | −1                | identity up to λ, then λ²/s            |
| fab                      | no       | −1.142 (kappa=2)  | negative beyond λ: backward diffusion  |
| relu                     | yes      | 0                 | max(s, 0); not odd                     |
| smooth_relu              | yes      | 0                 | from −λ to s − λ; not odd              |
"""

from keras_pde.fluxes.classical import (
    Charbonnier,
    Linear,
    PeronaMalik,
    PeronaMalikExponential,
    TruncatedBFB,
    TruncatedTV,
    Weickert,
)
from keras_pde.fluxes.coupled_spline_flux import CoupledSplineFlux
from keras_pde.fluxes.fab import FAB
from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.gated_flux import GatedFlux
from keras_pde.fluxes.rbf_flux import RBFFlux
from keras_pde.fluxes.registry import (
    charbonnier,
    fab,
    get,
    linear,
    perona_malik,
    perona_malik_exponential,
    relu,
    serialize,
    smooth_relu,
    truncated_bfb,
    truncated_tv,
    weickert,
)
from keras_pde.fluxes.relu import ReLU
from keras_pde.fluxes.smooth_relu import SmoothReLU
from keras_pde.fluxes.spline_flux import SplineFlux

__all__ = [
    "FAB",
    "Charbonnier",
    "CoupledSplineFlux",
    "Flux",
    "FluxActivation",
    "GatedFlux",
    "Linear",
    "PeronaMalik",
    "PeronaMalikExponential",
    "RBFFlux",
    "ReLU",
    "SmoothReLU",
    "SplineFlux",
    "TruncatedBFB",
    "TruncatedTV",
    "Weickert",
    "charbonnier",
    "fab",
    "get",
    "linear",
    "perona_malik",
    "perona_malik_exponential",
    "relu",
    "serialize",
    "smooth_relu",
    "truncated_bfb",
    "truncated_tv",
    "weickert",
]
