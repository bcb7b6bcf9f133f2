"""SinusoidalNetwork: a function of coordinates by layers of sines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.linear_layers import linear
from keras_pde.data.pixel_centres import pixel_centres
from keras_pde.layers.bandwidth import half_power_frequency, suggested_omega
from keras_pde.layers.sinusoidal import Sinusoidal, lipschitz_bound
from keras_pde.models.coordinate_network import CoordinateNetwork
from keras_pde.runtime import gate
from keras_pde.runtime.compiling import compiled
from keras_pde.runtime.precision import at_least_float32, narrow, product, unit_roundoff
from keras_pde.runtime.printed import counted, rounded
from keras_pde.runtime.types import Shape, Tensor

AUTO = "auto"
UNTIL_ADAPTED = 16.0  # ω of "auto"
AT_ONCE = 1 << 14  # points of a program that renders


@keras.saving.register_keras_serializable(package="keras_pde")
class SinusoidalNetwork(CoordinateNetwork):
    r"""u⁺ = sin(ω(Wx + b)), then uᵏ⁺¹ = sin(Wuᵏ + b) and a linear head: a function of points x.

    A picture, a signal or a distance is so many numbers at points; the network is a smooth function
    through them, which `render` evaluates at any size. ω of the first layer alone sets its
    bandwidth (Z1), and `adapt` takes it from the spectrum of the data. The certificate bounds how
    fast the function changes (Z2). Cost: products with the weights, a point.

    Args:
        hidden: units of each layer of sines.
        outputs: channels of the function.
        omega: ω, or "auto", which `adapt` sets by the data; 16 until then.
        extent: half the length of each axis of the box that `render` draws; None has the longest
            axis from −1 to 1.

    Shapes: coordinates (batch, \*any, d) → (batch, \*any, outputs).

    Raises:
        ValueError: ω that is no finite number > 0; no hidden layer; another number of axes than of
            coordinates.

    Source: de Avila Belbute-Peres, Kolter, arXiv:2211.14503 (2022).

    Example:
        >>> from keras_pde import SinusoidalNetwork
        >>> net = SinusoidalNetwork((32, 32))
        >>> picture = np.random.default_rng(0).random((48, 64, 1))
        >>> round(net.adapt(picture).omega_in_use, 1)
        9.9
        >>> net.render((3, 4)).shape, net.certificate().lipschitz < float("inf")
        ((3, 4, 1), True)
    """

    def __init__(
        self,
        hidden: Sequence[int] = (128, 128, 128),
        outputs: int = 1,
        omega: float | str = AUTO,
        extent: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(hidden, list | tuple) or not hidden:
            raise ValueError(
                "hidden must be a list of the units of each layer, at least one. Received:"
                f" hidden={gate.said(hidden)}"
            )
        self.hidden = [gate.count(n, "hidden") for n in hidden]
        self.outputs = gate.count(outputs, "outputs")
        self.omega = gate.number_or_word(omega, "omega", (AUTO,), low=0.0, low_open=True)
        self.extent = None if extent is None else _box(extent)
        start = UNTIL_ADAPTED if isinstance(self.omega, str) else self.omega
        self.sines = [
            Sinusoidal(n, start if k == 0 else 1.0, dtype=self.dtype_policy, name=f"sines_{k}")
            for k, n in enumerate(self.hidden)
        ]

    # Shapes

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Create the weights for points of d coordinates."""
        super().build(input_shape)
        if self.extent is not None and len(self.extent) != self.input_channels:
            raise ValueError(
                f"extent has {len(self.extent)} axes, and points have {self.input_channels}"
                " coordinates: make them one number"
            )
        wide = self.input_channels
        for layer in self.sines:
            layer.build((None, wide))
            wide = layer.units
        self.head = self.add_weight(
            shape=(wide, self.outputs), initializer="lecun_normal", autocast=False, name="head"
        )
        self.offset = self.add_weight(
            shape=(self.outputs,), initializer="zeros", autocast=False, name="offset"
        )

    @property
    def width(self) -> int:
        """Numbers a point of the widest layer."""
        return max(self.hidden)

    @property
    def input_units(self) -> dict[str, str]:
        """What coordinates are."""
        return {"coordinates": "in the box from -1 to 1, or of the extent"}

    # Computation

    def call(self, coordinates: Tensor) -> Tensor:
        """The function at the points."""
        wide = at_least_float32(coordinates)
        z = at_least_float32(self.states(wide)[-1])
        head, offset = (
            ops.cast(ops.convert_to_tensor(w), z.dtype) for w in (self.head, self.offset)
        )
        return narrow(product(z, head) + offset, coordinates)

    def states(self, inputs: Tensor) -> list[Tensor]:
        """The output of each layer of sines."""
        found = [inputs]
        for layer in self.sines:
            found.append(layer.call(found[-1]))
        return found[1:]

    def render(self, sizes: Sequence[int]) -> np.ndarray:
        """The function at the centres of the pixels of its box, (*sizes, outputs), of any sizes.

        Args:
            sizes: pixels along each axis.

        Raises:
            ValueError: no weights; another number of axes than of coordinates.
        """
        self.require_weights()
        sizes = [gate.count(n, "sizes") for n in sizes]
        if len(sizes) != self.input_channels:
            raise ValueError(
                f"{self.name} is a function of {self.input_channels} coordinates. Received:"
                f" sizes={sizes}"
            )
        points = pixel_centres(sizes, self.extent).reshape(-1, len(sizes))
        length = min(AT_ONCE, len(points))
        padded = np.resize(points, (-(-len(points) // length) * length, len(sizes)))
        run = compiled(self.program())
        parts = [
            ops.convert_to_numpy(ops.cast(run(self.tensors(part)), "float32"))
            for part in padded.reshape(-1, length, len(sizes))
        ]
        return np.concatenate(parts)[: len(points)].reshape(*sizes, self.outputs)

    # ω

    @property
    def omega_in_use(self) -> float:
        """ω of the weights at hand."""
        self.require_weights()
        return float(ops.convert_to_numpy(self.sines[0].frequency))

    @property
    def bandwidth(self) -> float:
        """Where the tangent kernel of the untrained first layer falls to half its power (Z1).

        In cycles a unit of the coordinates.
        """
        return half_power_frequency(self.omega_in_use, math.sqrt(2 / self.input_channels))

    def adapt(self, values: Any) -> SinusoidalNetwork:
        """Set ω, if it is "auto", by the spectrum of data on a grid, and return the network.

        Call it before training: it changes the function that the network is.

        Args:
            values: (*spatial, channels) on the pixels of the network's box.

        Raises:
            ValueError: no finite numbers; another number of axes than of coordinates.
        """
        data = gate.array(values, "values", ranks=range(2, 5), integers=True)
        if not self.built:
            self.build((None, data.ndim - 1))
        if data.ndim - 1 != self.input_channels:
            raise ValueError(
                f"{self.name} is a function of {self.input_channels} coordinates. Received: values"
                f" of {data.ndim - 1} axes, shape {data.shape}"
            )
        if self.omega == AUTO:
            values = data.astype(np.float64)
            omega = suggested_omega(values, self.extent, self.count_params())
            self.sines[0].frequency.assign(omega)
        return self

    # What is known of it

    @property
    def description(self) -> str:
        """What it computes, in a few words."""
        return f"{len(self.hidden)} layers of sines"

    def certificate(self) -> Certificate:
        """‖N(x) − N(y)‖ ≤ l‖x − y‖ with l = ω‖W₁‖‖W₂‖…‖C‖, at each point (Z2)."""
        self.require_weights()
        if unit_roundoff(self.compute_dtype):
            why = "no rule for an output rounded to 16 bits: certify the network in float32"
            return uncertified(self.subject, why)
        bound = lipschitz_bound(self.head, 1.0)
        for layer in self.sines:
            bound *= lipschitz_bound(layer.kernel, layer.frequency)
        why = f"ω‖W₁‖…‖C‖ ≤ {rounded(bound)}, |sin′| ≤ 1 (Z2)"
        return linear(self.subject, bound, why, np.ones(1))

    def example(self) -> dict[str, np.ndarray]:
        """Points of the box."""
        rng = np.random.default_rng(20260)
        shape = (*(3,) * (self.ndim + 1), self.input_channels)
        return {"input": rng.uniform(-1, 1, shape).astype("float32")}

    def __repr__(self) -> str:
        used = self.built and f"{self.omega_in_use:.4g}, half power at {self.bandwidth:.3g} cycles"
        layers = f"{', '.join(map(str, self.hidden))} sines, {self.outputs} linear"
        return "\n".join(
            [
                f"{type(self).__name__} {self.name!r}",
                f"  layers           {layers}",
                f"  ω                {used or self.omega}",
                f"  parameters       {counted(self)}",
            ]
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "outputs": self.outputs,
            "omega": self.omega,
            "extent": self.extent,
        }


def _box(extent: Any) -> list[float]:
    if not isinstance(extent, list | tuple) or not 1 <= len(extent) <= 3:
        raise ValueError(
            f"extent must be 1 to 3 numbers > 0, one an axis. Received: extent={gate.said(extent)}"
        )
    return [gate.number(h, "extent", low=0.0, low_open=True) for h in extent]
