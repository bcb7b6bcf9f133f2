"""The network of an equation is its finite-difference right-hand side, to rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from arrays import randomized, run

from keras_pde import equations
from keras_pde.layers import PolynomialRightHandSide
from keras_pde.operators.moments import taylor_weights

pytestmark = pytest.mark.usefixtures("double")
H = 0.5


def right_hand_side(equation: Any, **options: Any) -> PolynomialRightHandSide:
    return PolynomialRightHandSide(equation, **options, dtype="float64")


def at(u: np.ndarray, axis: int, j: int) -> np.ndarray:
    """u(x + jh) on a periodic grid."""
    return np.roll(u, -j, axis)


def scalar_burgers() -> equations.Equation:
    u = (0, ())
    terms = [(0.1, [(0, (2, 0))]), (0.1, [(0, (0, 2))])]
    return equations.Equation(
        [*terms, (-1.0, [u, (0, (1, 0))]), (-1.0, [u, (0, (0, 1))])], ndim=2, name="burgers"
    )


@pytest.mark.parametrize(
    ("name", "error"), [("heat", 0), ("advection", 0), ("fisher", 2e-15), ("burgers", 4e-15)]
)
def test_e20_the_network_is_the_finite_difference_right_hand_side(name: str, error: float) -> None:
    """On random 64 × 64: the figures of Celledoni et al. (2023), measured independently."""
    u = np.random.default_rng(0).random((64, 64))
    dx, dy = ((at(u, a, 1) - at(u, a, -1)) / 2 for a in range(2))
    second = sum(at(u, a, j) - u for a, j in ((0, -1), (1, -1), (1, 1), (0, 1)))
    equation, expected = {
        "heat": (equations.heat(2), second),
        "advection": (equations.advection(2, (1.0, 0.5)), -dx - 0.5 * dy),
        "fisher": (equations.fisher(2, 1.0), second + u - u * u),
        "burgers": (scalar_burgers(), 0.1 * second - u * dx - u * dy),
    }[name]
    found = run(right_hand_side(equation), u[None, ..., None])[0, ..., 0]
    assert np.abs(found - expected).max() <= error


def by_definition(
    equation: equations.Equation, u: np.ndarray, spacing: float, accuracy: int
) -> np.ndarray:
    """F(u) term by term, tap by tap, for a periodic state (*spatial, components)."""

    def derivative(v: np.ndarray, a: Sequence[int]) -> np.ndarray:
        for axis, n in enumerate(a):
            if n:
                reach = (n + 1) // 2 + accuracy // 2 - 1
                taps = range(-reach, reach + 1)
                weights = taylor_weights(list(taps), n) / spacing**n
                v = sum(w * at(v, axis, j) for j, w in zip(taps, weights, strict=True))
        return v

    found = np.zeros_like(u)
    for term in equation.terms:
        product = np.ones(u.shape[:-1])
        for c, a in term.factors:
            product = product * derivative(u[..., c], a)
        found[..., term.component] += term.coefficient * derivative(product, term.outer)
    return found


@pytest.mark.parametrize("name", equations.names())
def test_every_equation_is_its_terms_by_differences(name: str) -> None:
    for ndim in (1, 2) if name != "korteweg_de_vries" else (1,):
        equation = equations.get(name, **({} if name == "korteweg_de_vries" else {"ndim": ndim}))
        shape = (9, 8)[:ndim]
        u = np.random.default_rng(1).random((*shape, equation.components))
        layer = right_hand_side(equation, spacing=H, accuracy=4)
        found = run(layer, u[None])[0]
        expected = by_definition(equation, u, H, 4)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("name", equations.names())
@pytest.mark.parametrize("accuracy", [2, "spectral"])
def test_l_and_n_add_up_to_f_and_multipliers_are_those_of_l(name: str, accuracy: Any) -> None:
    equation = equations.get(name)
    layer = right_hand_side(equation, spacing=H, accuracy=accuracy)
    size, copies, c = (6, 5, 7)[: layer.ndim], 2, layer.components
    u = np.random.default_rng(2).random((1, *size, c * copies))
    whole, nonlinear = run(layer, u), run(layer.nonlinear, u)
    m = layer.multipliers(size, copies)
    z = np.fft.rfftn(u, axes=range(1, layer.ndim + 1))
    factor = m.array()
    matrix = factor.ndim == layer.ndim + 2
    product = np.einsum("...ij,b...j->b...i", factor, z) if matrix else factor * z
    linear = np.fft.irfftn(product, size, axes=range(1, layer.ndim + 1))
    scale = np.abs(whole).max() + np.abs(linear).max() + 1
    np.testing.assert_allclose(linear + nonlinear, whole, atol=1e-12 * scale)


def test_copies_of_an_equation_side_by_side_do_not_mix() -> None:
    layer = right_hand_side(equations.gray_scott(1), spacing=0.01)
    u = np.random.default_rng(3).random((2, 7, 4))
    whole = run(layer, u)
    for i in range(2):
        alone = run(right_hand_side(equations.gray_scott(1), spacing=0.01), u[..., i::2])
        np.testing.assert_allclose(whole[..., i::2], alone, rtol=1e-13)


@pytest.mark.parametrize("name", ["heat", "dispersion", "hyper_diffusion", "burgers", "fisher"])
def test_derivatives_in_fourier_space_are_exact_for_waves(name: str) -> None:
    """Waves whose products are below the frequencies that are left out."""
    n, equation = 24, equations.get(name)
    x = 2 * np.pi * np.arange(n) / n
    # u = sin x + cos 2x and its derivatives
    d = [
        sum(np.real(a * (1j * k) ** m * np.exp(1j * k * x)) for k, a in ((1, -1j), (2, 1.0)))
        for m in range(5)
    ]
    expected = {
        "heat": d[2],
        "dispersion": d[3],
        "hyper_diffusion": -d[4],
        "burgers": -d[0] * d[1] + 0.01 * d[2],
        "fisher": 0.01 * d[2] + d[0] - d[0] ** 2,
    }[name]
    layer = right_hand_side(equation, spacing=x[1], accuracy="spectral")
    found = run(layer, d[0][None, :, None])[0, :, 0]
    np.testing.assert_allclose(found, expected, atol=2e-12)


def test_products_in_fourier_space_have_no_aliases() -> None:
    """A wave whose square has a frequency beyond the grid's: nothing folds back."""
    n = 12
    u = np.cos(2 * np.pi * 4 * np.arange(n) / n)[None, :, None]
    layer = right_hand_side(equations.burgers(1, 0.0), spacing=1 / n, accuracy="spectral")
    assert np.abs(run(layer, u)).max() < 1e-12


