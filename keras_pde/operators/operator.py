"""Operator: the interface of a linear operator K, with its exact adjoint and bounds of its norm."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.operators.rounding import RoundingErrors
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.precision import at_least_float32
from keras_pde.runtime.types import Number, Shape, Tensor


class Operator(Gated):
    r"""Linear operator u ↦ K u with ⟨Ku, v⟩ = ⟨u, Kᵀv⟩ to rounding, and an upper bound of ‖K‖.

    A theorem about a diffusion step u − τKᵀΦ(Ku) needs two things of K: the exact adjoint, and a
    bound κ ≥ ‖K‖ that holds for every weight and every size. So `keras_pde.DiffusionBlock` and
    `keras_pde.ImplicitDiffusion` take any operator.

    A subclass gives

    * ``build``, which sets ``ndim`` (spatial axes), ``channels`` (of u) and ``rows`` (of Ku);
    * ``parts`` and ``adjoint_of``, which are each other's transpose;
    * ``squared_norm_bound`` and ``norm_bound``;
    * ``compute_weights`` where it has weights, and ``fixed`` where it has none;
    * ``max_norm_bound``, ``row_sums`` and ``rounding_errors`` for what needs them: contractions in
      the maximum norm, steps per channel, and certificates in 16 bits.

    Args:
        activity_regularizer, trainable, dtype, autocast, name: as of any Keras layer.

    Shapes: (batch, \*spatial, channels) → (batch, \*spatial, rows).

    Raises:
        ValueError: a bound is asked for that the operator does not state.

    Source: symmetric residual blocks: Ruthotto, Haber, arXiv:1804.04272 (2018); Alt et al.,
    arXiv:2103.15419 (2021).

    Attributes:
        ndim: number of spatial axes, once built.
        channels: numbers of u at a point, once built.
        rows: numbers of Ku at a point, once built.
        boundary: what stands beyond the boundary, None where K does not look at neighbours.
        held: the weights in use as numbers, while `held_constant` holds them.

    Example:
        >>> from keras_pde.operators.operator import Operator
        >>> class Double(Operator):
        ...     fixed = True
        ...     def build(self, input_shape):
        ...         self.ndim = len(input_shape) - 2
        ...         self.channels = self.rows = input_shape[-1]
        ...         self.built = True
        ...     def parts(self, u, weights=None):
        ...         return [2 * u]
        ...     def adjoint_of(self, parts, weights=None):
        ...         return 2 * parts[0]
        ...     def squared_norm_bound(self, weights=None):
        ...         return 4.0
        ...     def norm_bound(self):
        ...         return 2.0
        >>> import keras_pde
        >>> block = keras_pde.DiffusionBlock(Double(), "charbonnier", step_size=0.5)
        >>> block.build((None, 8, 1))
        >>> block.certificate().norm_stable
        True
    """

    ndim: int
    channels: int
    rows: int
    boundary: str | None = None
    held: list[np.ndarray] | None = None

    @property
    def fixed(self) -> bool:
        """Whether K has no weights."""
        return False

    @property
    def bound_is_constant(self) -> bool:
        """Whether the bound of ‖K‖ does not change with the weights."""
        return self.fixed

    @property
    def sliced(self) -> bool:
        """Whether K and Kᵀ are slices and sums, which XLA fuses with what is pointwise around them.

        Loops of such steps are compiled as loops, all others are written out.
        """
        return False

    @property
    def prefers_xla(self) -> bool:
        """Whether XLA is the faster way to run K and Kᵀ on a CPU, once built."""
        return self.fixed

    @property
    def support(self) -> int:
        """How far apart points are at most that KᵀK joins: the width of K − 1."""
        return 0

    @property
    def smallest_size(self) -> int:
        """Spatial size an axis from which the bound of the norm holds: 1, for every size.

        An operator whose bound fails on smaller grids says so here, and certificates assume it.
        """
        return 1

    @property
    def description(self) -> str:
        """K in words, for ``print(model)``."""
        return type(self).__name__

    @property
    def ranks(self) -> Collection[int] | None:
        """Numbers of axes that a state may have: those that K was built for; None allows any."""
        return (self.ndim + 2,) if self.built else None

    def check_call(self, u: Tensor = None, **_: Any) -> None:
        """Refuse what is no state of real floats with the axes and channels K was built for."""
        self.check_state(u, f"u of {self.name}")

    def check_state(self, u: Tensor, name: str) -> None:
        """Refuse what is no state u of K; the argument's name is for the message."""
        gate.tensor(u, name, ranks=self.ranks, channels=self.channels if self.built else None)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Spatial sizes kept, ``rows`` numbers at a point."""
        return (*input_shape[:-1], self.rows)

    def compute_weights(self) -> list[Tensor]:
        """The weights as K applies them (zero-mean, normalised, ...), in at least float32."""
        return []

    def weights_in_use(self) -> list[Tensor]:
        """The weights as K applies them, in at least float32; a call rounds them once.

        Compute once for many calls.
        """
        if self.held is not None:
            return [at_least_float32(ops.convert_to_tensor(w)) for w in self.held]
        return self.compute_weights()

    @contextlib.contextmanager
    def held_constant(self) -> Iterator[None]:
        """While an export traces K, its weights are numbers.

        The artifact need not compute them, nor a bound of their norm, at each call.
        """
        if self.fixed:
            yield
            return
        self.held = [ops.convert_to_numpy(w) for w in self.weights_in_use()]
        try:
            yield
        finally:
            self.held = None

    def parts(self, u: Tensor, weights: list[Tensor] | None = None) -> list[Tensor]:
        r"""Ku as a list of tensors whose channels follow one another; most operators return one.

        Args:
            u: (batch, \*spatial, channels).
            weights: what `weights_in_use` returned, where it is computed once for many calls.
        """
        raise NotImplementedError

    def adjoint_of(self, parts: list[Tensor], weights: list[Tensor] | None = None) -> Tensor:
        """Kᵀ of the parts: the exact transpose of `parts`."""
        raise NotImplementedError

    def call(self, u: Tensor) -> Tensor:
        """K u."""
        parts = self.parts(u)
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, -1)

    def adjoint(self, v: Tensor) -> Tensor:
        """Kᵀ v.

        Raises:
            ValueError: K is not built; v has not its rows.
        """
        if not self.built:
            raise ValueError(f"{self.name} is not built: call it first, or build(input_shape)")
        gate.tensor(v, f"v of {self.name}", ranks=self.ranks, channels=self.rows)
        v = ops.convert_to_tensor(v)
        parts = ops.split(v, v.shape[-1] // self.channels, -1) if self.sliced else [v]
        return self.adjoint_of(parts)

    def respace(self, factors: Sequence[float]) -> None:
        """Become the operator for data whose points are so many times further apart on each axis.

        Raises:
            ValueError: it does not say what it is there.
        """
        raise ValueError(f"{type(self).__name__} does not say what it is on another spacing")

    def squared_norm_bound(self, weights: list[Tensor] | None = None) -> Number:
        """Upper bound of ‖K‖², differentiable.

        A Python number where `bound_is_constant`, else a tensor.
        """
        raise NotImplementedError

    def norm_bound(self) -> float:
        """Upper bound of ‖K‖, in float64, for every size from `smallest_size` on."""
        raise NotImplementedError

    def certified_squared_norm(self) -> float:
        """Upper bound of ‖K‖² for certificates.

        Of a fixed K it is not the root squared, whose rounding would make a step at the limit look
        unstable.
        """
        return float(self.squared_norm_bound()) if self.fixed else self.norm_bound() ** 2

    def row_weighing(self, points: int) -> tuple[np.ndarray, Callable[[np.ndarray], float]] | None:
        """(k̂, w ↦ an upper bound of ‖diag(w)K‖ for weights w > 0 of the rows).

        k̂ at so many frequencies an axis, (frequencies, rows, channels), suggests the weights. None
        where K weighs no rows.
        """
        return None

    def max_norm_bound(self) -> float:
        """Upper bound of ‖K‖∞ = sup max|Ku|/max|u| for every spatial size, in float64."""
        raise NotImplementedError(f"{type(self).__name__} states no bound of ‖K‖∞")

    def row_sums(self, weights: list[Tensor], scaling: Tensor | None = None) -> Tensor:
        """Row sums Σⱼ|KKᵀ|ᵢⱼqⱼ/qᵢ, row by row, in at least float32: KKᵀ ⪯ diag of them (B1).

        Args:
            weights: what `weights_in_use` returned.
            scaling: q > 0, a number for each row; 1 for all unless given.

        Raises:
            ValueError: the operator has none.
        """
        raise ValueError(
            f"{type(self).__name__} has no row sums, which step_size='per_channel' and 'scaled'"
            " need. Use 'auto'."
        )

    def rounding_errors(self, unit: float) -> RoundingErrors:
        """Bounds of the errors of K in 16 bits with the unit roundoff γ.

        Raises:
            ValueError: the operator states none.
        """
        raise ValueError(
            f"{type(self).__name__} does not say how it rounds, so there is no certificate in 16"
            " bits. Use dtype='float32'."
        )
