"""Gaussian noise: adding it, and estimating its level from an image."""

from __future__ import annotations

import numpy as np

from keras_pde.runtime import gate

DAUBECHIES = (-0.12940952255092145, -0.22414386804185735, 0.836516303737469, -0.48296291314469025)


def add_noise(pixels: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """Pixels plus Gaussian noise, not clipped.

    Args:
        pixels: floats of any shape, in [0, 1].
        sigma: standard deviation in grey levels of 255, ≥ 0.
        seed: of NumPy's default generator.

    Raises:
        ValueError: pixels that are no real floats; a sigma that is no finite number ≥ 0.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import noise
        >>> noisy = noise.add_noise(np.full((200, 200, 1), 0.5), sigma=25)
        >>> round(255 * float(noisy.std()))
        25
    """
    values = gate.array(pixels, "pixels", finite=False).astype(np.float64)
    sigma = gate.number(sigma, "sigma", low=0)
    seed = gate.whole(seed, "seed", low=0)
    return (
        values + sigma / 255 * np.random.default_rng(seed).standard_normal(values.shape)
    ).astype(np.float32)


def estimate(pixels: np.ndarray) -> float:
    """σ ≈ median(|d|)/0.6745: the level of white Gaussian noise in an image, in grey levels of 255.

    The finest diagonal details d are the wavelet coefficients of Daubechies' filter of length 4 in
    both directions, which vanish where the image is bilinear. Coefficients of 4 × 4 pixels that are
    all equal are left out, as on borders and backgrounds of any value, where there is no noise to
    see. So are those that reach a pixel at which noise is clipped: black, white, and the image's
    own lowest and highest value where more than a hundredth of it has that. Channels are averaged
    in the square. Of a large image 4 million values are looked at.

    Fine texture counts as noise: clean photographs give 0.4 to 2.3, a lawn 11. In six photographs
    of scikit-image, noise of 10 to 25 is found to 17 % of it and noise of 50 to 8 %, and the
    estimate is mostly too high.

    Args:
        pixels: (height, width, channels); floats with black 0 and white 1, or integers with white
            at their type's maximum.

    Returns:
        The level; 0 for images without details, such as flat ones and those less than 4 pixels
        wide.

    Raises:
        ValueError: pixels that are no finite real numbers, or of another number of axes.

    Source: Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage" (1994).

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import noise
        >>> round(noise.estimate(noise.add_noise(np.full((200, 200, 1), 0.5), sigma=25)))
        25
    """
    pixels = gate.array(pixels, "pixels", ranks=(3,), integers=True)
    pieces = max(1, -(-pixels.size // (1 << 22)))
    bands = (
        [pixels]
        if pieces == 1
        else [pixels[start : start + 64] for start in range(0, len(pixels), 64 * pieces)]
    )
    levels = []
    for channel in range(pixels.shape[-1]):
        planes = [band[..., channel] for band in bands]
        ends = _clipped_at(planes)
        details, clean = (
            np.concatenate(parts)
            for parts in zip(*[_details(plane, ends) for plane in planes], strict=True)
        )
        kept = details[clean] if clean.sum() > clean.size / 20 else details
        levels.append(np.median(kept) / 0.6744897501960817 if kept.size else 0.0)
    return 255 * float(np.sqrt(np.mean(np.square(levels))))


def occupied(pixels: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value of an image but for a thousandth of its pixels each.

    Args:
        pixels: as for `estimate`.

    Returns:
        Both in units of white; equal for an image without pixels.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import noise
        >>> [round(end, 4) for end in noise.occupied(np.arange(4096, dtype="uint16"))]
        [0.0001, 0.0624]
    """
    values = np.asarray(pixels).reshape(-1)
    values = values[:: -(-values.size // (1 << 20)) or 1]
    if not values.size:
        return 0.0, 0.0
    peak = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    rest = min(len(values) // 1000, len(values) - 1)
    ends = np.partition(values, (rest, len(values) - 1 - rest))
    return float(ends[rest]) / peak, float(ends[len(values) - 1 - rest]) / peak


def _peak(plane: np.ndarray) -> int:
    return int(np.iinfo(plane.dtype).max) if np.issubdtype(plane.dtype, np.integer) else 1


def _clipped_at(planes: list[np.ndarray]) -> list[float]:
    """Values at which noise is clipped."""
    size = sum(plane.size for plane in planes)
    if not size:
        return [0]
    ends = [min(plane.min() for plane in planes), max(plane.max() for plane in planes)]
    often = [end for end in ends if sum((plane == end).sum() for plane in planes) > size / 100]
    return [0, _peak(planes[0]), *often]


def _details(plane: np.ndarray, ends: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Absolute values of the finest diagonal wavelet coefficients of one channel.

    Those of equal pixels are left out. Beside them it is returned whether none of a coefficient's
    pixels is clipped.
    """
    values = plane / np.float64(_peak(plane))
    clipped = np.logical_or.reduce([plane == end for end in ends])
    low = high = plane
    for _ in range(2):
        count = max(len(values) - 3, 0)
        values = sum(
            (h * values[i : i + count : 2] for i, h in enumerate(DAUBECHIES)), np.zeros(())
        ).T
        clipped, low, high = (
            reduce([part[i : i + count : 2] for i in range(4)]).T
            for reduce, part in (
                (np.logical_or.reduce, clipped),
                (np.minimum.reduce, low),
                (np.maximum.reduce, high),
            )
        )
    varied = low != high
    return np.abs(values)[varied], ~clipped[varied]
