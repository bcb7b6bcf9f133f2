"""The level of the noise that an image had before it was compressed as a JPEG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

__all__ = ["Compressed", "compressed"]

LUMINANCE = np.array([0.299, 0.587, 0.114])
# of the standard, for quality 50, row by row
STANDARD = """
    16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56
    14 17 22 29 51 87 80 62  18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92
    49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99
"""
DCT = np.cos(np.pi * np.outer(np.arange(8), np.arange(8) + 0.5) / 8) / 2
DCT[0] /= 2**0.5
ORDER = np.add.outer(np.arange(8), np.arange(8))
LOOKED_AT = 1 << 21  # pixels
SEARCHED = 400  # blocks
QUALITIES = range(30, 97)
CERTAIN = 0.6  # of 1, which coefficients have that are multiples of their steps
QUIET = 0.25  # of the blocks: those with the least low frequencies
FEW = 64  # blocks
FEWER, SIDE = 128, 256
LOWEST = ((0, 1), (1, 0), (1, 1), (0, 2))
STEPS = range(2, 33)
MULTIPLES = 200  # coefficients that tell which table
SHOWN = 0.93  # zeros among the coefficients of a frequency, at most, that show noise
LEAST = 4  # frequencies
NORMAL = NormalDist()


Tables = dict[int | None, np.ndarray]


class Compressed(NamedTuple):
    """What a JPEG's coefficients say.

    Args:
        level: of the noise before the compression, in grey levels of 255; None if the steps are so
            wide that none is left.
        quality: of the standard's tables; None for the tables of a file.
        grid: row and column of the first whole block.

    Example:
        >>> from keras_pde.data.noise.jpeg import Compressed
        >>> Compressed(20.1, 75).grid
        (0, 0)
    """

    level: float | None
    quality: int | None
    grid: tuple[int, int] = (0, 0)


def compressed(pixels: np.ndarray, table: Sequence[int] | None = None) -> Compressed | None:
    r"""σ of the noise that an image had before it was compressed as a JPEG; None where it was not.

    A JPEG keeps the cosine coefficients c of 8 × 8 blocks of the luminance as multiples of steps q.
    Noise of σ leaves the share erf((k + ½) q/(√2 σ)) of a frequency's coefficients at |c| ≤ kq, and
    where an image is smooth nothing else is in the higher ones. So of the quarter of the blocks
    with the least in the five lowest frequencies, each higher frequency with zeros in less than
    93 % gives a σ by the first k with half of its coefficients, and the median of them counts. The
    luminance of a colour image has 0.669 of the noise of a channel; its chroma is not looked at,
    since most files keep a quarter of that.

    Without a table the standard's are tried, of quality 30 to 96: coefficients of a JPEG are
    multiples of their steps but for the rounding of pixels. Where the blocks begin is seen by the
    larger differences at their edges, or by the lowest coefficients, which are near multiples of
    some step there only.

    Args:
        pixels: (height, width, 1 or 3), whole numbers, white 255.
        table: the 64 steps of the luminance, row by row, as the file states them.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data.noise.jpeg import compressed
        >>> compressed(np.random.default_rng(0).integers(0, 256, (64, 64, 1))) is None
        True
    """
    grey = pixels.shape[-1] == 1
    rows = max(64, LOOKED_AT // max(1, pixels.shape[1]) // 8 * 8)
    start = max(0, (len(pixels) - rows) // 2) // 8 * 8
    part = pixels[start : start + rows].astype(np.float64)
    plane = part[..., 0] if grey else part @ LUMINANCE
    if min(plane.shape) < 24:
        return None
    if table is None and _stepped(part):
        return None
    ends = part.min(axis=-1) <= 0, part.max(axis=-1) >= 255
    factor = 1.0 if grey else float(np.sqrt(np.square(LUMINANCE).sum()))
    tables: Tables = {None: np.reshape(table, (8, 8))} if table is not None else _standard()
    for grid in _grids(plane):
        blocks = _blocks(plane, grid)
        whole = ~_blocks(np.logical_or(*ends), grid).any(axis=(1, 2))
        blocks = blocks[whole] if whole.sum() >= FEW else blocks
        coefficients = DCT @ blocks @ DCT.T
        score, quality = _best(coefficients[:: -(-len(blocks) // SEARCHED)], tables)
        if score > CERTAIN:
            level = _level(coefficients, tables[quality])
            return Compressed(level and level / factor, quality, grid)
    return None


def _stepped(part: np.ndarray) -> bool:
    """Whether values are multiples of a step, of which coefficients are multiples too."""
    values = np.flatnonzero(np.bincount(part.astype(np.int64).reshape(-1)))
    return len(values) > 1 and bool(np.diff(values).min() > 1)


def _standard() -> Tables:
    """The standard's steps by quality."""
    base = np.array(STANDARD.split(), float).reshape(8, 8)
    factors = {q: 5000 // q if q < 50 else 200 - 2 * q for q in QUALITIES}
    return {q: np.clip((base * f + 50) // 100, 1, 255) for q, f in factors.items()}


def _grids(plane: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where blocks may begin, the likeliest first; what takes time comes last."""
    yield 0, 0
    yield _phase(plane), _phase(plane.T)
    yield _lattice(plane)


def _lattice(plane: np.ndarray) -> tuple[int, int]:
    """Where blocks begin of which the lowest coefficients are nearest to multiples of a step."""
    top, left = (max(0, (n - SIDE) // 2) // 8 * 8 for n in plane.shape)
    middle, values = plane[top : top + SIDE, left : left + SIDE], []
    for grid in np.ndindex(8, 8):
        blocks = _blocks(middle, grid)
        blocks = blocks[:: -(-len(blocks) // FEWER)]
        values.append([DCT[i] @ blocks @ DCT[j] for i, j in LOWEST])
    least = min(len(v[0]) for v in values)
    c = np.abs(np.array([[x[:least] for x in v] for v in values]))  # grids, frequencies, blocks
    best = np.zeros(c.shape[:2])
    for step in STEPS:
        kept = c > 0.75 * step
        count = kept.sum(axis=2)
        scores = (np.cos(2 * np.pi / step * c) * kept).sum(axis=2) / np.maximum(count, 1)
        best = np.maximum(best, np.where(count >= least // 8, scores, 0))
    row, column = divmod(int(np.argmax(best.sum(axis=1))), 8)
    return row, column


def _phase(plane: np.ndarray) -> int:
    """The row that the first whole block begins with, by the largest differences."""
    jumps = np.abs(np.diff(plane, 2, axis=0)).mean(axis=1)
    count = len(jumps) // 8 * 8
    sums = jumps[:count].reshape(-1, 8).mean(axis=0)
    # both second differences across an edge are large: of the rows before it and after it
    return int(np.argmax(sums + np.roll(sums, -1)) + 2) % 8


def _blocks(plane: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    cut = plane[grid[0] :, grid[1] :]
    rows, columns = (n // 8 for n in cut.shape)
    cut = cut[: 8 * rows, : 8 * columns]
    return cut.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)


def _best(c: np.ndarray, tables: Tables) -> tuple[float, int | None]:
    """How well the low coefficients are multiples of steps, and of which table: mean cos(2πc/q)."""
    rows, columns = np.nonzero((ORDER > 0) & (ORDER < 5))
    low = c[:, rows, columns]
    scores = {}
    for quality, table in tables.items():
        steps = table[rows, columns]
        kept = np.abs(low) > 0.75 * steps
        wide = kept & (steps > 1)
        if wide.sum() >= MULTIPLES:
            scores[quality] = float(np.cos(2 * np.pi * low / steps)[wide].mean())
    if not scores:
        return 0.0, None
    best = max(scores.values())
    # a divisor of a step does as well, so the widest
    return best, next(
        quality for quality, score in scores.items() if score >= min(0.995 * best, best)
    )


def _level(c: np.ndarray, table: np.ndarray) -> float | None:
    low = np.square(c[:, (ORDER > 0) & (ORDER < 3)]).sum(axis=1)
    count = max(FEW, int(QUIET * len(c)))
    quiet = np.abs(c[np.argsort(low, kind="stable")[:count]])
    found = []
    for i, j in zip(*np.nonzero(ORDER > 2), strict=True):
        steps = np.sort(np.rint(quiet[:, i, j] / table[i, j]))
        k = steps[(len(steps) - 1) // 2]
        share = np.searchsorted(steps, k, side="right") / len(steps)
        if share < SHOWN:
            found.append((k + 0.5) * table[i, j] / NORMAL.inv_cdf((1 + share) / 2))
    return float(np.median(found)) if len(found) >= LEAST else None
