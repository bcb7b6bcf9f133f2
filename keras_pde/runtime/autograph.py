"""TensorFlow's AutoGraph leaves the functions of this package as they are."""

from __future__ import annotations

import keras


def leave_out(package: str) -> None:
    """Have `tf.function` trace a package instead of translating it first.

    AutoGraph rewrites the source of each function that a `tf.function` calls, so that if and while
    may ask tensors; this package asks none. The translation takes most of the time of a trace, and
    puts itself into error messages. TensorFlow's own list leaves Keras out likewise; where the list
    is not found, functions are translated as before, which costs time alone.

    Args:
        package: its name.

    Example:
        >>> from keras_pde.runtime.autograph import leave_out
        >>> leave_out("keras_pde")  # as at import: a second time changes nothing
    """
    if keras.backend.backend() != "tensorflow":
        return
    try:
        from tensorflow.python.autograph.core import config, config_lib

        rules = config.CONVERSION_RULES
        rule = config_lib.DoNotConvert(package)
        if not any(str(rule) == str(other) for other in rules):
            config.CONVERSION_RULES = (rule, *rules)
    except (ImportError, AttributeError):
        return
