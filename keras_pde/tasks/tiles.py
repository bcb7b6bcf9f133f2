"""Large images tile by tile: tiles with halos as wide as a pixel acts, and the run over them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_pde.runtime import gate

if TYPE_CHECKING:
    from keras_pde.models.network import Network

__all__ = ["Tiling", "plan", "run"]

TILE = 1 << 20  # pixels of a tile with its halo
NUMBERS = 1 << 26  # of a tile's Ku: 256 MiB in float32
WHOLE = 1 << 22  # pixels up to which a filter that sees the whole image gets the whole image


@dataclass(frozen=True)
class Tiling:
    """Tiles of one size that cover an image, each with a halo towards its neighbours.

    The halo is computed and thrown away.

    At the image's border a tile ends where the image ends, so that the model's own boundary
    condition acts there; with a periodic one its halo comes from the other side. Tiles begin at
    multiples of the model's patch size.

    Args:
        shape: (height, width) of the image; of a signal or a volume an axis less or more.
        tile: the same of every tile with its halo: one XLA program serves all.
        halo: pixels.
        exact: whether the result is that of the whole image to rounding.
        starts: first row, first column and so on, of the tiles; negative where a halo comes from
            the other side.
        patch: pixels an axis of the model's patches.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> tiling = tiles.plan(keras_pde.from_preset("perona_malik_2d"), (100, 300), tile=10000)
        >>> tiling.count, tiling.tile, tiling.halo, tiling.exact
        (4, (100, 93), 12, True)
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    halo: int
    exact: bool
    starts: tuple[tuple[int, ...], ...]
    patch: int = 1

    @property
    def count(self) -> int:
        """Number of tiles."""
        return math.prod(map(len, self.starts))

    def windows(
        self,
    ) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], tuple[int, ...]]]:
        """Three windows of every tile.

        They are the part of the image that the tile is responsible for, where that part lies in the
        tile, and the tile's first pixel.
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
        for axes in itertools.product(*spans):
            target, inner, first = zip(*axes, strict=True)
            yield target, inner, first

    def cut(self, pixels: np.ndarray, first: tuple[int, ...]) -> np.ndarray:
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
        size = " × ".join(map(str, reversed(self.tile)))  # width first, as of images
        if self.count == 1:
            return f"{size} pixels as a whole"
        how = (
            "equal to the untiled result to rounding"
            if self.exact
            else "not exact: each pixel depends on the whole image, weakly beyond the halo"
        )
        return f"{self.count} tiles of {size} pixels, halo {self.halo}; {how}"


def plan(model: Network, shape: tuple[int, ...], tile: int | None = None, batch: int = 1) -> Tiling:
    """The tiles for an image: whole where it is small enough.

    Args:
        model: a built network.
        shape: of the image, height and width first; of a signal or a volume, as many axes as the
            network has.
        tile: pixels of a tile with its halo. By default 2²⁰, and 2²² of a volume, whose halos are
            more of it; fewer where Ku of a tile would exceed 2²⁶ numbers. For a model whose result
            depends on the whole image, 2²²: up to that it is not tiled. A tile is at least four
            halos wide, whatever is asked for, as most of it would be halo.
        batch: samples that a tile makes, such as colour channels.

    Raises:
        ValueError: a tile that is no whole number ≥ 1.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> print(tiles.plan(keras_pde.from_preset("perona_malik_2d"), (10000, 8000)))
        80 tiles of 1021 × 1022 pixels, halo 12; equal to the untiled result to rounding
    """
    if tile is not None:
        tile = gate.whole(tile, "tile", low=1)
    patch, influence = model.patch_size, model.influence()
    halo = _up(influence.pixels, patch)
    if tile is None:
        most = TILE if model.ndim < 3 else WHOLE
        most = min(most, NUMBERS * patch**model.ndim // model.width) if influence.exact else WHOLE
        tile = max(1, most // batch)
    shape, wrap = tuple(shape[: model.ndim]), model.boundary == "periodic"
    if math.prod(shape) <= tile:
        return Tiling(shape, shape, halo, True, ((0,),) * model.ndim, patch)
    side = max(_root(tile, model.ndim), 4 * halo, 4 * patch)
    lengths: list[int] = []
    starts: list[tuple[int, ...]] = []
    for axis, size in enumerate(shape):
        others = math.prod(lengths) * math.prod(shape[axis + 1 :])
        length, first = _axis(size, max(side, tile // others), halo, patch, wrap)
        lengths.append(length)
        starts.append(first)
    whole = all(len(first) == 1 for first in starts)
    return Tiling(shape, tuple(lengths), halo, influence.exact or whole, tuple(starts), patch)


def _root(n: int, degree: int) -> int:
    """The largest whole number whose power is at most n."""
    root = round(n ** (1 / degree))
    return root - (root**degree > n)


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
    r"""A function of images on a large one, tile by tile, into one array.

    The memory beyond that is a tile's.

    Args:
        function: of an array (\*spatial, channels), to one of the same shape.
        pixels: (\*spatial, channels), of any type; a memory map is read in tiles too.
        tiling: of `plan`.
        dtype: of the result.
        progress: called with the number of tiles done and that of all.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks import tiles
        >>> tiling = tiles.plan(keras_pde.from_preset("linear_2d"), (300, 200), tile=10000)
        >>> image = np.random.default_rng(0).random((300, 200, 1))
        >>> doubled = tiles.run(lambda tile: 2 * tile, image, tiling, image.dtype)
        >>> bool(np.array_equal(doubled, 2 * image))
        True
    """
    out = np.empty(pixels.shape, dtype)
    for done, (target, inner, first) in enumerate(tiling.windows(), start=1):
        out[target] = function(tiling.cut(pixels, first))[inner]
        if progress is not None:
            progress(done, tiling.count)
    return out
