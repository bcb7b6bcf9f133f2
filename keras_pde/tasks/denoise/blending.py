"""The maps u ↦ u + w(N_s(u) − u) at one noisy image, and the estimates of their errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from keras_pde.data.ranges import Range
from keras_pde.tasks.denoise import beyond
from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
from keras_pde.tasks.denoise.noisy_image import NoisyImage
from keras_pde.tasks.denoise.sure import STEP, Risk, probe, sure

__all__ = ["Blend"]


class Blend:
    r"""The map D(u) = u + w(N_s(u) − u), whose error is that of D(y) clipped to the range.

    N_s is run twice for each s, at y and at y + εb; all w cost nothing more. Noise weaker than what
    the networks are trained on is multiplied up to it, as of `keras_pde.tasks.denoise.beyond.weak`.

    Args:
        known: the image y and its noise.
        denoiser: N₁.
        doubt: relative standard error of the level.
        tile: as `keras_pde.denoise` takes it.
        count: called after each run.

    Raises:
        ValueError: a grey image of three channels, and a network for colour.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.denoise.blending import Blend
        >>> from keras_pde.tasks.denoise.denoiser import Denoiser
        >>> from keras_pde.tasks.denoise.noisy_image import noisy_image
        >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((48, 48, 1))
        >>> known = noisy_image(noisy.astype("float32"), 25.5)
        >>> blend = Blend(known, Denoiser(keras_pde.from_preset("linear_2d")))
        >>> blend.risk(1.0, 1.0).psnr > blend.risk(1.0, 0.5).psnr > 20  # there is noise alone
        True
    """

    def __init__(
        self,
        known: NoisyImage,
        denoiser: Denoiser,
        doubt: float = 0.0,
        tile: int | None = None,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        if known.grey and denoiser.network.input_channels == 3:
            raise ValueError(
                f"The image is grey, with three equal channels whose noise is the same, and"
                f" {denoiser.name} is for colour: choose a preset for grey images"
            )
        self.known = known
        self.denoiser = denoiser
        self.doubt = doubt
        self.tile = tile
        self.count = count
        used, level = known.range, max(known.level, beyond.TRAINED[0])
        self.used = used._replace(high=used.low + used.span * known.level / level)
        self.ends = [(end - used.low) / self.used.span for end in (known.unit.low, known.unit.high)]
        self.noisy = self.used.normalised(known.pixels[..., :1] if known.grey else known.pixels)
        self.sigma = level / 255
        self.signs = probe(self.noisy.shape)
        self.moved = self.noisy + np.float32(STEP * self.sigma) * self.signs
        self.image = replace(
            known, pixels=self.noisy, unit=Range(), range=Range(), level=level, questions=()
        )
        self.runs = functools.cache(self._runs)

    def part(self, size: int) -> Blend:
        """The central part of so many pixels each way; itself where it has no more."""
        known = self.known
        rows, columns = (
            slice((n - min(n, size)) // 2, (n + min(n, size)) // 2) for n in known.pixels.shape[:2]
        )
        if known.pixels[rows, columns].shape == known.pixels.shape:
            return self
        visible = None if known.visible is None else known.visible[rows, columns]
        if visible is not None and not visible.any():
            return self
        part = replace(known, pixels=known.pixels[rows, columns], visible=visible)
        return Blend(part, self.denoiser, self.doubt, self.tile, self.count)

    def _runs(self, factor: float) -> tuple[Denoised, np.ndarray]:
        denoiser = self.denoiser.scaled(factor)
        found = []
        for pixels in (self.noisy, self.moved):
            image = replace(self.image, pixels=pixels)
            found.append(image.filtered(denoiser, tile=self.tile))
            self.count()
        return found[0], found[1].pixels

    def risk(self, factor: float, weight: float) -> Risk:
        """The estimated error, in units of the square of white."""
        result, moved = self.runs(factor)
        pairs = ((self.noisy, result.pixels), (self.moved, moved))
        one, two = ((y + weight * (filtered - y)).clip(*self.ends) for y, filtered in pairs)
        change = (two - one) / np.float32(STEP * self.sigma)
        arrays = (self._visible(x) for x in (self.noisy, one, change, self.signs))
        noisy, clipped, change, signs = arrays
        scale = (self.used.span / self.known.unit.span) ** 2
        found = sure(noisy, clipped, change, signs, self.sigma, self.doubt)
        return Risk(scale * found.error, scale * found.deviation)

    def best(self, factor: float) -> tuple[float, Risk]:
        """The weight with the least estimate, but for the clipping, or 1; and the estimate."""
        result, moved = self.runs(factor)
        change = (moved - result.pixels) / np.float32(STEP * self.sigma)
        arrays = (self.signs * change, np.square(result.pixels - self.noisy))
        divergence, taken = (float(np.mean(self._visible(x), dtype=np.float64)) for x in arrays)
        least = self.sigma**2 * (1 - divergence) / taken if taken else 1.0
        weights = dict.fromkeys((1.0, min(1.0, max(0.0, least))))
        return min(((w, self.risk(factor, w)) for w in weights), key=lambda pair: pair[1].error)

    def result(self, factor: float, weight: float) -> Denoised:
        """The image without its noise, of the type of the noisy one."""
        result, pixels = self.runs(factor)[0], self.known.pixels
        blend = self.noisy + weight * (result.pixels - self.noisy)
        found = beyond.of_type(blend, self.used, pixels.dtype)
        if found.shape != pixels.shape:
            found = np.repeat(found, 3, axis=-1)
        if self.known.visible is not None:
            found = np.where(self.known.visible[..., None], found, pixels)
        return result._replace(pixels=found)

    def _visible(self, values: np.ndarray) -> np.ndarray:
        return values if self.known.visible is None else values[self.known.visible]
