"""TwoLayerRightHandSide: convolution, ReLU, convolution, learned from data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde.layers.right_hand_side import RightHandSideLayer, spacings
from keras_pde.layers.stencil_terms import StencilTerms
from keras_pde.layers.symbols import sum_of
from keras_pde.operators.conv_operator import ConvOperator
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.types import Shape, Tensor
from keras_pde.schemes import equations


@keras.saving.register_keras_serializable(package="keras_pde")
class TwoLayerRightHandSide(RightHandSideLayer):
    r"""F(u) = s·K₂Φ(K₁u + b): a right-hand side of two convolutions with ReLUs between, learned.

    Each right-hand side of derivatives and their products is such a network, with squared ReLUs for
    the products: relu(x) − relu(−x) = x, relu(x)² + relu(−x)² = x², and
    ab = ((a + b)² − (a − b)²)/4. So a handful of filters suffice, to be found from data. The
    increments of data are small beside their values: train on increments divided by their standard
    deviation, and give s = that over Δt, so that the weights are of the size 1.

    Cost: two convolutions. F is Lipschitz with |s|‖K₂‖‖K₁‖ where no ReLU is squared.

    Args:
        filters: channels between the convolutions.
        kernel_size: width of both convolutions.
        squares: how many of the filters have a squared ReLU.
        scale: s.
        ndim: number of spatial axes.
        components: channels of the state.
        boundary: "periodic", "neumann" (reflecting) or "dirichlet" (zero).

    Shapes: (batch, \*spatial, components) → the same.

    Raises:
        ValueError: more squares than filters; a scale that is 0.

    Source: Celledoni, Jackaman, Murari, Owren, arXiv:2305.00723 (2023).

    Example:
        >>> from keras_pde import MethodOfLines
        >>> from keras_pde.layers import TwoLayerRightHandSide
        >>> net = MethodOfLines(TwoLayerRightHandSide(2, 5, ndim=2), "euler", dt=0.1)
        >>> tuple(net(np.zeros((1, 24, 24, 1))).shape), net.count_params()
        ((1, 24, 24, 1), 102)
    """

    learned = True

    def __init__(
        self,
        filters: int = 2,
        kernel_size: int = 5,
        *,
        squares: int = 0,
        scale: float = 1.0,
        ndim: int = 1,
        components: int = 1,
        boundary: str = "periodic",
        **kwargs: Any,
    ) -> None:
        super().__init__(ndim, components, boundary=boundary, **kwargs)
        self.filters = gate.count(filters, "filters")
        self.kernel_size = gate.count(kernel_size, "kernel_size", high=63)
        self.squares = gate.whole(squares, "squares", low=0, high=self.filters)
        self.scale = gate.number(scale, "scale")
        if not self.scale:
            raise ValueError("scale must not be 0, by which F would be 0. Received: scale=0")
        options = {"boundary": boundary, "initializer": "he_normal", "dtype": self.dtype_policy}
        self.first = ConvOperator(self.filters, self.kernel_size, name="first", **options)
        self.second = ConvOperator(self.components, self.kernel_size, name="second", **options)
        self.bias: Any = None

    def build(self, input_shape: Shape) -> None:
        """Create the kernels and the bias."""
        shape = tuple(input_shape)
        self.check_channels(shape, f"the input of {self.name}")
        self.first.build(shape)
        self.second.build((*shape[:-1], self.filters))
        self.bias = self.add_weight(
            shape=(self.filters,), initializer="zeros", autocast=False, name="bias"
        )
        self.built = True

    def check_channels(self, shape: Shape, name: str) -> None:
        """Refuse another number of channels than the components."""
        if len(shape) != self.ndim + 2 or shape[-1] != self.components:
            raise ValueError(
                f"{name} is (batch, *spatial, channels) in {self.ndim}-D with {self.components}"
                f" channel{'s' * (self.components > 1)}. Received: shape {shape}"
            )

    def weights_in_use(self) -> Any:
        """The kernels and the bias."""
        return self.first.weights_in_use(), self.bias, self.second.weights_in_use()

    def evolve(self, u: Tensor, weights: Any = None) -> Tensor:
        """F(u)."""
        first, bias, second = self.weights_in_use() if weights is None else weights
        (inner,) = self.first.parts(u, first)
        inner = ops.relu(inner + ops.cast(bias, u.dtype))
        if self.squares:
            plain = inner[..., : self.filters - self.squares]
            squared = inner[..., self.filters - self.squares :]
            inner = ops.concatenate([plain, squared * squared], -1)
        # not s times the result: TensorFlow 2.21 crashes where it fuses two factors with it
        (change,) = self.second.parts(self.scale * inner, second)
        return change

    # What is known of it

    @property
    def written_out(self) -> bool:
        """It has convolutions."""
        return True

    @property
    def operators(self) -> list[Operator]:
        """The two convolutions."""
        return [self.first, self.second]

    @property
    def reach(self) -> int | None:
        """Pixels that F looks to each side."""
        return 2 * (self.kernel_size // 2)

    def lipschitz(self) -> float:
        """A Lipschitz constant of F; inf where a ReLU is squared."""
        if self.squares:
            return math.inf
        return abs(self.scale) * self.first.norm_bound() * self.second.norm_bound()

    def lines(self) -> list[str]:
        """The network in a line, for ``print(model)``."""
        squares = f", {self.squares} of them squared" if self.squares else ""
        return [
            f"  right-hand side  convolution, ReLU, convolution: {self.filters} filters of width"
            f" {self.kernel_size}{squares}, {self.boundary} boundary"
        ]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config()
        del config["spacing"]
        return {
            **config,
            **sharing.mark_of(self),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "squares": self.squares,
            "scale": self.scale,
            "ndim": self.ndim,
            "components": self.components,
        }

    @classmethod
    def from_equation(
        cls,
        equation: Any,
        spacing: float | Sequence[float] = 1.0,
        boundary: str = "periodic",
        accuracy: int = 2,
        dtype: Any = None,
    ) -> Self:
        """The network that is the finite-difference right-hand side of an equation, exactly.

        Two filters for the linear part, two for each square, four for each product. In float32 the
        differences of squares lose four digits; `PolynomialRightHandSide` multiplies directly.

        Args:
            equation: as of `PolynomialRightHandSide`, of one component and at most two factors.
            spacing: of the points: one number, or one an axis.
            boundary: "periodic", "neumann" or "dirichlet".
            accuracy: order of the stencils.
            dtype: of the layer.

        Raises:
            ValueError: an equation that is no such network.

        Example:
            >>> from keras_pde.layers import TwoLayerRightHandSide
            >>> layer = TwoLayerRightHandSide.from_equation("heat")
            >>> print(np.array(layer(np.array([[[0.0], [1.0], [0.0], [0.0]]])))[0, :, 0])
            [ 1. -2.  1.  0.]
        """
        found = equations.get(equation)
        terms = [t for t in found.terms if not t.linear]
        if found.components > 1 or any(len(t.factors) != 2 or any(t.outer) for t in terms):
            raise ValueError(
                "Two layers are linear terms and products of two factors, of one component."
                f" Received: {found}"
            )
        plan = StencilTerms(found, spacings(spacing, found.ndim), boundary, accuracy)
        linear = plan.kernels(plan.coefficients).get((0, 0), np.zeros((1,) * found.ndim))
        inner, outer = [linear, -linear], [1.0, -1.0]
        for term, (a, b) in zip(terms, plan.factor_kernels(), strict=True):
            x = term.coefficient
            halves = [(a, x)] if a is b else [(sum_of(a, b), x / 4), (sum_of(a, -b), -x / 4)]
            for kernel, beta in halves:
                inner, outer = [*inner, kernel, -kernel], [*outer, beta, beta]
        width = max(max(kernel.shape) for kernel in inner)
        zero = np.zeros((width,) * found.ndim)
        layer = cls(
            len(inner),
            width,
            squares=len(inner) - 2,
            ndim=found.ndim,
            boundary=boundary,
            dtype=dtype,
        )
        layer.build((None,) * (found.ndim + 1) + (1,))
        first = np.stack([sum_of(zero, kernel) for kernel in inner], -1)[..., None, :]
        second = np.zeros((*zero.shape, len(outer), 1))
        second[(width // 2,) * found.ndim] = np.array(outer)[:, None]
        layer.first.set_weights([first])
        layer.second.set_weights([second])
        return layer
