"""The level of white Gaussian noise, from the finest details of an image."""

from __future__ import annotations

import functools
from statistics import NormalDist

import numpy as np

from keras_pde.data.noise import edges
from keras_pde.runtime import gate

__all__ = ["estimate"]

DAUBECHIES = (-0.12940952255092145, -0.22414386804185735, 0.836516303737469, -0.48296291314469025)
MEDIAN = 0.6744897501960817  # of the absolute value of a standard normal variable
CELLS = (8, 4)  # coefficients each way
FEW = 8  # cells
QUIETEST = 0.15  # the share of the cells below the one that counts, and its normal quantile
QUANTILE = -1.0364333894937898
MOST_CLIPPED = 0.7  # of the pixels of a cell
SCATTERED = 0.2  # cells full of details, of those with any, in an image without noise
COHERENT = 0.3  # neighbours that are equal, beyond those by chance, in an image without noise
LEAST_CLIPPED = 0.02  # of the pixels of a cell, from where on it is looked at
FARTHEST = 1.5  # times the noise, by the distance of a cell's other pixels from the end
ROUNDINGS = 1e-9  # of the largest value
MANY = 64  # cells, from where on they are sorted by coarser details too
CORE = 0.7  # of the level, from where on what is least is taken
VISIBLE = 0.01  # of the image's range: a level that edges may make
GAP = 0.4  # of the level, from where on that without the gap is taken
SHARES = 256
STEP = 0.01  # of white: what is rounded to larger steps is no rounding


def estimate(pixels: np.ndarray) -> float:
    """The standard deviation of white Gaussian noise in an image, in grey levels of 255.

    The finest diagonal details d are the wavelet coefficients of Daubechies' filter of length 4 in
    both directions, which vanish where the image is bilinear. Noise is everywhere, details are not:
    so cells of 8 × 8 coefficients are sorted by their mean of d², and the one counts that 15 % of
    them are below, divided by what it is for noise alone, 0.816. Or, if that is less, the middle of
    the cells' medians of d², over 0.455: edges are in each cell, but not in most of it. Or the
    mean of the cells that are the quietest 15 % on a grid of half as many pixels each way: texture
    is on both grids, and the noise of one is independent of that of the other.

    Where edges are in each cell `keras_pde.data.noise.edges` bounds the noise by the details that
    are near 0, and by those of the image without a gap between its dark and its bright pixels. So
    halftones and prints have what is between their edges.

    Left out are cells with a coefficient of 4 × 4 equal pixels, as on borders and backgrounds of
    any value. Where noise is clipped (at black, at white, at the image's own lowest and highest
    value where more than a hundredth of it has that) a cell's variance is divided by that of a
    clipped normal variable: with shares p and q of the pixels at the two ends, by the variance of
    min(max(n, Φ⁻¹(p)), Φ⁻¹(1 − q)). An image of lines between equal pixels, such as a print, a
    drawing or stars, has no noise. Channels are averaged in the square. Of a large image 4 million
    values are looked at.

    Texture in all of the image counts as noise: clean photographs give 0.3 to 2, a lawn 11.

    Args:
        pixels: (height, width) or (height, width, channels); floats with black 0 and white 1, or
            integers with white at their type's maximum.

    Returns:
        The level; 0 for images without details, such as flat ones and those less than 4 pixels
        wide.

    Raises:
        ValueError: pixels that are no finite real numbers, or of another number of axes.

    Source: Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage" (1994), for the
    coefficients.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import noise
        >>> round(noise.estimate(noise.add_noise(np.full((200, 200, 1), 0.5), sigma=25)))
        25
    """
    pixels = with_channels(pixels)
    peak = np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1
    bands = [band / np.float64(peak) for band in bands_of(pixels)]
    levels = [_level([band[..., channel] for band in bands]) for channel in range(pixels.shape[-1])]
    level = float(np.sqrt(np.mean(np.square(levels))))
    # of an image without noise the coefficients are roundings
    largest = max((float(np.abs(band).max(initial=0)) for band in bands), default=0.0)
    return 255 * level if level > ROUNDINGS * largest else 0.0


