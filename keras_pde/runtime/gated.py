"""Gated: a Keras layer that refuses wrong arguments, before Keras converts them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self

import keras

from keras_pde.runtime import autograph, sharing
from keras_pde.runtime.allocation import LimitedLayer
from keras_pde.runtime.copying import MARK
from keras_pde.runtime.precision import check_dtype
from keras_pde.runtime.shapes import check_shape

__all__ = ["Gated"]

autograph.leave_out("keras_pde")


class Gated(LimitedLayer):
    """The one place that every call of a layer or a model of this package passes.

    Keras converts what a layer is called with: masked arrays lose their mask, and integers stay
    integers, which then wrap. So `check_call` looks at the arguments as they came: eager, traced
    and symbolic ones alike. It looks at static facts, which costs nothing in a graph, and at a few
    concrete values.

    Example:
        >>> from keras_pde.runtime import gate
        >>> from keras_pde.runtime.gated import Gated
        >>> class Double(Gated):
        ...     def check_call(self, u=None, **more):
        ...         gate.tensor(u, "u")
        ...     def call(self, u):
        ...         return 2 * u
        >>> Double()(np.ones(3, int))
        Traceback (most recent call last):
        ...
        ValueError: u must hold real floats. Received: int64. ...
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _of_shapes(cls.build)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_dtype(kwargs.get("dtype"))
        super().__init__(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Keras's call, after `check_call`."""
        try:
            self.check_call(*args, **kwargs)
        except TypeError as error:
            raise ValueError(
                f"{self.name} was called with arguments that it does not take: {error}"
            ) from None
        first = args[0] if args else None
        if isinstance(first, list | tuple) and first:
            first = first[0]
        if isinstance(first, keras.KerasTensor):
            sharing.called(self)
        elif _is_empty(first):
            # convolutions of TensorFlow's have results of other shapes then: one sample, left out
            args, kwargs = keras.tree.map_structure(_one_sample, (args, kwargs))
            out = super().__call__(*args, **kwargs)
            return keras.tree.map_structure(lambda y: y[:0], out)
        return super().__call__(*args, **kwargs)

    def check_call(self, *args: Any, **kwargs: Any) -> None:
        """Refuse wrong arguments of a call; a subclass names them, each None unless given.

        Raises:
            ValueError: one line that names the argument, what came and what is expected.
        """

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`; what several layers hold is built once (see `sharing`)."""
        rest = {key: value for key, value in config.items() if key != MARK}
        if MARK not in config:
            return cls.rebuilt(rest)
        return sharing.one_of(config[MARK], lambda: cls.rebuilt(rest))

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """A new one from `get_config`; a subclass that has parts overrides it."""
        return super().from_config(config)


def _of_shapes(build: Callable[..., None]) -> Callable[..., None]:
    """A ``build`` that refuses what is no shape."""

    @functools.wraps(build)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        for name, shape in (*(("input_shape", shape) for shape in args), *kwargs.items()):
            check_shape(shape, name)
        build(self, *args, **kwargs)

    return checked


def _is_empty(x: Any) -> bool:
    """Whether an array or tensor has no samples, where its shape says so."""
    shape: Any = () if x is None else x.shape
    return len(shape) > 0 and shape[0] == 0


def _one_sample(x: Any) -> Any:
    """One sample of ones for an empty batch; all else as it is."""
    if x is None or isinstance(x, bool | int | float | str) or not _is_empty(x):
        return x
    dtype = keras.backend.standardize_dtype(x.dtype)
    return keras.ops.ones((1, *x.shape[1:]), dtype=dtype)
