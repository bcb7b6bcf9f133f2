"""The task "represent": coordinates to the values of a picture there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.tasks.metric import Metric
from keras_pde.tasks.section import Section
from keras_pde.tasks.task import Entry, Run, Task, TrainingData

MOST = 1 << 14  # points that are validated at once


class Represent(Task):
    """A picture is a function of coordinates, and the function a network.

    The number is the PSNR of what the network renders at the picture's own size.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("represent").row({"metric": {"value": 34.123}})
        '34.12 dB'
    """

    name = "represent"
    metric = Metric("PSNR", unit="dB", digits=2, tolerance=0.05)
    inputs = ("coordinates in the box from -1 to 1",)
    target = "values of the picture there, black 0 and white 1"

    def check(self, network: Any) -> None:
        """Refuse a network that is no function of coordinates by sines.

        Raises:
            ValueError: a network of another task.
        """
        from keras_pde.models.sinusoidal_network import SinusoidalNetwork

        if not isinstance(network, SinusoidalNetwork):
            raise ValueError(
                f"{network.name} is a {type(network).__name__}, which represents no picture."
                " keras-pde list --task represent shows those that do."
            )

    # --- training ---

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """Fields of coordinates of any size."""
        return (*[None] * (1 + recipe.ndim), recipe.ndim)

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """The pixels of the recipe's picture, in batches.

        Raises:
            ValueError: options that are none of the task's; a picture of other channels; as many
                pixels held out as there are.
            FileNotFoundError: no such picture.
        """
        from keras_pde.tasks.represent.points import Points

        picture = self._settings(recipe).picture(folder)
        if recipe.ndim != 2 or picture.shape[-1] != recipe.channels:
            text = f"the picture has {picture.shape[-1]} channels and 2 axes"
            raise recipe.refusal("channels", text)
        count = picture.shape[0] * picture.shape[1]
        if not 0 < recipe.validation < count:
            text = f"of {count} pixels 1 to {count - 1} can be held out"
            raise recipe.refusal("validation", text)
        return Points(picture, recipe.batch_size, recipe.seed, recipe.validation / count)

    def arrange(self, network: Any, batch: tuple[Any, ...]) -> tuple[Any, Any]:
        """Points as fields of one pixel each."""
        coordinates, values = batch
        return _fields(coordinates), _fields(values)

    def loss(self, target: Any, output: Any) -> Any:
        """The square of the difference, for each point."""
        from keras import ops

        return ops.mean(ops.square(output - target), axis=(1, 2, 3))

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """PSNR at the pixels that are held out."""
        coordinates, values = (part[:MOST] for part in data.held_out)
        return {"PSNR": psnr(run(_fields(coordinates)), _fields(values))}

    def check_test(self, recipe: Any, network: Any, folder: str | Path | None) -> None:
        """Refuse options that name no picture."""
        self._settings(recipe).picture(folder)

    def _settings(self, recipe: Any) -> Any:
        from keras_pde.tasks.represent.settings import Settings

        try:
            return Settings(recipe.options)
        except ValueError as error:
            raise recipe.refusal("options", error) from None

    # --- measuring ---

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """PSNR of the rendered picture.

        Args:
            network: a `SinusoidalNetwork`.
            folder: of pictures of one's own.
            limit: is not used: there is one picture.
            entry: with the "options" of a recipe that name the picture; a preset of the zoo has
                them in its recipe.

        Raises:
            ValueError: another network, or no picture.
        """
        picture = self.settings(network, entry).picture(folder)
        return {"PSNR": psnr(network.render(picture.shape[:-1]).clip(0, 1), picture)}

    def settings(self, network: Any, entry: Entry | None = None) -> Any:
        """The picture of a network, by what is known of it or the recipe of its preset.

        Raises:
            ValueError: a network that is no preset, and nothing is known of it.
        """
        from keras_pde import presets
        from keras_pde.tasks.represent.settings import Settings

        self.check(network)
        options = dict((entry or {}).get("options") or {})
        if not options and network.name in presets.index():
            path = presets.folder_of(network.name) / "recipe.json"
            options = json.loads(path.read_text(encoding="utf-8")).get("options", {})
        if not options:
            raise ValueError(
                f"Nothing says what {network.name} represents: put options with data into the"
                ' recipe beside the preset, or pass entry={"options": {...}}.'
            )
        return Settings(options)

    def measure(self, network: Any, folder: Path, data: str | Path | None = None) -> dict[str, Any]:
        """The PSNR, into metrics.json, and whose picture it is."""
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        settings = self.settings(network, recipe)
        from keras_pde.runtime.writing import write_bytes

        scores = {k: round(v, 4) for k, v in self.evaluate(network, data, entry=recipe).items()}
        write_bytes(folder / "metrics.json", (json.dumps(scores, indent=1) + "\n").encode())
        made = self.metric.entry("PSNR of the rendered picture", scores["PSNR"])
        return {"metric": made, "data": settings.source, "licence": self.licence}

    # --- showing ---

    def overview(self) -> str:
        """A table of the zoo's: weights, pixels, PSNR."""
        from keras_pde.tasks.represent.card import overview

        zoo = self.own_entries()
        return overview(zoo) if zoo else ""

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """The picture, what is rendered at its size, and a part at eight times its size."""
        from keras_pde.tasks.represent.pictures import write_pictures

        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        write_pictures(network, self.settings(network, recipe).picture(data), folder)

    def sections(self, folder: Path, network: Any, entry: Entry) -> list[Section]:
        """What it represents, an example, its number, its certificate, and how it was made."""
        from keras_pde.tasks.represent import card

        return card.sections(folder, network, entry)


def psnr(found: np.ndarray, truth: np.ndarray) -> float:
    """20 log₁₀ 1/RMSE.

    Example:
        >>> from keras_pde.tasks.represent.task import psnr
        >>> round(psnr(np.full(4, 0.1), np.zeros(4)), 6)
        20.0
    """
    square = float(np.mean((np.asarray(found, np.float64) - truth) ** 2))
    return -10 * float(np.log10(max(square, 1e-300)))


def _fields(points: np.ndarray) -> np.ndarray:
    return points[:, None, None, :]
