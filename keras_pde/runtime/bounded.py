"""Programs for images of many sizes, in memory that does not grow with the number of sizes."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from keras_pde.runtime.compiling import compiled, flexible

FIRST = 4  # programs of XLA that the first sizes get at once
LATER = 4  # programs for sizes that turn out to come often
OFTEN = 10  # calls after which a size comes often

_made = Counter[str]()  # of the whole process: TensorFlow keeps a program of XLA until its end


def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of tensors for few sizes, and serve all others by one flexible program.

    A program of XLA is made for one size, takes seconds to make and 10 to 30 MB, and TensorFlow
    never gives it back, whatever becomes of the function. So a process makes 4 of them for the
    sizes that come first and 4 for sizes that have come 10 times, over all its functions; every
    other call runs the program that `flexible` traces once for all sizes, and that is given back
    with the function. The two agree to rounding. JAX gives programs back: there the 8 sizes used
    last have one.

    Args:
        function: of tensors, or of lists of tensors.

    Returns:
        A function of arrays or tensors, as `keras_pde.runtime.compiled` returns.

    Example:
        >>> from keras_pde.runtime import bounded
        >>> double = bounded(lambda x: 2 * x)
        >>> [tuple(double(np.zeros((1, n), "float32")).shape) for n in range(3, 6)]
        [(1, 3), (1, 4), (1, 5)]
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        return _Few(function)
    return _Latest(function) if keras.backend.backend() == "jax" else compiled(function)


def _sizes(inputs: Any) -> tuple[tuple[int, ...], ...]:
    import keras

    return tuple(tuple(x.shape) for x in keras.tree.flatten(inputs))


def _any_size(x: Any) -> Any:
    import tensorflow as tf

    known = tuple(x.shape)[-1:] if len(x.shape) > 1 else ()  # the channels
    return tf.TensorSpec((None,) * (len(x.shape) - len(known)) + known, x.dtype)


class _Few:
    """Programs of XLA for some sizes, as many as the process may have, and one for the others."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.compiled = compiled(function)
        self.flexible = flexible(function)
        self.traced = False
        self.own: set[Any] = set()
        self.calls = Counter[Any]()

    def __call__(self, *inputs: Any) -> Any:
        sizes = _sizes(inputs)
        if sizes not in self.own:
            self.calls[sizes] += 1
            if not self._may_have_one(self.calls[sizes]):
                return self._by_all_sizes(*inputs)
            self.own.add(sizes)
        return self.compiled(*inputs)

    def _by_all_sizes(self, *inputs: Any) -> Any:
        if not self.traced:  # for all sizes at once, where calls would widen the trace one by one
            import keras

            self.flexible.get_concrete_function(*keras.tree.map_structure(_any_size, inputs))
            self.traced = True
        return self.flexible(*inputs)

    def _may_have_one(self, calls: int) -> bool:
        for kind, most in (("first", FIRST), ("often", LATER if calls > OFTEN else 0)):
            if _made[kind] < most:
                _made[kind] += 1
                return True
        return False


class _Latest:
    """A program for each of the sizes used last."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.programs: OrderedDict[Any, Any] = OrderedDict()

    def __call__(self, *inputs: Any) -> Any:
        sizes = _sizes(inputs)
        if sizes not in self.programs:
            self.programs[sizes] = compiled(self.function)
        self.programs.move_to_end(sizes)
        if len(self.programs) > FIRST + LATER:
            self.programs.popitem(last=False)
        return self.programs[sizes](*inputs)
