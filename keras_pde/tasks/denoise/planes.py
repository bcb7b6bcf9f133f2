"""Planes that belong together: their range and noise, for all of them or each by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from keras_pde.data import ranges
from keras_pde.data.images import Image
from keras_pde.data.noise import Sensor
from keras_pde.data.ranges import Range
from keras_pde.tasks.denoise.noisy_image import SENSOR, NoisyImage, noisy_image, visible_in

__all__ = ["Asked", "Common", "Plane", "common_noise", "looked_at"]

SPREAD = 1.25  # of the median: planes whose levels are nearer to it share it
MOST = 0.1  # of the planes on each side need not be near
LOOKED = 64  # planes of a channel that are looked at before the first is filtered


class Asked(NamedTuple):
    """Noise and range as `keras_pde.denoise` takes them, in units of the samples.

    Args:
        noise: its level, None to estimate it, or "sensor".
        range: black and white.
        gain: of a sensor.
        offset: of a sensor.
        readout: of a sensor.

    Example:
        >>> from keras_pde.tasks.denoise.planes import Asked
        >>> Asked(range=(0, 4095)).range
        (0, 4095)
    """

    noise: float | str | None = None
    range: Any = ranges.AUTO
    gain: float | None = None
    offset: float | None = None
    readout: float | None = None


class Plane(NamedTuple):
    """Pixels of a plane, and what its file says of them.

    Args:
        pixels: (height, width, 1 or 3), of a type that `keras_pde.denoise` takes.
        alpha: (height, width), or None.
        white: by the file's tags, in units of the pixels, or None.
        depth: bits of a sample, or None for those of the type.
        steps: of a JPEG's luminance, or None.
        unit: what the file's samples are divided by in the pixels.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise.planes import Asked, Plane
        >>> Plane(np.zeros((16, 16, 1), "uint8")).known(Asked(noise=25)).about
        'noise 25'
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    white: float | None = None
    depth: int | None = None
    steps: Sequence[int] | None = None
    unit: float = 1.0

    @classmethod
    def of(cls, image: Image) -> Self:
        """The plane of a file's image."""
        return cls(image.pixels, image.alpha, image.white, image.depth, image.steps, image.unit)

    def known(self, asked: Asked) -> NoisyImage:
        """What is known of it by itself."""
        low_high = asked.range
        if not isinstance(low_high, Range):
            low_high = ranges.checked(low_high)
        if not isinstance(low_high, str | Range):
            low_high = (low_high[0] / self.unit, low_high[1] / self.unit)
        gain, offset, readout = (x if x is None else x / self.unit for x in asked[2:])
        return noisy_image(
            self.pixels,
            asked.noise,
            low_high,
            gain=gain,
            offset=offset,
            readout=readout,
            alpha=self.alpha,
            stated=self.white,
            bits=self.depth,
            table=self.steps,
        )


@dataclass(frozen=True)
class Common:
    """What is known of the noise of planes that belong together.

    Args:
        count: of the planes.
        asked: what the caller says.
        levels: the lowest, the median and the highest level of the planes that are looked at, in
            1/255 of the range; of a sensor the gains, in units of the samples.
        about: in words.
        model: range, level and sensor of all of them, around the pixels of one; None where each
            plane has its own.
        questions: what is probably not meant, a sentence each.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise.planes import Asked, Plane, common_noise
        >>> common_noise([Plane(np.zeros((16, 16, 1)))] * 3, 3, Asked()).about
        'no noise found in the 3 planes'
    """

    count: int
    asked: Asked
    levels: tuple[float, float, float]
    about: str
    model: NoisyImage | None = None
    questions: tuple[str, ...] = ()

    def of(self, plane: Plane) -> NoisyImage:
        """A plane with the noise of all, or with its own."""
        if self.model is None:
            return plane.known(self.asked)
        if (sensor := self.model.sensor) is not None:
            told = (x * plane.unit for x in sensor)
            return plane.known(Asked(SENSOR, self.asked.range, *told))
        return replace(self.model, pixels=plane.pixels, visible=visible_in(plane.alpha))


