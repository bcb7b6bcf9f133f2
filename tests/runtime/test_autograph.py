"""A tf.function that calls this package traces it, and rewrites none of it."""

from __future__ import annotations

import traceback
from typing import Any

import keras
import numpy as np
import pytest

from keras_pde import MultigridUNet, problems
from keras_pde.runtime.autograph import leave_out

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="AutoGraph is TensorFlow's"
)


class Reaction(problems.StencilProblem):
    """2u = b, which keeps the files that called it."""

    def __init__(self) -> None:
        super().__init__("dirichlet")
        self.files: list[str] = []

    def apply(self, u: Any, coefficient: Any) -> Any:
        self.files += [frame.filename for frame in traceback.extract_stack()]
        return 2 * u


def test_a_traced_solution_is_not_rewritten() -> None:
    import tensorflow as tf

    problem, b = Reaction(), np.ones((1, 5, 1), "float32")
    solver = MultigridUNet(problem)

    def solved(b: Any) -> Any:
        return solver.solution(b)

    found = tf.function(solved)(b)
    np.testing.assert_allclose(found, b / 2, rtol=1e-6)
    made = {file for file in problem.files if "autograph_generated" in file}
    assert len(made) == 1  # of `solved` itself
    assert any("multigrid_inverse" in file for file in problem.files)


def test_a_package_is_left_out_once() -> None:
    from tensorflow.python.autograph.core import config

    leave_out("keras_pde")
    rules = [str(rule) for rule in config.CONVERSION_RULES]
    assert rules.count("DoNotConvert rule for keras_pde") == 1
