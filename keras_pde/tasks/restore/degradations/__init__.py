"""Degradations y = A u of an image, each with its exact adjoint and an upper bound of ‖A‖.

| degradation  | A u                                        | ‖A‖                                  |
|--------------|--------------------------------------------|--------------------------------------|
| `Blur`       | convolution with any kernel, any boundary  | exact on a torus, else a bound (R3)  |
| `Mask`       | the known pixels, 0 elsewhere              | 1                                    |
| `Decimation` | antialiased, every second pixel            | exact on a torus, else a bound (R3)  |
| `Pair`       | a function of one's own, with its adjoint  | as the caller states it              |

`Degradation` says how to add one.
"""

from keras_pde.tasks.restore.degradations.blur import Blur
from keras_pde.tasks.restore.degradations.decimation import Decimation
from keras_pde.tasks.restore.degradations.degradation import Degradation
from keras_pde.tasks.restore.degradations.mask import Mask
from keras_pde.tasks.restore.degradations.pair import Pair

__all__ = ["Blur", "Decimation", "Degradation", "Mask", "Pair"]
