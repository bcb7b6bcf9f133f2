"""PolynomialRightHandSide: a polynomial equation as a network of convolutions and products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.amplification import Region
from keras_pde.layers.polynomial_facts import mean_of_terms, order_of_terms, reaction_of
from keras_pde.layers.right_hand_side import RightHandSideLayer
from keras_pde.layers.spectral_terms import SpectralTerms
from keras_pde.layers.stencil_terms import StencilTerms
from keras_pde.layers.symbols import eigenvalues, stacked
from keras_pde.layers.terms import Kernels, Terms
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.types import Shape, Tensor
from keras_pde.schemes import equations
from keras_pde.schemes.equations.equation import Equation
from keras_pde.schemes.integrators import fourier
from keras_pde.schemes.integrators.complex_pair import Complex

SPECTRAL = "spectral"


@keras.saving.register_keras_serializable(package="keras_pde")
class PolynomialRightHandSide(RightHandSideLayer):
    r"""F(u)_c = Σ coefficient · ∂^outer(Π ∂^{a_k} u_{c_k}): convolutions, products, convolutions.

    The right-hand side of a polynomial evolution equation by the method of lines *is* a network of
    two layers (E20): stencils, products of their results, and stencils again for what is
    conservative. Products are multiplied directly: as differences of squared ReLUs they would lose
    four digits in float32. Without ``learned`` it has no weights and is the classical scheme; with
    it, stencils are learned within their order of consistency, and so are the coefficients, and it
    starts as the classical scheme.

    Args:
        equation: a name of `keras_pde.equations`, an `Equation`, or a list of terms.
        spacing: of the points, h: one number, or one an axis.
        boundary: "periodic", "neumann" (reflecting) or "dirichlet" (zero).
        accuracy: order of the stencils, even; "spectral" for derivatives in Fourier space, on
            periodic grids, exact for trigonometric polynomials, with products freed of aliases.
        upwind: one-sided first derivatives of linear terms, on the side from which waves come: with
            accuracy 1 and small steps they keep the max-min principle.
        learned: whether stencils and coefficients are learned.

    Shapes: (batch, \*spatial, channels) → the same; the channels are a multiple of the components
    of the equation, copies of it side by side.

    Raises:
        ValueError: no equation; "spectral" on other boundaries, with upwind, or learned stencils of
            it; states of other axes.

    Source: Celledoni, Jackaman, Murari, Owren, arXiv:2305.00723 (2023).

    Example:
        >>> from keras_pde.layers import PolynomialRightHandSide
        >>> x = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        >>> F = PolynomialRightHandSide("heat", spacing=x[1], accuracy=4)
        >>> u = np.sin(x)[None, :, None]
        >>> bool(np.abs(np.array(F(u)) + u).max() < 1e-4)
        True
        >>> F.count_params()
        0
    """

    knows_spectrum = True

    def __init__(
        self,
        equation: Any = "heat",
        spacing: float | Sequence[float] = 1.0,
        boundary: str = "periodic",
        accuracy: int | str = 2,
        *,
        upwind: bool = False,
        learned: bool = False,
        **kwargs: Any,
    ) -> None:
        found = equations.get(equation)
        super().__init__(found.ndim, found.components, spacing, boundary, **kwargs)
        self.equation: Equation = found
        self.upwind = gate.flag(upwind, "upwind")
        self.learned = gate.flag(learned, "learned")
        self.accuracy: int | str = SPECTRAL
        if accuracy != SPECTRAL:
            self.accuracy = gate.whole(accuracy, 'accuracy, an order or "spectral",', low=1)
        elif boundary != "periodic" or upwind:
            raise ValueError(
                'accuracy="spectral" needs boundary="periodic" and upwind=False. Received:'
                f" boundary={boundary!r}, upwind={upwind}. Use a finite accuracy, such as 8."
            )
        self.terms = self._terms()
        self.stencils = self.terms.operators  # an attribute of its own, by which Keras finds them
        self.scales: Any = None  # of the coefficients, where they are learned

    def _terms(self) -> Terms:
        if self.accuracy == SPECTRAL:
            return SpectralTerms(self.equation, self.spacing)
        return StencilTerms(
            self.equation,
            self.spacing,
            self.boundary,
            int(self.accuracy),
            self.upwind,
            self.learned,
            self.dtype_policy,
        )

    def build(self, input_shape: Shape) -> None:
        """Create the stencils, and the factors of the coefficients where these are learned."""
        shape = tuple(input_shape)
        self.check_channels(shape, f"the input of {self.name}")
        self.terms.build(shape)
        if self.learned:
            self.scales = self.add_weight(
                shape=(len(self.terms.coefficients),),
                initializer="ones",
                autocast=False,
                name="scales",
            )
        self.built = True

    # Computation

    def weights_in_use(self) -> Any:
        """The coefficients, and the weights of each stencil."""
        return self._coefficients(), self.terms.weights_in_use()

    def evolve(self, u: Tensor, weights: Any = None) -> Tensor:
        """F(u)."""
        coefficients, kernels = self.weights_in_use() if weights is None else weights
        return self.terms.evaluate(u, coefficients, kernels)

    def nonlinear(self, u: Tensor, weights: Any = None) -> Tensor:
        """N(u) = F(u) − Lu."""
        coefficients, kernels = self.weights_in_use() if weights is None else weights
        return self.terms.evaluate(u, coefficients, kernels, linear=False)

    def _coefficients(self) -> Sequence[Any]:
        if self.scales is None:
            return self.terms.coefficients
        scales = ops.convert_to_tensor(self.scales)
        return [x * scales[i] for i, x in enumerate(self.terms.coefficients)]

    def coefficients(self) -> list[float]:
        """The coefficients in use as numbers, in the order of the stencils and products."""
        if self.scales is None:
            return list(self.terms.coefficients)
        scales = ops.convert_to_numpy(self.scales)
        pairs = zip(self.terms.coefficients, scales, strict=True)
        return [x * float(scale) for x, scale in pairs]

    def multipliers(self, sizes: Sequence[Any], copies: int = 1) -> Complex:
        r"""λ(ω) of L on a periodic grid: (\*modes, channels), or matrices over the channels.

        Args:
            sizes: of the grid.
            copies: of the equation, side by side.
        """
        found = self.terms.multipliers(sizes, self.coefficients())
        return stacked(found, copies, fourier.angles(sizes))

    # What is known of it

    @property
    def linear(self) -> bool:  # type: ignore[override]
        """Whether the equation is."""
        return self.equation.linear

    @property
    def written_out(self) -> bool:
        """Learned stencils are convolutions."""
        return self.terms.weighs

    @property
    def operators(self) -> list[Operator]:
        """The stencils."""
        return list(self.stencils)

    @property
    def reach(self) -> int | None:
        """Pixels that F looks to each side; None for all."""
        return self.terms.reach

    def kernels(self) -> Kernels | None:
        """The kernel of L from each source to each component, centred; None in Fourier space.

        Example:
            >>> from keras_pde.layers import PolynomialRightHandSide
            >>> PolynomialRightHandSide("heat", spacing=0.5).kernels()[0, 0].tolist()
            [4.0, -8.0, 4.0]
        """
        return self.terms.kernels(self.coefficients())

    def symbol(self, omega: Sequence[np.ndarray]) -> np.ndarray:
        """L on the wave e^{iω·x}: (…, components, components)."""
        return self.terms.symbol(omega, self.coefficients())

    def region(self) -> Region:
        """A region with the eigenvalues of L of one component in Fourier space."""
        return self.terms.region(self.coefficients())

    def spectrum(self, *, of_range: bool = False) -> np.ndarray:
        """Eigenvalues of L on a periodic grid, sampled; with those of F at its range if asked."""
        omega = self.frequencies()
        found = [eigenvalues(self.symbol(omega))]
        for state in self.equation.corners() if of_range and not self.linear else ():
            terms = self.equation.linearised(state)
            if {t.component for t in terms} == set(range(self.components)):
                tangent = self._of(Equation(terms, self.ndim))
                found.append(eigenvalues(tangent.symbol(omega)))
        return np.concatenate(found)

    def _of(self, equation: Equation) -> PolynomialRightHandSide:
        """The classical right-hand side of another equation on the same grid."""
        return PolynomialRightHandSide(
            equation, self.spacing, self.boundary, self.accuracy, upwind=self.upwind
        )

    def alternates(self) -> bool:
        """Whether each half of the components is driven by the other half alone, as of waves."""
        half, odd = divmod(self.components, 2)
        pairs = [(t.component, c) for t in self.equation.terms for c, _ in t.factors]
        return not odd and all((a < half) != (b < half) for a, b in pairs)

    def lines(self) -> list[str]:
        """The equation and how its derivatives are computed, for ``print(model)``."""
        how = (
            "in Fourier space"
            if self.accuracy == SPECTRAL
            else f"by differences of order {self.accuracy}{', upwind' * self.upwind}"
        )
        steps = " × ".join(f"{h:.4g}" for h in dict.fromkeys(self.spacing))
        more = ", learned" if self.learned else ""
        return [
            f"  equation         {self.equation}",
            f"  derivatives      {how}{more}; spacing {steps}, {self.boundary} boundary",
        ]

    def order_in_space(self) -> tuple[float | None, str]:
        """The lowest order of the stencils in use, read off their kernels (E22)."""
        if self.accuracy == SPECTRAL:
            return math.inf, "derivatives in Fourier space are exact for trigonometric polynomials"
        return order_of_terms(self)

    def mean_kept(self) -> tuple[bool, str]:
        """Whether all kernels have the sum 0 and all products are in conservative form (E23)."""
        return mean_of_terms(self)

    def reaction(self) -> np.ndarray | None:
        """The coefficients, lowest first, of p where F(u) = Du + p(u) with derivatives Du.

        None where products have derivatives, or there are more components than one.
        """
        return reaction_of(self)

    def example_range(self) -> list[tuple[float, float]]:
        """The ranges of the equation."""
        return [(low, high) for low, high in self.equation.ranges]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "equation": keras.saving.serialize_keras_object(self.equation),
            "accuracy": self.accuracy,
            "upwind": self.upwind,
            "learned": self.learned,
        }

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**config)
