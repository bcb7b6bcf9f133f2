"""Tiles: how far a pixel acts, tilings, and results equal to those of the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import keras_pde
from keras_pde import ConvOperator, DiffusionBlock, ImplicitDiffusion, Lifting
from keras_pde.data import noise
from keras_pde.models.influence import MOST, Influence
from keras_pde.models.network import Network
from keras_pde.tasks import tiles
from keras_pde.tasks.denoise.denoiser import Denoiser


def built(model: Any, channels: int = 1) -> Any:
    shape = (None, None, None, channels)
    model.build([shape, (None,)] if model.noise_conditioned else shape)
    return model


def learned(boundary: str = "neumann", **options: Any) -> DiffusionBlock:
    return DiffusionBlock(
        ConvOperator(4, 3, boundary=boundary, zero_mean=True, normalize=True),
        "perona_malik",
        **options,
    )


def stencil(name: str, boundary: str = "neumann") -> DiffusionBlock:
    return DiffusionBlock(ConvOperator(initializer=name, boundary=boundary), "charbonnier")


def stacked(boundary: str) -> DiffusionBlock:
    return DiffusionBlock(ConvOperator((3, 5), 4, boundary=boundary, normalize=True), "charbonnier")


MODELS = {
    **{
        f"explicit, {b}": lambda b=b: keras_pde.DiffusionResNet(4, block=learned(b))
        for b in ("neumann", "dirichlet", "periodic")
    },
    **{
        f"stacked even kernels, {b}": lambda b=b: keras_pde.DiffusionResNet(2, block=stacked(b))
        for b in ("neumann", "dirichlet", "periodic")
    },
    **{
        f"stencil {s}": lambda s=s: keras_pde.FEDResNet(1, 5, block=stencil(s), tied=True)
        for s in ("forward", "central", "laplacian")
    },
    "stencil second, periodic": lambda: keras_pde.FEDResNet(
        1, 4, block=stencil("second", "periodic"), tied=True
    ),
    "FED": lambda: keras_pde.FEDResNet(2, 3, filters=4, kernel_size=3),
    "FSI": lambda: keras_pde.FSIResNet(
        1, 5, block=learned("dirichlet", data_weight=0.1), tied=True
    ),
    "Du Fort-Frankel": lambda: keras_pde.DuFortFrankelResNet(5, block=learned(), tied=True),
    **{
        f"lifted, {b}": lambda b=b: keras_pde.DiffusionResNet(
            3, block=learned(b), tied=True, lifting=Lifting(12, 3)
        )
        for b in ("neumann", "dirichlet", "periodic")
    },
}


def randomised(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([w + 0.3 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("name", MODELS)
def test_receptive_radius_is_where_the_output_stops_changing(
    name: str, rng: np.random.Generator
) -> None:
    model = randomised(built(MODELS[name]()))
    radius = model.influence().pixels
    assert model.influence().exact
    size = 2 * radius + 31
    u = rng.random((1, size, size, 1)).astype("float32")
    v = u.copy()
    middle = size // 2
    v[0, middle : middle + 1, middle] += 3
    rows, columns = np.nonzero(np.abs(np.asarray(model(v)) - np.asarray(model(u)))[0, ..., 0] > 0)
    farthest = max(np.abs(rows - middle).max(), np.abs(columns - middle).max())
    assert radius / 2 <= farthest <= radius


@pytest.mark.parametrize("shape", [(97, 130), (61, 300), (150, 7), (3, 2)])
@pytest.mark.parametrize("name", MODELS)
def test_tiled_is_the_whole_to_rounding(
    name: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    model = randomised(built(MODELS[name]()))
    u = rng.random((*shape, 1)).astype("float32")
    seen: list[tuple[int, ...]] = []

    def run(part: np.ndarray) -> np.ndarray:
        seen.append(part.shape)
        return np.asarray(model(part[None]))[0]

    tiling = tiles.plan(model, shape, tile=3000)
    result = tiles.run(run, u, tiling)
    np.testing.assert_allclose(result, np.asarray(model(u[None]))[0], atol=1e-6)
    assert tiling.exact
    assert len(seen) == tiling.count
    assert len(set(seen)) == 1, "one size, one program"
    assert (tiling.count > 1) == (shape[0] * shape[1] > 3000 and max(shape) > 4 * tiling.halo)


@pytest.mark.parametrize("size", [*range(1, 40), 100, 101, 102, 103, 997])
@pytest.mark.parametrize(
    ("halo", "patch", "wrap"),
    [
        (3, 1, False),
        (0, 1, False),
        (4, 2, False),
        (6, 3, False),
        (3, 1, True),
        (6, 3, True),
        (4, 2, True),
    ],
)
def test_axes_are_covered_once_with_whole_halos(
    size: int, halo: int, patch: int, wrap: bool
) -> None:
    length, starts = tiles._axis(size, max(20, 4 * halo), halo, patch, wrap)
    tiling = tiles.Tiling((size, 1), (length, 1), halo, True, (starts, (0,)), patch)
    covered = np.zeros(size, int)
    for (rows, _), (inner, _), (first, _) in tiling.windows():
        covered[rows] += 1
        assert 0 <= inner.start < inner.stop <= length
        assert rows.start - inner.start == first
        assert first % patch == 0
        if len(starts) == 1:
            assert (first, length) == (0, size)
            continue
        assert first == 0 or inner.start >= halo
        assert (not wrap and first + length == size) or inner.stop <= length - halo
        if wrap:
            assert inner.start >= halo
            assert length % patch == 0
        else:
            assert 0 <= first <= first + length <= size
        cut = tiling.cut(np.arange(size, dtype=float)[:, None, None] + 1, (first, 0))[:, 0, 0]
        assert len(cut) == length
        np.testing.assert_array_equal(cut[inner], np.arange(size)[rows] + 1)
    assert (covered == 1).all()


def test_halo_grows_the_tile_and_the_image_bounds_it() -> None:
    deep = built(keras_pde.DiffusionResNet(30, filters=4, kernel_size=5))
    tiling = tiles.plan(deep, (2000, 3000), tile=100)
    assert tiling.halo == 120
    assert min(tiling.tile) >= 4 * 120 - 120  # the last balancing may make them smaller
    assert tiling.count == len(tiling.starts[0]) * len(tiling.starts[1]) > 1
    thin = tiles.plan(deep, (400, 100_000), tile=1 << 20)
    assert thin.tile[0] == 400
    assert thin.tile[1] > 2000
    wide = built(keras_pde.DiffusionResNet(2, filters=512, kernel_size=3))
    assert np.prod(tiles.plan(wide, (5000, 5000)).tile) <= tiles.NUMBERS / 512
    assert np.prod(tiles.plan(deep, (5000, 5000), batch=3).tile) <= tiles.TILE / 3
    for bad in (0, -3, 1.5, "big"):
        with pytest.raises(ValueError, match=r"tile must be a whole number >= 1\. Received"):
            tiles.plan(deep, (5000, 5000), tile=bad)  # type: ignore[arg-type]


def test_a_network_states_its_influence_itself() -> None:
    class Own(Network):
        def influence(self) -> Influence:
            return Influence(7, exact=True)

    own = Own()
    own.build((None, None, None, 1))
    assert tiles.plan(own, (1000, 1000), tile=10_000).halo == 7
    assert not keras_pde.from_preset("truncated_tv_implicit_2d").influence().exact


def test_twenty_megapixels_need_a_tile_of_memory() -> None:
    """A stub that records what the model is given.

    No input is larger than the budget, and the image is never copied whole.
    """
    model = keras_pde.from_preset("truncated_tv_2d")
    sizes: list[int] = []

    def program(batch: np.ndarray) -> np.ndarray:
        sizes.append(batch.size)
        return batch

    import tracemalloc

    image = np.zeros((4000, 5000, 1), np.uint8)
    image[:, ::7] = 90
    stub = Denoiser(model, "stub", tuned=True, run=program)
    calls: list[tuple[int, int]] = []
    tracemalloc.start()
    result = stub(image, 25, progress=lambda done, count: calls.append((done, count)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(result.pixels, image)
    assert max(sizes) <= tiles.TILE
    assert len(set(sizes)) == 1
    assert calls == [(i + 1, result.tiling.count) for i in range(result.tiling.count)]
    # the result, and a few float32 copies of a tile
    assert peak < image.nbytes + 8 * 4 * tiles.TILE


def test_colour_image_by_a_grey_model_in_tiles(rng: np.random.Generator) -> None:
    model = keras_pde.from_preset("perona_malik_2d")
    u = rng.random((120, 90, 3)).astype("float32")
    result = Denoiser(model)(u, 25, tile=6000)
    assert result.tiling.count > 1
    np.testing.assert_allclose(result.pixels, Denoiser(model, tuned=True)(u, 25).pixels, atol=1e-6)


def test_noise_conditioned_model_in_tiles(rng: np.random.Generator) -> None:
    flux = keras_pde.FluxActivation("charbonnier", contrast=0.02, noise_conditioned=True)
    block = DiffusionBlock(
        ConvOperator(16, 3, boundary="dirichlet", normalize=True), flux, "learned"
    )
    model = randomised(built(keras_pde.DiffusionResNet(3, block=block, lifting=Lifting(16, 2))))
    u = rng.random((131, 117, 1)).astype("float32")
    for sigma in (5, 50):
        result = Denoiser(model)(u, sigma, tile=4000)
        assert result.tiling.count > 1
        np.testing.assert_allclose(
            result.pixels, Denoiser(model, tuned=True)(u, sigma).pixels, atol=1e-6
        )


def test_implicit_models_are_whole_up_to_a_limit_and_near_the_whole_beyond(
    camera: np.ndarray,
) -> None:
    model = keras_pde.from_preset("truncated_tv_implicit_2d")
    assert tiles.plan(model, (2048, 2048)).count == 1
    large = tiles.plan(model, (3000, 3000))
    assert large.count > 1
    assert not large.exact
    assert "not exact" in str(large)
    noisy = noise.add_noise(camera, 25)
    whole = Denoiser(model)(noisy, 25)
    tiled = Denoiser(model)(noisy, 25, tile=100_000)
    assert tiled.tiling.count > 1
    assert whole.diagnosis is not None
    assert tiled.diagnosis is not None
    assert tiled.diagnosis.iterations.shape == (model.steps, tiled.tiling.count)
    assert whole.diagnosis.all_converged
    assert tiled.diagnosis.all_converged
    assert np.abs(tiled.pixels - whole.pixels).max() < 2e-3
    np.testing.assert_allclose(
        whole.pixels, Denoiser(model, tuned=True)(noisy, 25).pixels, atol=1e-6
    )
    direct = model.diagnose(noisy[None])
    np.testing.assert_array_equal(whole.diagnosis.iterations, direct.iterations)


@pytest.fixture
def camera() -> np.ndarray:
    from skimage import data

    return np.float32(data.camera()[:400, 112:, None] / 255)


def test_influence_radius_follows_the_step() -> None:
    def model(step: float, **options: Any) -> Any:
        return built(
            keras_pde.ImplicitRecurrent(
                1, block=ImplicitDiffusion("forward", "charbonnier", step_size=step), **options
            )
        )

    near, far, lifted = (
        m.influence().pixels for m in (model(1.0), model(30.0), model(30.0, lifting=Lifting(4, 2)))
    )
    assert near == 64
    assert 64 < far < lifted <= MOST
    assert model(1e6).influence().pixels == MOST
    # τμ‖K‖² >= 1: no rate is known
    assert keras_pde.from_preset("perona_malik_implicit_2d").influence().pixels == MOST


def test_influence_is_below_the_accuracy_at_the_radius(rng: np.random.Generator) -> None:
    block = ImplicitDiffusion(
        "forward", keras_pde.activations.get("linear"), step_size=60.0, tolerance=1e-5
    )
    model = built(keras_pde.ImplicitRecurrent(1, block=block))
    radius = model.influence().pixels
    u = np.zeros((1, 2 * radius + 21, 9, 1), np.float32)
    u[0, 0] = 1
    assert 64 < radius < 200
    assert np.abs(np.asarray(model(u)))[0, radius:].max() < 1e-4


def test_nan_of_a_tile_that_did_not_converge_is_kept(rng: np.random.Generator) -> None:
    block = ImplicitDiffusion(
        "forward",
        "charbonnier",
        step_size=50.0,
        solver="fixed_point",
        max_iterations=1,
        on_failure="nan",
    )
    model = built(keras_pde.ImplicitRecurrent(1, block=block))
    result = Denoiser(model)(rng.random((32, 32, 1)), 25)
    assert np.isnan(result.pixels).all()
    assert result.diagnosis is not None
    assert not result.diagnosis.all_converged
