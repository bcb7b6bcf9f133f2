"""Solver: the loop that all solvers of the implicit step share, sample by sample."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from keras import ops

from keras_pde.fluxes.flux import Flux
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.runtime.registry import Configured
from keras_pde.runtime.types import Number, Tensor
from keras_pde.schemes.solvers.equation import CONTRACTION, GRADIENT, Equation
from keras_pde.schemes.solvers.implicit_step import spread

BELOW_ONE = 0.999  # progress asked of an accelerated step where no rate is proved
SLACK = 10.0  # how far an accelerated step may fall behind the best residual


class SolverResult(NamedTuple):
    """What a solver returns.

    Args:
        u: the solution.
        iterations: of each sample, (batch,).
        residual: ‖F(u)‖/‖f‖ of each sample, (batch,).
        converged: whether each sample reached the tolerance, (batch,).
        trace: relative residuals, (iterations + 1, batch), −1 after a sample's end; None unless
            asked for.
    """

    u: Tensor
    iterations: Tensor
    residual: Tensor
    converged: Tensor
    trace: Tensor | None = None


class Solver(Configured):
    """Base: iterate until ‖F(u)‖ ≤ tolerance·‖f‖ for every sample, from u = f.

    A sample that has converged is held, so that its result does not depend on what it is batched
    with; one that is no longer finite is given up. A subclass gives ``advance``, and ``start`` and
    ``learn`` if it remembers earlier steps.

    An accelerated step is a proposal. It is taken where its residual stays below an envelope that
    falls by the rate of the damped fixed point, ρ = (q + m)/(2 + q − m), with every step taken;
    elsewhere the memory of that sample is emptied, and the next step is a damped one, which keeps
    ‖F‖ under the envelope: F(u − wF(u)) = (I − wH)F(u) with the spectrum of H in [1 − m, 1 + q]. So
    for m < 1 a safeguarded solver converges at least half as fast as the damped fixed point. For m
    ≥ 1, where no rate exists, a proposal must lower the least residual so far; it can do so
    finitely often, and the damped steps between lower the energy.

    Example:
        >>> from keras_pde import solvers
        >>> solvers.get("accelerated").name
        'accelerated'
    """

    key: str = ""
    safeguarded: bool = False
    equations: tuple[str, ...] = (GRADIENT, CONTRACTION)  # kinds that it solves

    def __init__(self) -> None:
        """No options, unless a subclass has some."""

    @property
    def name(self) -> str:
        """Name by which `get` finds it; of a solver that `get` does not know, its class's."""
        return self.key or type(self).__name__

    def check(self, q: float | None, m: float | None, flux: Flux | FluxLayer) -> None:
        """Refuse an equation that the solver cannot solve.

        Args:
            q: τL‖K‖², None where it changes with the weights.
            m: τμ‖K‖², None where it changes with the weights.
            flux: Φ.

        Raises:
            ValueError: the iteration would diverge, or could for some weights.
        """

    def start(self, equation: Any) -> list[Tensor]:
        """An empty memory, all zeros where it is safeguarded."""
        return []

    def advance(
        self, equation: Any, u: Tensor, r: Tensor, memory: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The next u and the memory, from u and r = F(u).

        With an empty memory a step that is always safe.
        """
        raise NotImplementedError

    def learn(self, memory: list[Tensor], du: Tensor, dr: Tensor) -> list[Tensor]:
        """The memory after a step du has changed the residual by dr."""
        return memory

    def solve(
        self, equation: Equation, tolerance: float, max_iterations: int, trace: bool = False
    ) -> SolverResult:
        """Solve F(u) = 0 for every sample; the arguments of `keras_pde.ImplicitDiffusion`.

        Args:
            equation: the implicit step.
            tolerance: of ‖F(u)‖/‖f‖.
            max_iterations: evaluations of F at most, besides the first.
            trace: whether to record the residuals.
        """
        rate, slack = _rate(equation.q, equation.m)
        u = equation.guess
        r = equation.residual(u)
        size = equation.relative(r)
        fresh = ops.ones_like(size) > 0
        steps = ops.arange(max_iterations + 1, dtype="int32")[:, None]  # not int64 by floatx
        traces = [ops.where(steps == 0, size[None], -ops.ones_like(size)[None])] if trace else []
        state = (
            ops.zeros((), "int32"),
            u,
            r,
            size,
            ops.cast(ops.zeros_like(size), "int32"),
            fresh,
            rate * size,
            traces,
            self.start(equation),
        )

        def running(size: Tensor) -> Tensor:
            # not size > tolerance: a residual that is NaN has not converged, and will not
            return ops.logical_and(ops.logical_not(size <= tolerance), ops.isfinite(size))

        def going(k: Tensor, u: Tensor, r: Tensor, size: Tensor, *rest: Tensor) -> Tensor:
            return ops.logical_and(k < max_iterations, ops.any(running(size)))

        def body(
            k: Tensor,
            u: Tensor,
            r: Tensor,
            size: Tensor,
            count: Tensor,
            fresh: Tensor,
            envelope: Tensor,
            traces: list[Tensor],
            memory: list[Tensor],
        ) -> tuple[Tensor, ...]:
            active = running(size)
            proposal, remembered = self.advance(equation, u, r, memory)
            new = equation.residual(proposal)
            found = equation.relative(new)
            taken = active
            if self.safeguarded:
                taken = ops.logical_and(active, ops.logical_or(fresh, found <= envelope))
                remembered = self.learn(remembered, proposal - u, new - r)
                remembered = [ops.where(spread(taken, x), x, ops.zeros_like(x)) for x in remembered]
                envelope = ops.where(taken, rate * ops.minimum(envelope, slack * found), envelope)
                fresh = ops.logical_not(taken)
            u, r = (ops.where(spread(taken, u), a, b) for a, b in ((proposal, u), (new, r)))
            size = ops.where(taken, found, size)
            count = count + ops.cast(active, "int32")
            k = k + 1
            traces = [
                ops.where(ops.logical_and(steps == k, active[None]), size[None], t) for t in traces
            ]
            return k, u, r, size, count, fresh, envelope, traces, remembered

        _, u, _, size, count, _, _, traces, _ = ops.while_loop(going, body, state)
        return SolverResult(u, count, size, size <= tolerance, traces[0] if trace else None)


def choose(condition: Tensor | bool, yes: Number, no: Number) -> Number:
    """``yes`` where the condition holds, else ``no``: of numbers or of scalars in a graph."""
    return (
        (yes if condition else no) if isinstance(condition, bool) else ops.where(condition, yes, no)
    )


def damping(q: Number, m: Number) -> Number:
    """w of u − wF(u): 2/(2 + q − m) for m < 1, with the rate (q + m)/(2 + q − m).

    Else 2/(2 + max(q, m − 2)), which lowers the energy.

    Example:
        >>> from keras_pde.schemes.solvers.solver import damping
        >>> damping(2.0, 0.0), damping(2.0, 0.5), damping(2.0, 8.0)
        (0.5, 0.5714285714285714, 0.25)
    """
    return choose(m < 1, 2 / (2 + q - m), 2 / (2 + steepest(q, m)))


def steepest(q: Number, m: Number) -> Number:
    """max(q, m − 2), the largest curvature that a step has to respect, less 1.

    In the place of q it makes a step that lowers the energy do so where the energy bends down by
    m − 1 as well.
    """
    return (
        max(q, m - 2)
        if isinstance(q, float | int) and isinstance(m, float | int)
        else ops.maximum(q, m - 2)
    )


def _rate(q: Number, m: Number) -> tuple[Number, Number]:
    """The factor by which the envelope falls a step, and its slack, in the precision of m."""
    return choose(m < 1, (q + m) / (2 + q - m), BELOW_ONE), choose(m < 1, SLACK + 0 * m, 1.0)


def describe_bound(q: float | None) -> str:
    """A bound, for an error message."""
    return "not known for all weights" if q is None or not math.isfinite(q) else f"{q:.4g}"
