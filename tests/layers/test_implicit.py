"""Implicit steps: the solution is the equation's, the gradient the implicit function theorem's, the
certificate holds.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import keras
import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf
from keras import ops
from scipy.sparse.linalg import spsolve

import keras_pde
from keras_pde import (
    ConvOperator,
    FluxActivation,
    ImplicitDiffusion,
    ImplicitRecurrent,
    SplineFlux,
    activations,
    solvers,
)

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="float64 and gradient tapes; the table runs on JAX",
)
SOLVERS = {
    "damped": solvers.FixedPoint(),
    "nesterov": solvers.Accelerated("nesterov"),
    "chebyshev": solvers.Accelerated("chebyshev"),
    "anderson": solvers.Anderson(),
    "lagged": solvers.LaggedDiffusivity(),
}


def solving(layer: ImplicitDiffusion, f: np.ndarray, **options: Any) -> Any:
    """`layer.solve` in a graph: the loops of long solves run op by op otherwise."""
    layer.build(f.shape)
    signature = [tf.TensorSpec((None, *f.shape[1:]), layer.compute_dtype)]
    run = functools.partial(layer.solve, **options)
    return tf.function(run, autograph=False, input_signature=signature)


def solved(layer: ImplicitDiffusion, f: np.ndarray, **options: Any) -> Any:
    return solving(layer, f, **options)(ops.convert_to_tensor(f, dtype=layer.compute_dtype))


def gradient_matrix(size: tuple[int, int]) -> Any:
    """Forward differences of both axes, reflecting boundary."""
    lines = []
    for axis, n in enumerate(size):
        d = sp.lil_matrix((n, n))
        for i in range(n - 1):
            d[i, i], d[i, i + 1] = -1, 1
        lines.append(sp.kron(*(d if k == axis else sp.identity(m) for k, m in enumerate(size))))
    return sp.vstack(lines).tocsr()


def reference(f: np.ndarray, tau: float, contrast: float, g: Any) -> np.ndarray:
    """Coupled implicit step by lagged diffusivity with sparse direct solves."""
    k, u = gradient_matrix(f.shape), f.ravel().copy()
    for _ in range(400):
        s = k @ u
        weights = np.tile(g((s.reshape(2, -1) ** 2).sum(axis=0) / contrast**2), 2)
        before, u = (
            u,
            spsolve((sp.identity(f.size) + tau * k.T @ sp.diags(weights) @ k).tocsc(), f.ravel()),
        )
        if np.abs(u - before).max() < 1e-11:
            break
    return u.reshape(f.shape)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tau", [1.0, 20.0])
def test_every_solver_finds_the_solution(solver: str, tau: float, rng: np.random.Generator) -> None:
    f = rng.random((2, 9, 7, 1))
    flux = FluxActivation("charbonnier", 0.1, coupled=True)
    layer = ImplicitDiffusion(
        "forward",
        flux,
        tau,
        SOLVERS[solver],
        tolerance=1e-10,
        max_iterations=20000,
        dtype="float64",
    )
    u = np.array(solved(layer, f).u)
    for sample in range(2):
        expected = reference(f[sample, ..., 0], tau, 0.1, lambda r: 1 / np.sqrt(1 + r))
        np.testing.assert_allclose(u[sample, ..., 0], expected, atol=1e-8)
    assert np.abs(u - f).max() > 0.1


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_sample_does_not_depend_on_its_batch(solver: str, rng: np.random.Generator) -> None:
    f = rng.random((3, 8, 8, 1)) * np.array([1.0, 1e-6, 0.0]).reshape(3, 1, 1, 1)
    layer = ImplicitDiffusion(
        "forward",
        "charbonnier",
        5.0,
        SOLVERS[solver],
        tolerance=1e-9,
        max_iterations=3000,
        dtype="float64",
    )
    solve = solving(layer, f)
    together, alone = solve(f), [solve(f[i : i + 1]) for i in range(3)]
    for i in range(3):
        np.testing.assert_array_equal(np.array(together.u)[i], np.array(alone[i].u)[0])
        assert int(together.iterations[i]) == int(alone[i].iterations[0])
    assert int(together.iterations[2]) == 0  # f = 0 is solved by 0


def test_samples_stop_by_themselves(rng: np.random.Generator) -> None:
    f = np.concatenate([rng.random((1, 10, 10, 1)), np.full((1, 10, 10, 1), 0.5)])
    found = ImplicitDiffusion("forward", "charbonnier", 20.0).solve(f)
    assert int(found.iterations[0]) > 5
    assert int(found.iterations[1]) == 0


def test_tolerance_and_max_iterations_act(rng: np.random.Generator) -> None:
    f = rng.random((1, 12, 12, 1))
    rough, fine = (
        ImplicitDiffusion("forward", "charbonnier", 20.0, tolerance=t, dtype="float64").solve(f)
        for t in (1e-2, 1e-8)
    )
    assert int(rough.iterations[0]) < int(fine.iterations[0])
    assert 1e-8 < float(rough.residual[0]) <= 1e-2
    assert float(fine.residual[0]) <= 1e-8
    short = ImplicitDiffusion("forward", "charbonnier", 20.0, max_iterations=3).solve(f)
    assert int(short.iterations[0]) == 3
    assert not bool(short.converged[0])


def test_what_does_not_converge_is_reported(rng: np.random.Generator) -> None:
    f = rng.random((2, 12, 12, 1)).astype("float32")
    f[1] = 0.5

    def layer(on_failure: str) -> ImplicitDiffusion:
        return ImplicitDiffusion(
            "forward", "charbonnier", 50.0, max_iterations=2, on_failure=on_failure
        )

    with pytest.warns(
        RuntimeWarning,
        match=(
            r"1 of 2 samples did not converge: relative residual .* > tolerance 1e-05 after 2"
            r" iterations"
        ),
    ):
        layer("warn")(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(np.array(layer("ignore")(f))).all()
        out = np.array(tf.function(layer("nan"), jit_compile=True)(f))
    assert np.isnan(out[0]).all()
    assert np.isfinite(out[1]).all()
    diagnosis = ImplicitRecurrent(2, block=layer("ignore")).diagnose(f)
    assert not diagnosis.all_converged
    assert diagnosis.converged.tolist() == [[False, True], [False, True]]
    assert "NOT CONVERGED: 2 of 4 solves" in str(diagnosis)


def test_a_solve_is_traced_where_float64_is_the_default() -> None:
    usual = keras.config.floatx()
    keras.config.set_floatx("float64")  # by which Keras also chooses the integers of arange
    try:
        solution = ImplicitDiffusion("forward", step_size=2.0).solve(
            np.eye(8)[None, ..., None], trace=True
        )
    finally:
        keras.config.set_floatx(usual)
    count = int(solution.iterations[0])
    assert solution.trace[count, 0] == solution.residual[0] <= 1e-5 < solution.trace[count - 1, 0]


def test_diagnosis_traces_every_solve(rng: np.random.Generator) -> None:
    f = rng.random((2, 12, 12, 1)).astype("float32")
    net = ImplicitRecurrent(
        3, block=ImplicitDiffusion("forward", "charbonnier", 4.0, max_iterations=100)
    )
    diagnosis = net.diagnose(f)
    assert diagnosis.all_converged
    assert diagnosis.traces.shape == (3, 2, 101)
    for step in range(3):
        for sample in range(2):
            trace = diagnosis.traces[step, sample]
            n = diagnosis.iterations[step, sample]
            assert np.isfinite(trace[: n + 1]).all()
            assert np.isnan(trace[n + 1 :]).all()
            assert trace[n] == diagnosis.residual[step, sample] <= 1e-5 < trace[n - 1]


# --- MATHS section 7 ---


def rates(q: float, damping: str | None) -> np.ndarray:
    """Residual ratios of the fixed point for linear diffusion in 1-D at q = τ‖K‖² = 4τ."""
    rng = np.random.default_rng(0)
    solver = solvers.FixedPoint(damping)
    layer = ImplicitDiffusion(
        "forward",
        "linear",
        q / 4,
        solver,
        tolerance=1e-10,
        max_iterations=2000,
        on_failure="ignore",
        dtype="float64",
    )
    trace = np.array(solved(layer, rng.standard_normal((1, 64, 1)), trace=True).trace)[:, 0]
    trace = trace[trace > 0]
    return trace[1:] / trace[:-1]


def test_the_fixed_point_contracts_by_q() -> None:
    for q, rate in ((0.5, 0.489), (0.95, 0.950)):
        ratios = rates(q, None)
        assert ratios.max() <= q + 1e-9
        assert ratios[-5:].mean() == pytest.approx(rate, abs=0.015)


def test_plain_fixed_point_refuses_q_beyond_1_with_the_bound() -> None:
    layer = ImplicitDiffusion("forward", "linear", 1.05 / 4, solvers.FixedPoint(None))
    with pytest.raises(ValueError, match=r"needs q = τL‖K‖² < 1, and it is 1.05"):
        layer.build((None, 64, 1))
    with pytest.raises(ValueError, match=r"needs damping < 2/\(1 \+ τL‖K‖²\)"):
        ImplicitDiffusion("forward", "linear", 2.0, solvers.FixedPoint(0.9)).build((None, 64, 1))


@pytest.mark.parametrize(("q", "iterations"), [(2, 34), (8, 111), (40, 536)])
def test_damped_fixed_point_contracts_by_q_over_q_plus_2(q: float, iterations: int) -> None:
    ratios = rates(q, "auto")
    assert ratios.max() <= q / (2 + q) + 1e-9
    assert len(ratios) == pytest.approx(iterations, rel=0.15)


def test_lagged_diffusivity_lowers_the_energy_for_every_step_size(rng: np.random.Generator) -> None:
    f = rng.random((1, 24, 24, 1))
    for flux in ("charbonnier", "perona_malik"):
        for tau in (1.0, 10.0, 100.0):
            layer = ImplicitDiffusion(
                "forward",
                FluxActivation(flux, 0.2, coupled=True),
                tau,
                "lagged_diffusivity",
                dtype="float64",
            )
            layer.build(f.shape)

            @tf.function(autograph=False)  # one program for all numbers of iterations
            def solve(most: Any, layer: ImplicitDiffusion = layer) -> Any:
                layer.max_iterations = most
                return layer.solve(tf.constant(f))

            energies = []
            for most in (1, 3, 10, 60):
                found = solve(tf.constant(most))
                u = np.array(found.u)
                energies.append(
                    float(
                        ((u - f) ** 2).sum() / 2
                        + tau * float(layer.energy(ops.convert_to_tensor(u))[0])
                    )
                )
            assert (np.diff(energies) <= 1e-9 * energies[0]).all()
            assert bool(found.converged[0])
            assert int(found.iterations[0]) <= 60


# --- gradients ---


def spline() -> SplineFlux:
    return SplineFlux(
        4,
        2.0,
        (-0.3, 0.9),
        "perona_malik",
        contrast=0.3,
        learn_contrast=True,
        noise_conditioned=True,
    )


def learned(flux: Any, **options: Any) -> ImplicitDiffusion:
    operator = ConvOperator((2, 3), 3, boundary="periodic", zero_mean=True, normalize=True)
    options = {"step_size": "learned", "tolerance": 1e-12, "max_iterations": 3000, **options}
    return ImplicitDiffusion(operator, flux, dtype="float64", **options)


FLUXES = {
    "spline": lambda: spline(),
    "coupled": lambda: FluxActivation(
        "charbonnier", 0.3, coupled=True, learn_contrast=True, dtype="float64"
    ),
    "perona_malik": lambda: FluxActivation(
        "perona_malik", 0.3, learn_contrast=True, per_channel=True, dtype="float64"
    ),
}


@pytest.mark.parametrize("flux", FLUXES)
def test_the_gradient_is_that_of_an_unrolled_reference_and_of_finite_differences(
    flux: str, rng: np.random.Generator
) -> None:
    f, target = rng.random((2, 7, 6, 1)), rng.random((2, 7, 6, 1))
    noise = np.array([0.2, 0.5]) if flux == "spline" else None
    keras.utils.set_random_seed(3)
    made = FLUXES[flux]()
    if flux == "spline":
        made = SplineFlux.from_config({**made.get_config(), "dtype": "float64"})
    layer = learned(made)
    layer(f, noise=noise)
    layer.set_weights([w + 0.05 * rng.standard_normal(w.shape) for w in layer.get_weights()])
    variables = [v.value for v in layer.trainable_variables]
    u = tf.constant(f)

    def loss(out: Any) -> Any:
        return tf.reduce_sum(out * target) + tf.reduce_sum(out**3)

    @tf.function(autograph=False)  # op by op the loops take longer than their compilation
    def of_input(u: Any) -> Any:
        return loss(layer(u, noise=noise))

    @tf.function(autograph=False)
    def gradients() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(u)
            value = loss(layer(u, noise=noise))
        return tape.gradient(value, [u, *variables])

    found = gradients()
    # 60 damped fixed-point steps written out, which have converged at this q
    with tf.GradientTape() as tape:
        tape.watch(u)
        problem = layer.problem(u, layer.prepare(noise))
        x = u
        for _ in range(60):
            x = x - 2 / (2 + problem.q) * problem.residual(x)
        value = loss(x)
    unrolled = tape.gradient(value, [u, *variables])
    for a, b in zip(found, unrolled, strict=True):
        np.testing.assert_allclose(
            np.array(a), np.array(b), atol=1e-6 * max(1.0, np.abs(np.array(b)).max())
        )
    along, h = rng.standard_normal(f.shape), 1e-5
    difference = float(
        of_input(tf.constant(f + h * along)) - of_input(tf.constant(f - h * along))
    ) / (2 * h)
    assert float((np.array(found[0]) * along).sum()) == pytest.approx(difference, rel=1e-6)
    for index, variable in enumerate(variables, start=1):  # one random direction each
        start, direction = np.array(variable), rng.standard_normal(variable.shape)
        values = []
        for h in (1e-5, -1e-5):
            variable.assign(start + h * direction)
            values.append(float(of_input(u)))
        variable.assign(start)
        slope = float((np.array(found[index]) * direction).sum())
        assert slope == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "linear",
        "charbonnier",
        "truncated_tv",
        "perona_malik",
        "perona_malik_exponential",
        "weickert",
        "truncated_bfb",
        "fab",
    ],
)
def test_tangent_is_the_derivative_of_the_flux(
    name: str, coupled: bool, rng: np.random.Generator
) -> None:
    flux = FluxActivation(name, 0.7, coupled=coupled, dtype="float64")
    parts, directions = (
        [ops.convert_to_tensor(x) for x in rng.standard_normal((2, 1, 5, 6, 3))] for _ in range(2)
    )
    h = 1e-6
    ahead, behind = (
        flux.fluxes([s + sign * h * v for s, v in zip(parts, directions, strict=True)])
        for sign in (1, -1)
    )
    found = flux.tangent(flux.linearize(parts), directions)
    for a, b, t in zip(ahead, behind, found, strict=True):
        np.testing.assert_allclose(np.array(t), (np.array(a) - np.array(b)) / (2 * h), atol=1e-6)


def test_tangent_of_a_spline_is_its_derivative(rng: np.random.Generator) -> None:
    flux = SplineFlux(5, 2.0, (-0.4, 0.9), "perona_malik", dtype="float64")
    flux.build((None, 6, 6, 3))
    flux.set_weights([w + rng.standard_normal(w.shape) for w in flux.get_weights()])
    s, v = (ops.convert_to_tensor(x) for x in rng.standard_normal((2, 2, 6, 6, 3)))
    h = 1e-7
    (ahead,), (behind,) = flux.fluxes([s + h * v]), flux.fluxes([s - h * v])
    (found,) = flux.tangent(flux.linearize([s]), [v])
    np.testing.assert_allclose(
        np.array(found), (np.array(ahead) - np.array(behind)) / (2 * h), atol=1e-6
    )


def test_memory_of_training_does_not_depend_on_the_iterations() -> None:
    pytest.importorskip("jax")
    import os
    import subprocess
    import sys

    from conftest import ROOT

    code = """