def common_noise(planes: Iterable[Plane], count: int, asked: Asked) -> Common:
    r"""The noise of planes of one channel, such as the frames of a time series.

    Each plane's level is estimated by itself. Where four fifths of the planes are within a quarter
    of their median, :math:`m/1.25 \le \sigma_k \le 1.25 m`, all of them are filtered for the
    median: the error of a median of n estimates is about 1.25/√n of one's, a plane full of texture
    does not count, and the frames of a series do not flicker. Otherwise each plane is filtered for
    its own. Planes share the range, the hull of theirs. A level that is told is in 1/255 of that.

    Args:
        planes: those that are looked at, one at a time.
        count: of all.
        asked: what the caller says.

    Raises:
        ValueError: as `keras_pde.denoise`.

    Example:
        >>> import numpy as np
        >>> from keras_pde.tasks.denoise.planes import Asked, Plane, common_noise
        >>> rng = np.random.default_rng(0)
        >>> noisy = np.uint8(128 + 20 * rng.standard_normal((9, 64, 64, 1)))
        >>> 19 < common_noise((Plane(plane) for plane in noisy), 9, Asked()).levels[1] < 21
        True
    """
    found: list[NoisyImage] = []
    unit, alike = 1.0, set()
    for plane in planes:
        known, unit = plane.known(asked), plane.unit
        alike.add((plane.pixels.shape[-1], plane.depth, plane.pixels.dtype))
        found.append(replace(known, pixels=known.pixels[:1, :1], visible=None))
    if asked.noise == SENSOR:
        return _of_sensors(found, count, asked, unit, len(alike) == 1)
    whole, used = _hull([x.unit for x in found]), _hull([x.range for x in found])
    told = None if asked.noise is None else float(asked.noise)
    # planes of several types have no common unit
    spans = [
        x.level * x.range.span / (whole.span if len(alike) == 1 else x.unit.span) for x in found
    ]
    low, middle, high = (float(np.quantile(spans, q)) for q in (0, 0.5, 1))
    near = _near(spans)
    if len(alike) > 1 or (told is None and not near):
        about = f"noise of each of {_planes(count)} estimated, {low:.3g} to {high:.3g}"
        if told is not None:
            about = f"noise {told:g} in each of {_planes(count)}"
        return Common(count, asked, (low, middle, high), about, None, found[0].questions)
    level = middle if told is None else told
    if told is not None:
        about = f"noise {told:g}"
    elif not level:
        about = f"no noise found in {_planes(count)}"
    else:
        how = next((x.about.split(" ", 2)[2] for x in found if x.level), "estimated")
        about = f"noise {level:.3g} {how}"
        if len(found) > 1:
            about += f", the median of {len(found)} planes ({low:.3g} to {high:.3g})"
    model = replace(
        found[0], unit=whole, range=used, level=level * whole.span / used.span, about=about
    )
    return Common(count, asked, (low, middle, high), about, model, found[0].questions)


def _of_sensors(
    found: Sequence[NoisyImage], count: int, asked: Asked, unit: float, alike: bool
) -> Common:
    sensors = sorted((x.sensor for x in found if x.sensor is not None), key=lambda s: s.gain)
    gains = [s.gain * unit for s in sensors]
    middle = sensors[len(sensors) // 2]
    levels = (gains[0], middle.gain * unit, gains[-1])
    if asked.gain is None and not (alike and _near(gains)):
        about = f"noise of a sensor, estimated for each of {_planes(count)}"
        return Common(count, asked, levels, f"{about}, gain {gains[0]:.4g} to {gains[-1]:.4g}")
    how = "as told" if asked.gain is not None else f"estimated, the median of {len(found)} planes"
    model = next(x for x in found if x.sensor is middle)
    model = replace(model, sensor=Sensor(*middle))
    return Common(count, asked, levels, f"noise of a sensor, {how}: {middle.times(unit)}", model)


def _planes(count: int) -> str:
    return f"the {count} planes" if count > 1 else "the plane"


def _near(levels: Sequence[float]) -> bool:
    """Whether most of the levels are near their median."""
    low, middle, high = (float(np.quantile(levels, q)) for q in (MOST, 0.5, 1 - MOST))
    return middle / SPREAD <= low and high <= middle * SPREAD


def _hull(found: Sequence[Range]) -> Range:
    widest = max(found, key=lambda x: x.span)
    return widest._replace(low=min(x.low for x in found), high=max(x.high for x in found))


def looked_at(numbers: Sequence[int]) -> list[int]:
    """The planes that are looked at before the first is filtered, evenly among all.

    Example:
        >>> from keras_pde.tasks.denoise.planes import looked_at
        >>> looked_at(range(5)), len(looked_at(range(500)))
        ([0, 1, 2, 3, 4], 64)
    """
    count = min(len(numbers), LOOKED)
    return [numbers[round(i * (len(numbers) - 1) / max(count - 1, 1))] for i in range(count)]
