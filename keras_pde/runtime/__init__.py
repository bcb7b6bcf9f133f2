"""What differs between backends.

Compiled runs, precision, loops, and the registry of named classes.
"""

from keras_pde.runtime import quiet  # noqa: F401  first: TensorFlow logs when it is imported
from keras_pde.runtime.compiling import (
    compiled,
    double_precision,
    flexible,
    fused,
    one_pass,
    run_compiled,
)

__all__ = ["compiled", "double_precision", "flexible", "fused", "one_pass", "run_compiled"]
