"""Compiled runs: a model on an array, any function by XLA, and float64 on every backend.

Keras is imported by the functions, not by this file: the command keras-pde has to be able to read
the list of presets without it.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from keras_pde.runtime.types import Inputs, Tensor

if TYPE_CHECKING:
    import numpy as np

_FUSED = contextvars.ContextVar("fused", default=False)
_CLASSES = contextvars.ContextVar("classes", default=False)
# sizes that a flexible program's convolutions are extended to: four an octave
SIZES = [step << k for k in range(1, 25) for step in (4, 5, 6, 7)]


def run_compiled(model: Any, inputs: Inputs) -> np.ndarray:
    """Output of a model as NumPy, computed by one XLA program (op by op on backends without XLA).

    Args:
        model: a Keras model or any function of tensors.
        inputs: an array, or a list of arrays, as the model takes them.

    Returns:
        The output, in the model's precision.

    Example:
        >>> import keras_pde
        >>> from keras_pde.runtime import run_compiled
        >>> model = keras_pde.from_preset("linear_2d")
        >>> run_compiled(model, np.zeros((1, 8, 8, 1), "float32")).shape
        (1, 8, 8, 1)
    """
    import keras

    return keras.ops.convert_to_numpy(compiled(model)(inputs))


def compiled(function: Any) -> Any:
    """Compile a function of tensors by XLA, on backends that have it.

    XLA for the CPU runs convolutions by its own kernels, and inside a loop on one thread: up to 10
    times slower than TensorFlow runs them. A function with an attribute ``prefers_xla = False`` is
    therefore left to TensorFlow on a CPU, and XLA compiles only what is pointwise in it. On a GPU
    or TPU XLA compiles everything.

    The program computes with the weights at hand of a function that has them as its ``variables``,
    as Keras's layers do. JAX would take whatever else a function holds for constants.

    Example:
        >>> from keras_pde.runtime import compiled
        >>> float(compiled(lambda x: x + 1)(np.float32(1)))
        2.0
    """
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # any callable may be compiled; those that know XLA to be slow for them say so
        whole = getattr(function, "prefers_xla", True) or any(
            d.device_type != "CPU" for d in tf.config.get_visible_devices()
        )
        traced = tf.function(
            function if whole else _fusing(function), jit_compile=whole, autograph=False
        )
        # TensorFlow warns of many programs, and XLA needs one for each image size
        traced._omit_frequent_tracing_warning = True
        return traced
    if backend == "jax":
        import jax

        if getattr(function, "variables", None) is not None:
            return _of_weights(function)
        # of one and the same function JAX would hand out the program with its former constants
        return jax.jit(lambda *inputs: function(*inputs))
    if backend == "torch":
        import torch

        def run(*inputs: Any) -> Any:
            with torch.no_grad():  # else every state is kept for a backward pass
                return function(*inputs)

        return run
    return function


def _of_weights(function: Any) -> Any:
    """A JAX program of a function whose variables are arguments.

    XLA would fold by an interpreter what hangs on constants alone, such as the spectral norm of a
    kernel: 30 s for a network of the zoo where this takes 4 s.
    """
    import jax
    import keras

    @jax.jit
    def run(values: list[Any], *inputs: Any, **named: Any) -> Any:
        with keras.StatelessScope(list(zip(function.variables, values, strict=True))):
            return function(*inputs, **named)

    return lambda *inputs, **named: run([v.value for v in function.variables], *inputs, **named)


@contextlib.contextmanager
def fused() -> Iterator[None]:
    """Let `one_pass` fuse pointwise operations in the graphs that are traced inside the block.

    Example:
        >>> from keras_pde.runtime import fused, one_pass
        >>> with fused():
        ...     print(float(one_pass(lambda s: 2 * s, np.float32(1))))
        2.0
    """
    before = _FUSED.set(True)
    try:
        yield
    finally:
        _FUSED.reset(before)


def _fusing(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*inputs: Any) -> Any:
        with fused():
            return function(*inputs)

    return run


def one_pass(function: Callable[..., Any], *tensors: Tensor) -> Any:
    """Return function(*tensors), for a function made of pointwise operations.

    In a TensorFlow graph that is traced within `fused`, XLA compiles it to one kernel, which passes
    over memory once.

    Example:
        >>> from keras_pde.runtime import one_pass
        >>> float(one_pass(lambda s: s / (1 + s * s), np.float32(1)))
        0.5
    """
    if not _FUSED.get():
        return function(*tensors)
    import keras

    if keras.backend.backend() != "tensorflow":
        return function(*tensors)
    import tensorflow as tf

    return (
        function(*tensors)
        if tf.executing_eagerly()
        else tf.function(function, jit_compile=True, autograph=False)(*tensors)
    )


def flexible(function: Callable[..., Any]) -> Any:
    """Trace a function of tensors once for all their sizes, without XLA.

    It serves images of many sizes, for which XLA's programs, one a size, cost more than they save.
    On backends without such programs it falls back to `compiled`.

    Example:
        >>> from keras_pde.runtime import flexible
        >>> double = flexible(lambda x: 2 * x)
        >>> [tuple(double(np.zeros((1, n), "float32")).shape) for n in (3, 4)]
        [(1, 3), (1, 4)]
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return compiled(function)
    import tensorflow as tf

    def run(*inputs: Any) -> Any:
        before = _CLASSES.set(True)
        try:
            return function(*inputs)
        finally:
            _CLASSES.reset(before)

    traced = tf.function(run, jit_compile=False, autograph=False, reduce_retracing=True)
    traced._omit_frequent_tracing_warning = True
    return traced


