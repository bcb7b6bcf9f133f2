"""InUse: a right-hand side as integrators take it, with its weights computed once for all steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pde.layers.polynomial_right_hand_side import PolynomialRightHandSide
from keras_pde.layers.right_hand_side import RightHandSideLayer
from keras_pde.runtime.precision import at_least_float32, narrow, point_mean
from keras_pde.runtime.types import Tensor
from keras_pde.schemes import equations
from keras_pde.schemes.integrators import RightHandSide
from keras_pde.schemes.integrators.fourier import shaped_like


class Projection(ABC):
    """What a step keeps: right-hand sides are projected, and steps corrected.

    Example:
        >>> from keras_pde.models.right_hand_side_in_use import CONSERVED
        >>> u = ops.convert_to_tensor([[[1.0], [2.0]]])
        >>> float(ops.mean(CONSERVED["mean"].projected(u, u)))
        0.0
    """

    @abstractmethod
    def projected(self, change: Tensor, u: Tensor) -> Tensor:
        """The part of F(u) that does not change the quantity."""

    @abstractmethod
    def corrected(self, after: Tensor, u: Tensor) -> Tensor:
        """A state near ``after`` with the quantity of u."""


class Mean(Projection):
    """The mean of each channel over all points."""

    def projected(self, change: Tensor, u: Tensor) -> Tensor:
        """F − mean F."""
        wide = at_least_float32(change)
        return narrow(wide - point_mean(wide), change)

    def corrected(self, after: Tensor, u: Tensor) -> Tensor:
        """u⁺ − mean u⁺ + mean u."""
        wide, before = at_least_float32(after), at_least_float32(u)
        return narrow(wide + (point_mean(before) - point_mean(wide)), after)


class Norm(Projection):
    """The Euclidean norm over all points and channels of a sample."""

    def projected(self, change: Tensor, u: Tensor) -> Tensor:
        """F − u⟨u, F⟩/⟨u, u⟩."""
        wide, (state, _) = at_least_float32(change), _direction(at_least_float32(u))
        share = _over_sample(state * wide) / _positive(_over_sample(state * state))
        return narrow(wide - share * state, change)

    def corrected(self, after: Tensor, u: Tensor) -> Tensor:
        """u⁺‖u‖/‖u⁺‖; u where u⁺ is 0."""
        before = at_least_float32(u)
        direction, size = _direction(at_least_float32(after))
        found = ops.where(size > 0, direction * _norm(before) / _norm(direction), before)
        return narrow(found, after)


CONSERVED: dict[str, Projection] = {"mean": Mean(), "norm": Norm()}


def _over_sample(u: Tensor) -> Tensor:
    return ops.sum(u, axis=tuple(range(1, len(u.shape))), keepdims=True)


def _direction(u: Tensor) -> tuple[Tensor, Tensor]:
    """u over its largest magnitude, whose squares neither over- nor underflow; and that."""
    axes = tuple(range(1, len(u.shape)))
    size = ops.stop_gradient(ops.max(ops.abs(u), axis=axes, keepdims=True))
    return u / _positive(size), size


def _norm(u: Tensor) -> Tensor:
    """The norm of each sample, with a gradient at 0 too."""
    direction, size = _direction(u)
    return size * ops.sqrt(_positive(_over_sample(direction * direction)))


def _positive(x: Tensor) -> Tensor:
    """x, or 1 where it is 0."""
    return ops.where(x > 0, x, ops.ones_like(x))


class InUse(RightHandSide):
    """F(u) of a layer, projected where a quantity is kept.

    Args:
        layer: the right-hand side.
        u: a state, of which the number of channels counts.
        conserve: what its projection keeps; None for none.

    Example:
        >>> from keras_pde.layers import PolynomialRightHandSide
        >>> from keras_pde.models.right_hand_side_in_use import InUse
        >>> u = ops.convert_to_tensor(np.arange(4.0)[None, :, None])
        >>> layer = PolynomialRightHandSide("heat")
        >>> layer.build((None, None, 1))
        >>> np.asarray(InUse(layer, u)(u))[0, :, 0].tolist()
        [4.0, 0.0, 0.0, -4.0]
    """

    def __init__(self, layer: RightHandSideLayer, u: Tensor, conserve: str | None = None) -> None:
        self.layer = layer
        self.copies = int(u.shape[-1]) // layer.components
        self.projection = None if conserve is None else CONSERVED[conserve]
        self.weights = layer.weights_in_use()

    @property
    def written_out(self) -> bool:
        """Whether the layer has convolutions."""
        return self.layer.written_out

    def __call__(self, u: Tensor) -> Tensor:
        """F(u)."""
        change = shaped_like(self.layer.evolve(u, self.weights), u)
        return change if self.projection is None else self.projection.projected(change, u)

    def nonlinear(self, u: Tensor) -> Tensor | None:
        """N(u); None where it is 0."""
        if self.layer.linear:
            return None
        return shaped_like(self.layer.nonlinear(u, self.weights), u)

    def multipliers(self, sizes: Sequence[Any]) -> Any:
        """λ(ω) of L."""
        return self.layer.multipliers(sizes, self.copies)


def layer_of(right_hand_side: Any, dtype: Any) -> RightHandSideLayer:
    """The layer that is meant: given, by its configuration, or of an equation."""
    if isinstance(right_hand_side, dict) and "class_name" in right_hand_side:
        right_hand_side = keras.saving.deserialize_keras_object(right_hand_side)
    if not isinstance(right_hand_side, RightHandSideLayer):
        return PolynomialRightHandSide(equations.get(right_hand_side), dtype=dtype)
    return right_hand_side
