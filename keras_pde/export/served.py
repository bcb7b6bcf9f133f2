"""Served: a network with the inputs and units of its artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.fluxes import noise_level
from keras_pde.models import retiming
from keras_pde.models.influence import Influence
from keras_pde.models.network import Network
from keras_pde.models.timed import Timed
from keras_pde.operators.operator import Operator
from keras_pde.runtime import gate
from keras_pde.runtime.types import Inputs, Shape, Tensor
from keras_pde.tasks.denoise.levels import REFERENCE, stopping_time

LEAST_SCALE = 1e-5  # of the noise a classical filter is tuned for: to divide by where there is none


class Served(Network):
    """A network at a noise level or told it, at a stopping time or told it, on floats or uint8.

    Args:
        network: a built network.
        times: stopping times by noise level, of a classical filter that is tuned for noise 25.
        sigma: noise level in grey levels of 255 that is built in, so that the artifact has no input
            for it.
        uint8: images as uint8; the noise is in grey levels of 255 then.
        timed: the stopping time as an input.

    Attributes:
        network: what is computed, a `Timed` where the stopping time is an input.
        level: the noise level that is built in; None where it is an input.
        noise_conditioned: whether the noise level is an input.

    Raises:
        ValueError: sigma for a network without noise; uint8 for one whose output is no image.

    Example:
        >>> import keras_pde
        >>> from keras_pde.export.served import Served
        >>> served = Served(keras_pde.from_preset("certified_resnet_2d"), uint8=True)
        >>> served.named_inputs, served.level, served.input_signature()[0][0].dtype
        (('image', 'noise'), None, 'uint8')
    """

    def __init__(
        self,
        network: Network,
        times: Mapping[str, float] | None = None,
        sigma: float | None = None,
        uint8: bool = False,
        timed: bool = False,
    ) -> None:
        super().__init__(name=network.name, dtype=network.dtype_policy)
        told = network.noise_conditioned
        if sigma is not None and not (times or told):
            raise ValueError(
                f"{network.name} is neither tuned for noise levels nor told them, so sigma has no"
                " effect: leave it out"
            )
        self.noise_conditioned = sigma is None and (told or (timed and bool(times)))
        level = float(REFERENCE if sigma is None else sigma)
        if timed:
            network = Timed(network)
        elif times:
            network = retiming.retime(network, stopping_time(times, level))
        self.network = network
        self.level = None if self.noise_conditioned else level
        self.times = dict(times or {})
        self.uint8 = uint8
        self.timed = timed
        self.denoises = network.denoises
        self.ndim = network.ndim
        self.input_channels = network.input_channels
        self.boundary = network.boundary
        self.smallest_size = network.smallest_size
        self.patch_size = network.patch_size
        self.step_count = network.step_count
        self.prefers_xla = network.prefers_xla
        self.built = True
        output = self.compute_output_shape(list(network.input_shapes.values()))
        if uint8 and len(output) != self.ndim + 2:
            raise ValueError(
                f"{network.name} returns no image but {len(output) - 1} axes a sample, which has no"
                " grey levels: leave uint8 out"
            )

    # Inputs

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the artifact's inputs: the network's, with "noise" where it is one."""
        image, *more = self.network.named_inputs
        noise = ("noise",) if self.noise_conditioned else ()
        return (image, *noise, *(name for name in more if name != "noise"))

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """Shape of every input by its name; the noise level is a number a sample."""
        shapes = {"noise": (None,), **self.network.input_shapes}
        return {name: shapes[name] for name in self.named_inputs}

    @property
    def input_units(self) -> dict[str, str]:
        """What the values of every input mean, by its name."""
        units = {"noise": "", **self.network.input_units}
        unit = "grey levels of 255" if self.uint8 else "the unit of the image"
        units["noise"] = f"standard deviation in {unit}, a number a sample"
        if self.uint8:
            units[self.named_inputs[0]] = "uint8, 0 to 255"
        return {name: units[name] for name in self.named_inputs}

    @property
    def width(self) -> int:
        """The network's."""
        return self.network.width

    @property
    def export_sizes(self) -> tuple[int | None, ...]:
        """The network's."""
        return self.network.export_sizes

    @property
    def operators(self) -> list[Operator]:
        """The network's."""
        return self.network.operators

    def input_signature(self, size: Sequence[int | None] | None = None) -> list[Any]:
        """Named specifications of the inputs, the image's of type uint8 where it is that."""
        image, *more = keras.tree.flatten(super().input_signature(size))
        if self.uint8:
            image = keras.InputSpec(shape=image.shape, dtype="uint8", name=image.name)
        return [[image, *more]] if more else [image]

    def check_input(self, name: str, x: Tensor, first: Tensor) -> None:
        """As of a network, the image uint8 where it is that."""
        if not (self.uint8 and x is first):
            super().check_input(name, x, first)
            return
        dtype, shape = gate.facts(x, f"{name} of {self.name}")
        if dtype != "uint8" or len(shape) != self.ndim + 2 or shape[-1] != self.input_channels:
            raise ValueError(
                f"{name} of {self.name} must be uint8 with {self.ndim + 2} axes, the last of length"
                f" {self.input_channels}. Received: {dtype}, shape {shape}"
            )

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Do nothing: the network is built."""
        self.built = True

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """The network's."""
        return self.network.compute_output_shape(input_shape)

    # Computation

    def call(self, inputs: Inputs) -> Tensor:
        """The output in the artifact's units."""
        tensors = inputs if isinstance(inputs, list | tuple) else [inputs]
        given = {
            name: ops.cast(x, self.compute_dtype)
            for name, x in zip(self.named_inputs, tensors, strict=True)
        }
        first, peak = self.named_inputs[0], 255.0 if self.uint8 else 1.0
        u = given[first] / peak
        if self.noise_conditioned:
            given["noise"] = given["noise"] / peak
        scale: Any = 1.0
        if self.network.noise_conditioned and self.level is not None:
            noise = ops.full(ops.shape(u)[:1], self.level / 255, dtype=self.compute_dtype)
            given["noise"] = noise
        elif self.times and not self.network.noise_conditioned:
            # a classical filter: the noise is brought to the level it is tuned for
            if self.level is None:
                noise = ops.reshape(
                    noise_level.or_nan(given["noise"]), (-1, *(1,) * (len(u.shape) - 1))
                )
                scale = ops.maximum(noise * (255 / REFERENCE), LEAST_SCALE)
            else:
                scale = self.level / REFERENCE
        given[first] = u / scale
        arguments = [given[name] for name in self.network.named_inputs]
        out = self.network(arguments if len(arguments) > 1 else arguments[0]) * scale * peak
        return ops.cast(ops.clip(ops.round(out), 0, 255), "uint8") if self.uint8 else out

    def influence(self) -> Influence:
        """The network's."""
        return self.network.influence()

    def certificate(self) -> Certificate:
        """The network's: rounding to uint8 is not part of it."""
        return self.network.certificate()

    def example(self) -> dict[str, np.ndarray]:
        """The network's example in the artifact's units."""
        given = {"noise": np.full(1, 0.1, "float32"), **self.network.example()}
        if self.uint8:
            given["input"] = np.rint(255 * given["input"].clip(0, 1)).astype("uint8")
            given["noise"] = given["noise"] * np.float32(255)
        if self.variable_dtype == "float64":  # whose runtimes take nothing else
            given = {k: x if x.dtype == "uint8" else x.astype("float64") for k, x in given.items()}
        return {name: given[name] for name in ("input", *self.named_inputs[1:])}
