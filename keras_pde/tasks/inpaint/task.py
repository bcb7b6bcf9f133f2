"""The task "inpaint": images of which some pixels are known to whole images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_pde.tasks.metric import Metric
from keras_pde.tasks.section import Section
from keras_pde.tasks.task import Entry, Task

SHARE, SEED = 0.1, 0
EXAMPLE = f"""from skimage import data
from keras_pde.tasks.inpaint import random_mask

{"f = data.camera()[None, ::4, ::4, None] / 255.0":<67}# (batch, height, width, channels)
{"mask = random_mask(f.shape[1:3], 0.1)[None, ..., None]":<67}\
# (batch, height, width, 1), true where f is known
solution = solver.solve([f * mask, mask], tolerance=1e-6, accelerate=True)
{"print(solution)":<67}# converged, residual, cycles
{"u = solution.x":<67}# float64, equal to f on known pixels"""


class Inpaint(Task):
    """Unknown pixels are filled in; PSNR is measured of a photograph from a tenth of its pixels.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("inpaint").row({"metric": {"value": 24.814}})
        '24.81 dB'
    """

    name = "inpaint"
    metric = Metric("PSNR", unit="dB", digits=2, tolerance=0.02)
    inputs = ("image, of which the known pixels count", "mask, 1 where a pixel is known")
    target = "whole image"
    licence = "Apache-2.0 (no weights)"

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

    def measure(self, network: Any, folder: Path, data: str | Path | None = None) -> dict[str, Any]:
        """PSNR of the photograph; there is no metrics.json."""
        name = f"PSNR of scikit-image's camera from {100 * SHARE:g} % of its pixels, seed {SEED}"
        metric = self.metric.entry(name, self.evaluate(network)["PSNR"])
        return {"metric": metric, "data": self.data_source, "licence": self.licence}

    def sections(self, folder: Path, network: Any, entry: Entry) -> list[Section]:
        """One: what it fills in, an example, its number."""
        from keras_pde.tasks.solve.card import solver_sections

        network.sizes = (512, 512)  # of the photograph, for the levels that the card prints
        return solver_sections(
            folder,
            network,
            entry,
            self.metric,
            example=EXAMPLE,
            limits="texture: large holes are filled smoothly",
        )
