"""One image through one network at one noise level: the only definition of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_pde.data.ranges import Range, type_range
from keras_pde.models import retiming
from keras_pde.models.diagnosis import Diagnosis
from keras_pde.models.network import Network
from keras_pde.runtime import gate
from keras_pde.runtime.compiling import compiled
from keras_pde.runtime.noise_levels import LOUDEST, QUIETEST
from keras_pde.tasks import tiles
from keras_pde.tasks.denoise import levels

__all__ = ["Denoised", "Denoiser"]


class Denoised(NamedTuple):
    """Pixels, how they were tiled, and what the solvers of an implicit network did.

    Args:
        pixels: of the shape and type of the noisy ones.
        tiling: one tile, or several.
        diagnosis: None for a network without solvers.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.denoise.denoiser import Denoiser
        >>> print(Denoiser(keras_pde.from_preset("linear_2d"))(np.zeros((8, 9, 1)), 25).tiling)
        9 × 8 pixels as a whole
    """

    pixels: np.ndarray
    tiling: tiles.Tiling
    diagnosis: Diagnosis | None


class Denoiser:
    r"""N(y; σ) for images y = x + σn of any size: the network, its inputs, its program, its tiles.

    Networks for signals and volumes filter those: (length, channels) and (depth, height, width,
    channels) in place of (height, width, channels).

    A network that is told the noise level gets σ/255 beside the image. One that is tuned for noise
    25, a classical filter, gets y · 25/σ, and its output is multiplied by σ/25. Others get the
    image as it is, whatever σ. A network for one channel filters each channel by itself.

    Args:
        network: a built `keras_pde.models.network.Network` that denoises.
        name: of the preset.
        tuned: whether the network is tuned for noise 25; it is where it has ``times``.
        times: stopping times by noise level, which `at` goes by.
        snapshot: compile with the weights as they are now, which is faster.
        compile: what makes a program of a function: `keras_pde.runtime.compiling.compiled`, or
            `bounded` for images of many sizes.
        run: the program itself, of network inputs to the output; then nothing is compiled.

    Call args: pixels (height, width, channels), of a type and in units as `keras_pde.denoise` takes
    them; sigma, the noise level in 1/255 of the ``range``, which the network gets as [0, 1] and
    which is that of the type by default; ``tile``, pixels of a tile with its halo; ``progress``,
    called with the number of tiles done and that of all. Returns a `Denoised` with pixels of the
    same type: integers are rounded and clipped, floats are not clipped.

    Raises:
        ValueError: a network that does not fit the image; values that are not finite.

    Example:
        >>> import keras_pde
        >>> from keras_pde.data import noise
        >>> from keras_pde.tasks.denoise.denoiser import Denoiser
        >>> noisy = noise.add_noise(np.full((32, 32, 1), 0.5), sigma=15)
        >>> denoiser = Denoiser(keras_pde.from_preset("truncated_tv_2d"), tuned=True)
        >>> bool(denoiser(noisy, sigma=15).pixels.std() < noisy.std() / 4)
        True
    """

    def __init__(
        self,
        network: Network,
        name: str = "model",
        *,
        tuned: bool = False,
        times: Mapping[str, float] | None = None,
        snapshot: bool = False,
        compile: Callable[[Any], Any] = compiled,
        run: Callable[[Any], Any] | None = None,
    ) -> None:
        self.network = network
        self.name = name
        self.tuned = tuned or bool(times)
        self.times = times
        self.snapshot = snapshot
        self.factor = 1.0
        program = network.program(snapshot)
        self.iterates = run is None and program.iterates
        self.diagnosis = program.diagnosis
        self.run = compile(program.trace if program.iterates else program) if run is None else run

    def at(self, sigma: float) -> Denoiser:
        """The denoiser at the stopping time of its table for noise of sigma; else itself."""
        if not self.times:
            return self
        network = retiming.retime(self.network, levels.stopping_time(self.times, sigma))
        return Denoiser(network, self.name, tuned=True, snapshot=self.snapshot)

    def compiled_by(self, compile: Callable[[Any], Any]) -> Denoiser:
        """The same with a program made by another compiler, such as `flexible`."""
        return Denoiser(
            self.network, self.name, tuned=self.tuned, snapshot=self.snapshot, compile=compile
        )

    def scaled(self, factor: float) -> Denoiser:
        """The same program for noise that it takes for ``factor`` times the level.

        A network that is told no level is the map u ↦ s N(u/s) then, with s times its factor.
        """
        other = copy.copy(self)
        other.factor = self.factor * factor
        return other

    def level(self, sigma: float) -> float:
        """What the network takes the noise for: 25 where it is neither told the level nor tuned."""
        known = self.tuned or self.network.noise_conditioned
        return self.factor * (sigma if known else levels.REFERENCE)

    def inputs(self, pixels: np.ndarray, sigma: float) -> Any:
        """The network's inputs for an image: channels as a batch for a network of one.

        Raises:
            ValueError: values that are not finite.
        """
        values = np.asarray(pixels, dtype=np.float32)
        if not np.isfinite(values).all():
            raise ValueError(
                "The image to denoise holds NaN or infinite values. Replace them by numbers first."
            )
        one = self.network.input_channels == 1
        batch = np.moveaxis(values, -1, 0)[..., None] if one else values[None]
        if self.network.noise_conditioned:
            return [batch, np.full(len(batch), self.level(sigma) / 255, np.float32)]
        return batch * np.float32(levels.REFERENCE / self.level(sigma))

    def image(self, output: np.ndarray, sigma: float) -> np.ndarray:
        """The image of a network's output: what `inputs` did, undone."""
        one = self.network.input_channels == 1
        result = np.moveaxis(output[..., 0], 0, -1) if one else output[0]
        told = self.network.noise_conditioned
        factor = np.float32(1 if told else levels.REFERENCE / self.level(sigma))
        return np.ascontiguousarray(result / factor, dtype=np.float32)

    def __call__(
        self,
        pixels: np.ndarray,
        sigma: float = levels.REFERENCE,
        *,
        range: Range | None = None,
        tile: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Denoised:
        """The image without noise of sigma grey levels, as the class says."""
        import keras

        network, traces = self.network, []
        pixels = gate.array(
            pixels, "pixels", ranks=(network.ndim + 1,), integers=True, finite=False
        )
        sigma = gate.number(sigma, "sigma", low=QUIETEST, high=LOUDEST)
        levels.check_fit(network, pixels.shape)
        whole = type_range(pixels.dtype)
        used, floats = range or whole, pixels.dtype.kind == "f"
        batch = pixels.shape[-1] if network.input_channels == 1 else 1
        tiling = tiles.plan(network, pixels.shape, tile, batch)

        def filtered(tile: np.ndarray) -> np.ndarray:
            output = self.run(self.inputs(used.normalised(tile), sigma))
            if self.iterates:
                output, trace = output
                traces.append(keras.ops.convert_to_numpy(trace))
            values = self.image(keras.ops.convert_to_numpy(output), sigma)
            if floats and not used.low and used.high == 1:
                return values
            values = values * np.float64(used.span) + used.low
            return values if floats else np.rint(values.clip(0, whole.high)).astype(pixels.dtype)

        result = tiles.run(filtered, pixels, tiling, pixels.dtype, progress)
        diagnosis = self.diagnosis(np.concatenate(traces, -1)) if traces else None
        return Denoised(result, tiling, diagnosis)
