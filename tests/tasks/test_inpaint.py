"""Inpainting: equal to SciPy's direct solution, and the command with every option and error."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import PIL.Image
import pytest
import textbook
from click.testing import CliRunner
from command import call
from scipy.sparse import linalg as sparse_linalg
from skimage import data
from textbook import inpainted as direct

from keras_pde.cli import inpaint as cli_inpaint
from keras_pde.cli.main import main
from keras_pde.data import images
from keras_pde.data.images import Image
from keras_pde.tasks import inpaint as inpainting
from keras_pde.tasks import quality as qualities
from keras_pde.tasks.inpaint.mask import known_in

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="float64 needs TensorFlow here"
)


@pytest.fixture(scope="module")
def camera() -> np.ndarray:
    """60 × 44 pixels of a photograph with an edge."""
    return data.camera()[60:120, 190:234, None].astype(np.float64) / 255


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()[:44, 180:240].astype(np.float64) / 255


def hole(shape: tuple[int, int]) -> np.ndarray:
    """True but for a large rectangle."""
    mask = np.ones(shape, bool)
    mask[shape[0] // 6 : -shape[0] // 5, shape[1] // 4 : -shape[1] // 8] = False
    return mask


# --- the solution ---


@tensorflow_only
@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("kind", ["random", "hole"])
def test_the_solution_is_scipy_s(camera: np.ndarray, order: int, kind: str) -> None:
    known = (
        inpainting.random_mask(camera.shape[:2], 0.1, seed=2)
        if kind == "random"
        else hole(camera.shape[:2])
    )
    found = inpainting.solve(
        np.where(known[..., None], camera, np.nan), known, order, tolerance=1e-10
    )
    assert found.converged
    assert found.pixels.dtype == np.float64
    np.testing.assert_allclose(found.pixels, direct(camera, known, order), atol=1e-6)
    np.testing.assert_array_equal(found.pixels[known], camera[known])


@tensorflow_only
@pytest.mark.parametrize(
    ("kind", "order"),
    [
        *[(kind, order) for kind in ("few pixels", "hole") for order in (2, 4)],
        ("one side", 2),
        ("one side", 4),
    ],
)
def test_hard_masks_converge(kind: str, order: int) -> None:
    f = data.camera()[100:228, 150:278, None].astype(np.float64) / 255
    known = inpainting.random_mask((128, 128), 0.004) if kind == "few pixels" else hole((128, 128))
    if kind == "one side":
        known[:] = False
        known[:, :20] = True
    found = inpainting.solve(f, known, order)
    assert found.converged
    np.testing.assert_allclose(found.pixels, direct(f, known, order), atol=1 / 255)


@tensorflow_only
def test_the_default_tolerance_is_below_one_grey_level(camera: np.ndarray) -> None:
    known = inpainting.random_mask(camera.shape[:2], 0.1)
    for order in (2, 4):
        error = np.abs(
            inpainting.inpaint(camera, known, order) - direct(camera, known, order)
        ).max()
        assert error < 0.1 / 255


@tensorflow_only
def test_colours_are_solved_side_by_side(astronaut: np.ndarray) -> None:
    known = inpainting.random_mask(astronaut.shape[:2], 0.15)
    np.testing.assert_allclose(
        inpainting.inpaint(astronaut, known, tolerance=1e-10),
        direct(astronaut, known, 2),
        atol=1e-6,
    )


def test_order_two_obeys_the_max_min_principle_and_order_four_overshoots(
    camera: np.ndarray,
) -> None:
    known = inpainting.random_mask(camera.shape[:2], 0.05)
    u, smooth = (inpainting.inpaint(camera, known, order, tolerance=1e-9) for order in (2, 4))
    assert camera[known].min() - 1e-6 <= u.min()
    assert u.max() <= camera[known].max() + 1e-6
    assert smooth.max() > camera[known].max() + 0.01


@pytest.mark.parametrize("order", [2, 4])
def test_ramps_in_a_hole_are_exact_and_quadratics_of_order_four(order: int) -> None:
    y, x = np.indices((60, 44))[..., None] / 60.0
    u = x - y if order == 2 else x * x + x * y - y
    known = hole((60, 44))
    np.testing.assert_allclose(inpainting.inpaint(u, known, order, tolerance=1e-9), u, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (2, 2), (3, 8)])
def test_tiny_images(size: tuple[int, int]) -> None:
    f = np.random.default_rng(0).random((*size, 1))
    known = np.zeros(size, bool)
    known[0, 0] = True
    for order in (2, 4):
        np.testing.assert_allclose(
            inpainting.inpaint(f, known, order, tolerance=1e-9),
            np.full_like(f, f[0, 0, 0]),
            atol=1e-5,
        )


def test_all_known_is_returned_as_it_is(camera: np.ndarray) -> None:
    found = inpainting.solve(camera, np.ones(camera.shape[:2], bool))
    assert (found.cycles, found.converged) == (0, True)
    np.testing.assert_array_equal(found.pixels, camera)


def test_the_callback_sees_every_cycle(camera: np.ndarray) -> None:
    seen: list[tuple[int, float]] = []
    found = inpainting.solve(
        camera,
        hole(camera.shape[:2]),
        callback=lambda cycle, residual: seen.append((cycle, residual)),
    )
    assert [cycle for cycle, _ in seen] == list(range(1, found.cycles + 1))
    assert seen[-1][1] == pytest.approx(found.residual)
    assert found.residual <= 1e-6


def test_what_is_out_of_reach_is_a_warning(camera: np.ndarray) -> None:
    with pytest.warns(RuntimeWarning, match="above tolerance=1e-30"):
        u = inpainting.inpaint(camera[:16, :16], hole((16, 16)), tolerance=1e-30)
    with warnings.catch_warnings(action="error"):
        np.testing.assert_allclose(
            inpainting.inpaint(camera[:16, :16], hole((16, 16)), tolerance=1e-9), u, atol=1e-6
        )


def test_random_masks() -> None:
    mask = inpainting.random_mask((40, 30), 0.1, seed=3)
    assert mask.dtype == bool
    assert mask.sum() == 120
    np.testing.assert_array_equal(mask, inpainting.random_mask((40, 30), 0.1, seed=3))
    assert (mask != inpainting.random_mask((40, 30), 0.1, seed=4)).any()
    assert inpainting.random_mask((3, 3), 1e-9).sum() == 1
    assert inpainting.random_mask((3, 3), 1).all()
    for share in (0, -0.1, 1.01, float("nan")):
        with pytest.raises(ValueError, match="share must be a number > 0 and <= 1"):
            inpainting.random_mask((3, 3), share)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.zeros((8, 9), bool)}, "no known pixel"),
        ({"mask": np.ones((9, 8), bool)}, r"height and width \(8, 9\)"),
        ({"mask": np.ones((8, 9))}, "mask is of bool"),
        ({"pixels": np.zeros((2, 8, 9, 1))}, r"\(height, width, channels\)"),
        (
            {"pixels": np.zeros((0, 9, 1)), "mask": np.zeros((0, 9), bool)},
            r"pixels is empty.*\(0, 9, 1\)",
        ),
        ({"pixels": np.full((8, 9, 1), np.nan)}, "72 values of known pixels are NaN"),
        ({"order": 3}, "order 2 .* or 4"),
        ({"tolerance": 0.0}, "tolerance must be a number > 0 and < 1"),
        ({"tolerance": float("nan")}, "tolerance must be a number > 0 and < 1"),
    ],
)
def test_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inpainting.inpaint(
            **{"pixels": np.zeros((8, 9, 1)), "mask": np.ones((8, 9), bool), **changes}
        )


# --- the command ---


@pytest.fixture
def files(tmp_path: Path, camera: np.ndarray) -> Path:
    """A folder with images and masks, and an empty one to write in."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    pixels = camera.astype(np.float32)
    images.write(tmp_path / "in" / "grey.png", Image(pixels))
    images.write(
        tmp_path / "in" / "mask.png", Image(hole(camera.shape[:2])[..., None].astype(np.float32))
    )
    images.write(tmp_path / "in" / "black.png", Image(np.zeros_like(pixels)))
    images.write(tmp_path / "in" / "small.png", Image(np.ones((5, 4, 1), np.float32)))
    images.write(tmp_path / "in" / "deep.png", Image(pixels, depth=16))
    (tmp_path / "in" / "text.png").write_text("no image")
    return tmp_path


