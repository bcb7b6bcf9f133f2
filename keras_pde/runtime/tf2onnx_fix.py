"""A guard around tf2onnx's reshape optimizer."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import keras


@contextlib.contextmanager
def sound_conversion(format: str) -> Iterator[None]:
    """While tf2onnx runs: its reshape optimizer leaves the outputs of a graph alone.

    It writes some Reshape nodes as one of a higher rank and a Squeeze (tf2onnx 1.17). Behind an
    output the Squeeze is lost: what the file computes then has an axis too many. Whether an output
    is a Reshape of that kind depends on the order of the other optimizations, and so on names and
    hashes: one export in some twenty.
    """
    if (
        format != "onnx"
        or keras.backend.backend() == "torch"
        or importlib.util.find_spec("tf2onnx") is None
    ):
        yield
        return
    from tf2onnx.optimizer.reshape_optimizer import ReshapeOptimizer

    optimize = ReshapeOptimizer._optimize_reshape

    def guarded(self: Any, node: Any, graph: Any) -> bool:
        return not set(node.output) & set(graph.outputs) and optimize(self, node, graph)

    ReshapeOptimizer._optimize_reshape = guarded
    try:
        yield
    finally:
        ReshapeOptimizer._optimize_reshape = optimize
