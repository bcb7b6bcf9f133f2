"""Restoration: the theorems of both iterations, what is warned of, and the command."""

from __future__ import annotations

import itertools
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from command import call
from skimage import data

import keras_pde
from keras_pde import Certificate, degradations
from keras_pde.certificates.plug_and_play import PlugAndPlay
from keras_pde.data import images, kernels
from keras_pde.tasks.inpaint import random_mask
from keras_pde.tasks.restore.degradations.degradation import Degradation
from keras_pde.tasks.restore.iterations import ITERATIONS, admm, proximal_gradient
from keras_pde.tasks.restore.prior import choose_prior
from keras_pde.tasks.restore.theorem import conclude

CAMERA = data.camera()[80:128, 190:250] / 255
BLUR = degradations.Blur("gaussian:1.2")
HALF = degradations.Decimation(2)
HOLES = degradations.Mask(random_mask(CAMERA.shape, 0.5, seed=1))
PROBLEMS: dict[str, Degradation] = {"blur": BLUR, "decimation": HALF, "mask": HOLES}


def degraded(A: Degradation, sigma: float = 2.0) -> np.ndarray:
    """Data of the photograph."""
    clean = A(CAMERA)
    noise = sigma / 255 * np.random.default_rng(0).standard_normal(clean.shape)
    return A(CAMERA + noise) if A is HOLES else clean + noise


def psnr(u: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(u.clip(0, 1) - CAMERA).mean()))


# --- the theorems, on matrices ---


