"""Solvers of implicit steps: rates that a matrix attains, and bounds that they are given."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest

from keras_pde import (
    ConvOperator,
    FluxActivation,
    ImplicitDiffusion,
    ImplicitRecurrent,
    MultigridUNet,
    problems,
    smoothers,
    solvers,
)
from keras_pde.schemes.solvers.implicit_step import ImplicitStep

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="float64")
D = {"dtype": "float64"}


class Diagonal(ImplicitStep):
    """F(u) = Hu − f with H = diag(1 − m, …, 1 + q), whose ends attain every rate."""

    def residual(self, u: Any) -> Any:
        return np.linspace(1 - self.m, 1 + self.q, 9)[None] * u - self.f


def factors(solver: solvers.Solver, q: float, m: float, steps: int = 30) -> np.ndarray:
    """‖F‖ after so many iterations, over ‖F‖ at the start."""
    f = keras.ops.convert_to_tensor(np.ones((1, 9)) * [1, *[1e-3] * 7, 1])
    step = Diagonal(f, None, None, [], 1.0, [], q, m)  # type: ignore[arg-type]
    trace = np.array(solver.solve(step, 1e-300, steps, trace=True).trace)[:, 0]
    return trace / trace[0]


@pytest.mark.parametrize(("q", "m"), [(0.5, 0.0), (0.5, 0.8), (0.9, 0.1)])
def test_the_plain_fixed_point_contracts_by_the_larger_of_q_and_m(q: float, m: float) -> None:
    found = factors(solvers.FixedPoint(damping=None), q, m)
    assert found[-1] / found[-2] == pytest.approx(max(q, m), rel=1e-3)


@pytest.mark.parametrize(("q", "m"), [(8.0, 0.0), (3.0, 0.5), (0.2, 0.9)])
def test_the_damped_fixed_point_attains_its_rate(q: float, m: float) -> None:
    found = factors(solvers.FixedPoint(), q, m)
    assert found[-1] / found[-2] == pytest.approx((q + m) / (2 + q - m), rel=1e-6)


@pytest.mark.parametrize(("q", "m"), [(8.0, 0.0), (9.0, 0.5)])
def test_accelerated_steps_attain_their_rates(q: float, m: float) -> None:
    """Chebyshev's polynomial on the spectrum; Nesterov's √β a step, with the constants of I4."""
    rho = (q + m) / (2 + q - m)
    sigma = (1 - math.sqrt(1 - rho**2)) / rho
    bound = 2 * sigma**20 / (1 + sigma**40)
    assert factors(solvers.Accelerated("chebyshev"), q, m)[20] == pytest.approx(bound, rel=0.05)
    root = math.sqrt((1 + q) / (1 - m))
    nesterov = factors(solvers.Accelerated("nesterov"), q, m)[20]
    assert nesterov <= 40 * ((root - 1) / root) ** 20
    assert factors(solvers.Anderson(memory=8), q, m)[9] < 1e-4  # 9 eigenvalues: as few steps


@pytest.mark.parametrize("damping", [None, 0.9])
def test_fixed_damping_is_refused_where_it_does_not_converge(damping: float | None) -> None:
    solver = solvers.FixedPoint(damping)
    for q, m in ((0.5, 3.5), (1.5, 0.0)):
        with pytest.raises(ValueError, match="diverges"):
            solver.check(q, m, FluxActivation("charbonnier"))
    solver.check(0.5, 0.5, FluxActivation("charbonnier"))


@pytest.mark.parametrize("m", [1.0, 2.0, None])
def test_the_plain_fixed_point_needs_m_below_1_too(m: float | None) -> None:
    with pytest.raises(ValueError, match=r"max\(τL‖K‖², τμ‖K‖²\)"):
        solvers.FixedPoint(damping=None).check(0.5, m, FluxActivation("charbonnier"))


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (solvers.Anderson, {"memory": True}, "memory must be a whole number .*1"),
        (solvers.Anderson, {"regularization": math.nan}, "regularization must be a .*number > 0"),
        (solvers.LaggedDiffusivity, {"inner_tolerance": 1.0}, "inner_tolerance must be a number"),
        (solvers.LaggedDiffusivity, {"inner_iterations": 2.5}, "inner_iterations must be a whole"),
        (smoothers.Jacobi, {"weight": True}, "weight must be a number > 0 and <= 1"),
        (smoothers.RedBlack, {"weight": "1"}, "weight must be a number > 0 and < 2"),
        (smoothers.Chebyshev, {"share": 1.0}, "share must be a number > 0 and < 1"),
        (smoothers.Chebyshev, {"symmetric": "no"}, "symmetric must be"),
        (problems.ScreenedPoisson, {"step_size": math.nan}, "step_size must be a .*number > 0"),
        (problems.Diffusion, {"step_size": True}, "step_size must be a .*number > 0"),
        (MultigridUNet, {"channels": 2.5}, "channels must be a whole number .*1"),
        (MultigridUNet, {"levels": True}, "levels.* must be a whole number"),
        (ImplicitRecurrent, {"steps": True}, "steps must be a whole number .*1"),
    ],
)
def test_arguments_out_of_range_or_of_another_type_are_refused(
    kind: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)


@pytest.mark.parametrize("step_size", [3.0, "learned"])
@pytest.mark.parametrize("flux", ["linear", "perona_malik", "charbonnier"])
def test_q_and_m_are_attained_by_a_scalar_operator(step_size: Any, flux: str) -> None:
    """K = 2, so q = 4τ sup Φ′ and m = −4τ inf Φ′; a bound that is less would be no bound."""
    layer = ImplicitDiffusion(
        ConvOperator(1, 1, **D), FluxActivation(flux, 0.5, **D), step_size, **D
    )
    layer.build((None, None, 1))
    layer.operator.kernels[0].assign(np.full((1, 1, 1), 2.0))
    prepared = layer.prepare()
    slopes = layer.flux.linearize(
        [keras.ops.convert_to_tensor(np.linspace(-3, 3, 6001).reshape(1, -1, 1))]
    )[0]
    tau = layer.tau
    q, m = (float(keras.ops.convert_to_numpy(x)) for x in (prepared.q, prepared.m))
    assert q == pytest.approx(4 * tau * np.max(slopes), rel=1e-3)
    assert m == pytest.approx(-4 * tau * min(0.0, np.min(slopes)), rel=1e-3)
    assert q >= 4 * tau * np.max(slopes)
    assert m >= -4 * tau * np.min(slopes)


def test_q_of_a_stencil_is_attained_by_its_highest_frequency() -> None:
    layer = ImplicitDiffusion("forward", FluxActivation("linear", **D), 3.0, **D)
    layer.build((None, None, 1))
    u = (-1.0) ** np.arange(400).reshape(1, -1, 1)
    step = layer.problem(np.zeros_like(u), layer.prepare())
    ratio = np.linalg.norm(step.residual(u)) / np.linalg.norm(u)
    assert step.q * 0.99 < ratio - 1 <= step.q