import jax, numpy as np
from keras_pde import ImplicitDiffusion, ConvOperator
sizes = []
for n in (10, 200):
    operator = ConvOperator(8, 3, normalize=True)
    options = {"max_iterations": n, "on_failure": "ignore"}
    layer = ImplicitDiffusion(operator, "charbonnier", 2.0, **options)
    layer.build((None, None, None, 1))
    loss = lambda w, f: (layer.stateless_call(w, [], f)[0] ** 2).sum()
    args = [v.value for v in layer.trainable_variables], np.zeros((4, 64, 64, 1), "float32")
    analysis = jax.jit(jax.grad(loss)).lower(*args).compile().memory_analysis()
    sizes.append(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)
print("MEMORY", *sizes)
"""
    # memory is laid out before code is made of the program: no time for its optimisation
    quick = "--xla_backend_optimization_level=0"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": quick}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    few, many = (int(x) for x in done.stdout.split("MEMORY")[1].split())
    assert few > 1e5
    assert abs(many - few) < 0.05 * few


# --- certificate ---


def test_certificates_say_what_the_theorems_do() -> None:
    def certificate(flux: Any, tau: float) -> Any:
        layer = ImplicitDiffusion("forward", flux, tau)
        layer.build((None, None, 1))
        return layer.certificate()

    for tau in (0.1, 1e4):
        monotone = certificate("charbonnier", tau)
        assert (
            monotone.norm_gain,
            monotone.lipschitz,
            monotone.averaged,
            monotone.energy_descent,
        ) == (1.0, 1.0, 0.5, True)
    weak = certificate("perona_malik", 1.0)  # τμκ² = 1/8·4 = ½
    assert (weak.norm_gain, weak.lipschitz, weak.averaged, weak.energy_descent) == (
        1.0,
        2.0,
        None,
        True,
    )
    strong = certificate("perona_malik", 2.0)
    assert strong.norm_stable
    assert np.isinf(strong.lipschitz)
    assert "not below 1" in strong.reasons["lipschitz"]
    assert not strong.energy_descent
    assert not certificate("fab", 1.0).norm_stable
    net = ImplicitRecurrent(3, block=ImplicitDiffusion("forward", "charbonnier", 2.0))
    net.build((None, None, 1))
    assert net.certificate().averaged == pytest.approx(0.75)
    untied = ImplicitRecurrent(2, filters=3, kernel_size=3, tied=False)
    untied.build((None, None, None, 1))
    assert untied.certificate().nonexpansive
    assert not untied.certificate().energy_descent


def test_gradient_ascent_does_not_break_the_lipschitz_bound(rng: np.random.Generator) -> None:
    layer = ImplicitDiffusion(
        "forward",
        activations.PeronaMalik(0.2),
        1.6,
        tolerance=1e-11,
        max_iterations=5000,
        dtype="float64",
    )
    f, h = (
        tf.Variable(rng.standard_normal((4, 12, 1)) * 0.5),
        tf.Variable(rng.standard_normal((4, 12, 1)) * 0.5),
    )
    bound, largest = 0.0, 0.0
    optimizer = keras.optimizers.Adam(0.02)

    @tf.function
    def ascend() -> Any:
        with tf.GradientTape() as tape:
            ratio = tf.norm(layer(f) - layer(h), axis=(1, 2)) / tf.norm(f - h, axis=(1, 2))
            loss = -tf.reduce_sum(ratio)
        optimizer.apply_gradients(zip(tape.gradient(loss, [f, h]), [f, h], strict=True))
        return tf.reduce_max(ratio)

    layer(f)
    bound = layer.certificate().lipschitz
    for _ in range(120):
        largest = max(largest, float(ascend()))
    assert 1.2 < largest <= bound * (1 + 1e-6)


@pytest.mark.parametrize("name", ["perona_malik", "charbonnier"])
def test_gradient_ascent_does_not_break_norm_stability_or_firmness(
    name: str, rng: np.random.Generator
) -> None:
    """Norm stability for every τ, whether or not solutions are unique.

    Firm nonexpansiveness for the monotone flux.
    """
    flux = FluxActivation(name, 0.3, coupled=True)
    layer = ImplicitDiffusion(
        "forward",
        flux,
        40.0,
        "lagged_diffusivity",
        tolerance=1e-10,
        max_iterations=500,
        on_failure="nan",
        dtype="float64",
    )
    f, h = (tf.Variable(0.5 * rng.standard_normal((3, 7, 6, 1))) for _ in range(2))
    optimizer = keras.optimizers.Adam(0.05)
    layer(f)

    @tf.function
    def ascend() -> Any:
        with tf.GradientTape() as tape:
            u, v = layer(f), layer(h)
            gain = tf.norm(tf.reshape(u, (3, -1)), axis=1) / tf.norm(tf.reshape(f, (3, -1)), axis=1)
            d = u - v
            firm = tf.reduce_sum(d * d, (1, 2, 3)) / tf.abs(tf.reduce_sum(d * (f - h), (1, 2, 3)))
            loss = -tf.reduce_sum(gain) - (tf.reduce_sum(firm) if name == "charbonnier" else 0.0)
        gradients = tape.gradient(loss, [f, h])
        optimizer.apply_gradients(
            zip([g if g is not None else tf.zeros_like(f) for g in gradients], [f, h], strict=True)
        )
        return tf.reduce_max(gain), tf.reduce_max(firm)

    gains, firms = zip(*[[float(x) for x in ascend()] for _ in range(25)], strict=True)
    assert np.nanmax(gains) <= 1 + 1e-9
    assert np.nanmax(gains) > 0.2
    assert layer.certificate().norm_stable
    if name == "charbonnier":
        assert layer.certificate().firmly_nonexpansive
        assert max(firms) <= 1 + 1e-7  # ‖u − v‖² ≤ ⟨u − v, f − h⟩


# --- the equilibrium denoiser, and other surroundings ---


def test_the_equilibrium_denoiser_learns_and_keeps_its_certificate(
    rng: np.random.Generator,
) -> None:
    clean = np.kron(rng.random((8, 4, 4, 1)), np.ones((1, 4, 4, 1))).astype("float32")
    sigma = rng.uniform(0.05, 0.2, 8).astype("float32")
    noisy = clean + sigma[:, None, None, None] * rng.standard_normal(clean.shape).astype("float32")
    flux = SplineFlux(
        8, 3.0, (-0.9, 6.0), contrast=0.1, learn_contrast=True, noise_conditioned=True
    )
    net = ImplicitRecurrent(filters=(4, 8), kernel_size=3, flux=flux)
    net.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    before = net.evaluate([noisy, sigma], clean, verbose=0)
    net.fit([noisy, sigma], clean, epochs=12, batch_size=8, verbose=0)
    assert net.evaluate([noisy, sigma], clean, verbose=0) < 0.85 * before
    certificate = net.certificate()
    assert certificate.norm_stable
    assert certificate.lipschitz <= 10.0001
    assert net.diagnose([noisy, sigma]).all_converged


def test_export_saves_the_loop_for_every_size(tmp_path: Any, rng: np.random.Generator) -> None:
    net = ImplicitRecurrent(2, filters=3, kernel_size=3)
    net(np.zeros((1, 8, 8, 1)))
    net.export(
        tmp_path / "net",
        input_signature=[keras.InputSpec(shape=(None, None, None, 1), dtype="float32")],
        verbose=False,
    )
    served = tf.saved_model.load(tmp_path / "net")
    for size in ((8, 8), (13, 10)):
        f = rng.random((2, *size, 1)).astype("float32")
        np.testing.assert_allclose(np.array(served.serve(f)), np.array(net(f)), atol=1e-5)


def test_another_time_keeps_the_weights() -> None:
    net = ImplicitRecurrent(
        4, block=ImplicitDiffusion(ConvOperator(3, 3, normalize=True), "charbonnier", "learned")
    )
    net.build((None, None, None, 1))
    slow = net.with_time(10.0)
    assert slow.time == pytest.approx(10.0)
    np.testing.assert_array_equal(
        slow.blocks[0].operator.kernels[0], net.blocks[0].operator.kernels[0]
    )
    assert net.with_time(4e4).time == pytest.approx(4e4)  # where exp(τ) overflows
    with pytest.raises(ValueError, match="finite and > 0"):
        net.with_time(0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_size": -1.0}, "step_size must be"),
        ({"solver": "newton"}, "newton"),
        ({"step_size": True}, "step_size must be a .*number > 0"),
        ({"step_size": np.inf}, "step_size must be a .*number > 0"),
        ({"step_size": "fast"}, "step_size must be a .*number > 0"),
        ({"tolerance": 0.0}, "tolerance must be a number > 0 and < 1"),
        ({"tolerance": "1e-5"}, "tolerance must be a number > 0 and < 1"),
        ({"max_iterations": True}, "max_iterations must be a whole number"),
        ({"max_iterations": 10.5}, "max_iterations must be a whole number"),
        ({"on_failure": "raise"}, "on_failure must be"),
        ({"operator": 2.5}, "operator must be"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImplicitDiffusion(**options)


def test_options_of_the_solvers_act(rng: np.random.Generator) -> None:
    f = rng.random((1, 16, 16, 1))

    def iterations(solver: Any) -> int:
        layer = ImplicitDiffusion(
            "forward",
            activations.Charbonnier(0.1),
            10.0,
            solver,
            tolerance=1e-8,
            max_iterations=5000,
            dtype="float64",
        )
        found = solved(layer, f)
        assert bool(found.converged[0])
        return int(found.iterations[0])

    plain = iterations(solvers.FixedPoint())
    assert iterations(solvers.FixedPoint(0.01)) > plain
    assert (
        iterations(solvers.Accelerated("nesterov"))
        != iterations(solvers.Accelerated("chebyshev"))
        < plain
    )
    assert iterations(solvers.Anderson(memory=8)) < iterations(solvers.Anderson(memory=1)) < plain
    assert iterations(solvers.Anderson(regularization=10.0)) != iterations(solvers.Anderson())
    assert iterations(solvers.LaggedDiffusivity(inner_tolerance=0.01)) < iterations(
        solvers.LaggedDiffusivity(inner_tolerance=0.9)
    )
    assert iterations(solvers.LaggedDiffusivity(inner_iterations=1)) > iterations(
        solvers.LaggedDiffusivity()
    )
    for solver in SOLVERS.values():
        assert solvers.get(solvers.serialize(solver)) == solver


# --- presets ---


IMPLICIT = sorted(keras_pde.list_presets("*_implicit_*"))


@pytest.mark.parametrize("name", IMPLICIT)
def test_an_implicit_preset_is_its_filter(name: str, rng: np.random.Generator) -> None:
    """Against lagged diffusivity by sparse direct solves, for one channel.

    1-D as an image of one row, without coupling to it.
    """
    import json

    entry = keras_pde.presets.index()[name]
    recipe = json.loads((keras_pde.presets.folder_of(name) / "recipe.json").read_text())
    model = keras_pde.from_preset(name, dtype="float64")
    for block in model.blocks:
        block.tolerance, block.max_iterations = 1e-8, 1000
    size = {1: (24,), 2: (10, 9)}[entry["ndim"]]
    f = np.repeat(rng.random((1, *size, 1)), entry["channels"], axis=-1)
    g = {
        "linear": lambda r: np.ones_like(r),
        "charbonnier": lambda r: 1 / np.sqrt(1 + r),
        "truncated": lambda r: 1 / np.sqrt(np.maximum(r, 1)),
        "perona": lambda r: 1 / (1 + r),
    }[name.split("_")[0]]
    # equal channels share their edges: the sum of squares is as many times that of one
    contrast = recipe["contrast"] / np.sqrt(entry["channels"])
    expected = f[0, ..., 0].reshape(size if len(size) == 2 else (1, *size))
    for _ in range(recipe["steps"]):
        expected = reference(expected, recipe["noise"]["25"] / recipe["steps"], contrast, g)
    out = np.array(tf.function(model, autograph=False)(f))
    np.testing.assert_allclose(out[0, ..., 0].ravel(), expected.ravel(), atol=1e-5)
    assert np.abs(out - f).max() > 0.02
    assert entry["certified"] == ("norm" if name.startswith("perona") else "averaged")
    single = np.array(keras_pde.from_preset(name)(f.astype("float32")))
    # Perona-Malik beyond τμκ² = 1: the residual bounds no distance to the solution
    np.testing.assert_allclose(single, out, atol=2e-3 if name.startswith("perona") else 1e-4)


def test_nesterov_converges_on_the_weakly_convex_preset_and_chebyshev_stalls() -> None:
    from skimage import data

    net = keras_pde.from_preset("weakly_convex_equilibrium_2d")
    clean = data.camera()[100:164, 100:164, None] / 255
    noisy = (clean + 25 / 255 * np.random.default_rng(0).standard_normal(clean.shape)).astype(
        "float32"
    )[None]

    def diagnosis(method: str) -> Any:
        options = {
            "solver": solvers.Accelerated(method),
            "max_iterations": 200,
            "on_failure": "ignore",
        }
        twin = ImplicitRecurrent(
            1, block=ImplicitDiffusion.from_config({**net.blocks[0].get_config(), **options})
        )
        twin.build([(None, None, None, 1), (None,)])
        twin.set_weights(net.get_weights())
        return twin.diagnose([noisy, np.array([25 / 255], "float32")])

    nesterov, chebyshev = diagnosis("nesterov"), diagnosis("chebyshev")
    assert nesterov.all_converged
    assert 35 < nesterov.iterations.max() < 65
    assert not chebyshev.all_converged


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradient tapes")
@pytest.mark.parametrize("compile_it", [False, True])
def test_second_derivatives_are_refused_not_wrong(compile_it: bool) -> None:
    """∂z/∂θ holds the solution: differentiated again it would miss a part, without a word."""
    layer = ImplicitDiffusion("forward", "perona_malik", 0.5, on_failure="ignore", dtype="float64")
    f = tf.constant(np.random.default_rng(0).standard_normal((1, 6, 6, 1)))

    def curvature(f: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(f)
            with tf.GradientTape() as inner:
                inner.watch(f)
                total = tf.reduce_sum(layer(f))  # linear in u: its cotangent does not change
            slope = tf.reduce_sum(inner.gradient(total, f) ** 2)
        return outer.gradient(slope, f)

    with pytest.raises(ValueError, match="Second derivatives through an implicit step"):
        (tf.function(curvature) if compile_it else curvature)(f)