def printed(text: str) -> tuple[int, float]:
    """Cycles and residual."""
    found = re.search(r": (\d+) cycles, residual ([\d.e-]+), [\d.]+ s\n", text)
    assert found, text
    return int(found[1]), float(found[2])


@pytest.mark.parametrize("order", [2, 4])
def test_a_share_of_the_pixels(files: Path, camera: np.ndarray, order: int) -> None:
    out, compare = files / "out" / "u.png", files / "out" / "compare.png"
    result = call(
        "inpaint",
        files / "in" / "grey.png",
        out,
        "--keep",
        0.2,
        "--order",
        order,
        "--seed",
        5,
        "--compare",
        compare,
    )
    known = inpainting.random_mask(camera.shape[:2], 0.2, seed=5)
    u = direct(images.read(files / "in" / "grey.png").pixels.astype(np.float64), known, order)
    np.testing.assert_allclose(images.read(out).pixels, u.clip(0, 1), atol=0.52 / 255)
    assert (
        f"grey.png: 44 × 60, grey, 8 bit; {100 * known.mean():.3g} % of the pixels known, chosen at"
        " random, seed 5\n" in result.stdout
    )
    assert f"order {order}, {cli_inpaint.EQUATIONS[order]}: " in result.stdout
    assert printed(result.stdout)[1] <= 1e-6
    row = re.search(r"^\s*inpainted\s+([\d.]+)\s+([\d.]+)\s*$", result.stdout, re.MULTILINE)
    quality = qualities.quality(camera, u.clip(0, 1))
    assert row
    assert float(row[1]) == pytest.approx(quality.psnr, abs=0.006)
    assert float(row[2]) == pytest.approx(quality.ssim or 0, abs=2e-4)
    picture = images.read(compare).pixels
    assert picture.shape == (26 + 240 + 8, 3 * 184 + 8, 3)
    panels = [picture[26:266:4, 8 + i * 184 : 184 + i * 184 : 4, :1] for i in range(3)]
    for panel, shown in zip(
        panels, (camera * known[..., None], u, 128 / 255 + camera - u), strict=True
    ):
        np.testing.assert_allclose(panel, shown.clip(0, 1), atol=0.52 / 255)
    assert sorted(os.listdir(files / "out")) == ["compare.png", "u.png"]


