"""Biharmonic: the plate equation."""

from __future__ import annotations

import keras

from keras_pde.schemes.multigrid.problems.problem import Problem


@keras.saving.register_keras_serializable(package="keras_pde")
class Biharmonic(Problem):
    """Δ²u = b, as the square of the second-order stencil.

    On a zero boundary u = Δu = 0 (a simply supported plate).

    Args:
        boundary: "dirichlet", "neumann" or "periodic".

    Raises:
        ValueError: unknown boundary.

    Example:
        >>> from keras_pde import problems
        >>> problems.Biharmonic().order
        4
    """

    equation = "Δ²u = b"
    order = 4
    default_cycle = "V(3,3)"
    default_smoother = "chebyshev"
