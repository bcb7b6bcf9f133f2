"""Prior: a denoiser of the zoo, told one noise level, as a map of images."""

from __future__ import annotations

import functools

import numpy as np

from keras_pde import presets
from keras_pde.certificates.certificate import Certificate
from keras_pde.models import retiming
from keras_pde.runtime.bounded import bounded
from keras_pde.tasks import tiles
from keras_pde.tasks.denoise import levels
from keras_pde.tasks.denoise.choosing import check_options
from keras_pde.tasks.denoise.denoiser import Denoiser

__all__ = ["Prior", "choose_prior"]

FINEST = 1e-6  # relative residual that solves in single precision reach
LOUDEST = 1e4  # grey levels


class Prior:
    """u ↦ N(u; s), a denoiser at the noise level s; it counts the solves that failed.

    Args:
        denoiser: of the zoo.
        strength: s, in grey levels of 255.

    Call args: u, (height, width) or (height, width, channels) floats. Returns its shape.

    Example:
        >>> from keras_pde.tasks.restore.prior import choose_prior
        >>> prior = choose_prior("linear_2d", (8, 8), strength=5)
        >>> prior(np.eye(8)).shape, prior.failures
        ((8, 8), '')
    """

    def __init__(self, denoiser: Denoiser, strength: float) -> None:
        self.denoiser = denoiser
        self.strength = strength
        self.failed = 0

    @property
    def name(self) -> str:
        """Of the preset."""
        return self.denoiser.name

    @property
    def failures(self) -> str:
        """How many solves did not reach their tolerance, in words; empty where all did."""
        if not self.failed:
            return ""
        return f"{self.failed} solves inside {self.name} did not reach their tolerance"

    def certificate(self) -> Certificate:
        """What is proved about N."""
        return self.denoiser.network.certificate()

    def exact_for(self, shape: tuple[int, ...]) -> bool:
        """Whether an image of a shape is denoised as a whole, or in tiles that change nothing."""
        batch = shape[2] if len(shape) == 3 and self.denoiser.network.input_channels == 1 else 1
        return tiles.plan(self.denoiser.network, shape, batch=batch).exact

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """N(u; s), in float64."""
        found = self.denoiser(u if u.ndim == 3 else u[..., None], self.strength)
        if found.diagnosis is not None:
            self.failed += int((~found.diagnosis.converged).sum())
        return found.pixels.reshape(u.shape).astype(np.float64)


def choose_prior(
    preset: str, shape: tuple[int, ...], strength: float, tolerance: float | None = None
) -> Prior:
    """A preset for an image as a prior.

    Args:
        preset: name or directory; "auto" is the best averaged one for the channels.
        shape: (height, width) or (height, width, channels) of the image.
        strength: noise level that it is told, in grey levels of 255.
        tolerance: relative residual of its solves, where they are not as accurate by themselves.

    Raises:
        ValueError: an unknown preset, one of another task, or one that does not fit; a strength
            that is too large.

    Example:
        >>> from keras_pde.tasks.restore.prior import choose_prior
        >>> choose_prior("auto", (32, 32, 3), strength=5).certificate().firmly_nonexpansive
        True
    """
    check_options(preset, None, None, None)
    if not strength <= LOUDEST:
        raise ValueError(
            f"The denoiser would be told noise of {strength:.3g} grey levels, and at most"
            f" {LOUDEST:g} make sense: state a smaller step or strength"
        )
    index = presets.index()
    channels = shape[2] if len(shape) == 3 else 1
    if preset == "auto":
        averaged = {name: e for name, e in index.items() if e["certified"] == "averaged"}
        preset = levels.choose_preset(averaged, 3 if channels == 3 else 1, strength)
    entry = index.get(preset, {})
    if entry.get("task", "denoise") != "denoise":
        raise ValueError(f"{preset} is a preset of the task {entry['task']!r}, and no denoiser")
    table = entry.get("noise")
    time = levels.stopping_time(table, strength) if table else None
    chosen = (_of_the_zoo if entry else _loaded)(preset, time, tolerance)
    levels.check_fit(chosen.network, (*shape[:2], channels))
    return Prior(chosen, strength)


def _loaded(name: str, time: float | None, tolerance: float | None) -> Denoiser:
    network = presets.from_preset(name)
    if time is not None:
        network = retiming.retime(network, time)
    if tolerance is not None:
        network = network.solved_to(max(tolerance, FINEST))
    return Denoiser(network, name, tuned=True, snapshot=True, compile=bounded)


_of_the_zoo = functools.lru_cache(maxsize=2)(_loaded)
