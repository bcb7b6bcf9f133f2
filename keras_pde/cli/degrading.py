"""How IN of keras-pde restore was degraded: the options, and the degradation that they name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_pde.cli import files

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.tasks.restore.degradations import Degradation

ONE = "Say how IN was degraded by one of --blur, --scale, --mask and --keep"


@dataclass(frozen=True)
class Degrading:
    """The options about the degradation; one of the first four is given.

    Args:
        blur: a kernel in words, or its image file.
        scale: by which OUT is larger than IN.
        mask: a file whose white pixels are known.
        keep: share of the pixels that are known, at random.
        boundary: how the image goes on beyond its border.
        seed: of the random pixels.
    """

    blur: str | None = None
    scale: int | None = None
    mask: Path | None = None
    keep: float | None = None
    boundary: str = "neumann"
    seed: int = 0

    def check(self, degraded: bool) -> None:
        """Refuse what does not go together.

        Args:
            degraded: whether IN is degraded already.

        Raises:
            click.UsageError: none or several of the options, or one that has no use.
        """
        given = [x for x in (self.blur, self.scale, self.mask, self.keep) if x is not None]
        if len(given) != 1:
            raise click.UsageError(f"{ONE}: received {len(given)} of them.")
        if degraded and self.keep is not None:
            raise click.UsageError(
                "--keep drops pixels of a whole image, so it goes with --degrade. For an image with"
                " holes give --mask FILE."
            )

    def kernel(self, max_pixels: int | None) -> np.ndarray | str | None:
        """The kernel of a blur: an array of sum 1 from a file, or the words, which are checked.

        Raises:
            ValueError, OSError: a kernel that is none.
        """
        from keras_pde.data import kernels

        if self.blur is None:
            return None
        if self.blur.partition(":")[0] in kernels.NAMED:
            kernels.get(self.blur)
            return self.blur
        path = Path(self.blur)
        if not path.is_file():
            forms = ", ".join(form for _, form in kernels.NAMED.values())
            raise ValueError(f"--blur {self.blur}: no such file, and none of {forms}.")
        values = files.read(path, max_pixels).pixels.mean(axis=-1, dtype="float64")
        if not values.sum() > 0:
            raise ValueError(f"{path} is black, and a kernel must have a bright pixel")
        return kernels.get(values / values.sum())

    def known(self, image: Image, max_pixels: int | None) -> np.ndarray | None:
        """The pixels of an image that are known, where that is the degradation.

        Raises:
            ValueError, OSError: a mask that does not fit.
        """
        from keras_pde.tasks.inpaint import random_mask

        if self.keep is not None:
            return random_mask(image.pixels.shape[:2], self.keep, self.seed)
        return None if self.mask is None else files.known_pixels(self.mask, image, max_pixels)

    def degradation(self, kernel: Any, known: np.ndarray | None) -> Degradation:
        """The degradation, of what `kernel` and `known` returned."""
        from keras_pde.tasks.restore.degradations import Blur, Decimation, Mask

        if known is not None:
            return Mask(known)
        if kernel is not None:
            return Blur(kernel, self.boundary)
        return Decimation(self.scale or 2, boundary=self.boundary)

    def enlarged(self, image: Image, pixels: np.ndarray) -> Image:
        """The restored image as a file: alpha and pixels an inch follow the scale."""
        if pixels.shape == image.pixels.shape:
            return replace(image, pixels=pixels)
        factor, alpha, meta = self.scale or 1, image.alpha, image.metadata
        if alpha is not None:
            alpha = alpha.repeat(factor, axis=0).repeat(factor, axis=1)
        dpi = None if meta.dpi is None else (factor * meta.dpi[0], factor * meta.dpi[1])
        lost = ("TIFF tags",) * bool(meta.tags) + ("resolution",) * bool(meta.resolution)
        meta = replace(meta, dpi=dpi, tags=(), resolution=None, further=(*meta.further, *lost))
        return replace(image, pixels=pixels, alpha=alpha, metadata=meta)


def cut(image: Image, factor: int | None) -> Image:
    """A clean image without the last row and column where its size is no multiple of a factor."""
    if factor is None:
        return image
    height, width = (n // factor * factor for n in image.pixels.shape[:2])
    if not height or not width:
        raise ValueError(f"The image is {image}, and --scale {factor} needs {factor} pixels a side")
    alpha = None if image.alpha is None else image.alpha[:height, :width]
    return replace(image, pixels=image.pixels[:height, :width], alpha=alpha)
