"""Sinusoidal: a dense layer with the activation sin(ω ·)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified, uncertified
from keras_pde.certificates.linear_layers import linear
from keras_pde.operators.initializing import initializer_of
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.precision import at_least_float32, narrow, product, unit_roundoff
from keras_pde.runtime.printed import rounded
from keras_pde.runtime.types import Shape, Tensor

OUTWARD = 1 + 1e-12  # rounding of float64


def lipschitz_bound(kernel: Any, omega: Any) -> float:
    """ω‖W‖ by the singular values of W, which bounds how fast sin(ω(Wu + b)) changes (Z2).

    Example:
        >>> import numpy as np
        >>> from keras_pde.layers.sinusoidal import lipschitz_bound
        >>> round(lipschitz_bound(np.diag([3.0, 1.0]), 2.0), 6)
        6.0
    """
    matrix = np.asarray(ops.convert_to_numpy(kernel), np.float64)
    return abs(float(omega)) * float(np.linalg.norm(matrix, 2)) * OUTWARD


@keras.saving.register_keras_serializable(package="keras_pde")
class Sinusoidal(Gated, Certified):
    r"""u⁺ = sin(ω(Wu + b)): a dense layer whose scale ω alone sets how fast functions may vary.

    Put first in a network of coordinates, its tangent kernel is a Gaussian times a slow factor, and
    its spectrum falls to half its power at the frequency ωs√ln 2/(2π), s the deviation of the
    weights (Z1). Too small an ω learns no detail, and too large a one interpolates badly. ω is kept
    as a weight that no optimizer moves, so that it is saved with the others. Cost: a matrix
    product.

    Args:
        units: numbers of the output.
        omega: ω > 0.
        initializer: a Keras initializer of W; None is a normal distribution of variance 2/n for n
            inputs.
        bias_initializer: of b; None is the standard normal distribution.

    Shapes: (batch, \*any, n) → (batch, \*any, units).

    Raises:
        ValueError: ω that is no finite number > 0; an input without fixed channels.

    Source: de Avila Belbute-Peres, Kolter, arXiv:2211.14503 (2022).

    Example:
        >>> from keras_pde import Sinusoidal
        >>> layer = Sinusoidal(64, omega=4.0)
        >>> x = np.linspace(-1, 1, 9, dtype="float32")[:, None]
        >>> tuple(layer(x).shape), float(layer.frequency)
        ((9, 64), 4.0)
    """

    def __init__(
        self,
        units: int = 64,
        omega: float = 1.0,
        *,
        initializer: Any = None,
        bias_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = gate.count(units, "units")
        self.omega = gate.number(omega, "omega", low=0.0, low_open=True)
        self.initializer = None if initializer is None else initializer_of(initializer)
        self.bias_initializer = (
            None if bias_initializer is None else initializer_of(bias_initializer)
        )

    def build(self, input_shape: Shape) -> None:
        """Create W, b and ω."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                "Input must be (batch, ..., channels) with fixed channels. Received: shape"
                f" {tuple(input_shape)}"
            )
        self.input_channels = int(input_shape[-1])
        normal = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
        self.kernel = self.add_weight(
            shape=(self.input_channels, self.units),
            initializer=self.initializer or normal,
            autocast=False,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.units,),
            initializer=self.bias_initializer or keras.initializers.RandomNormal(stddev=1.0),
            autocast=False,
            name="bias",
        )
        self.frequency = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.omega),
            trainable=False,
            autocast=False,
            name="omega",
        )
        self.built = True

    def check_call(self, u: Tensor = None, **_: Any) -> None:
        """Refuse what has not the channels that the layer was built for."""
        channels = self.input_channels if self.built else None
        gate.tensor(u, f"u of {self.name}", ranks=range(2, 9), channels=channels)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """As many numbers as units."""
        return (*input_shape[:-1], self.units)

    def call(self, u: Tensor) -> Tensor:
        """sin(ω(Wu + b)), in at least float32."""
        wide = at_least_float32(u)
        kernel, bias, omega = (
            ops.cast(ops.convert_to_tensor(w), wide.dtype)
            for w in (self.kernel, self.bias, self.frequency)
        )
        return narrow(ops.sin(omega * (product(wide, kernel) + bias)), u)

    def certificate(self) -> Certificate:
        """ω‖W‖ bounds how fast the output changes, for |sin′| ≤ 1 (Z2)."""
        if not self.built:
            raise ValueError(f"{self.name} has no weights yet: build it or call it once")
        if unit_roundoff(self.compute_dtype):
            why = "no rule for an output rounded to 16 bits: certify the layer in float32"
            return uncertified(self.name, why)
        bound = lipschitz_bound(self.kernel, self.frequency)
        why = f"ω‖W‖ ≤ {rounded(bound)}, |sin′| ≤ 1 (Z2)"
        return linear(self.name, bound, why, ops.convert_to_numpy(self.bias))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        drawn = {"initializer": self.initializer, "bias_initializer": self.bias_initializer}
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "units": self.units,
            "omega": self.omega,
            **{k: v and keras.initializers.serialize(v) for k, v in drawn.items()},
        }
