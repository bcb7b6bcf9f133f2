"""Pictures of fluxes, kernels, schemes, evolutions and certificates, by matplotlib.

Every function takes ``ax=``, draws into it, and returns the axes it has drawn into: one, or an
array of them where there are several panels. Without ``ax`` there is a new figure, which is
``axes.figure``. ``pip install 'keras-pde[plot]'`` brings matplotlib.
"""

from keras_pde.models.plotting.certificate import plot_certificate
from keras_pde.models.plotting.comparison import plot_comparison
from keras_pde.models.plotting.evolution import animate_evolution, plot_energy, plot_evolution
from keras_pde.models.plotting.fluxes import plot_fluxes, plot_learned_fluxes
from keras_pde.models.plotting.kernels import plot_kernels, plot_spectra
from keras_pde.models.plotting.levels import plot_levels
from keras_pde.models.plotting.schemes import plot_amplification, plot_convergence

__all__ = [
    "animate_evolution",
    "plot_amplification",
    "plot_certificate",
    "plot_comparison",
    "plot_convergence",
    "plot_energy",
    "plot_evolution",
    "plot_fluxes",
    "plot_kernels",
    "plot_learned_fluxes",
    "plot_levels",
    "plot_spectra",
]
