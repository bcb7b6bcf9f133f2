"""What differs between backends: compiled runs, precision, loops, and a registry of named classes.

Importing it imports no backend: its functions do when they are called.
"""

from keras_pde.runtime.bounded import bounded
from keras_pde.runtime.compiling import (
    compiled,
    double_precision,
    flexible,
    fused,
    one_pass,
    run_compiled,
)

__all__ = [
    "bounded",
    "compiled",
    "double_precision",
    "flexible",
    "fused",
    "one_pass",
    "run_compiled",
]
