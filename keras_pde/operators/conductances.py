"""−∇·(c∇u) by numbers c on the edges between the points of a grid."""

from __future__ import annotations

from keras import ops

from keras_pde.operators.boundary import cut, zeros_around
from keras_pde.runtime.types import Tensor


def laplacian(u: Tensor, flows: list[Tensor]) -> Tensor:
    """−∇·(c∇u) of inner points times the squared spacing, u = 0 at the walls.

    Example:
        >>> from keras_pde.operators.conductances import laplacian
        >>> u = np.float32([1, 2, 1])[None, :, None]
        >>> print(np.array(laplacian(u, [np.ones((1, 4, 1), "float32")]))[0, :, 0])
        [0. 2. 0.]
    """
    total = None
    for axis, flow in enumerate(flows, start=1):
        wide = zeros_around(u, axis, 1, 1)
        along = ops.convert_to_tensor(flow) * (cut(wide, axis, 1, None) - cut(wide, axis, None, -1))
        part = cut(along, axis, None, -1) - cut(along, axis, 1, None)
        total = part if total is None else total + part
    return total


def diagonal_of(flows: list[Tensor]) -> Tensor:
    """The diagonal of `laplacian`: the sum of c over the edges of each inner point.

    Example:
        >>> from keras_pde.operators.conductances import diagonal_of
        >>> print(diagonal_of([np.float32([1, 2, 3])[None, :, None]])[0, :, 0])
        [3. 5.]
    """
    parts = [cut(c, k, None, -1) + cut(c, k, 1, None) for k, c in enumerate(flows, start=1)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
