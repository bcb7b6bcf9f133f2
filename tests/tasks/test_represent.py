"""Pictures, signals and distances as functions of coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from keras import ops

import keras_pde
from keras_pde.cli.main import main
from keras_pde.data import images
from keras_pde.tasks.represent.points import Points

POINTS = 128
CYCLES = 8  # a unit, at most


def signal(x: np.ndarray, seed: int = 0) -> np.ndarray:
    """Waves of up to 8 cycles a unit, of variance 1."""
    rng = np.random.default_rng(seed)
    half = np.arange(1, 2 * CYCLES + 1)  # half cycles a unit
    size, phase = rng.standard_normal(len(half)), rng.uniform(0, 2 * np.pi, len(half))
    return np.cos(np.pi * half * x[:, None] + phase) @ size / np.sqrt(size @ size / 2)


def held_out_error(omega: float | str) -> float:
    """Mean square at points between those that were fitted, over the variance."""
    x = (2 * np.arange(POINTS) + 1 - POINTS) / POINTS
    found = keras_pde.represent(signal(x), (128, 128), omega, steps=800)
    between = (x[:-1] + 1 / POINTS).astype("float32")
    values = ops.convert_to_numpy(found.network(between[:, None]))[:, 0]
    return float(np.mean((values - signal(between.astype(float))) ** 2))


@pytest.mark.full
def test_the_held_out_error_is_a_u_over_omega_and_auto_lies_at_its_bottom() -> None:
    low, best, high, auto = (held_out_error(omega) for omega in (1.0, 16.0, 128.0, "auto"))
    assert best < 1e-4
    assert low > 10 * best
    assert high > 1000 * best
    assert auto < 10 * best


@pytest.mark.full
def test_a_picture_of_colours_is_fitted_and_rendered_at_any_size() -> None:
    y, x = np.mgrid[-1:1:24j, -1:1:32j]
    picture = np.stack([0.5 + 0.5 * np.sin(3 * x), 0.5 + 0.4 * x * y, 0 * x], -1)
    found = keras_pde.represent((255 * picture).round().astype("uint8"), (48, 48), steps=400)
    assert found.psnr > 35
    assert found.render().shape == (24, 32, 3)
    assert found.render(64).shape == (48, 64, 3)
    assert found.network.extent == [0.75, 1.0]
    middle = found.render(96)[1::3, 1::3]
    np.testing.assert_allclose(middle, found.render(), atol=1e-4)


def test_batches_are_a_function_of_the_step_and_hold_nothing_out_that_is_held_out() -> None:
    points = Points(np.arange(48.0).reshape(6, 8, 1), 10, seed=0, held_out=0.25)
    first, again = points.batch(3), points.batch(3)
    np.testing.assert_array_equal(first[1], again[1])
    assert len(points.held_out[1]) == 12
    seen = np.concatenate([points.batch(k)[1] for k in range(60)])
    assert set(seen.ravel()) == set(points.targets.ravel())
    assert not set(seen.ravel()) & set(points.held_out[1].ravel())


def test_values_that_are_no_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="volume"):
        keras_pde.represent(np.zeros((9, 9, 9)))
    with pytest.raises(ValueError, match="values"):
        keras_pde.represent(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="steps"):
        keras_pde.represent(np.zeros((9, 9)), steps=0)


@pytest.mark.full
def test_the_command_fits_saves_and_renders(tmp_path: Path) -> None:
    y, x = np.mgrid[0:1:20j, 0:1:30j]
    images.write(tmp_path / "in.png", images.Image((x * y).astype("float32")[..., None]))
    run = CliRunner()
    options = ["--units", "24", "--layers", "2", "--steps", "200", "--size", "60"]
    saved = ["--save", str(tmp_path / "net")]
    files = [str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    done = run.invoke(main, ["represent", *files, *options, *saved])
    assert done.exit_code == 0, done.output
    assert "dB" in done.output
    assert images.read(tmp_path / "out.png").pixels.shape == (40, 60, 1)
    wide = ["represent", "--network", str(tmp_path / "net"), str(tmp_path / "wide.png")]
    done = run.invoke(main, [*wide, "--size", "90x60"])
    assert done.exit_code == 0, done.output
    enlarged = images.read(tmp_path / "wide.png").pixels[..., 0]
    y, x = np.mgrid[0:1:60j, 0:1:90j]
    assert np.abs(enlarged - x * y).mean() < 0.03


def test_the_command_refuses_what_contradicts_itself(tmp_path: Path) -> None:
    run = CliRunner()
    for arguments in (
        ["represent", "a.png"],
        ["represent", "--network", "sinusoidal_camera_2d", "a.png", "b.png"],
        ["represent", "a.png", "b.png", "--size", "3y4"],
    ):
        done = run.invoke(main, arguments)
        assert done.exit_code == 2
        assert len(done.output.strip().splitlines()) == 1
