"""Fitting a denoiser to one noisy image without the clean one: `keras_pde.calibrate`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_pde.certificates.certificate import Certificate
from keras_pde.data import noise as noises
from keras_pde.data import ranges
from keras_pde.data.noise.smooth import where_smooth
from keras_pde.models.network import Network
from keras_pde.runtime import gate
from keras_pde.runtime.bounded import bounded
from keras_pde.tasks.denoise import levels
from keras_pde.tasks.denoise.blending import Blend
from keras_pde.tasks.denoise.choosing import check_options, choose_denoiser
from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
from keras_pde.tasks.denoise.image import checked
from keras_pde.tasks.denoise.noisy_image import NoisyImage, eight_bits, noisy_image
from keras_pde.tasks.denoise.sure import Risk

__all__ = ["Calibrated", "calibrate"]

LEAST, MOST = 0.5, 2.0  # times the level
RATIO = 2**0.5  # of neighbouring factors that are tried
RUNS = 14  # of the network, at most
PART = 512  # pixels each way of the part of the image by which the factor is fitted
CLIPPED = 0.003  # of the pixels: more have changed the error of a result with 30 dB by 0.1 dB
DOUBT = 0.03  # relative standard error of a level that `keras_pde.data.noise.estimate` estimates
NEAR = (0.8, 1.05)  # times it: what another estimate of it is
GAIN = 1e-3  # of the error: less is none


@dataclass(frozen=True)
class Calibrated:
    r"""A denoiser fitted to an image, u ↦ u + w(N_s(u) − u), and what it gives.

    Args:
        pixels: the image without its noise, of its shape and type: integers are rounded and
            clipped, floats are not clipped.
        denoiser: N_s, the network with its program.
        noise: the level of the noise, in 1/255 of the range.
        doubt: its relative standard error; 0 where it was told.
        factor: s, times the level that the network takes the noise for. One that is told no level
            is N_s(u) = s N(u/s): its contrast is multiplied.
        weight: w in [0, 1], the share of what the network removes.
        before: the estimated error with s = w = 1.
        after: with the s and w found; never more. Both are of results clipped to the range, as
            `keras-pde denoise` measures them.
        result: tiles and solvers.

    Example:
        >>> import numpy as np
        >>> import keras_pde
        >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((48, 48))
        >>> found = keras_pde.calibrate("perona_malik_2d", noisy, noise=25.5)
        >>> found.factor > 1, found.certificate().norm_stable  # nothing but noise
        (True, True)
    """

    pixels: np.ndarray
    denoiser: Denoiser
    noise: float
    doubt: float
    factor: float
    weight: float
    before: Risk
    after: Risk
    result: Denoised

    @property
    def psnr(self) -> float:
        """The estimated PSNR in dB; infinite where the estimate of the error is not positive."""
        return self.after.psnr

    def certificate(self) -> Certificate:
        """What is proved of u ↦ u + w(N_s(u) − u), for the s and w that were found.

        It is a mean of the identity and the network: with the constants a and l of the network
        norms grow by 1 − w + w·a at most, and distances by 1 − w + w·l. The level is an input for
        all values of which the network's certificate holds, and s N(u/s) has the constants of N.
        s and w depend on the image, and of the map from an image to its own result nothing is
        proved.
        """
        network = self.denoiser.network.certificate()
        if self.weight == 1:
            return network
        keys = ("norm", "lipschitz", "averaged")
        identity = Certificate(
            "the identity", 1.0, 1.0, 0.0, False, dict.fromkeys(keys, "the identity")
        )
        return identity.mixed(network, self.weight)

    def summary(self) -> str:
        """What was fitted and what it is estimated to give, in a line."""
        doubt = f" ± {100 * self.doubt:.1f} %, estimated" if self.doubt else ""
        return (
            f"calibrated to noise {self.noise:.1f}{doubt}: level × {self.factor:.2f}, weight"
            f" {self.weight:.2f}; estimated PSNR {self.after}, {self.before} before"
        )


def calibrate(
    network: Network | str | os.PathLike[str],
    image: Any,
    noise: float | None = None,
    *,
    range: Any = ranges.AUTO,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibrated:
    r"""Fit the scales of a denoiser to one noisy image, and estimate the PSNR of the result.

    Of the maps u ↦ u + w(N_s(u) − u) the one with the least SURE is taken, Stein's unbiased
    estimate of the mean squared error (`keras_pde.tasks.denoise.sure`). s in [½, 2] multiplies the
    level that the network takes the noise for, and is fitted by 6 to 10 runs of the network on the
    central 512 × 512 pixels; w in [0, 1] is the share of what it removes, and known in closed form,
    as SURE is quadratic in it. Two numbers are few for so many pixels: the least estimate is hardly
    smaller than the error that it estimates.

    The estimate needs white Gaussian noise of a level that is known well: 1 % more of σ is 2 % of
    σ² less of the error, 0.8 dB for a result of 30 dB at noise 25. A level that is not told is
    estimated where the image is smooth (`keras_pde.data.noise.smooth`), and the standard error
    holds its own, mostly 0.5 to 2 %.

    Args:
        network: a preset's name or directory, "auto" as `keras_pde.denoise` chooses, or a network.
        image: as `keras_pde.denoise` takes it.
        noise: its standard deviation in grey levels of 255; None estimates it.
        range: as `keras_pde.denoise` takes it.
        tile: the same.
        progress: called with the number of runs done and the most there may be.

    Raises:
        ValueError: what `keras_pde.denoise` raises; an image that the estimate is not for: with no
            noise, with that of a sensor, from a JPEG, clipped at more than 0.3 % of its pixels.

    Example:
        >>> import numpy as np
        >>> import keras_pde
        >>> clean = np.kron([[0.2, 0.8], [0.6, 0.4]], np.ones((64, 64)))
        >>> noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
        >>> found = keras_pde.calibrate("linear_2d", noisy, noise=25.5)
        >>> true = -10 * np.log10(np.mean((found.pixels.clip(0, 1) - clean) ** 2))
        >>> found.psnr >= found.before.psnr, bool(abs(found.psnr - true) < 1)
        (True, True)
    """
    array = gate.array(image, "image", integers=True)
    pixels = checked(array)
    if not isinstance(network, Network | str | os.PathLike) or not str(network):
        raise ValueError(
            "network must be a name of keras_pde.list_presets(), a directory, 'auto', or a network."
            f" Received: network={gate.said(network)}"
        )
    preset = "auto" if isinstance(network, Network) else os.fspath(network)
    check_options(preset, None, tile, progress)
    if isinstance(noise, str):
        raise ValueError(
            "noise must be a standard deviation in grey levels of 255, or None: the error of a"
            f" sensor's noise is not estimated. Received: noise={gate.said(noise)}"
        )
    known = noisy_image(pixels, noise, range)
    check(known)
    if isinstance(network, Network):
        levels.check_fit(network, pixels.shape)
        chosen = Denoiser(network, network.name, snapshot=True, compile=bounded)
    else:
        chosen = choose_denoiser(preset, known.shape(preset), known.level)
    found = fitted(*levelled(known, noise), chosen, tile, progress)
    return replace(found, pixels=found.pixels.reshape(array.shape))


def check(known: NoisyImage, table: Sequence[int] | None = None) -> None:
    """Refuse an image that Stein's estimate is not for.

    Args:
        known: the image.
        table: steps of the luminance of the JPEG that it comes from.

    Raises:
        ValueError: what is wrong with it.
    """
    why = ""
    if known.sensor is not None:
        why = "the noise is that of a sensor"
    elif not known.level:
        why = "no noise is found in it"
    elif table is not None or _is_jpeg(known.pixels):
        why = "it was a JPEG, whose compression has changed the noise"
    elif (share := _clipped(known)) > CLIPPED:
        why = f"the noise is clipped at {100 * share:.1f} % of the pixels, of 0.3 % at most"
    if why:
        raise ValueError(
            f"The image cannot be calibrated to: {why}, and the error is estimated for white"
            " Gaussian noise only. Denoise it without calibration"
        )


def levelled(known: NoisyImage, told: Any) -> tuple[NoisyImage, float]:
    """The image with the level by which errors are estimated, and its relative standard error.

    Args:
        known: image and noise.
        told: the level that was told, or None.
    """
    if told is not None:
        return known, 0.0
    values = known.range.normalised(known.pixels[..., :1] if known.grey else known.pixels)
    if known.visible is not None:
        values = np.where(known.visible[..., None], values, values.min())
    found = where_smooth(values, known.level)
    if found is None or not NEAR[0] < found.level / known.level < NEAR[1]:
        return known, DOUBT
    return replace(known, level=found.level), found.deviation


def fitted(
    known: NoisyImage,
    doubt: float,
    denoiser: Denoiser,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibrated:
    """The same for an image that `check` has passed.

    Args:
        known: image and noise.
        doubt: relative standard error of its level.
        denoiser: for the level.
        tile: as `keras_pde.denoise` takes it.
        progress: as of `calibrate`.
    """
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(min(done, RUNS - 1), RUNS)

    whole = Blend(known, denoiser, doubt, tile, count)
    part = whole.part(PART)
    factor = _best_factor(lambda factor: part.best(factor)[1].error)
    before, (weight, after) = whole.risk(1.0, 1.0), whole.best(factor)
    plain = whole.best(1.0)
    if plain[1].error - GAIN * abs(plain[1].error) <= after.error:
        factor, (weight, after) = 1.0, plain
    result = whole.result(factor, weight)
    if progress is not None:
        progress(RUNS, RUNS)
    return Calibrated(
        pixels=result.pixels,
        denoiser=denoiser.scaled(factor),
        noise=known.level * known.range.span / known.unit.span,
        doubt=doubt,
        factor=factor,
        weight=weight,
        before=before,
        after=after,
        result=result,
    )


def _best_factor(error: Callable[[float], float]) -> float:
    """The least of a function of the factor: on a grid, then of the parabola in its logarithm."""
    tried = {power: error(RATIO**power) for power in (-1, 0, 1)}
    best = min(tried, key=lambda power: tried[power])
    if best:  # at an end
        tried[2 * best] = error(RATIO ** (2 * best))
        best = min(tried, key=lambda power: tried[power])
    if best - 1 not in tried or best + 1 not in tried:
        return float(min(max(RATIO**best, LEAST), MOST))
    below, least, above = (tried[best + k] for k in (-1, 0, 1))
    curvature = below - 2 * least + above
    shift = (below - above) / (2 * curvature) if curvature > 0 else 0.0
    found = float(RATIO ** (best + shift))
    return found if shift and error(found) < least else float(RATIO**best)


def _is_jpeg(pixels: np.ndarray) -> bool:
    eight = eight_bits(pixels)
    return eight is not None and noises.compressed(eight) is not None


def _clipped(known: NoisyImage) -> float:
    """The share of the visible pixels that have the lowest or the highest value as others do."""
    values = known.pixels if known.visible is None else known.pixels[known.visible]
    count = int(np.sum(values == values.min())) + int(np.sum(values == values.max()))
    return max(0, count - 2) / values.size
