"""Large images tile by tile.

How far a pixel of the input acts, tiles with halos of that width, and the run over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Tiling", "influence_radius", "plan", "receptive_radius", "run"]

TILE = 1 << 20  # pixels of a tile with its halo
NUMBERS = 1 << 26  # of a tile's Ku: 256 MiB in float32
WHOLE = 1 << 22  # pixels up to which a filter that sees the whole image gets the whole image
# pixels: of a tile of WHOLE pixels a quarter is still core
LEAST_INFLUENCE, MAX_INFLUENCE = 64, 480


def receptive_radius(model: Any) -> int | None:
    """Distance in pixels beyond which the input cannot act on the output.

    None if the output depends on the whole image.

    A step u − τKᵀΦ(Ku) with kernels that reach l pixels back and r forward acts within l + r; N
    steps within N(l + r). A state of patches of p pixels counts in patches: p·N(l + r) + p − 1
    pixels. Extrapolation and the source add nothing.

    Args:
        model: a built model of blocks. Its own `receptive_radius` comes first, where it has one.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> net = keras_pde.DiffusionResNet(10, filters=8, kernel_size=5)
        >>> net.build((None, None, None, 1))
        >>> tiles.receptive_radius(net)
        40
    """
    own = getattr(model, "receptive_radius", None)
    if own is not None:
        return int(own)
    if not hasattr(model, "schedule"):  # an implicit step, or a multigrid cycle
        return None
    patch = getattr(model, "patch_size", 1)
    return patch * len(model.schedule) * max(block.reach for block in model.blocks) + patch - 1


def influence_radius(model: Any, accuracy: float = 1e-4) -> int:
    """Distance in pixels from which the input of an implicit model acts with a weight below
    ``accuracy``, from 64 to 480.

    Of a step whose linearisation I + τKᵀΦ′K has the condition κ the inverse decays with the
    distance d at least as ((√κ − 1)/(√κ + 1))^(d/ρ), the rate of conjugate gradients, where KᵀΦ′K
    joins pixels up to ρ apart; κ ≤ (1 + q)/(1 − m) with q = τL‖K‖², m = τμ‖K‖². Steps add up. A
    rule, not a proof: where m ≥ 1 there is no rate, and it is the maximum, as it is for multigrid.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> tiles.influence_radius(keras_pde.from_preset("truncated_tv_implicit_2d"))
        64
    """
    if not hasattr(model, "blocks"):
        return MAX_INFLUENCE
    radius = 0.0
    for k in range(model.steps):
        block = model.blocks[k % len(model.blocks)]
        q, m = block.numbers
        if q is None:
            squared = block.tau * block.operator.norm_bound() ** 2
            q, m = squared * block.flux.stiffness, squared * max(0.0, -block.flux.slope_range[0])
        if not m or m < 1:
            root = math.sqrt((1 + q) / (1 - (m or 0.0)))
            radius += (
                (block.operator.reach + block.flux.reach)
                * math.log(accuracy)
                / math.log((root - 1) / (root + 1))
                if root > 1
                else 0.0
            )
        else:
            radius = math.inf
    return math.ceil(
        min(max(LEAST_INFLUENCE, radius * getattr(model, "patch_size", 1)), MAX_INFLUENCE)
    )


@dataclass(frozen=True)
class Tiling:
    """Tiles of one size that cover an image, each with a halo towards its neighbours that is
    computed and thrown away.

    At the image's border a tile ends where the image ends, so that the model's own boundary
    condition acts there; with a periodic one its halo comes from the other side. Tiles begin at
    multiples of the model's patch size.

    Args:
        shape: (height, width) of the image.
        tile: (height, width) of every tile with its halo: one XLA program serves all.
        halo: pixels.
        exact: whether the result is that of the whole image to rounding.
        starts: first row, and first column, of the tiles; negative where a halo comes from the
            other side.
        patch: pixels an axis of the model's patches.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> tiling = tiles.plan(keras_pde.from_preset("perona_malik_2d"), (100, 300), tile=10000)
        >>> tiling.count, tiling.tile, tiling.halo, tiling.exact
        (4, (100, 93), 12, True)
    """

    shape: tuple[int, int]
    tile: tuple[int, int]
    halo: int
    exact: bool
    starts: tuple[tuple[int, ...], tuple[int, ...]]
    patch: int = 1

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.starts[0]) * len(self.starts[1])

    def windows(self) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], tuple[int, int]]]:
        """Of every tile the part of the image it is responsible for, where that lies in the tile,
        and the tile's first pixel.
        """
        spans = []
        for starts, size in zip(self.starts, self.shape, strict=True):
            edges = [0, *(start + self.halo for start in starts[1:]), size]
            spans.append(
                [
                    (slice(a, b), slice(a - s, b - s), s)
                    for s, a, b in zip(starts, edges, edges[1:], strict=False)
                ]
            )
        for (rows, inner_rows, top), (columns, inner_columns, left) in (
            (y, x) for y in spans[0] for x in spans[1]
        ):
            yield (rows, columns), (inner_rows, inner_columns), (top, left)

    def cut(self, pixels: np.ndarray, first: tuple[int, int]) -> np.ndarray:
        """The tile that begins at a pixel.

        Beyond a periodic border what comes from the other side.
        """
        for axis, (start, length, size) in enumerate(
            zip(first, self.tile, self.shape, strict=True)
        ):
            if start >= 0 and start + length <= size:
                pixels = pixels[(slice(None),) * axis + (slice(start, start + length),)]
                continue
            source = np.arange(start, start + length) % _up(size, self.patch)
            pixels = np.take(pixels, np.minimum(source, size - 1), axis)
            pixels[(slice(None),) * axis + (source >= size,)] = 0  # what completes the last patch
        return pixels

    def __str__(self) -> str:
        height, width = self.tile
        if self.count == 1:
            return f"{width} × {height} pixels as a whole"
        how = (
            "equal to the untiled result to rounding"
            if self.exact
            else "not exact: each pixel depends on the whole image, weakly beyond the halo"
        )
        return f"{self.count} tiles of {width} × {height} pixels, halo {self.halo}; {how}"


def plan(model: Any, shape: tuple[int, ...], tile: int | None = None, batch: int = 1) -> Tiling:
    """The tiles for an image: whole where it is small enough.

    Args:
        model: a built 2-D model of blocks.
        shape: of the image, height and width first.
        tile: pixels of a tile with its halo. By default 2²⁰, fewer where Ku of a tile would exceed
            2²⁶ numbers; for a model whose result depends on the whole image, 2²²: up to that it is
            not tiled. A tile is at least four halos wide, whatever is asked for, as most of it
            would be halo.
        batch: samples that a tile makes, such as colour channels.

    Raises:
        ValueError: a tile that is no whole number ≥ 1.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> print(tiles.plan(keras_pde.from_preset("perona_malik_2d"), (10000, 8000)))
        80 tiles of 1021 × 1022 pixels, halo 12; equal to the untiled result to rounding
    """
    if tile is not None and (not isinstance(tile, int | np.integer) or tile < 1):
        raise ValueError(
            f"tile is a number of pixels, a whole number >= 1. Received: tile={tile!r}"
        )
    patch = getattr(model, "patch_size", 1)
    radius = receptive_radius(model)
    halo = _up(influence_radius(model) if radius is None else radius, patch)
    if tile is None:
        tile = max(
            1, (WHOLE if radius is None else min(TILE, NUMBERS * patch**2 // model.width)) // batch
        )
    (height, width), wrap = shape[:2], model.boundary == "periodic"
    if height * width <= tile:
        return Tiling((height, width), (height, width), halo, True, ((0,), (0,)), patch)
    side = max(math.isqrt(tile), 4 * halo, 4 * patch)
    axes = [_axis(height, max(side, tile // width), halo, patch, wrap)]
    axes.append(_axis(width, max(side, tile // axes[0][0]), halo, patch, wrap))
    (h, rows), (w, columns) = axes
    whole = len(rows) == len(columns) == 1
    return Tiling(
        (height, width), (h, w), halo, radius is not None or whole, (rows, columns), patch
    )


def _axis(size: int, length: int, halo: int, patch: int, wrap: bool) -> tuple[int, tuple[int, ...]]:
    """Length of the tiles along an axis, at most about the one given, and where they begin."""
    if size > length:
        # with lengths ≡ size modulo the patch size the last tile can begin at a multiple of it and
        # end with the image
        rest = 0 if wrap else size % patch
        cores = _up(size, patch) if wrap else size - rest - 2 * halo
        core = _up(-(-cores // -(-cores // max(length - 2 * halo - rest, patch))), patch)
        tile = core + 2 * halo + rest
        if wrap and tile < size:
            return tile, tuple(range(-halo, size - halo, core))
        if tile < size:
            return tile, (*range(0, size - tile, core), size - tile)
    return size, (0,)


def _up(n: int, patch: int) -> int:
    return -(-n // patch) * patch


def run(
    function: Callable[[np.ndarray], np.ndarray],
    pixels: np.ndarray,
    tiling: Tiling,
    dtype: Any = np.float32,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """A function of images on a large one, tile by tile, into one array.

    The memory beyond that is a tile's.

    Args:
        function: of an array (height, width, channels), to one of the same shape.
        pixels: (height, width, channels), of any type; a memory map is read in tiles too.
        tiling: of `plan`.
        dtype: of the result.
        progress: called with the number of tiles done and that of all.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> tiling = tiles.plan(keras_pde.from_preset("linear_2d"), (300, 200), tile=10000)
        >>> image = np.random.default_rng(0).random((300, 200, 1))
        >>> bool(np.array_equal(tiles.run(lambda tile: 2 * tile, image, tiling, image.dtype), 2 * image))
        True
    """
    out = np.empty(pixels.shape, dtype)
    for done, (target, inner, first) in enumerate(tiling.windows(), start=1):
        out[target] = function(tiling.cut(pixels, first))[inner]
        if progress is not None:
            progress(done, tiling.count)
    return out