def test_a_mask_file(files: Path, camera: np.ndarray) -> None:
    out, compare = files / "out" / "u.png", files / "out" / "compare.png"
    result = call(
        "inpaint",
        files / "in" / "deep.png",
        out,
        "--mask",
        files / "in" / "mask.png",
        "--compare",
        compare,
    )
    known = hole(camera.shape[:2])
    np.testing.assert_allclose(images.read(out).pixels, direct(camera, known, 2), atol=1e-5)
    assert images.read(out).depth == 16
    assert f"known, mask {files / 'in' / 'mask.png'}\n" in result.stdout
    assert "PSNR" not in result.stdout
    assert images.read(compare).pixels.shape[1] == 2 * 184 + 8


def test_colour_with_alpha(tmp_path: Path, astronaut: np.ndarray, rng: np.random.Generator) -> None:
    alpha = np.float32(rng.integers(0, 256, astronaut.shape[:2]) / 255)
    images.write(tmp_path / "in.tif", Image(astronaut.astype(np.float32), alpha, 16))
    call("inpaint", tmp_path / "in.tif", tmp_path / "out.tif", "--keep", 0.3)
    before, after = images.read(tmp_path / "in.tif"), images.read(tmp_path / "out.tif")
    np.testing.assert_array_equal(after.alpha, before.alpha)
    assert after.depth == 16
    known = inpainting.random_mask(astronaut.shape[:2], 0.3)
    np.testing.assert_allclose(
        after.pixels, direct(before.pixels.astype(np.float64), known, 2), atol=2e-5
    )


def test_a_colour_mask_is_white_where_it_is_bright(files: Path, camera: np.ndarray) -> None:
    mask = np.where(hole(camera.shape[:2])[..., None], [1.0, 0.8, 0.6], [0.2, 0.3, 0.6]).astype(
        np.float32
    )
    images.write(files / "in" / "mask.tif", Image(mask))
    outputs = []
    for name in ("mask.tif", "mask.png"):
        call(
            "inpaint",
            files / "in" / "grey.png",
            files / "out" / "u.png",
            "--mask",
            files / "in" / name,
        )
        outputs.append((files / "out" / "u.png").read_bytes())
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    "args", [("OUT", "--sample"), ("--sample", "OUT"), ("--sample", "coins", "OUT")]
)
def test_samples(
    tmp_path: Path, args: tuple[str, ...], camera: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "read", lambda path, **_: Image(camera[:9, :9].astype(np.float32)))
    result = call(
        "inpaint", *[tmp_path / "out.png" if a == "OUT" else a for a in args], "--keep", 0.5
    )
    assert result.stdout.startswith("coins: " if "coins" in args else "camera: ")
    assert (tmp_path / "out.png").exists()