def test_e22_learned_stencils_keep_their_order_and_start_as_the_classical_ones() -> None:
    rng = np.random.default_rng(4)
    for equation in (equations.advection_diffusion(2), equations.burgers(1)):
        shape = (None, *(None,) * equation.ndim, 1)
        u = rng.random((1, *(9, 8)[: equation.ndim], 1))
        learned, classical = (
            right_hand_side(equation, spacing=H, learned=x) for x in (True, False)
        )
        learned.build(shape)
        np.testing.assert_allclose(run(learned, u), run(classical, u), rtol=1e-10, atol=1e-12)
        assert learned.count_params() > 10
        randomized(learned, rng, 0.3)
        assert np.abs(run(learned, u) - run(classical, u)).max() > 0.1
        assert learned.order_in_space()[0] >= 2
        assert learned.mean_kept()[0]


@pytest.mark.parametrize("name", ["heat", "advection_diffusion", "wave", "gray_scott"])
@pytest.mark.parametrize("accuracy", [2, 6, "spectral"])
def test_a_wave_is_multiplied_by_the_symbol(name: str, accuracy: Any) -> None:
    layer = right_hand_side(equations.get(name, ndim=1), spacing=H, accuracy=accuracy)
    n, k = 16, 3
    wave = np.exp(2j * np.pi * k * np.arange(n) / n)
    symbol = layer.symbol([np.array([2 * np.pi * k / n])])[0]
    for source in range(layer.components):
        u = np.zeros((n, layer.components), complex)
        u[:, source] = wave
        # L alone: F without what N(0) and N(u) add, at a small amplitude
        parts = [run(layer, x[None]) - run(layer.nonlinear, x[None]) for x in (u.real, u.imag)]
        found = (parts[0] + 1j * parts[1])[0]
        expected = symbol[:, source] * wave[:, None]
        np.testing.assert_allclose(found, expected, atol=1e-10 * np.abs(symbol).max())


def test_upwind_stencils_look_to_where_waves_come_from() -> None:
    kernels = {
        velocity: right_hand_side(
            equations.advection(1, velocity), upwind=True, accuracy=1
        ).kernels()[0, 0]
        for velocity in (1.0, -2.0)
    }
    assert kernels[1.0].tolist() == [1.0, -1.0, 0.0]
    assert kernels[-2.0].tolist() == [0.0, -2.0, 2.0]


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("accuracy", [4, "spectral"])
def test_a_right_hand_side_is_rebuilt_from_its_configuration(learned: bool, accuracy: Any) -> None:
    options = {"spacing": [0.5], "accuracy": accuracy, "learned": learned}
    layer = right_hand_side(equations.burgers(1), **options)
    u = np.random.default_rng(5).random((1, 8, 1))
    layer(u)
    randomized(layer, np.random.default_rng(6), 0.1)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    again.build(u.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(run(again, u), run(layer, u))
    assert again.equation == layer.equation
    assert bool(layer.weights) == learned


def test_linearised_equations_are_derivatives_at_constant_states() -> None:
    equation = equations.gray_scott(1)
    layer = right_hand_side(equation, spacing=0.1)
    state = np.array([0.7, 0.3])
    terms = equation.linearised(state.tolist())
    tangent = right_hand_side(equations.Equation(terms, 1), spacing=0.1)
    change = np.random.default_rng(7).standard_normal((1, 9, 2))
    u = np.broadcast_to(state, change.shape)
    slope = (run(layer, u + 1e-6 * change) - run(layer, u - 1e-6 * change)) / 2e-6
    np.testing.assert_allclose(run(tangent, change), slope, atol=1e-8)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: equations.get("haet"), "Did you mean heat"),
        (lambda: equations.get("heat", speed=1.0), "speed"),
        (lambda: equations.get([]), "1 to 256 terms"),
        (lambda: equations.Equation([(1.0, [(1, 0)])]), "component=1"),
        (lambda: equations.Equation([(1.0, [(0, (1, 0))])]), "1-D"),
        (lambda: equations.Equation([(math.nan, [(0, 0)])]), "coefficient"),
        (lambda: equations.Equation([(1.0, [(0, 9)])]), "orders from 0 to 8"),
        (lambda: equations.heat(2, (1.0,)), "one an axis"),
        (lambda: PolynomialRightHandSide("heat", accuracy="spectra"), "accuracy"),
        (lambda: PolynomialRightHandSide("heat", 1.0, "neumann", "spectral"), "periodic"),
        (lambda: PolynomialRightHandSide("heat", [1.0, 2.0]), "spacing"),
        (lambda: PolynomialRightHandSide("heat")(np.ones((1, 4, 4, 1))), "u of"),
        (lambda: PolynomialRightHandSide("wave")(np.ones((1, 4, 3))), "multiple of 2"),
    ],
)
def test_mistakes_are_explained(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
