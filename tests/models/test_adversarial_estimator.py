"""AdversarialEstimator: the saddle point beside closed forms, the two players, saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from keras_pde.optimizers import PrimalDualAdam

from keras_pde import AdversarialEstimator
from keras_pde.runtime.gradients import values_and_gradients


def linear(columns: int) -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((columns,)),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
        ]
    )


def sample(n: int = 300) -> tuple[np.ndarray, ...]:
    """Features of x and of z, and y whose error moves x."""
    rng = np.random.default_rng(0)
    z, e = rng.standard_normal((2, n, 1))
    x = z + 0.7 * e
    y = x - 0.5 * x**2 + e
    p = np.concatenate([x, x**2], axis=1)
    q = np.concatenate([z, z**2, np.ones_like(z)], axis=1)
    return tuple(v.astype("float32") for v in (p, q, y))


def saddle(p: np.ndarray, q: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """The minimiser of ‖Af − b‖²/2 + α‖f‖²/2 for linear players, with dense matrices."""
    g, c, b, m = (v.astype(float) for v in (q.T @ q, q.T @ p, q.T @ y, p.T @ p))
    inverse = np.linalg.inv(g)
    return np.linalg.solve(c.T @ inverse @ c + alpha * m, c.T @ inverse @ b)


def test_y4_the_best_answer_of_u_leaves_tikhonov_s_functional() -> None:
    """On a finite space: the value of the game at the best u, against the dense functional."""
    rng = np.random.default_rng(1)
    joint = rng.random((5, 7))
    joint /= joint.sum()  # probabilities of (z, x)
    at_z, at_x = joint.sum(1), joint.sum(0)
    average = joint / at_z[:, None]  # A
    y, f, alpha = rng.standard_normal((5, 7)), rng.standard_normal(7), 0.3
    b = (joint * y).sum(1) / at_z

    def game(u: np.ndarray) -> float:
        inner = (f[None] - y) * u[:, None] - u[:, None] ** 2 / 2
        return float((joint * inner).sum() + alpha / 2 * at_x @ f**2)

    best = average @ f - b
    functional = at_z @ best**2 / 2 + alpha / 2 * at_x @ f**2
    assert game(best) == pytest.approx(functional, rel=1e-12)
    assert all(game(best + rng.standard_normal(5)) < functional for _ in range(100))


def test_y4_players_move_along_the_gradients_of_the_game() -> None:
    game = AdversarialEstimator(linear(1), linear(1), 0.3)
    rng = np.random.default_rng(2)
    both, y = rng.standard_normal((9, 2)).astype("float32"), rng.standard_normal((9, 1))
    climb = values_and_gradients(lambda x, t: game.players_loss(t, x))
    values, slopes = climb(both, y.astype("float32"))
    f, u, t = both[:, :1], both[:, 1:], y.astype("float32")
    assert np.allclose(slopes[:, :1], u + 0.3 * f, atol=1e-6)  # ∂/∂f
    assert np.allclose(slopes[:, 1:], -(f - t - u), atol=1e-6)  # −∂/∂u
    assert np.allclose(values, (u**2 + 0.3 * f**2)[:, 0] / 2, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_y4_linear_players_end_at_two_stage_least_squares(alpha: float) -> None:
    p, q, y = sample()
    game = AdversarialEstimator(linear(2), linear(3), alpha)
    steps = 600
    rate = keras.optimizers.schedules.CosineDecay(0.03, steps)
    many = 1 if keras.backend.backend() == "torch" else 50  # all that Keras takes there
    game.compile(PrimalDualAdam(rate), steps_per_execution=many)
    x, z, t = (np.tile(v, (steps, 1)) for v in (p, q, y))  # one epoch of whole samples
    game.fit([x, z], t, batch_size=len(p), shuffle=False, verbose=0)
    found = np.asarray(game.primal.get_weights()[0], float)
    expected = saddle(p, q, y, alpha)
    plain = np.linalg.lstsq(p.astype(float), y.astype(float), rcond=None)[0]
    assert np.abs(found - expected).max() < 0.02
    assert np.abs(plain - expected).max() > 0.2  # ordinary regression is another thing
    if not alpha:
        stages = np.linalg.lstsq(q @ np.linalg.lstsq(q, p, rcond=None)[0], y, rcond=None)[0]
        assert np.allclose(stages, expected, atol=1e-3)


def test_the_maximiser_is_faster_and_fit_leaves_averages() -> None:
    p, q, y = sample(64)
    game = AdversarialEstimator(linear(2), linear(3))
    game.compile(PrimalDualAdam(0.01, ratio=5, ema_momentum=0.5))
    game.fit([p, q], y, batch_size=64, epochs=1, verbose=0)
    before = [np.array(w) for w in game.get_weights()]  # half of the first step of each
    assert np.abs(before[1]).max() > 4 * np.abs(before[0]).max()
    assert 0 < np.abs(before[1]).max() < 0.05


def test_a_game_is_saved_with_both_players(tmp_path: Path) -> None:
    p, q, y = sample(64)
    game = AdversarialEstimator(linear(2), linear(3), 0.2)
    game.compile()
    game.fit([p, q], y, epochs=2, verbose=0)
    game.save(tmp_path / "game.keras")
    again: Any = keras.saving.load_model(tmp_path / "game.keras")
    assert np.array_equal(again.predict(p, verbose=0), game.predict(p, verbose=0))
    assert (again.regularization, again.optimizer.ratio) == (0.2, 3.0)
    again.fit([p, q], y, epochs=1, verbose=0)
    both = ops.convert_to_numpy(again([p, q]))
    assert both.shape == (64, 2)
    assert np.allclose(both[:, :1], again.predict(p, verbose=0), atol=1e-6)


def test_what_is_no_game_is_refused() -> None:
    p, q, y = sample(8)
    game = AdversarialEstimator(linear(2), linear(3))
    game.compile()
    for wrong, said in (
        (lambda: AdversarialEstimator(linear(1), "u"), "dual must be a network of Keras"),
        (lambda: AdversarialEstimator(linear(1), linear(1), -1), "regularization must be"),
        (lambda: game.compile(loss="mse"), "loss of its own"),
        (lambda: game.fit(p, y), r"trained on \[x, z\]"),
        (lambda: game.fit([p, q], np.concatenate([y, y], 1)), "numbers of y's shape"),
        (lambda: game(p.astype(int)), "must hold real floats"),
        (lambda: game([p, q, q]), "takes x, and for training"),
        (lambda: PrimalDualAdam(ratio=0), "ratio must be"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()