def test_tolerance_acts_and_one_out_of_reach_is_exit_code_one(files: Path) -> None:
    base = ("inpaint", files / "in" / "grey.png", files / "out" / "u.png", "--keep", 0.2)
    few, more = (
        printed(call(*base, "--tolerance", tolerance).stdout) for tolerance in ("1e-2", "1e-9")
    )
    assert few[0] < more[0]
    assert more[1] <= 1e-9
    result = call(*base, "--tolerance", "1e-30", code=1)
    assert "not converged: the residual " in result.stdout
    assert (files / "out" / "u.png").exists()


def test_the_bar_follows_the_residual(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with cli_inpaint.residual_bar(1e-6) as show:
        show(3, 1e-3)
    assert capsys.readouterr().out == ""


BAD = {
    "neither mask nor share": (("GREY", "OUT"), "one of the two"),
    "mask and share": (("GREY", "OUT", "--keep", "0.1", "--mask", "IN/mask.png"), "one of the two"),
    "seed with a mask": (
        ("GREY", "OUT", "--mask", "IN/mask.png", "--seed", "1"),
        "nothing to choose",
    ),
    "share zero": (("GREY", "OUT", "--keep", "0"), "not a finite number > 0"),
    "share above one": (("GREY", "OUT", "--keep", "10"), "not a share in (0, 1]"),
    "share NaN": (("GREY", "OUT", "--keep", "nan"), "not a finite number > 0"),
    "order three": (("GREY", "OUT", "--keep", "0.1", "--order", "3"), "not one of"),
    "tolerance zero": (
        ("GREY", "OUT", "--keep", "0.1", "--tolerance", "0"),
        "not a finite number > 0",
    ),
    "negative seed": (("GREY", "OUT", "--keep", "0.1", "--seed", "-1"), "not in the range"),
    "no such file": (("IN/no.png", "OUT", "--keep", "0.1"), "does not exist"),
    "no such mask": (("GREY", "OUT", "--mask", "IN/no.png"), "does not exist"),
    "mask no image": (("GREY", "OUT", "--mask", "IN/text.png"), "not an image"),
    "mask of another size": (
        ("GREY", "OUT", "--mask", "IN/small.png"),
        "small.png is 4 × 5, and the image 44 × 60: they must be alike",
    ),
    "black mask": (("GREY", "OUT", "--mask", "IN/black.png"), "has no white pixel"),
    "unknown sample": (("--sample", "lena", "OUT", "--keep", "0.1"), "No sample is called 'lena'"),
    "one name": (("GREY", "--keep", "0.1"), "received 1 file names"),
    "unknown extension": (("GREY", "DIR/out.webp", "--keep", "0.1"), "no format to write"),
    "16 bit in JPEG": (("IN/deep.png", "DIR/out.jpg", "--keep", "0.1"), "JPEG cannot hold 16 bit"),
    "OUT in no folder": (("GREY", "DIR/no/out.png", "--keep", "0.1"), "does not exist"),
    "comparison no PNG": (
        ("GREY", "OUT", "--keep", "0.1", "--compare", "DIR/c.jpg"),
        "Use the extension .png",
    ),
    "comparison over OUT": (
        ("GREY", "OUT", "--keep", "0.1", "--compare", "OUT"),
        "would overwrite",
    ),
    "comparison over the mask": (
        ("GREY", "OUT", "--mask", "IN/mask.png", "--compare", "IN/mask.png"),
        "would overwrite",
    ),
    "OUT over the mask": (("GREY", "IN/mask.png", "--mask", "IN/mask.png"), "would be overwritten"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_nothing_written(
    files: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    args, message = BAD[name]
    before = {p: p.read_bytes() for p in (files / "in").iterdir()}
    names = {"GREY": "in/grey.png", "OUT": "out/u.png"}
    result = call(
        "inpaint",
        *[names.get(a, a).replace("IN/", "in/").replace("DIR/", "out/") for a in args],
        code=2,
    )
    assert message in result.stderr
    assert os.listdir(files / "out") == []
    assert before == {p: p.read_bytes() for p in (files / "in").iterdir()}


def test_nothing_is_written_when_writing_fails(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras_pde.data import side_by_side as compare

    def fails(*_: Any) -> bytes:
        raise OSError("no memory")

    monkeypatch.setattr(compare, "comparison_png", fails)
    call(
        "inpaint",
        files / "in" / "grey.png",
        files / "out" / "u.png",
        "--keep",
        0.2,
        "--compare",
        files / "out" / "c.png",
        code=2,
    )
    assert os.listdir(files / "out") == []


def painted(kind: str, hole: np.ndarray) -> np.ndarray:
    """A mask file's array whose hole is marked in a way that programs mark it."""
    grey = np.where(hole, 0, 255).astype(np.uint8)
    rgba = np.full((*hole.shape, 4), 255, np.uint8)
    if kind == "erased":  # to transparency, where the colour stays
        rgba[hole, 3] = 0
    if kind == "erased picture":
        rgba[..., :3] = np.random.default_rng(0).integers(0, 256, (*hole.shape, 3))
        rgba[hole, 3] = 0
    if kind == "yellow":
        rgba[hole] = (255, 255, 0, 255)
    if kind == "both":
        rgba[hole] = (0, 0, 0, 255)
        rgba[:2, :2, 3] = 0
    return {
        "grey": grey,
        "bilevel": grey,
        "palette": grey,
        "16 bit": grey.astype(np.uint16) * 257,
        "colour": np.dstack([grey] * 3),
    }.get(kind, rgba)


@pytest.mark.parametrize(
    "kind",
    ["grey", "bilevel", "palette", "16 bit", "colour", "erased", "erased picture", "yellow"],
)
def test_a_mask_is_read_as_it_was_painted(tmp_path: Path, kind: str) -> None:
    hole = np.zeros((32, 40), bool)
    hole[8:16, 8:16] = True
    file = PIL.Image.fromarray(painted(kind, hole))
    file = file.convert({"bilevel": "1", "palette": "P"}.get(kind, file.mode))
    file.save(tmp_path / "mask.png")
    mask = images.read(tmp_path / "mask.png")
    np.testing.assert_array_equal(known_in(mask.pixels, mask.alpha), ~hole)


def test_a_mask_with_strokes_and_erased_parts_has_both() -> None:
    hole = np.zeros((32, 40), bool)
    hole[8:16, 8:16] = True
    rgba = painted("both", hole) / 255
    hole[:2, :2] = True
    np.testing.assert_array_equal(known_in(rgba[..., :3], rgba[..., 3]), ~hole)


@pytest.mark.parametrize(
    ("value", "words"), [(255, "marks no pixel as unknown"), (1, "brightest value is 1 of 255")]
)
def test_a_mask_that_marks_nothing_or_all_is_refused(
    tmp_path: Path, value: int, words: str
) -> None:
    PIL.Image.fromarray(np.full((9, 9), 100, np.uint8)).save(tmp_path / "in.png")
    PIL.Image.fromarray(np.full((9, 9), value, np.uint8)).save(tmp_path / "mask.png")
    names = [str(tmp_path / name) for name in ("in.png", "out.png", "mask.png")]
    found = CliRunner().invoke(main, ["inpaint", *names[:2], "--mask", names[2]])
    assert found.exit_code == 2
    assert words in found.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("size", [(21, 24), (40, 33)])
def test_cycles_reach_the_solution_of_a_direct_solver(
    order: int, size: tuple[int, int], camera: np.ndarray
) -> None:
    f = camera[: size[0], : size[1]]
    known = inpainting.random_mask(size, 0.2, 3)
    stiff = (textbook.poisson if order == 2 else textbook.biharmonic)(size, "neumann").tocsr()
    free, held = np.flatnonzero(~known), np.flatnonzero(known)
    values = f.reshape(-1)
    expected = values.copy()
    expected[free] = sparse_linalg.spsolve(
        stiff[free][:, free].tocsc(), -stiff[free][:, held] @ values[held]
    )
    found = inpainting.solve(f, known, order, tolerance=1e-10)
    assert found.converged
    np.testing.assert_allclose(found.pixels.reshape(-1), expected, atol=1e-7)


@pytest.mark.parametrize(("order", "most"), [(2, 9), (4, 40)])
def test_cycles_are_few_on_every_size(order: int, most: int) -> None:
    rng = np.random.default_rng(0)
    for n in (64, 256):
        known = inpainting.random_mask((n, n), 0.02, 1)
        found = inpainting.solve(rng.random((n, n, 1)), known, order)
        assert found.converged
        assert found.cycles <= most, (n, found.cycles)
