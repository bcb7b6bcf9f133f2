"""What an operator that is not ours declares is checked on samples: adjoint, bounds, support."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from keras_pde.runtime.compiling import computes_now
from keras_pde.runtime.registry import own

if TYPE_CHECKING:
    from keras_pde.operators.operator import Operator
    from keras_pde.runtime.types import Tensor

ITERATIONS, SIZE, LARGEST_GRID = 12, 9, 4096
LOOSE = 1e-3


def check_operator(operator: Operator) -> None:
    """Refuse a built operator whose adjoint, norm or support contradicts what it declares.

    The adjoint is compared by ⟨Ku, v⟩ = ⟨u, Kᵀv⟩ on random u and v, the norm with that which some
    power iterations on a small grid find: at most ‖K‖, and mostly near it. The support is compared
    with where KᵀK carries the point in the middle of that grid.

    Raises:
        ValueError: with what is declared and what is found.

    Example:
        >>> from keras_pde import ConvOperator
        >>> from keras_pde.operators.declared import check_operator
        >>> check_operator(ConvOperator(4, 3))                  # of the library: its tests check it
    """
    size = max(SIZE, operator.smallest_size) if not own(operator) else 0
    if not size or size**operator.ndim > LARGEST_GRID or not computes_now():
        return
    name, rng = type(operator).__name__, np.random.default_rng(0)
    weights = operator.weights_in_use()
    shape = (2, *(size,) * operator.ndim, operator.channels)
    u = _unit(rng.normal(size=shape))
    parts = [_value(x) for x in operator.parts(_tensor(u), weights)]
    others = [x + x.std() * rng.normal(size=x.shape) for x in parts]
    back = _value(operator.adjoint_of([_tensor(x) for x in others], weights))
    forth = sum(float((x * v).sum()) for x, v in zip(parts, others, strict=True))
    scale = np.sqrt(sum((x**2).sum() for x in parts) * sum((v**2).sum() for v in others))
    if not abs(forth - float((u * back).sum())) <= LOOSE * scale + 1e-12:
        raise ValueError(
            f"{name}.adjoint_of is not the transpose of {name}.parts, on which every theorem rests:"
            f" ⟨Ku, v⟩ = {forth:.6g} and ⟨u, Kᵀv⟩ = {float((u * back).sum()):.6g} for a random u"
            f" and v on {size} points an axis. Correct one of them."
        )
    squared = 0.0
    for _ in range(ITERATIONS):
        images = operator.parts(_tensor(u), weights)
        sizes = sum((_value(x) ** 2).sum(axis=tuple(range(1, u.ndim))) for x in images)
        squared = max(squared, float(np.max(sizes)))
        u = _unit(_value(operator.adjoint_of(images, weights)))
    declared = {
        "norm_bound": operator.norm_bound(),
        "squared_norm_bound": np.sqrt(_value(operator.squared_norm_bound(weights)).max()),
    }
    for bound, norm in declared.items():
        if not np.sqrt(squared) <= float(norm) * (1 + LOOSE):
            raise ValueError(
                f"{name}.{bound} declares ‖K‖ ≤ {float(norm):.6g}, and a state on {size} points an"
                f" axis has ‖Ku‖ = {np.sqrt(squared):.6g}‖u‖. Correct the bound: certificates would"
                " rest on it."
            )
    apart = _farthest(operator, weights, shape[1:])
    if apart > operator.support:
        raise ValueError(
            f"{name}.support declares that KᵀK joins points at most {operator.support} apart, and"
            f" on {size} points an axis it joins points {apart} apart. Correct it: large images"
            " would be cut into tiles that miss what lies beyond."
        )


def _farthest(operator: Operator, weights: list[Tensor], shape: tuple[int, ...]) -> int:
    """How far KᵀK carries the point in the middle of a grid, on the axis where it is farthest."""
    middle = tuple(n // 2 for n in shape[:-1])
    u = np.zeros((1, *shape))
    u[(0, *middle)] = 1
    found = np.abs(_value(operator.adjoint_of(operator.parts(_tensor(u), weights), weights)))[0]
    reached = np.argwhere(found.max(axis=-1) > LOOSE * found.max()) - middle
    return int(np.abs(reached).max(initial=0))


def _unit(u: np.ndarray) -> np.ndarray:
    norm = np.sqrt((u**2).sum(axis=tuple(range(1, u.ndim)), keepdims=True))
    return u / np.maximum(norm, 1e-30)


def _tensor(x: np.ndarray) -> object:
    return ops.convert_to_tensor(x, dtype="float32")


def _value(x: object) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(ops.convert_to_tensor(x), "float64")))
