"""Degradations: exact adjoints and upper bounds of the norm at every boundary, against matrices."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import convolve

from keras_pde import degradations
from keras_pde.data import kernels
from keras_pde.operators.boundary import BOUNDARIES
from keras_pde.tasks.restore.degradations.degradation import Degradation

RNG = np.random.default_rng(3)
KERNELS: dict[str, Any] = {
    "gaussian": "gaussian:0.8",
    "even box": "box:2",
    "motion": "motion:4,30",
    "signed": RNG.standard_normal((4, 7)),
    "wider than the image": RNG.standard_normal((9, 23)),
}
DECIMATIONS: dict[str, tuple[int, Any]] = {
    "cubic": (2, "cubic"),
    "box": (2, "box"),
    "own": (2, RNG.standard_normal((4, 6))),
    "three": (3, "cubic"),
    "four": (4, "box"),
}
SIZES = ((6, 12), (1, 7))


def table() -> dict[str, tuple[Degradation, tuple[int, ...]]]:
    """Every operator at every boundary, with the shape of its image."""
    found: dict[str, tuple[Degradation, tuple[int, ...]]] = {}
    for boundary in BOUNDARIES:
        for name, kernel in KERNELS.items():
            for size in SIZES:
                blur = degradations.Blur(kernel, boundary)
                found[f"{name} {boundary} {size}"] = blur, size
        for name, (factor, kernel) in DECIMATIONS.items():
            small = degradations.Decimation(factor, kernel, boundary)
            found[f"decimation {name} {boundary}"] = small, (6 if factor != 4 else 4, 12)
    found["mask"] = degradations.Mask(RNG.random((5, 8)) < 0.4), (5, 8)
    matrix = RNG.standard_normal((7, 12))
    found["pair"] = (
        degradations.Pair(
            lambda u: matrix @ u.ravel(),
            lambda v: (matrix.T @ v).reshape(3, 4),
            (7,),
            norm=float(np.linalg.norm(matrix, 2)),
        ),
        (3, 4),
    )
    return found


TABLE = table()
EXACT = [n for n in TABLE if "periodic" in n or n in ("mask", "pair")]
EXACT += [n for n in TABLE if n.startswith(("gaussian neumann", "even box neumann"))]
EXACT += [f"decimation box {boundary}" for boundary in BOUNDARIES]


def dense(A: Degradation, shape: tuple[int, ...]) -> np.ndarray:
    """The matrix of A."""
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.stack([A(unit).ravel() for unit in units], axis=1)


@pytest.mark.parametrize("name", TABLE)
def test_r3_the_adjoint_is_exact_and_the_norm_bound_an_upper_one(name: str) -> None:
    A, shape = TABLE[name]
    matrix = dense(A, shape)
    data_shape = A(np.zeros(shape)).shape
    assert A.image_shape(data_shape) == shape
    rows = np.stack(
        [A.adjoint(e.reshape(data_shape)).ravel() for e in np.eye(int(np.prod(data_shape)))]
    )
    scale = np.abs(matrix).max()
    np.testing.assert_allclose(rows, matrix, atol=1e-13 * scale * matrix.shape[1])
    norm, bound = np.linalg.norm(matrix, 2), A.norm_bound(shape)
    assert norm * (1 - 1e-12) <= bound <= 4 * norm
    if name in EXACT:
        assert bound <= norm * (1 + 1e-9)


@pytest.mark.parametrize("name", [n for n in TABLE if "(1, 7)" not in n])
def test_the_resolvent_solves_its_system(name: str) -> None:
    A, shape = TABLE[name]
    b = RNG.standard_normal(shape)
    u = A.resolvent(b, 0.7, guess=b)
    np.testing.assert_allclose(u + 0.7 * A.adjoint(A(u)), b, atol=1e-8)


@pytest.mark.parametrize(
    ("boundary", "mode"), [("neumann", "reflect"), ("dirichlet", "constant"), ("periodic", "wrap")]
)
def test_a_blur_is_scipy_s_convolution(boundary: str, mode: str) -> None:
    kernel, u = RNG.standard_normal((3, 5)), RNG.standard_normal((7, 9, 2))
    expected = np.stack([convolve(u[..., c], kernel, mode=mode) for c in (0, 1)], axis=-1)
    np.testing.assert_allclose(degradations.Blur(kernel, boundary)(u), expected, atol=1e-13)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_decimation_keeps_constants_and_ramps_and_its_guess_does(factor: int) -> None:
    shrink = degradations.Decimation(factor)
    ramp = np.tile(np.arange(24.0), (6, 1))
    # the centres of the blocks
    np.testing.assert_allclose(
        shrink(ramp)[1, 2:-2], (factor * np.arange(24 // factor) + (factor - 1) / 2)[2:-2]
    )
    np.testing.assert_allclose(shrink(ramp * 0 + 1), 1.0)
    np.testing.assert_allclose(shrink.first_guess(np.ones((4, 8))), 1.0, atol=1e-12)


def test_kernels_have_sum_1_and_their_centre_in_the_middle() -> None:
    for kernel in (
        kernels.gaussian(1.3),
        kernels.box(4),
        kernels.box(5),
        kernels.motion(9, 30),
        kernels.cubic(2),
        kernels.cubic(3),
    ):
        assert kernel.sum() == pytest.approx(1)
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-15)
    y, x = np.nonzero(kernels.motion(9, 90) > 0.02)
    assert (np.ptp(y), np.ptp(x)) == (8, 0)  # upwards
    up = kernels.motion(9, 45)
    assert up[0:6, 6:].sum() > 0.4  # to the right and upwards


PAIRS: dict[str, tuple[Any, Any, Any, str]] = {
    "not the adjoint": (lambda u: 2 * u, lambda v: v, None, "1e-06 is allowed"),
    "a shifted adjoint": (
        lambda u: np.roll(u, 1, 0),
        lambda v: np.roll(v, 1, 0),
        None,
        "not the adjoint of A, or A is not linear",
    ),
    "not linear": (np.abs, lambda v: v, None, "A is not linear"),
    "affine": (lambda u: u + 1, lambda v: v, None, "differ by"),
    "a norm too small": (
        lambda u: 2 * u,
        lambda v: 2 * v,
        1.9,
        "a power iteration finds ‖A‖ >= 2. Received: norm=1.9",
    ),
    "another shape": (lambda u: u[1:], lambda v: v, None, "A must return data of the shape"),
    "no image": (lambda u: u, lambda v: v.sum(0), None, "At must return an image"),
    "NaN": (lambda u: u * np.nan, lambda v: v, None, "the result of A holds NaN"),
    "no function": (lambda u: u, 3, None, "At must be a function"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_functions_that_are_no_pair_are_refused_with_the_difference(name: str) -> None:
    A, At, norm, message = PAIRS[name]
    with pytest.raises(ValueError, match=rf"^[^\n]*{re.escape(message)}[^\n]*$"):
        degradations.Pair(A, At, (8, 9), norm)


def test_a_pair_in_single_precision_passes() -> None:
    matrix = RNG.standard_normal((40, 64)).astype("float32")
    pair = degradations.Pair(
        lambda u: matrix @ u.ravel().astype("float32"),
        lambda v: (matrix.T @ v.astype("float32")).reshape(8, 8),
        (40,),
    )
    assert pair.norm_bound((8, 8)) is None  # from below proves nothing
    assert pair.norm_seen <= np.linalg.norm(matrix, 2) * (1 + 1e-6)


WRONG: dict[str, Any] = {
    "no kernel": lambda: degradations.Blur("nosuch:3"),
    "half a kernel": lambda: degradations.Blur("gaussian"),
    "a width of 0": lambda: degradations.Blur("gaussian:0"),
    "a box of 2.5": lambda: degradations.Blur("box:2.5"),
    "three numbers": lambda: degradations.Blur("motion:1,2,3"),
    "a kernel of zeros": lambda: degradations.Blur(np.zeros((3, 3))),
    "a vector": lambda: degradations.Blur(np.ones(3)),
    "no boundary": lambda: degradations.Blur("box:3", "none"),
    "an odd kernel": lambda: degradations.Decimation(2, np.ones((3, 4))),
    "a factor of 1": lambda: degradations.Decimation(1),
    "an odd image": lambda: degradations.Decimation(2)(np.zeros((5, 4))),
    "no mask": lambda: degradations.Mask(np.ones((3, 3))),
    "an empty mask": lambda: degradations.Mask(np.zeros((3, 3), bool)),
    "another size": lambda: degradations.Mask(np.ones((3, 3), bool))(np.zeros((3, 4))),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_one_line(name: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        WRONG[name]()
