"""Two convolutions with ReLUs between: exactly an equation, or learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arrays import randomized, run

import keras_pde
from keras_pde import MethodOfLines, equations
from keras_pde.layers import PolynomialRightHandSide, TwoLayerRightHandSide

pytestmark = pytest.mark.usefixtures("double")
U, UX, UY = (0, ()), (0, (1, 0)), (0, (0, 1))
EQUATIONS = {
    "heat": (equations.heat(2), 2),
    "advection": (equations.advection(2), 2),
    "fisher": (equations.fisher(2, 1.0), 4),
    "burgers": (
        equations.Equation(
            [(0.1, [(0, (2, 0))]), (0.1, [(0, (0, 2))]), (-1.0, [U, UX]), (-1.0, [U, UY])], 2
        ),
        10,
    ),
}


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("boundary", ["periodic", "neumann", "dirichlet"])
def test_e20_relus_and_their_squares_are_the_equation(name: str, boundary: str) -> None:
    equation, filters = EQUATIONS[name]
    u = np.random.default_rng(0).random((1, 12, 11, 1))
    options = {"boundary": boundary, "dtype": "float64"}
    layer = TwoLayerRightHandSide.from_equation(equation, **options)
    expected = run(PolynomialRightHandSide(equation, **options), u)
    assert layer.filters == filters
    assert np.abs(run(layer, u) - expected).max() < 4e-15


def learned(filters: int, **options: Any) -> TwoLayerRightHandSide:
    layer = TwoLayerRightHandSide(filters, 5, ndim=2, **options)
    layer.build((None, None, None, 1))
    return randomized(layer, np.random.default_rng(1), 0.3)


def test_the_learned_networks_of_the_paper_have_so_few_weights() -> None:
    assert learned(2).count_params() == 102
    assert learned(10).count_params() == 510


@pytest.mark.parametrize("integrator", ["euler", "rk4"])
def test_no_pair_of_states_breaks_the_lipschitz_constant_of_a_step(integrator: str) -> None:
    """Random pairs, and the direction in which the step stretches most at a random state."""
    net = MethodOfLines(learned(3, scale=0.7, dtype="float64"), integrator, dt=0.3, dtype="float64")
    net.build((None, None, None, 1))
    bound = net.step_certificate().lipschitz
    assert 1 < bound < 300
    rng = np.random.default_rng(2)
    u = rng.standard_normal((1, 6, 6, 1))
    basis = 1e-6 * np.eye(36).reshape(36, 6, 6, 1)
    jacobian = (run(net, u + basis) - run(net, u)).reshape(36, 36) / 1e-6
    stretch = np.linalg.norm(jacobian, 2)
    pairs = rng.standard_normal((2, 50, 6, 6, 1))
    after = [run(net, x) for x in pairs]
    moved, apart = (np.linalg.norm((x - y).reshape(50, -1), axis=1) for x, y in (after, pairs))
    assert max(stretch, (moved / apart).max()) <= bound * (1 + 1e-9)
    assert stretch > bound / 100


def test_a_learned_network_is_saved_and_has_no_bound_of_the_step(tmp_path: Any) -> None:
    net = MethodOfLines(learned(4, squares=2), "euler", dt=0.1, conserve="mean")
    u = np.random.default_rng(3).random((1, 6, 7, 1)).astype("float32")
    expected = run(net, u)
    assert "no bound is known" in str(net)
    net.save_to_preset(tmp_path / "preset")
    loaded = keras_pde.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(run(loaded, u), expected)
    assert loaded.certificate()["mean"].proved
    assert not loaded.certificate()["norm"].known


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TwoLayerRightHandSide(2, squares=3), "squares"),
        (lambda: TwoLayerRightHandSide(2, scale=0.0), "scale"),
        (lambda: TwoLayerRightHandSide(2)(np.ones((1, 4, 2))), "1 channel"),
        (lambda: TwoLayerRightHandSide.from_equation("burgers"), "Two layers"),
        (lambda: MethodOfLines(TwoLayerRightHandSide(2)), "no bound is known"),
    ],
)
def test_mistakes_are_explained(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