class Matrix(Degradation):
    """A matrix on images of one row."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def __call__(self, u: np.ndarray) -> np.ndarray:
        return (self.matrix @ u.T).T

    def adjoint(self, v: np.ndarray) -> np.ndarray:
        return (self.matrix.T @ v.T).T

    def norm_bound(self, shape: tuple[int, ...]) -> float:
        return float(np.linalg.norm(self.matrix, 2))


def averaged_matrix(theta: float, rng: np.random.Generator, size: int = 6) -> np.ndarray:
    """(1 − θ)I + θQ with Q orthogonal, not symmetric: no proximal map."""
    q, _ = np.linalg.qr(rng.standard_normal((size, size)))
    return (1 - theta) * np.eye(size) + theta * q


def state_matrix(method: str, A: Degradation, n: np.ndarray, step: float) -> np.ndarray:
    """The matrix of one iteration for the data 0, from state to state."""
    size, columns = len(n), []
    for unit in np.eye(size):
        y = np.zeros_like(A(unit[None]))
        state = unit[None]
        if method == "pgd":
            following = next(proximal_gradient(A, y, lambda u: (n @ u.T).T, step, state))[0]
        else:
            x = A.resolvent(state, step)
            following = state + (n @ (2 * x - state).T).T - x
        columns.append(following[0])
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("theta", [0.3, 0.5, 0.9])
def test_r1_the_iteration_is_averaged_with_the_stated_constant(theta: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    A = Matrix(rng.standard_normal((4, 6)))
    norm = A.norm_bound((1, 6))
    for factor in (0.1, 1.0, 1.99):
        step = factor / norm**2
        alpha = conclude(Certificate("N", averaged=theta), "pgd", step, norm).averaged
        assert alpha is not None
        t = state_matrix("pgd", A, averaged_matrix(theta, rng), step)
        r = (t - (1 - alpha) * np.eye(6)) / alpha
        assert np.linalg.norm(r, 2) <= 1 + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_r2_the_iteration_is_firmly_nonexpansive_for_every_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A = Matrix(rng.standard_normal((4, 6)))
    for step in (0.01, 1.0, 100.0):
        t = state_matrix("admm", A, averaged_matrix(0.5, rng), step)
        assert np.linalg.norm(2 * t - np.eye(6), 2) <= 1 + 1e-8


def test_r1_and_r2_are_sharp() -> None:
    """Beyond the step, and beyond θ = ½, there are maps with which the iteration diverges."""
    one = Matrix(np.eye(1))
    t = state_matrix("pgd", one, np.eye(1), 2.1)
    assert abs(t.item()) > 1.09
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])  # N = (1 − θ)I + θQ with θ = 0.95
    t = state_matrix("admm", Matrix(np.array([[1.0, 0.0]])), 0.05 * np.eye(2) + 0.95 * turn, 0.3)
    found = max(
        np.abs(
            np.linalg.eigvals(
                state_matrix("admm", Matrix(np.eye(2) * a), 0.05 * np.eye(2) - 0.95 * q, step)
            )
        ).max()
        for a in (0.3, 1.0)
        for q in (np.eye(2), turn)
        for step in (0.3, 3.0, 30.0)
    )
    assert found > 1.01
    assert t.shape == (2, 2)


@pytest.mark.parametrize("rho", [0.2, 0.8])
def test_c8_the_objective_of_a_restoration_falls_up_to_the_longest_step(rho: float) -> None:
    """N = prox φ for φ(u) = −ρ/2‖u‖², that is N(u) = u/(1 − ρ): expanding, and attained."""
    certificate = Certificate("N", averaged=None).with_guarantees(PlugAndPlay(2 - rho))
    rng, A = np.random.default_rng(5), Matrix(np.random.default_rng(6).standard_normal((6, 6)))
    norm, y = A.norm_bound((1, 6)), np.zeros((1, 6))
    for factor in (0.3, 0.99):
        step = factor * (2 - rho) / norm**2
        found = conclude(certificate, "pgd", step, norm)
        assert found.descent == pytest.approx((1 - factor) * (2 - rho))
        assert "N = prox φ" in found.summary()

        def objective(u: np.ndarray, step: float = step) -> float:
            return float(step / 2 * np.square(A(u) - y).sum() - rho / 2 * np.square(u).sum())

        for _ in range(50):
            u = rng.standard_normal((1, 6))
            v, change = next(proximal_gradient(A, y, lambda u: u / (1 - rho), step, u))
            fall = objective(u) - objective(v)
            assert fall >= found.descent / 2 * change**2 - 1e-9
    too_long = conclude(certificate, "pgd", 1.01 * (2 - rho) / norm**2, norm)
    assert not too_long.proved
    assert "is not below" in too_long.missing[0]
    assert not conclude(certificate, "admm", 1.0, norm).proved


# --- with denoisers ---


@pytest.mark.parametrize("preset", ["linear_2d", "truncated_tv_implicit_2d"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_r1_changes_never_rise_and_fall_as_fast_as_proved(problem: str, preset: str) -> None:
    A, y = PROBLEMS[problem], degraded(PROBLEMS[problem])
    found = keras_pde.restore(
        y, A, preset=preset, noise=2, method="pgd", iterations=40, tolerance=1e-5
    )
    alpha = found.conclusion.averaged
    assert found.conclusion.proved
    assert alpha is not None
    off = found.conclusion.margin * 2 * np.linalg.norm(CAMERA) + 1e-5
    for before, after in itertools.pairwise(found.changes):
        assert after <= before + off
    # ‖uᵏ⁺¹ − uᵏ‖² ≤ α/(1 − α)·‖u⁰ − u*‖²/(k + 1), with the distance as far as it is known
    k = len(found.changes)
    distance = np.linalg.norm(A.first_guess(y) - found.pixels) + 1.0
    assert found.changes[-1] <= np.sqrt(alpha / (1 - alpha) / k) * distance
    assert found.changes[-1] < found.changes[0] / 4


def test_r2_both_methods_reach_one_fixed_point_whatever_the_step() -> None:
    y = degraded(BLUR)
    common = {"preset": "truncated_tv_implicit_2d", "strength": 6.0, "step": 1.7, "noise": 2}
    one = keras_pde.restore(y, BLUR, method="pgd", tolerance=2e-5, iterations=400, **common)
    two = keras_pde.restore(y, BLUR, method="admm", tolerance=2e-5, iterations=400, **common)
    assert one.converged
    assert two.converged
    assert two.rises == 0
    assert np.abs(one.pixels - two.pixels).max() < 0.01
    prior = choose_prior(one.preset, CAMERA.shape, 6.0, 1e-6)
    u = two.pixels
    fixed = prior(u - 1.7 * BLUR.adjoint(BLUR(u) - y))
    assert np.linalg.norm(fixed - u) < 1e-3 * np.linalg.norm(u)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_it_restores_better_than_the_first_guess(problem: str) -> None:
    A, y = PROBLEMS[problem], degraded(PROBLEMS[problem])
    found = keras_pde.restore(y, A, preset="convex_equilibrium_2d", noise=2, iterations=20)
    assert psnr(found.pixels) > psnr(A.first_guess(y)) + (0 if A is HOLES else 0.3)
    assert found.conclusion.proved
    assert found.rises == 0
    assert "the iterates converge to a fixed point if there is one" in str(found.conclusion)


UNPROVED: dict[str, tuple[dict[str, Any], str]] = {
    "not averaged": ({"preset": "perona_malik_2d"}, "is not proved to be averaged"),
    "a step too long": (
        {"method": "pgd", "step": 2.5},
        r"the step 2.5 is not below 2/‖A‖² = 2",
    ),
    "not firm": (
        {"preset": "linear_2d"},
        r"averaged with θ = 0.\d+ only, and ADMM needs a firmly nonexpansive map",
    ),
    "no norm": (
        {"method": "pgd", "A": lambda u: u / 2, "At": lambda v: v / 2},
        "no upper bound of ‖A‖ is known; state norm=",
    ),
}


@pytest.mark.parametrize("name", UNPROVED)
def test_where_the_theorem_does_not_apply_there_is_a_warning(name: str) -> None:
    options, message = UNPROVED[name]
    options = {"A": BLUR, "preset": "truncated_tv_implicit_2d", **options}
    with pytest.warns(RuntimeWarning, match=f"No theorem says .*{message}"):
        found = keras_pde.restore(degraded(BLUR), noise=2, iterations=2, **options)
    assert not found.conclusion.proved
    assert re.search(message, found.conclusion.summary())
    assert found.pixels.shape == CAMERA.shape


PROVED: dict[str, dict[str, Any]] = {
    "a norm that is stated": {"method": "pgd", "norm": 0.5},
    "admm needs no norm": {"method": "admm"},
}


@pytest.mark.parametrize("name", PROVED)
def test_functions_are_proved_about_where_the_norm_is_stated_or_not_needed(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = keras_pde.restore(
            CAMERA / 2,
            lambda u: u / 2,
            lambda v: v / 2,
            preset="truncated_tv_implicit_2d",
            noise=2,
            iterations=2,
            **PROVED[name],
        )
    assert found.conclusion.proved


def test_solves_that_fail_take_the_theorem_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_pde.tasks.restore import restoration

    chosen = restoration.choose_prior

    def hasty(*args: Any) -> Any:
        prior = chosen(*args)
        prior.failed = 3
        return prior

    monkeypatch.setattr(restoration, "choose_prior", hasty)
    with pytest.warns(RuntimeWarning, match="3 solves inside truncated_tv_implicit_2d did not"):
        found = keras_pde.restore(
            degraded(BLUR), BLUR, preset="truncated_tv_implicit_2d", noise=2, iterations=1
        )
    assert not found.conclusion.proved


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_type_and_channels_are_kept(dtype: str) -> None:
    colour = data.astronaut()[100:132, 200:240] / 255
    small = HALF(colour)
    peak = np.iinfo(dtype).max if dtype != "float32" else 1
    y = (np.rint(small * peak) if peak > 1 else small).astype(dtype)
    found = keras_pde.restore(y, HALF, preset="truncated_tv_implicit_2d", iterations=2)
    assert found.pixels.shape == colour.shape
    assert found.pixels.dtype == (dtype if peak > 1 else "float64")
    assert np.abs(found.pixels / peak - colour).mean() < 0.05


def test_the_best_averaged_preset_is_chosen() -> None:
    for shape in ((32, 32), (32, 32, 1), (32, 32, 3)):
        prior = choose_prior("auto", shape, 10.0, 1e-5)
        assert prior.certificate().firmly_nonexpansive
        assert prior.denoiser.network.input_channels == (3 if shape[2:] == (3,) else 1)
        assert prior.denoiser.network.blocks[0].tolerance <= 1e-5


def test_the_iterations_are_listed() -> None:
    assert {"pgd": proximal_gradient, "admm": admm} == ITERATIONS


# --- the command ---


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    grey = data.camera()[60:92, 200:240]
    PIL.Image.fromarray(grey).save(tmp_path / "in" / "grey.png")
    rgba = np.dstack([data.astronaut()[:32, 180:220], np.full((32, 40), 200, np.uint8)])
    PIL.Image.fromarray(rgba).save(tmp_path / "in" / "colour.png", dpi=(100, 100))
    hole = np.full((32, 40), 255, np.uint8)
    hole[10:14, 8:30] = 0
    PIL.Image.fromarray(hole).save(tmp_path / "in" / "mask.png")
    PIL.Image.fromarray(hole[:5, :4]).save(tmp_path / "in" / "small.png")
    PIL.Image.fromarray(hole * 0).save(tmp_path / "in" / "black.png")
    spot = np.rint(255 * kernels.gaussian(1.0) / kernels.gaussian(1.0).max())
    PIL.Image.fromarray(spot.astype(np.uint8)).save(tmp_path / "in" / "spot.png")
    (tmp_path / "in" / "text.png").write_text("no image")
    return tmp_path


FAST = ("--preset", "truncated_tv_implicit_2d", "--iterations", "60", "--tolerance", "1e-3")
RUNS: dict[str, tuple[tuple[str, ...], str]] = {
    "blur": (("grey", "--blur", "gaussian:1", "--degrade", "1"), "Blur(gaussian:1, neumann)"),
    "a kernel's file": (("grey", "--blur", "IN/spot.png", "--degrade", "1"), "9 × 9 kernel"),
    "scale": (("colour", "--scale", "2"), "Decimation(2, cubic, neumann), noise "),
    "scale of a clean image": (("colour", "--scale", "3", "--degrade", "0"), "noise 0 added"),
    "mask": (("grey", "--mask", "IN/mask.png"), "noise 1"),
    "keep": (("grey", "--keep", "0.5", "--degrade", "2", "--method", "pgd"), "Mask(50 % known)"),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_command_restores_and_says_what_is_proved(
    files: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    (source, *args), words = RUNS[name]
    args = [a.replace("IN/", "in/") for a in args]
    result = call(
        "restore", f"in/{source}.png", "out/u.png", "--compare", "out/c.png", *args, *FAST
    )
    assert words in result.stdout
    assert "proved: " in result.stdout
    assert "is averaged (θ = " in result.stdout
    assert ("PSNR" in result.stdout) == ("--degrade" in args)
    before, after = images.read(f"in/{source}.png"), images.read("out/u.png")
    factor = 2 if name == "scale" else 1
    height, width = (factor * n for n in before.pixels.shape[:2])
    if name == "scale of a clean image":
        height, width = 30, 39
    assert after.pixels.shape == (height, width, before.pixels.shape[2])
    assert (after.alpha is None) == (before.alpha is None)
    if name == "scale":
        assert after.metadata.dpi == pytest.approx((200, 200), rel=1e-3)
    if "--degrade" in args:
        table = re.findall(r"(first guess|restored) +(\d+\.\d+)", result.stdout)
        values = {row: float(value) for row, value in table}
        assert values["restored"] > values["first guess"]
    if name == "mask":  # what was known stays near
        known = images.read("in/mask.png").pixels > 0.5
        assert np.abs(after.pixels - before.pixels)[known].mean() < 0.02
    assert PIL.Image.open("out/c.png").size[0] > 2 * 160


def test_the_command_takes_a_range(files: Path) -> None:
    grey = images.read(files / "in" / "grey.png")
    counts = images.Image(100 + 50 * grey.pixels, depth=32)
    images.write(files / "in" / "counts.tif", counts)
    images.write(files / "in" / "grey.tif", images.Image(grey.pixels, depth=32))
    found = []
    for name, options in (("grey", ()), ("counts", ("--range", "100,150"))):
        out = files / "out" / f"{name}.tif"
        result = call("restore", files / "in" / f"{name}.tif", out, "--scale", "2", *FAST, *options)
        found.append(images.read(out, any_range=True).pixels)
    assert "range 100 to 150, as told" in result.stdout
    np.testing.assert_allclose((found[1] - 100) / 50, found[0], atol=2e-3)


def test_a_tolerance_that_is_not_reached_is_said_and_the_exit_code_is_1(files: Path) -> None:
    out = files / "out" / "u.png"
    options = ("--scale", "2", *FAST[:2], "--iterations", "2", "--tolerance", "1e-5")
    result = call("restore", files / "in" / "grey.png", out, *options, code=1)
    assert "not converged" in result.stdout
    assert out.exists()


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": (("GREY", "OUT"), "one of --blur, --scale, --mask and --keep: received 0"),
    "two": (("GREY", "OUT", "--blur", "box:3", "--scale", "2"), "received 2"),
    "keep of what is degraded": (("GREY", "OUT", "--keep", "0.5"), "goes with --degrade"),
    "noise twice": (
        ("GREY", "OUT", "--scale", "2", "--degrade", "1", "--noise", "1"),
        "--noise has no use",
    ),
    "no kernel": (("GREY", "OUT", "--blur", "gauss:2"), "no such file, and none of gaussian:WIDTH"),
    "kernel of width 0": (("GREY", "OUT", "--blur", "gaussian:0"), "gaussian:WIDTH"),
    "kernel no image": (("GREY", "OUT", "--blur", "IN/text.png"), "not an image"),
    "black kernel": (("GREY", "OUT", "--blur", "IN/black.png"), "must have a bright pixel"),
    "scale 1": (("GREY", "OUT", "--scale", "1"), "not in the range"),
    "noise 0": (("GREY", "OUT", "--scale", "2", "--noise", "0"), "not a finite number > 0"),
    "degrade -1": (("GREY", "OUT", "--scale", "2", "--degrade", "-1"), "not a finite number"),
    "no method": (("GREY", "OUT", "--scale", "2", "--method", "gd"), "not one of"),
    "tolerance 0": (("GREY", "OUT", "--scale", "2", "--tolerance", "0"), "not a finite number"),
    "no such preset": (("GREY", "OUT", "--scale", "2", "--preset", "no"), "No preset is called"),
    "a solver": (
        ("GREY", "OUT", "--scale", "2", "--preset", "multigrid_poisson_2d"),
        "preset of the task 'solve', and no denoiser",
    ),
    "1-D": (("GREY", "OUT", "--scale", "2", "--preset", "linear_1d"), "filters 1-D data"),
    "no such file": (("IN/no.png", "OUT", "--scale", "2"), "does not exist"),
    "no such mask": (("GREY", "OUT", "--mask", "IN/no.png"), "does not exist"),
    "mask of another size": (("GREY", "OUT", "--mask", "IN/small.png"), "must be alike"),
    "black mask": (("GREY", "OUT", "--mask", "IN/black.png"), "has no white pixel"),
    "OUT over the mask": (("GREY", "IN/mask.png", "--mask", "IN/mask.png"), "be overwritten"),
    "OUT over the kernel": (("GREY", "IN/spot.png", "--blur", "IN/spot.png"), "be overwritten"),
    "unknown sample": (("--sample", "lena", "OUT", "--scale", "2"), "No sample is called"),
    "JPEG with alpha": (("IN/colour.png", "DIR/u.jpg", "--scale", "2"), "JPEG cannot hold alpha"),
    "comparison no PNG": (
        ("GREY", "OUT", "--scale", "2", "--compare", "DIR/c.jpg"),
        "Use the extension .png",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_nothing_written(
    files: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    args, message = BAD[name]
    names = {"GREY": "in/grey.png", "OUT": "out/u.png"}
    before = {p: p.read_bytes() for p in (files / "in").iterdir()}
    result = call(
        "restore",
        *[names.get(a, a).replace("IN/", "in/").replace("DIR/", "out/") for a in args],
        code=2,
    )
    assert message in result.stderr
    assert os.listdir(files / "out") == []
    assert before == {p: p.read_bytes() for p in (files / "in").iterdir()}
