"""What all models share that map (batch, *spatial, channels) to an image: shapes, saving, lifting.

And those made of blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_pde.presets.preset_model import PresetModel
from keras_pde.runtime.tf2onnx_fix import sound_conversion


class ImageModel(PresetModel):
    """Mixin of the models: the image's shape, alone or first of several inputs.

    Built again for it when loaded.
    """

    def image_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Shape of the image, checked.

        Raises:
            ValueError: not (batch, *spatial, channels) in 1-D to 3-D with fixed channels.
        """
        shape = tuple(input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape)
        if not 3 <= len(shape) <= 5 or shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs input (batch, *spatial, channels), 1-D to 3-D,"
                f" channels fixed. Received: shape {shape}"
            )
        return shape

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the image."""
        return self.image_shape(input_shape)

    def _input_shape(self) -> Any:
        raise NotImplementedError

    def get_build_config(self: Any) -> dict[str, Any]:
        """The input's shape."""
        return {"input_shape": self._input_shape()} if self.built else {}

    def build_from_config(self: Any, config: dict[str, Any]) -> None:
        """Build for the saved input's shape."""
        if config:
            self.build(config["input_shape"])

    def input_signature(self: Any, size: Sequence[int] | None = None) -> list[Any]:
        """Named specifications of the inputs as `export` takes them.

        Batch and sizes dynamic, unless ``size`` fixes the sizes.

        Raises:
            ValueError: the model is not built; it needs fixed sizes and has none; as many sizes as
                there are axes.
        """
        if not self.built:
            raise ValueError(
                "The model has no weights yet: build it first, by calling it or by"
                " build(input_shape)"
            )
        given = self._input_shape()
        shapes = given if isinstance(given, list) else [given]
        axes = len(shapes[0]) - 2
        sizes = tuple(size) if size is not None else self._export_sizes(axes)
        if len(sizes) != axes:
            raise ValueError(f"{self.name} is for {axes}-D data. Received: size={size}")
        names = ("image", "noise" if self.noise_conditioned else "mask")
        specs = [
            keras.InputSpec(
                shape=(None, *sizes, shape[-1]) if len(shape) > 1 else shape,
                dtype=self.variable_dtype,
                name=name,
            )
            for name, shape in zip(names, shapes, strict=False)
        ]
        return [specs] if len(specs) > 1 else specs

    def _export_sizes(self, axes: int) -> tuple[int | None, ...]:
        return (None,) * axes

    def export(
        self: Any,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keras's export with named inputs of dynamic sizes ("image", and "noise" or "mask").

        SavedModel, "onnx" or "litert".

        `keras_pde.export.export` writes metadata, uint8 inputs, fixed sizes and noise levels too,
        and verifies the result.
        """
        signature = self.input_signature() if input_signature is None else input_signature
        with sound_conversion(format):
            super().export(
                filepath, format=format, verbose=verbose, input_signature=signature, **kwargs
            )  # type: ignore[misc]

    def stateless_call(
        self: Any,
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

    def quantize(self: Any, mode: Any = None, **kwargs: Any) -> None:
        """Not done: kernels of 8 bits would need bounds of their own, and Keras's would leave every
        kernel as it is without a word.

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
