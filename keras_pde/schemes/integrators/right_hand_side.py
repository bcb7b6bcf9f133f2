"""RightHandSide: F(u) = Lu + N(u), with the linear part told apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from keras_pde.runtime.types import Tensor
from keras_pde.schemes.integrators import fourier
from keras_pde.schemes.integrators.complex_pair import Complex
from keras_pde.schemes.integrators.functions import resolvent_multiplier


class RightHandSide(ABC):
    r"""F(u) = Lu + N(u) of ∂ₜu = F(u), whose linear part L integrators treat on its own.

    A layer inherits it beside `keras.layers.Layer`, whose call is F. On a periodic grid a linear L
    with constant coefficients is diagonal in Fourier space, and its `multipliers` say all.
    Elsewhere a subclass gives its own `resolvent`, as by multigrid: implicit methods need no more.

    Explicit methods take any function of a state; they need no `RightHandSide`.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> from keras_pde.schemes.integrators import fourier
        >>> heat = integrators.SemiLinear(
        ...     lambda sizes: fourier.stencil_multipliers(np.array([1.0, -2.0, 1.0]), sizes)
        ... )
        >>> u = np.zeros((1, 4, 1), "float32"); u[0, 0] = 1
        >>> np.asarray(heat(ops.convert_to_tensor(u)))[0, :, 0].round(5).tolist()
        [-2.0, 1.0, 0.0, 1.0]
    """

    @property
    def written_out(self) -> bool:
        """Whether stages are no loop, because F has convolutions, see `runtime.loops`."""
        return False

    @abstractmethod
    def __call__(self, u: Tensor) -> Tensor:
        """F(u)."""

    @abstractmethod
    def nonlinear(self, u: Tensor) -> Tensor | None:
        """N(u); None where it is 0, which saves its transforms."""

    @abstractmethod
    def multipliers(self, sizes: Sequence[Any]) -> Any:
        r"""λ(ω) of L on a periodic grid.

        Args:
            sizes: the spatial sizes: integers, or scalar tensors in a program for all sizes.

        Returns:
            (\*modes, channels), where channels may be 1 for all alike, or
            (\*modes, channels, channels) for systems; the modes are those of `numpy.fft.rfftn`. A
            real or complex NumPy array, or a `Complex` of tensors.
        """

    def resolvent(self, a: float, u: Tensor) -> Callable[[Tensor], Tensor]:
        """The map v ↦ (I − aL)⁻¹v for states of the sizes of u.

        Args:
            a: ≥ 0.
            u: a state.
        """
        multiplier = fourier.Multiplier(
            resolvent_multiplier(self.multipliers(fourier.sizes_of(u)), a, len(u.shape) - 2), u
        )
        return lambda v: fourier.applied(multiplier, v)


class SemiLinear(RightHandSide):
    r"""F(u) = Lu + N(u) of two functions: the multipliers of L, and N.

    Args:
        multipliers: of the spatial sizes, as `RightHandSide.multipliers`; without a last axis for
            the channels they are for all alike.
        nonlinear: N, a function of a state; None is 0.

    Example:
        >>> from keras_pde.schemes import integrators
        >>> decay = integrators.SemiLinear(lambda sizes: -np.ones((sizes[0] // 2 + 1, 1)))
        >>> expeuler = integrators.get("exponential_euler")
        >>> u = ops.ones((1, 4, 1))
        >>> round(float(expeuler.step(u, 1.0, decay, expeuler.prepare(decay, 1.0, u))[0, 0, 0]), 5)
        0.36788
    """

    def __init__(
        self,
        multipliers: Callable[[Sequence[Any]], Any],
        nonlinear: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self._multipliers = multipliers
        self._nonlinear = nonlinear

    def multipliers(self, sizes: Sequence[Any]) -> Any:
        """λ(ω)."""
        found = Complex.of(self._multipliers(sizes))
        if len(found.real.shape) == len(sizes):
            return found.map(lambda part: part[..., None])
        return found

    def nonlinear(self, u: Tensor) -> Tensor | None:
        """N(u)."""
        return None if self._nonlinear is None else self._nonlinear(u)

    def __call__(self, u: Tensor) -> Tensor:
        """F(u), with L in Fourier space."""
        m = Complex.of(self.multipliers(fourier.sizes_of(u)))
        linear = fourier.applied(fourier.Multiplier(m, u), u)
        n = self.nonlinear(u)
        return linear if n is None else linear + n
