"""CheckedInputs: a Keras model whose methods all refuse wrong inputs, as a call does."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.presets.preset_model import PresetModel
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Inputs


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

    def check_call(self, *args: Any, **kwargs: Any) -> None:
        """Refuse wrong inputs of a call."""
        named = (x for key, x in kwargs.items() if key not in ("training", "mask"))
        self.check_inputs(args[0] if args else next(named, None))

    def _check_arrays(self, x: Any) -> None:
        """Refuse wrong arrays; what is no array is looked at batch by batch."""
        if isinstance(x, np.ndarray | list | tuple | dict):
            self.check_inputs(x)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        self._check_arrays(x)
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        self._check_arrays(x)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        self._check_arrays(x)
        first = x[0] if isinstance(x, list | tuple) and x else x
        if isinstance(first, np.ndarray) and not len(first):
            return self.predict_on_batch(x)  # Keras's own takes no batch at all
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        self._check_arrays(x)
        return super().train_on_batch(x, *args, **kwargs)

    def test_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        self._check_arrays(x)
        return super().test_on_batch(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Keras's, of inputs that a call takes."""
        self._check_arrays(x)
        return super().predict_on_batch(x)
