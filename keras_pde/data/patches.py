"""Training batches of noisy patches, a pure function of (seed, step).

Any step can be made alone, in any order, on any machine. The batches are made by NumPy only, so
that trainings on JAX and PyTorch need no TensorFlow; `dataset` wraps the same batches as a tf.data
pipeline.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_pde.data.noise.adding import question
from keras_pde.data.windows import crosses, mirrored, sizes, turned

__all__ = ["Patches", "batches", "dataset"]

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
DEPTH = 4


@dataclass(frozen=True, eq=False, repr=False)
class Patches:
    """Noisy patches y = x + σn, n ~ N(0, 1) independent per sample, not clipped.

    Batch k depends on (seed, k) only.

    x is cut from an image, a signal or a volume drawn with equal probability, at a uniform
    position, under one of the 8 symmetries of the square; where patches are no squares, mirrored
    along each axis or not. The generator is counter-based (Philox with the key (seed, step)), so a
    training resumed at step k sees the batches it would have seen.

    Args:
        images: arrays (height, width, channels) in [0, 1], floating point, one number of channels,
            sizes of their own; or signals (length, channels), or volumes (depth, height, width,
            channels).
        patch_size: p, pixels each way, or a number for each axis.
        batch_size: b, patches a batch.
        noise: σ in grey levels of 255; a pair (low, high) draws each patch's own σ uniformly.
        seed: 0 to 2⁶⁴ − 1.
        mirror: whether patches are turned or mirrored at all.
        ndim: axes of an image: 1 for signals, 3 for volumes.

    Raises:
        ValueError: no images, images of another shape, type or range, or smaller than the patch;
            sizes below 1; σ negative or not finite.

    Example:
        >>> import numpy as np
        >>> from keras_pde import data
        >>> grey = np.full((50, 60, 1), 0.5)
        >>> patches = data.Patches([grey], patch_size=40, batch_size=8, noise=(0, 55))
        >>> patches
        Patches(1 image, 40 × 40 × 1, batch_size=8, noise=(0, 55), seed=0)
        >>> noisy, sigma, clean = patches.batch(step=7)
        >>> noisy.shape, sigma.shape, clean.shape
        ((8, 40, 40, 1), (8,), (8, 40, 40, 1))
    """

    images: Sequence[np.ndarray] = field(repr=False)
    patch_size: int | tuple[int, ...]
    batch_size: int
    noise: tuple[float, float] | float
    seed: int = 0
    mirror: bool = True
    ndim: int = 2

    def __post_init__(self) -> None:
        for name, size in (("patch_size", self.patch_size), ("batch_size", self.batch_size)):
            if min(size if isinstance(size, tuple | list) else (size,)) < 1:
                raise ValueError(f"{name}={size} must be at least 1")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed={self.seed} must be in 0 ... 2**64 - 1")
        levels = self.noise if isinstance(self.noise, tuple | list) else (self.noise,)
        if (
            len(levels) not in (1, 2)
            or not all(math.isfinite(s) and s >= 0 for s in levels)
            or levels[0] > levels[-1]
        ):
            raise ValueError(
                f"noise={self.noise!r} must be σ >= 0 in grey levels of 255, or (low, high) with 0"
                " <= low <= high"
            )
        if text := question(levels[-1]):
            warnings.warn(text, UserWarning, stacklevel=3)
        images = tuple(np.asarray(image) for image in self.images)
        if not images:
            raise ValueError("There are no images to cut patches from")
        for i, image in enumerate(images):
            self._check(i, image, images[0])
        object.__setattr__(
            self, "images", tuple(np.asarray(image, dtype=np.float32) for image in images)
        )

    def _check(self, i: int, image: np.ndarray, first: np.ndarray) -> None:
        if image.ndim != self.ndim + 1 or image.shape[-1:] != first.shape[-1:]:
            raise ValueError(
                f"Image {i} has shape {image.shape} and image 0 {first.shape}: expected (height,"
                " width, channels), all with the same channels. load_images(..., channels=1) or 3"
                " makes them so."
            )
        size = self.size
        if any(n < p for n, p in zip(image.shape, size, strict=False)):
            raise ValueError(
                f"Image {i} has {crosses(image.shape[:-1])} pixels, and a patch"
                f" {crosses(size)}. Lower patch_size, or leave the image out."
            )
        if not np.issubdtype(image.dtype, np.floating):
            raise ValueError(
                f"Image {i} is of type {image.dtype}: expected floats, black 0 and white 1. Divide"
                " 8-bit images by 255."
            )
        low, high = float(image.min()), float(image.max())
        # NaN fails too; as for files, noise may reach beyond [0, 1], another unit far beyond
        if not (low >= -1 and high <= 2):
            raise ValueError(
                f"Image {i} has values from {low:.4g} to {high:.4g}: expected black 0 and white 1."
                " Divide 8-bit images by 255."
            )

    def __repr__(self) -> str:
        count = len(self.images)
        kind = f"{count} image{'s' if count > 1 else ''}, {crosses((*self.size, self.channels))}"
        return (
            f"Patches({kind}, batch_size={self.batch_size}, noise={self.noise}, seed={self.seed})"
        )

    @property
    def channels(self) -> int:
        """Channels of every image."""
        return int(self.images[0].shape[-1])

    @property
    def size(self) -> tuple[int, ...]:
        """Pixels of a patch along each axis."""
        return sizes(self.patch_size, self.ndim)

    def batch(self, step: int) -> Batch:
        """Batch number step.

        Args:
            step: 0 to 2⁶⁴ − 1.

        Returns:
            y, float32 (b, p, p, c), with an axis p for each of the image; σ, float32 (b,), in units
            of [0, 1], that is grey levels / 255;
            x, float32 (b, p, p, c).

        Raises:
            ValueError: a negative step.
        """
        if not 0 <= step < 2**64:
            raise ValueError(f"step={step} must be in 0 ... 2**64 - 1")
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, step], np.uint64)))
        b, size = self.batch_size, self.size
        square = len(size) == 2 and size[0] == size[1]
        chosen = [self.images[i] for i in rng.integers(len(self.images), size=b)]
        corners = [
            rng.integers([image.shape[axis] - p + 1 for image in chosen])
            for axis, p in enumerate(size)
        ]
        symmetries = rng.integers(8 if square else 2 ** len(size), size=b) * self.mirror
        low, high = self.noise if isinstance(self.noise, tuple | list) else (self.noise, self.noise)
        sigma = (rng.uniform(low, high, size=b) / 255).astype(np.float32)
        clean = np.empty((b, *size, self.channels), np.float32)
        for k, (image, symmetry) in enumerate(zip(chosen, symmetries, strict=True)):
            window = [slice(c[k], c[k] + p) for c, p in zip(corners, size, strict=True)]
            clean[k] = (turned if square else mirrored)(image[tuple(window)], symmetry)
        noisy = rng.standard_normal(clean.shape, dtype=np.float32)
        noisy *= sigma.reshape(-1, *[1] * (clean.ndim - 1))
        noisy += clean
        return noisy, sigma, clean


def batches(patches: Patches, start: int, stop: int, workers: int = 1) -> Iterator[Batch]:
    """Batches start, ..., stop − 1 in this order.

    Threads in the background make up to four of them ahead, and end when the iterator does, is
    closed or is dropped. The batches do not depend on the number of threads.

    Args:
        patches: what to draw from.
        start: first step.
        stop: step to stop before.
        workers: threads; NumPy draws noise outside Python's global lock.

    Returns:
        Iterator of (y, σ, x) as `Patches.batch` returns them.

    Raises:
        ValueError: start negative or beyond stop, workers below 1. What a thread raises reaches the
            consumer at its step.

    Example:
        >>> import numpy as np
        >>> from keras_pde import data
        >>> patches = data.Patches([np.zeros((8, 8, 1))], patch_size=8, batch_size=2, noise=25)
        >>> [noisy.shape for noisy, sigma, clean in data.batches(patches, 0, 2)]
        [(2, 8, 8, 1), (2, 8, 8, 1)]
    """
    _check_steps(start, stop)
    if workers < 1:
        raise ValueError(f"workers={workers} must be at least 1")
    return _prefetched(patches, start, stop, workers)


def _prefetched(patches: Patches, start: int, stop: int, workers: int) -> Iterator[Batch]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="keras_pde-batches")
    waiting: deque[Future[Batch]] = deque()
    try:
        for step in range(start, stop):
            waiting.append(pool.submit(patches.batch, step))
            if len(waiting) > DEPTH:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check_steps(start: int, stop: int) -> None:
    if not 0 <= start <= stop:
        raise ValueError(f"Steps {start} to {stop} are no range: expected 0 <= start <= stop")


def dataset(patches: Patches, start: int, stop: int, *, with_noise: bool = True) -> Any:
    """The batches of `batches`, bit for bit, as a tf.data.Dataset for `model.fit`.

    Needs TensorFlow.

    Args:
        patches: what to draw from.
        start: first step; resume here.
        stop: step to stop before.
        with_noise: ((y, σ), x) for a noise-conditioned model; False gives (y, x).

    Returns:
        Dataset of stop − start batches with fixed shapes.

    Raises:
        ValueError: start negative or beyond stop.

    Example:
        >>> import numpy as np
        >>> from keras_pde import data
        >>> patches = data.Patches([np.zeros((8, 8, 1))], patch_size=8, batch_size=2, noise=25)
        >>> data.dataset(patches, 0, 100, with_noise=False).element_spec[0].shape
        TensorShape([2, 8, 8, 1])
    """
    import tensorflow as tf

    _check_steps(start, stop)
    shape = (patches.batch_size, *patches.size, patches.channels)

    def make(step: Any) -> Any:
        noisy, sigma, clean = tf.numpy_function(
            patches.batch, [step], (tf.float32, tf.float32, tf.float32)
        )
        noisy, sigma, clean = (
            tf.ensure_shape(noisy, shape),
            tf.ensure_shape(sigma, shape[:1]),
            tf.ensure_shape(clean, shape),
        )
        return ((noisy, sigma), clean) if with_noise else (noisy, clean)

    steps = tf.data.Dataset.range(start, stop)
    return steps.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(DEPTH)
