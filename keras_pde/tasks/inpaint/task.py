"""The task "inpaint": images of which some pixels are known to whole images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_pde.tasks.task import Entry, Metric, Task

SHARE, SEED = 0.1, 0


class Inpaint(Task):
    """Unknown pixels are filled in; PSNR is measured of a photograph from a tenth of its pixels.

    Example:
        >>> from keras_pde.tasks import task
        >>> task.get("inpaint").row({"metric": {"value": 24.814}})
        '24.81 dB'
    """

    name = "inpaint"
    metric = Metric("PSNR", unit="dB", digits=2, tolerance=0.02)
    inputs = ("image, of which the known pixels count", "mask, 1 where a pixel is known")
    target = "whole image"

    def check(self, network: Any) -> None:
        """Refuse a network that is given no mask.

        Raises:
            ValueError: a network of another task.
        """
        if "mask" not in network.named_inputs:
            raise ValueError(
                f"{network.name} is given no mask, so it is no network for inpainting. keras-pde"
                " list --task inpaint shows those."
            )

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """PSNR of scikit-image's camera from a tenth of its pixels: peak 1, result clipped.

        The photograph is part of scikit-image: no folder is needed. The equation is solved to a
        relative residual of 1e-6.
        """
        from skimage.metrics import peak_signal_noise_ratio

        from keras_pde.data.photograph import sample
        from keras_pde.tasks.inpaint.image import random_mask

        self.check(network)
        clean = sample(1, 2)
        mask = random_mask(clean.shape[1:3], SHARE, SEED)[None, ..., None].astype("float64")
        found = network.solve([clean * mask, mask], tolerance=1e-6, accelerate=True).x
        psnr = float(peak_signal_noise_ratio(clean, found.clip(0, 1), data_range=1.0))
        return {"PSNR": round(psnr, 3)}
