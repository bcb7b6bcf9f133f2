"""Linear operators K with exact adjoints.

Convolution, boundary conditions, stencils and norm bounds.
"""

from keras_pde.operators.conv_operator import ConvOperator
from keras_pde.operators.dense import DenseOperator
from keras_pde.operators.finite_difference import FiniteDifference
from keras_pde.operators.graph_kernel import GraphKernel
from keras_pde.operators.lattice import Lattice
from keras_pde.operators.multilevel_kernel import MultilevelKernel
from keras_pde.operators.node_levels import NodeLevels
from keras_pde.operators.operator import Operator
from keras_pde.operators.registry import get
from keras_pde.operators.smooth_in_depth import SmoothInDepth
from keras_pde.operators.stencils import Stencil, stencil

__all__ = [
    "ConvOperator",
    "DenseOperator",
    "FiniteDifference",
    "GraphKernel",
    "Lattice",
    "MultilevelKernel",
    "NodeLevels",
    "Operator",
    "SmoothInDepth",
    "Stencil",
    "get",
    "stencil",
]
