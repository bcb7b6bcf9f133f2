"""FixedPoint: the implicit step as a recurrent network with a skip from the source f."""

from __future__ import annotations

from typing import Any

import keras

from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.runtime.types import Tensor
from keras_pde.schemes.solvers.equation import Equation
from keras_pde.schemes.solvers.solver import Solver, damping, describe_bound


@keras.saving.register_keras_serializable(package="keras_pde")
class FixedPoint(Solver):
    """uˡ⁺¹ = (1 − w)uˡ + w(f − τKᵀΦ(Kuˡ)): a recurrent network.

    With w = 1, the plain fixed-point iteration, it contracts by max(q, m), q = τL‖K‖² and
    m = τμ‖K‖², and is refused unless both are below 1. With
    the automatic damping it contracts by (q + m)/(2 + q − m) < 1 for every τ and a
    flux that is monotone (m = 0: q/(2 + q)) or nearly so (m < 1). For m ≥ 1 the damped iteration
    still lowers ½‖u − f‖² + τE(u). Cost: K, Φ and Kᵀ an iteration.

    Args:
        damping: w in (0, 1]; "auto", w = 2/(2 + q − m) for m < 1 and 2/(2 + max(q, m − 2)) beyond;
            None, w = 1.

    Raises:
        ValueError: damping out of range; where the layer is built: None with q ≥ 1 or m ≥ 1, or a
            number w ≥ 2/max(1 + q, m − 1).

    Source: Alt et al., arXiv:2107.14742 (2021); the damping: Nesterov, Introductory Lectures on
    Convex Optimization (2004), theorem 2.1.15.

    Example:
        >>> from keras_pde import ImplicitDiffusion, solvers
        >>> plain = solvers.FixedPoint(damping=None)
        >>> layer = ImplicitDiffusion("forward", step_size=10.0, solver=plain)
        >>> layer.build((None, 8, 8, 1))
        Traceback (most recent call last):
        ...
        ValueError: FixedPoint(damping=None) diverges: ... needs q = τL‖K‖² < 1, and it is 80. ...
    """

    key = "fixed_point"

    def __init__(self, damping: float | str | None = "auto") -> None:
        number = (
            isinstance(damping, float | int) and not isinstance(damping, bool) and 0 < damping <= 1
        )
        if not (damping is None or damping == "auto" or number):
            raise ValueError(
                f"damping must be a number in (0, 1], 'auto' or None. Received: damping={damping!r}"
            )
        self.damping = damping

    def check(self, q: float | None, m: float | None, flux: Flux | FluxLayer) -> None:
        """Refuse a damping that diverges, or whose bound changes with the weights."""
        if isinstance(self.damping, str):
            return
        what = f"FixedPoint(damping={self.damping!r})"
        if self.damping is None and (q is None or q >= 1):
            raise ValueError(
                f"{what} diverges: the plain fixed-point iteration needs q = τL‖K‖² < 1, and it is"
                f" {describe_bound(q)}. Lower step_size, take several implicit steps, or use"
                " solver='fixed_point', which is damped to converge for every step size."
            )
        if self.damping is None and (m is None or m >= 1):
            raise ValueError(
                f"{what} diverges: the plain fixed-point iteration contracts by max(τL‖K‖², τμ‖K‖²)"
                f" and needs m = τμ‖K‖² < 1, and it is {describe_bound(m)}. Lower step_size, or use"
                " solver='fixed_point', which is damped to lower the energy for every step size."
            )
        steep = q is not None and m is not None and m - 1 > 1 + q
        curvature = "(τμ‖K‖² − 1)" if steep else "(1 + τL‖K‖²)"
        limit = None if q is None or m is None else 2 / max(1 + q, m - 1)
        if self.damping is not None and (limit is None or self.damping >= limit):
            raise ValueError(
                f"{what} diverges: it needs damping < 2/{curvature}, which is"
                f" {describe_bound(limit)}. Use damping='auto', or lower step_size."
            )

    def advance(
        self, equation: Equation, u: Tensor, r: Tensor, memory: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """u − wF(u)."""
        if isinstance(self.damping, str):
            return u - damping(equation.q, equation.m) * r, memory
        return u - (1.0 if self.damping is None else self.damping) * r, memory

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"damping": self.damping}
