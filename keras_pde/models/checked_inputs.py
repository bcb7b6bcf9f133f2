"""CheckedInputs: a Keras model whose methods all refuse wrong inputs, as a call does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_pde.presets.preset_model import PresetModel
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Inputs, Tensor

# what no data set and no generator is
VALUES = (np.ndarray, np.generic, list, tuple, dict, str, bytes, bool, int, float, complex)


class CheckedInputs(Gated, PresetModel):
    """Base of `NamedInputs`: calls, `fit`, `predict` and their kin look at their inputs first.

    Keras cuts arrays into batches before it calls a model, and masked arrays lose their mask there.
    Datasets and generators are looked at batch by batch, as they are called with.
    """

    def check_inputs(self, inputs: Inputs) -> None:
        """Refuse wrong inputs; a subclass says which.

        Raises:
            ValueError: one line that names the input, what came and what is expected.
        """

    def arranged(self, inputs: Inputs) -> Inputs:
        """Inputs in the order of a call; a subclass puts a dictionary into it by names."""
        return inputs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's call; inputs may be a dictionary by their names."""
        if args and isinstance(args[0], dict):
            args = (self.arranged(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)

    def check_call(self, *args: Any, **kwargs: Any) -> None:
        """Refuse wrong inputs of a call."""
        named = (x for key, x in kwargs.items() if key not in ("training", "mask"))
        self.check_inputs(args[0] if args else next(named, None))

    def check_targets(self, y: Tensor, output: Tensor) -> None:
        """Refuse targets that a loss would wrap, truncate or broadcast: static facts only.

        Whole numbers of another shape are class labels, and pass. Targets of another shape pass for
        a loss of the caller's own, which may hold more than the image in them.

        Raises:
            ValueError: complex numbers; whole numbers of the output's shape; another number of axes
                or channels than the output's for one of Keras's losses.
        """
        said, shape = f"y of {self.name}", tuple(output.shape)
        dtype, found = gate.facts(y, said)
        if shape[-1] == 1 and len(found) == len(shape) - 1:
            found = (*found, 1)  # Keras adds the axis
        own = not isinstance(self.loss, str) and not type(self.loss).__module__.startswith("keras.")
        if dtype.startswith("complex"):
            gate.tensor(y, said)
        elif found[1:] == shape[1:] or not (own or "int" in dtype):
            gate.tensor(y, said)
            same = zip(found[1:], shape[1:], strict=False)
            if len(found) != len(shape) or any(None not in (n, m) and n != m for n, m in same):
                raise ValueError(
                    f"{said} must have the shape of the output, {shape}. Received: shape"
                    f" {tuple(y.shape)}"
                )

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Keras's, of targets that `check_targets` lets pass."""
        if y is not None and not isinstance(y, list | tuple | dict):
            self.check_targets(y, y_pred)
        return super().compute_loss(x, y, y_pred, *args, **kwargs)

    @contextlib.contextmanager
    def _checked(self, x: Any, y: Any = None) -> Iterator[Any]:
        """Refuse wrong arrays, and arrange them; what is none is looked at batch by batch."""
        x = self.arranged(x)
        if x is None or isinstance(x, VALUES):
            self.check_inputs(x)
        parts = y if isinstance(y, list | tuple) else []
        several = isinstance(y, dict) or any(isinstance(part, np.ndarray) for part in parts)
        if isinstance(y, VALUES) and not several:
            gate.facts(y, f"y of {self.name}")  # Keras would drop a mask
        try:
            yield x
        except ValueError:  # Keras would go on with a program that is half traced
            self.train_function = self.test_function = self.predict_function = None
            raise

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        with self._checked(x, y) as x:
            return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        with self._checked(x, y) as x:
            return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        with self._checked(x) as x:
            first = x[0] if isinstance(x, list | tuple) and x else x
            if isinstance(first, np.ndarray) and not len(first):
                return self.predict_on_batch(x)  # Keras's own takes no batch at all
            return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        with self._checked(x, y) as x:
            return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        with self._checked(x, y) as x:
            return super().test_on_batch(x, y, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        with self._checked(x) as x:
            return super().predict_on_batch(x)
