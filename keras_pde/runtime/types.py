"""Names for what signatures speak of: tensors, shapes, precisions, and what a layer is called with.

Keras has no type for a tensor of any backend, so the names stand for `Any` and say what is meant.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # of TensorFlow, JAX, PyTorch or NumPy, or a KerasTensor
Number: TypeAlias = Any  # a Python float, or a scalar tensor where it depends on weights
Inputs: TypeAlias = Any  # a tensor, or a list of tensors
Shape: TypeAlias = tuple[int | None, ...]
DType: TypeAlias = Any  # a name such as "float32", or a Keras DTypePolicy