def in_classes(function: Callable[..., Any], u: Any, *others: Any) -> Any:
    """Return function(u, ...), for a convolution of images with zeros beyond the boundary.

    For every size of an image TensorFlow keeps what it prepares for a convolution, half a megabyte
    for a network. In a program of `flexible` the image is therefore extended by zeros to one of few
    sizes, and the result cut: the numbers stay the same.

    Args:
        function: that maps (batch, height, width, channels) to a height and a width that differ
            from these by numbers that do not depend on them.
        u: the images.
        others: kernels and the like, passed on.

    Example:
        >>> from keras_pde.runtime.compiling import in_classes
        >>> in_classes(lambda u: 2 * u, 1.5)
        3.0
    """
    if not _CLASSES.get() or len(u.shape) != 4:
        return function(u, *others)
    import tensorflow as tf

    classes = tf.constant(SIZES)
    size = tf.shape(u)[1:3]
    further = tf.gather(classes, tf.searchsorted(classes, size)) - size
    out = function(tf.pad(u, [[0, 0], [0, further[0]], [0, further[1]], [0, 0]]), *others)
    shape = tf.shape(out)
    return out[:, : shape[1] - further[0], : shape[2] - further[1]]


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """Compute in float64 inside the block on JAX too, which takes float32 unless told otherwise.

    Example:
        >>> from keras_pde.runtime import double_precision
        >>> with double_precision():
        ...     print(keras.ops.convert_to_tensor(np.zeros(1), dtype="float64").dtype == "float64")
        True
    """
    import keras

    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    with jax.enable_x64(True):
        yield


def finest_roundoff() -> float:
    """Unit roundoff of what layers in float64 compute inside `double_precision`.

    Keras's matrix products and convolutions on PyTorch run in float32 whatever they are given.

    Example:
        >>> from keras_pde.runtime.compiling import finest_roundoff
        >>> finest_roundoff() in (2.0**-53, 2.0**-24)
        True
    """
    import keras

    return 2.0**-24 if keras.backend.backend() == "torch" else 2.0**-53


def computes_now() -> bool:
    """Whether operations give numbers: not while a graph is traced.

    Example:
        >>> from keras_pde.runtime.compiling import computes_now
        >>> computes_now()
        True
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.executing_eagerly())


def has_gpu() -> bool:
    """Whether the backend computes on a GPU.

    Example:
        >>> from keras_pde.runtime.compiling import has_gpu
        >>> isinstance(has_gpu(), bool)
        True
    """
    import keras

    if keras.backend.backend() == "torch":  # which keras.distribution does not know
        import torch

        return bool(torch.cuda.is_available())
    return any("gpu" in kind for kind in keras.distribution.list_devices())