def with_channels(pixels: np.ndarray) -> np.ndarray:
    """Real numbers (height, width, channels), with one channel where an image states none."""
    pixels = gate.array(pixels, "pixels", ranks=(2, 3), integers=True)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def bands_of(pixels: np.ndarray) -> list[np.ndarray]:
    """The image, or bands of 64 rows of a large one, with 4 million values at most."""
    pieces = max(1, -(-pixels.size // (1 << 22)))
    if pieces == 1:
        return [pixels]
    return [pixels[start : start + 64] for start in range(0, len(pixels), 64 * pieces)]


def quietest(variances: np.ndarray, side: int = CELLS[0]) -> float:
    """The variance of the noise by those of cells: their 15 % quantile over that of χ²/n."""
    below = (1 - 2 / (9 * side**2) + QUANTILE * (2 / (9 * side**2)) ** 0.5) ** 3
    return float(np.quantile(variances, QUIETEST)) / below


def cells(plane: np.ndarray, side: int = CELLS[0]) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances of the noise of cells in which nothing is clipped and nothing is flat."""
    low, high = plane.min(), plane.max()
    details, varied = _details(plane)
    rows, columns = (n // side for n in details.shape)
    sums = functools.partial(_sums, rows, columns)

    few = LEAST_CLIPPED * 4 * side**2
    ends = sums((plane <= low) | (plane >= high), 2 * side)
    used = (sums(varied, side) == side**2) & (ends <= few)
    return sums(plane, 2 * side)[used] / (4 * side**2), sums(details**2, side)[used] / side**2


def _level(planes: list[np.ndarray]) -> float:
    """The level of one channel, in units of white."""
    level = _quiet(planes)
    rest = edges.without_gap(planes) if level else None
    found = level if rest is None else _quiet(rest)
    return found if found < GAP * level else level  # else clipped noise would be less without it


def _quiet(planes: list[np.ndarray]) -> float:
    low, high = _clipped_at(planes)
    parts = [_details(plane) for plane in planes]
    details = np.concatenate([d[varied] for d, varied in parts])
    if not details.size:
        return 0.0
    level = None
    for side in CELLS:
        cells = [
            _cells(*part, plane, low, high, side) for part, plane in zip(parts, planes, strict=True)
        ]
        variances, medians, coarse, touched = (np.concatenate(x) for x in zip(*cells, strict=True))
        if len(variances) >= max(FEW, SCATTERED * touched.sum()):
            least = [quietest(variances, side), np.median(medians)]
            if len(variances) >= MANY:
                least.append(variances[coarse <= np.quantile(coarse, QUIETEST)].mean())
            level = float(np.sqrt(min(least)))
            break
    if level is None:
        level = float(np.median(np.abs(details))) / MEDIAN
        if level > min(_step(planes), STEP) and _coherent(planes):
            return 0.0
    span = max(plane.max() for plane in planes) - min(plane.min() for plane in planes)
    if level < VISIBLE * span or (core := edges.core(details)) > CORE * level:
        return level
    clipped = [
        ((plane <= low) | (plane >= high), varied & (np.abs(d) <= edges.WINDOW * core))
        for plane, (d, varied) in zip(planes, parts, strict=True)
    ]
    share = sum(float(_means(ends)[used].sum()) for ends, used in clipped)
    share /= sum(int(used.sum()) for _, used in clipped)
    if share > MOST_CLIPPED:
        return level
    below = np.array([round(share * SHARES)])
    return min(level, core / float(_clipped_variance(below, 0 * below, SHARES)[0]) ** 0.5)


def _clipped_at(planes: list[np.ndarray]) -> tuple[float, float]:
    """The values at or below and at or above which noise is clipped."""
    size = sum(plane.size for plane in planes)
    if not size:
        return 0.0, 1.0
    low, high = min(plane.min() for plane in planes), max(plane.max() for plane in planes)
    often = [sum(int((plane == end).sum()) for plane in planes) > size / 100 for end in (low, high)]
    # values beyond black or white say that it is not clipped there
    return (
        low if often[0] or low >= 0 else -np.inf,
        high if often[1] or high <= 1 else np.inf,
    )


def _coherent(planes: list[np.ndarray]) -> bool:
    """Whether neighbours are equal more often than two pixels at random are."""
    pairs = [(a[:, 1:], a[:, :-1]) for plane in planes for a in (plane, plane.T)]
    equal = sum(int((a == b).sum()) for a, b in pairs) / sum(a.size for a, _ in pairs)
    counts = np.unique(np.concatenate([plane.reshape(-1) for plane in planes]), return_counts=True)
    chance = float(np.square(counts[1] / counts[1].sum()).sum())
    return equal - chance > COHERENT * (1 - chance)


def _step(planes: list[np.ndarray]) -> float:
    """The distance of the two values next to each other that are nearest: of rounding."""
    values = np.unique(np.concatenate([plane.reshape(-1)[: 1 << 16] for plane in planes]))
    return float(np.diff(values).min()) if len(values) > 1 else 0.0


def _means(values: np.ndarray) -> np.ndarray:
    """Means of the 4 × 4 pixels of each detail."""
    for _ in range(2):
        count = max(len(values) - 3, 0)
        values = sum((values[i : i + count : 2] for i in range(4)), np.zeros(())).T
    return values / 16


def _details(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The finest diagonal wavelet coefficients, and where their 4 × 4 pixels are not all equal."""
    values = low = high = plane
    for _ in range(2):
        count = max(len(values) - 3, 0)
        values = sum(
            (h * values[i : i + count : 2] for i, h in enumerate(DAUBECHIES)), np.zeros(())
        ).T
        low, high = (
            reduce([part[i : i + count : 2] for i in range(4)]).T
            for reduce, part in ((np.minimum.reduce, low), (np.maximum.reduce, high))
        )
    return values, low != high


def _cells(
    details: np.ndarray, varied: np.ndarray, plane: np.ndarray, low: float, high: float, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of cells full of details the variances, by mean and by median, and those of coarser ones.

    Also which cells have any.
    """
    rows, columns = (n // side for n in details.shape)
    if not rows * columns:
        return np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, bool)
    sums = functools.partial(_sums, rows, columns)

    touched = sums(varied, side)
    below, above = sums(plane <= low, 2 * side), sums(plane >= high, 2 * side)
    used = (touched == side**2) & (below + above <= MOST_CLIPPED * 4 * side**2)
    below, above, count = below[used], above[used], 4 * side**2
    squares = np.square(details[: rows * side, : columns * side])
    squares = squares.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side**2)[used]
    clipped = _clipped_variance(below, above, count)
    variances = squares.mean(axis=1) / clipped
    whole = below + above < LEAST_CLIPPED * count  # a clipped median is another
    medians = np.where(whole, np.median(squares, axis=1) / MEDIAN**2, variances)
    noisy = np.ones(len(variances), bool)
    # a print: pixels that are not clipped are farther from the end than noise would have them
    for share, gaps in (
        (below, sums(np.maximum(plane - low, 0), 2 * side) if below.any() else None),
        (above, sums(np.maximum(high - plane, 0), 2 * side) if above.any() else None),
    ):
        if gaps is not None:
            end, density = (x[share.astype(int)] for x in _ends(count))
            gap = gaps[used] / count / np.maximum(end * (1 - share / count) + density, 1e-9)
            noisy &= (share < LEAST_CLIPPED * count) | (gap < FARTHEST * np.sqrt(variances))
    coarse = _coarse(plane, rows, columns, side)[used] / clipped
    return variances[noisy], medians[noisy], coarse[noisy], touched > 0


def _coarse(plane: np.ndarray, rows: int, columns: int, side: int) -> np.ndarray:
    """Mean squares of the cells' details on a grid of half as many pixels each way."""
    even = plane[: len(plane) // 2 * 2, : plane.shape[1] // 2 * 2]
    halved = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    squares, side = np.square(_details(halved)[0]), side // 2
    found, cells = np.full((rows, columns), np.inf), [n // side for n in squares.shape]
    height, width = min(rows, cells[0]), min(columns, cells[1])
    found[:height, :width] = _sums(height, width, squares, side).reshape(height, width)
    return found.reshape(-1)


def _sums(rows: int, columns: int, values: np.ndarray, factor: int) -> np.ndarray:
    """Sums over the cells, of so many values each way."""
    cut = values[: rows * factor, : columns * factor]
    shape = (rows, factor, columns, factor)
    return cut.reshape(shape).sum(axis=(1, 3), dtype=np.float64).reshape(-1)


def _clipped_variance(below: np.ndarray, above: np.ndarray, count: int) -> np.ndarray:
    """The variance of a standard normal variable of which so many of ``count`` are clipped.

    E min(max(n, a), b)² − (E min(max(n, a), b))², with Φ(a) and 1 − Φ(b) the two shares.
    """
    ends = _ends(count)
    (p, a, at_a), (q, b, at_b) = (
        (n / count, ends[0][n.astype(int)], ends[1][n.astype(int)]) for n in (below, above)
    )
    a = -a
    mean = a * p + b * q + at_a - at_b
    square = a**2 * p + b**2 * q + (1 - p - q) + a * at_a - b * at_b
    return square - mean**2


@functools.lru_cache(maxsize=2)
def _ends(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Φ⁻¹(1 − k/count), and the density there; 0 and 0 for k = 0."""
    normal = NormalDist()
    ends = [0.0] + [normal.inv_cdf(1 - k / count) for k in range(1, count)]
    return np.array(ends), np.array([0.0] + [normal.pdf(end) for end in ends[1:]])
