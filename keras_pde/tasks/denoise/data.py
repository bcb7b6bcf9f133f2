"""Noisy patches of photographs: what denoisers are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_pde.tasks.denoise.kinds import KINDS
from keras_pde.tasks.task import TrainingData

if TYPE_CHECKING:
    from keras_pde.tasks.denoise.losses import Loss

__all__ = ["NoisyPatches"]


class NoisyPatches(TrainingData):
    """Batches (y, σ, x) of patches x with noise y = x + σn, as `keras_pde.data.Patches` makes them.

    Args:
        images: photographs, (height, width, channels) in [0, 1]; or signals or volumes.
        held_out: how many of them no patch is cut from.
        patch_size, batch_size, noise, seed, mirror, ndim: as `keras_pde.data.Patches` takes them.
        stated: σ of the photographs in grey levels of 255, where they are noisy themselves: then
            nothing is added, and x = y.
        loss: makes of a batch what it is a loss of; None leaves it as it is.

    Example:
        >>> from keras_pde.tasks.denoise.data import NoisyPatches
        >>> photographs = [np.full((20, 20, 1), 0.5), np.full((16, 16, 1), 0.4)]
        >>> data = NoisyPatches(photographs, 1, patch_size=8, batch_size=4, noise=25.0)
        >>> [part.shape for part in data.batch(0)], len(data.held_out)
        ([(4, 8, 8, 1), (4,), (4, 8, 8, 1)], 1)
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        held_out: int,
        patch_size: int | tuple[int, ...],
        batch_size: int,
        noise: tuple[float, float] | float,
        seed: int = 0,
        mirror: bool = True,
        ndim: int = 2,
        stated: float | None = None,
        loss: Loss | None = None,
    ) -> None:
        from keras_pde.data import Patches, split

        self.images = images
        training, self.held_out = split(images, held_out)
        added = noise if stated is None else 0.0
        self.patches = Patches(training, patch_size, batch_size, added, seed, mirror, ndim)
        self.batch_size = batch_size
        self.stated = stated
        self.loss = loss

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Batch number ``step``: noisy patches, their noise levels, targets."""
        noisy, sigma, clean = self.patches.batch(step)
        if self.stated is not None:
            sigma = np.full_like(sigma, self.stated / 255)
        if self.loss is None:
            return noisy, sigma, clean
        key = np.array([self.patches.seed, step], np.uint64)
        # far from the numbers that the patches are drawn by
        rng = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, 1]))
        return self.loss.batch(rng, noisy, sigma, clean)

    def content(self) -> Iterable[np.ndarray]:
        """The photographs, those that are held out among them."""
        return self.images


def samples(
    folder: Path, ndim: int, channels: int, least: int, what: str = "patch_size"
) -> list[np.ndarray]:
    """The images, signals or volumes of a folder, all as large as something needs.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: none in it; or the name of a file that is damaged or too small.
    """
    if ndim == 2:
        return photographs(folder, channels, least, what)
    from keras_pde.data.recordings import load_recordings

    return load_recordings(folder, ndim, channels=channels, least=least)


def photographs(
    folder: Path, channels: int, least: int, what: str = "patch_size"
) -> list[np.ndarray]:
    """The images of a folder, all of which are as large as something needs.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no image; or the name of one that is damaged or too small.
    """
    from keras_pde.data.folders import image_paths, read_pixels

    if channels not in (1, 3):
        raise ValueError(f"channels={channels} is not possible: use 1 for grey, 3 for colour")
    images = []
    for path in image_paths(folder):
        pixels = read_pixels(path, channels)
        height, width = pixels.shape[:2]
        if min(height, width) < least:
            raise ValueError(
                f"{path} has {height} × {width} pixels, and {what} needs {least} × {least} at"
                " least: leave it out"
            )
        images.append(pixels)
    return images


def find_data(data: str | Path | None = None, ndim: int = 2) -> Path:
    """The folder of the data sets, where one is given.

    Else that of the zoo's signals and volumes, or for images ../shared/data/bsd beside a checkout.

    Raises:
        FileNotFoundError: there is none.
    """
    if data is None and ndim != 2:
        from keras_pde import presets

        return presets.zoo_root() / "data"
    beside = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "bsd"
    path = Path(data) if data is not None else beside
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path} with BSD's images (train400_gray, bsd68_gray, ...). Name"
            " it: --data DIR."
            if ndim == 2
            else f"There is no folder {path}. Name one with --data DIR, or leave it out."
        )
    return path


def test_set(channels: int, ndim: int) -> str:
    """Folder of the test data."""
    tests = KINDS[ndim].tests
    return tests.get(channels, tests[1])[0]
