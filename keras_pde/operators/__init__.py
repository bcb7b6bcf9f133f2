"""Linear operators K with exact adjoints.

Convolution, boundary conditions, stencils and norm bounds.
"""

from keras_pde.operators.conv_operator import ConvOperator
from keras_pde.operators.stencils import Stencil, stencil

__all__ = ["ConvOperator", "Stencil", "stencil"]
