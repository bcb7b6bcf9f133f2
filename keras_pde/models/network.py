"""Network: the base of all models, and all that the folders above may ask of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified, uncertified
from keras_pde.models.diagram import flowchart
from keras_pde.models.features import Features
from keras_pde.models.influence import Influence
from keras_pde.models.named_inputs import NamedInputs
from keras_pde.models.program import Program
from keras_pde.operators.operator import Operator
from keras_pde.runtime.copying import MARK
from keras_pde.runtime.types import Inputs, Tensor

EXAMPLE_SIZE = (33, 18, 9)  # of golden inputs


class Network(NamedInputs, Certified):
    r"""A map of named inputs to one output, with shapes, units, an influence and a certificate.

    The first input is the image or signal (batch, \*spatial, channels), in 1-D to 3-D. Further
    inputs are "noise" or "time", a number a sample, and "mask", a value a pixel; a subclass with
    others overrides ``input_shapes``. The output has the image's shape unless a subclass overrides
    ``compute_output_shape``. Sizes are dynamic, channels are fixed when the network is built.

    A subclass calls ``super().build(input_shape)`` in its ``build`` and makes its layers' weights
    there; everything else has a default that promises nothing.

    Attributes, all of which a subclass may set or make properties:
        named_inputs: the inputs' names in the order of a call.
        noise_conditioned: whether it is told the noise level, as its second input.
        denoises: whether it maps a noisy image with values in [0, 1] to the clean one.
        ndim, input_channels: spatial axes and channels of the image; known when built.
        boundary: "neumann", "dirichlet" or "periodic"; None where neighbours do not matter.
        smallest_size: pixels an axis that the image needs.
        width: numbers a pixel that the widest state inside has, by which memory is planned.
        patch_size: pixels an axis of the patches that the state is made of; 1 without patches.
        step_count: number of steps.
        time: the stopping time; None where there is none.
        prefers_xla: whether XLA is the faster way to run it on a CPU.
        fourier: whether it computes Fourier transforms, which ONNX and LiteRT do not have.
        output_names: names of the numbers along the last axis of the output; None without any.
        description: what it computes, in a few words.
        subject: what its certificate is about.
        operators: the operators inside, which an export holds constant.

    Example:
        >>> from keras_pde.models.network import Network
        >>> class Mean(Network):
        ...     def build(self, input_shape):
        ...         super().build(input_shape)
        ...         self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        ...     def call(self, signal):
        ...         return self.scale * ops.mean(signal, axis=1)
        ...     def compute_output_shape(self, input_shape):
        ...         return self.image_shape(input_shape)[::2]
        >>> net = Mean()
        >>> net.build((None, None, 1))
        >>> net.named_inputs, net.input_signature()[0].shape, tuple(net(np.ones((2, 9, 1))).shape)
        (('image',), (None, None, 1), (2, 1))
        >>> net.influence(), net.certificate().norm_stable
        (Influence(pixels=480, exact=False), False)
    """

    boundary: str | None = "neumann"
    smallest_size: int = 1
    patch_size: int = 1
    step_count: int = 1
    time: float | None = None
    prefers_xla: bool = True
    fourier: bool = False
    output_names: tuple[str, ...] | None = None
    feature_layers: int = 0  # that `features` has made

    @property
    def width(self) -> int:
        """Numbers a pixel of the widest state inside."""
        return self.input_channels

    @property
    def operators(self) -> list[Operator]:
        """The operators inside, whose kernels an export holds as numbers; by default none."""
        return []

    def tensors(self, inputs: Inputs) -> Inputs:
        """Arrays as tensors in the network's precision; the network is built for them.

        Raises:
            ValueError: inputs that the network cannot be called with.
        """
        inputs = self.arranged(inputs)
        self.check_inputs(inputs)
        inputs = keras.tree.map_structure(
            lambda x: ops.convert_to_tensor(x, dtype=self.compute_dtype), inputs
        )
        self._build_for(inputs)
        return inputs

    def _build_for(self, inputs: Inputs) -> None:
        if not self.built:
            shapes = [tuple(x.shape) for x in keras.tree.flatten(inputs)]
            self.build(shapes if isinstance(inputs, list | tuple) else shapes[0])

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The states inside the network for given tensors; by default its output alone."""
        return [self.call(inputs)]

    def features(self, inputs: Inputs) -> list[Tensor]:
        """The states inside the network, for a head of your own.

        Given a ``keras.Input``, the states are outputs of a layer that owns the network's weights:
        a functional model made of them trains, saves and loads these.

        Args:
            inputs: as the network is called with; arrays, tensors, or ``keras.Input``.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.FSIResNet(cycles=1, cycle_length=3, filters=4)
            >>> len(net.features(np.zeros((1, 8, 8, 1))))
            4
            >>> image = keras.Input((None, None, 1))
            >>> backbone = keras.Model(image, net.features(image))
            >>> len(backbone.outputs), len(backbone.trainable_weights)
            (4, 1)
        """
        inputs = self.arranged(inputs)
        if any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(inputs)):
            self._build_for(inputs)  # before the layer is, so that weights keep their paths
            more = f"_{self.feature_layers}" if self.feature_layers else ""
            self.feature_layers += 1  # Keras wants a name for each layer of a model
            return Features(self, name=f"{self.name}_features{more}")(inputs)
        return self.states(self.tensors(inputs))

    def influence(self) -> Influence:
        """How far a pixel of the input acts on the output: the halo that tiles need.

        By default the whole image is taken to act, and tiles get the widest halo.
        """
        return Influence.fading()

    def program(self, snapshot: bool = False) -> Program:
        """What to compile of the network.

        Args:
            snapshot: the program may hold the weights as they are now, where that saves work; a
                network that is trained further then needs a new program.
        """
        return Program(self, self.prefers_xla, network=self)

    def example(self) -> dict[str, np.ndarray]:
        """A fixed small input, from which golden outputs are computed.

        It has an image in [0, 1] with an edge and noise as "input", and further inputs by their
        names.
        """
        rng = np.random.default_rng(20260)
        size = EXAMPLE_SIZE[: self.ndim]
        values = (
            0.5
            + 0.3 * np.sign(np.indices(size)[0] - size[0] / 2)[None, ..., None]
            + 0.1 * rng.standard_normal((1, *size, self.input_channels))
        )
        image = {"input": np.clip(values, 0, 1).astype("float32")}
        return {**image, **{name: self._example_of(name, size) for name in self.named_inputs[1:]}}

    def _example_of(self, name: str, size: tuple[int, ...]) -> np.ndarray:
        if name == "mask":
            return (np.random.default_rng(20261).random((1, *size, 1)) < 0.3).astype("float32")
        return np.full((1,), 0.1, "float32")

    def twin(self, size: Sequence[int] | None = None) -> Self:
        """A copy with weights of its own, built for the same inputs or for images of a size."""
        if size is None:
            return self._with()
        copy = self._unbuilt()
        shapes = [spec.shape for spec in keras.tree.flatten(self.input_signature(size))]
        copy.build(shapes if len(shapes) > 1 else shapes[0])
        copy.set_weights(self.get_weights())
        return copy

    def _with(self, **arguments: Any) -> Self:
        """The network with the same weights and other arguments of its constructor."""
        copy = self._unbuilt(**arguments)
        if self.built:
            copy.build_from_config(self.get_build_config())
            copy.set_weights(self.get_weights())
        return copy

    def _unbuilt(self, **arguments: Any) -> Self:
        config = {k: v for k, v in self.get_config().items() if k != MARK}
        return type(self).rebuilt({**config, **arguments})

    @property
    def description(self) -> str:
        """What it computes, in a few words: how far in time and by how many steps."""
        steps = f"{self.step_count} step{'s' * (self.step_count > 1)}"
        return steps if self.time is None else f"diffusion time {self.time:.4g} in {steps}"

    @property
    def subject(self) -> str:
        """What a certificate is about: class and name."""
        return f"{type(self).__name__} {self.name!r}"

    def diagram(self) -> str:
        """The network as a mermaid flowchart, for its card."""
        return flowchart(type(self).__name__, self.noise_conditioned)

    def certificate(self) -> Certificate:
        """What is proved about input ↦ output, from the weights at hand; by default nothing."""
        why = f"no theorem is stated for {type(self).__name__}: it gives no certificate of its own"
        return uncertified(self.subject, why)

    def steps_for(self, time: float) -> float:
        """About how many steps `with_time` takes to a stopping time.

        Raises:
            ValueError: a network without stopping time.
        """
        raise ValueError(f"{type(self).__name__} has no stopping time to change")

    def with_time(self, time: float) -> Network:
        """The same weights to another stopping time.

        Raises:
            ValueError: a network without stopping time; a time it cannot reach.
        """
        raise ValueError(f"{type(self).__name__} has no stopping time to change")

    def with_spacing(self, spacing: Sequence[float]) -> Network:
        """The same network for data whose points are not equally far apart.

        Raises:
            ValueError: a network that does not say what it is there.
        """
        raise ValueError(f"{type(self).__name__} does not say what it is on another spacing")

    def solved_to(self, tolerance: float) -> Network:
        """The same weights, with solves to a relative residual at most; itself without solves.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.from_preset("convex_equilibrium_2d")
            >>> net.blocks[0].tolerance, net.solved_to(1e-5).blocks[0].tolerance
            (0.0005, 1e-05)
        """
        return self
