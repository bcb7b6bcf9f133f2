"""NamedInputs: a Keras model whose inputs have names, shapes and units, and exports by them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_pde.fluxes import noise_level
from keras_pde.models.checked_inputs import CheckedInputs
from keras_pde.runtime import gate
from keras_pde.runtime.tf2onnx_fix import sound_conversion
from keras_pde.runtime.types import Inputs, Shape, Tensor


class NamedInputs(CheckedInputs):
    """Base of `Network`: the shapes, units and names of its inputs, and Keras's methods by them."""

    noise_conditioned: bool = False
    denoises: bool = False
    optional_inputs: tuple[str, ...] = ()
    ndim: int
    input_channels: int

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the inputs, in the order of a call."""
        return ("image", "noise") if self.noise_conditioned else ("image",)

    def arranged(self, inputs: Inputs) -> Inputs:
        """Inputs as a call takes them; a dictionary's are put in order by their names.

        Raises:
            ValueError: a name that the network has not, or one that it needs and that is missing.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.from_preset("gated_resnet_2d")
            >>> net.arranged({"noise": 2, "image": 1})
            [1, 2]
        """
        if not isinstance(inputs, dict):
            return inputs
        names = (*self.named_inputs, *self.optional_inputs)
        found = names[: len(inputs)]
        if set(found) != set(inputs) or len(found) < len(self.named_inputs):
            raise ValueError(
                f"{self.name} takes a dictionary of {', '.join(self.named_inputs)}"
                + f", and {' and '.join(self.optional_inputs)} after" * bool(self.optional_inputs)
                + f". Received: keys {gate.said(sorted(map(str, inputs)))}"
            )
        return inputs[found[0]] if len(found) == 1 else [inputs[name] for name in found]

    def check_inputs(self, inputs: Inputs) -> None:
        """Refuse inputs that are not those of `named_inputs`, by name.

        Raises:
            ValueError: another number of inputs, or one that is not as `check_input` says.
        """
        names = (*self.named_inputs, *self.optional_inputs)
        least, most = len(self.named_inputs), len(names)
        several = isinstance(inputs, list | tuple)
        if isinstance(inputs, dict) or not least <= (len(inputs) if several else 1) <= most:
            came = f"{len(inputs)} tensors" if several else gate.said(inputs)
            more = f", and {' and '.join(self.optional_inputs)} after" * (most > least)
            wanted = names[0] if least == 1 else f"a list [{', '.join(names[:least])}]"
            raise ValueError(
                f"{self.name} takes {wanted}{' alone' * (most == 1)}{more}. Received: {came}"
            )
        if several and most == 1:
            raise ValueError(f"{self.name} takes {names[0]} alone, not in a list: give inputs[0]")
        given = dict(zip(names, inputs if several else [inputs], strict=False))
        first = given[names[0]]
        for name, x in given.items():
            self.check_input(name, x, first)

    def check_input(self, name: str, x: Tensor, first: Tensor) -> None:
        r"""Refuse an input that is not as its name says; a subclass with inputs of its own adds.

        Args:
            name: "noise", "time", "mask", or another: an image (batch, \*spatial, channels).
            x: what came.
            first: the first input, which was checked before.

        Raises:
            ValueError: no real floats; another rank, number of channels, or size; known values out
                of range.
        """
        said, shape = f"{name} of {self.name}", tuple(first.shape) if x is not first else ()
        if name == "noise":
            gate.facts(x, said)  # no number: Keras takes tensors only in a list
            noise_level.check(x, True, self.name, shape)
        elif name == "time":
            gate.tensor(x, said, ranks=(0, 1))
            gate.levels(x, said, batch=shape[0], low=-math.inf)
        elif name == "mask":
            gate.tensor(x, said, ranks=(len(shape),), channels=1)
            gate.same_sizes(x, said, shape, self.named_inputs[0], channels=False)
            gate.levels(x, said, batch=shape[0], high=1.0)
        elif name in self.optional_inputs:
            gate.tensor(x, said, ranks=(len(shape),), channels=shape[-1])
            gate.same_sizes(x, said, shape, self.named_inputs[0])
        elif self.built:
            known = self.input_shapes[name]
            gate.tensor(x, said, ranks=(len(known),), channels=known[-1])
        else:
            gate.tensor(x, said, ranks=gate.SPATIAL if x is first else None)

    def image_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """Shape of the image, the only input or the first of several, checked.

        Raises:
            ValueError: not (batch, *spatial, channels) in 1-D to 3-D with fixed channels.
        """
        first = input_shape[0]
        shape: Any = tuple(first if isinstance(first, list | tuple) else input_shape)
        if not 3 <= len(shape) <= 5 or shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs input (batch, *spatial, channels), 1-D to 3-D,"
                f" channels fixed. Received: shape {shape}"
            )
        return shape

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Note the rank and the channels of the image."""
        shape = self.image_shape(input_shape)
        self.ndim = len(shape) - 2
        self.input_channels = int(shape[-1])  # type: ignore[arg-type]  # checked
        self.built = True

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """The shape of the image."""
        return self.image_shape(input_shape)

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """Shape of every input by its name, with batch and sizes None."""
        image, *more = self.named_inputs
        spatial = (None,) * (self.ndim + 1)
        shapes = {"noise": (None,), "time": (None,), "mask": (*spatial, 1)}
        return {image: (*spatial, self.input_channels), **{name: shapes[name] for name in more}}

    @property
    def input_units(self) -> dict[str, str]:
        """What the values of every input mean, by its name."""
        image, *more = self.named_inputs
        values = "floats, black 0 and white 1" if self.denoises else "floats"
        units = {
            "noise": "standard deviation in the unit of the image, a number a sample",
            "mask": "1 where the image is known, 0 elsewhere",
            "time": "stopping time, a number a sample",
        }
        return {image: values, **{name: units.get(name, "floats") for name in more}}

    @property
    def export_sizes(self) -> tuple[int | None, ...]:
        """Spatial sizes that an export has unless told others: None is any."""
        return (None,) * self.ndim

    def input_signature(self, size: Sequence[int | None] | None = None) -> list[Any]:
        """Named specifications of the inputs as `export` takes them.

        Batch and sizes are dynamic, unless ``size`` fixes the sizes.

        Raises:
            ValueError: the model is not built; it needs fixed sizes and has none; as many sizes as
                there are axes.
        """
        self.require_weights()
        sizes = self.export_sizes if size is None else tuple(size)
        if len(sizes) != self.ndim:
            raise ValueError(f"{self.name} is for {self.ndim}-D data. Received: size={size}")
        specs = [
            keras.InputSpec(
                shape=(None, *sizes, shape[-1]) if len(shape) == self.ndim + 2 else shape,
                dtype=self.variable_dtype,
                name=name,
            )
            for name, shape in self.input_shapes.items()
        ]
        return [specs] if len(specs) > 1 else specs

    def get_build_config(self) -> dict[str, Any]:
        """The inputs' shapes."""
        if not self.built:
            return {}
        shapes = list(self.input_shapes.values())
        return {"input_shape": shapes if len(shapes) > 1 else shapes[0]}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the saved inputs' shapes."""
        if config:
            self.build(config["input_shape"])

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keras's export with named inputs of dynamic sizes ("image", and "noise" or "mask").

        The format is "tf_saved_model", "onnx" or "litert". `keras_pde.export.export` writes
        metadata, uint8 inputs, fixed sizes and noise levels too, and verifies the result.
        """
        signature = self.input_signature() if input_signature is None else input_signature
        with sound_conversion(format):
            super().export(
                filepath, format=format, verbose=verbose, input_signature=signature, **kwargs
            )

    def stateless_call(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Keras's, in the model's precision.

        Keras's own, by which `fit` and `predict` run on JAX, casts neither inputs nor weights to
        it.
        """
        variables = [*self.trainable_variables, *self.non_trainable_variables]
        mapping = list(
            zip(variables, [*trainable_variables, *non_trainable_variables], strict=True)
        )
        with keras.StatelessScope(state_mapping=mapping, collect_losses=return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else []
        found = [scope.get_current_value(v) for v in self.non_trainable_variables]
        return (outputs, found, losses) if return_losses else (outputs, found)

    def quantize(self, mode: Any = None, **kwargs: Any) -> None:
        """Refuse: kernels of 8 bits would need bounds of their own.

        Keras's own would leave every kernel as it is without a word.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"{self.name} has no quantised kernels: quantize({mode!r}) would change nothing. For"
            " smaller and faster networks load it with dtype='mixed_float16' or 'mixed_bfloat16',"
            " or export with keras_pde.export."
        )

    def __str__(self) -> str:
        return repr(self)
