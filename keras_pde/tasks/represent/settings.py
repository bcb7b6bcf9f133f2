"""The options of a recipe of the task represent, and the pictures that it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.runtime.options import names, said, whole

FIELDS = ("data", "shrink")
# files in scikit-image's wheel, never downloaded; who made them
PICTURES = {
    "camera": "camera of scikit-image (Lav Varshney, CC0)",
    "astronaut": "astronaut of scikit-image (NASA, public domain)",
}


class Settings:
    """The options of a recipe: the picture, and by how much it is shrunk.

    Args:
        options: "data", the name of a picture of scikit-image or the file of one's own below the
            folder of the data sets; "shrink", the pixels each way that are averaged to one.

    Raises:
        ValueError: other options, values out of their range, no picture.

    Example:
        >>> from keras_pde.tasks.represent.settings import Settings
        >>> Settings({"data": "camera", "shrink": 8}).picture(None).shape
        (64, 64, 1)
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        names(options, FIELDS)
        if not isinstance(options.get("data"), str):
            raise ValueError(
                f"options must have data, the name of a picture. Received: {said(dict(options))}"
            )
        self.data: str = options["data"]
        self.shrink = whole(options.get("shrink", 1), "shrink", low=1, high=64)

    @property
    def source(self) -> str:
        """Whose picture it is, for cards."""
        return PICTURES.get(self.data, self.data)

    def picture(self, folder: str | Path | None) -> np.ndarray:
        """The picture with values in [0, 1], (height, width, channels).

        Raises:
            FileNotFoundError: no such picture.
            ValueError: a damaged file; fewer pixels than are averaged.
        """
        from keras_pde.data.folders import read_pixels

        path = self._path(folder)
        if not path.is_file():
            raise FileNotFoundError(f"There is no picture {path}. Name its folder: --data DIR.")
        pixels = np.asarray(read_pixels(path, None), np.float64)
        n, (height, width) = self.shrink, (k // self.shrink for k in pixels.shape[:2])
        if min(height, width) < 4:
            raise ValueError(
                f"{path} has {pixels.shape[0]} × {pixels.shape[1]} pixels: shrink={n} leaves fewer"
                " than 4 each way"
            )
        cut = pixels[: height * n, : width * n]
        return cut.reshape(height, n, width, n, -1).mean(axis=(1, 3))

    def _path(self, folder: str | Path | None) -> Path:
        if self.data in PICTURES:
            import skimage

            return Path(skimage.__file__).parent / "data" / f"{self.data}.png"
        return Path(folder or ".") / self.data
