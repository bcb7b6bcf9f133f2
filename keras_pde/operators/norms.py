"""Upper bounds of ‖K‖² for K = restriction · (k₁ * … * kₘ) · boundary extension.

No function estimates from below. Two facts carry the bounds from the infinite grid to a bounded
one:

* "periodic" and "dirichlet": ‖K‖² ≤ κ² = sup over frequencies of ‖k̂(ω)‖² (a sub-lattice of
  frequencies, a compression).
* "neumann": the reflected state lives on 2ⁿᵈⁱᵐ mirror images, of which K sees one, so ‖K‖² ≤ 2ⁿᵈⁱᵐ
  κ², and ‖K‖² ≤ κ² if each filter is, along every axis, even or odd about a pixel, or odd about a
  pixel edge (all images then carry equal energy). Other kernels do exceed κ: ‖K‖²/κ² is up to 2.3
  for 19 of 20 random 2×2 filters, and 4 for a diagonal shift. `reflecting_grids` narrows the gap by
  row sums of (KᵀK)^(2^j).

Each of them holds for every size, from one point an axis on.

Every function takes kernels of shape (*k, channels in, channels out), applied one after the other,
and works on NumPy arrays (xp=numpy, for certificates) and on tensors (xp=keras.ops, differentiable,
for training). This file holds what `fourier` and `reflection` share.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_pde.runtime.types import Tensor

OUTWARD = 1e-5  # float32 rounding of a bound computed in the graph


def degree(kernels: Sequence[Tensor]) -> list[int]:
    """Degree of the symbol of KᵀK along each axis: total kernel width minus 1."""
    return [
        sum(int(k.shape[axis]) - 1 for k in kernels) for axis in range(len(kernels[0].shape) - 2)
    ]


def like(constant: np.ndarray, tensor: Tensor, xp: Any) -> Tensor:
    """A constant as a tensor in the precision of another, or as it is for NumPy."""
    return constant if xp is np else xp.convert_to_tensor(constant, dtype=tensor.dtype)


def gram_iteration(gram: Tensor, iterations: int, xp: Any = np, pairs: bool = False) -> Tensor:
    """Largest eigenvalue of positive semidefinite matrices from above.

    (tr G^(2^j))^(1/2^j), j = iterations.

    Overestimates by at most n^(1/2^j) for n×n matrices; ``pairs``: every eigenvalue is known to be
    double. Source: Delattre et al., arXiv:2305.16173 (2023), here with the trace.
    """
    log_scale = 0.0
    for j in range(iterations):
        # any scale will do; under the root, as its gradient at 0 (the frequency 0 of a difference
        # stencil) would be NaN
        size = xp.sqrt(xp.sum(gram * gram, axis=(-2, -1), keepdims=True) + 1e-30)
        gram = gram / size
        log_scale = log_scale + xp.log(size[..., 0, 0]) / 2**j
        if j < iterations - 1:
            gram = xp.matmul(gram, gram)
    # tr G^(2^j) is the squared Frobenius norm of G^(2^(j−1))
    trace = xp.sum(gram * gram, axis=(-2, -1)) / (2.0 if pairs else 1.0)
    return xp.exp(log_scale + xp.log(trace + 1e-30) / 2**iterations)


def scaled_sums(absolute: Tensor, scaling: Tensor | None, xp: Any = np) -> Tensor:
    """Row sums Σⱼ|A|ᵢⱼqⱼ/qᵢ of a symmetric A from |A|: A ⪯ diag of them for every q > 0 (B1).

    Example:
        >>> from keras_pde.operators.norms import scaled_sums
        >>> absolute = np.array([[1.0, 2.0], [2.0, 4.0]])      # of rank 1: q = (1, 2) is its vector
        >>> print(scaled_sums(absolute, None), scaled_sums(absolute, np.array([1.0, 2.0])))
        [3. 6.] [5. 5.]
    """
    if scaling is None:
        return xp.sum(absolute, axis=1)
    return xp.sum(absolute * scaling, axis=1) / scaling


def absolute_sum(kernels: Sequence[Tensor], xp: Any = np) -> Tensor:
    """Young: κ² ≤ Σ over filters and channels of ‖k‖₁² (a product of these for stacked kernels)."""
    total = 1.0
    for kernel in kernels:
        total = total * xp.sum(
            xp.square(xp.sum(xp.abs(kernel), axis=tuple(range(len(kernel.shape) - 2))))
        )
    return total


def composite(kernels: Sequence[Tensor], xp: Any = np) -> Tensor:
    """The one kernel that stacked kernels amount to."""
    total = kernels[0]
    for kernel in kernels[1:]:
        out: Any = 0.0
        for place in itertools.product(*(range(int(n)) for n in kernel.shape[:-2])):
            margins = [(p, int(n) - 1 - p) for p, n in zip(place, kernel.shape[:-2], strict=True)]
            out = out + xp.pad(xp.matmul(total, kernel[place]), [*margins, (0, 0), (0, 0)])
        total = out
    return total
