"""The task "represent": coordinates to the values of a picture there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.tasks.metric import Metric
from keras_pde.tasks.optioned import OptionedTask, Origin
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.task import Entry, Run, TrainingData

MOST = 1 << 14  # points that are validated at once


class Represent(OptionedTask):
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

        picture = self.recipe_settings(recipe).picture(folder)
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
        self.recipe_settings(recipe).picture(folder)

    def parsed(self, options: Any) -> Any:
        """The options of a recipe; ValueError for others."""
        from keras_pde.tasks.represent.settings import Settings

        return Settings(options)

    def source(self, settings: Any) -> Origin:
        """Whose picture it is."""
        return Origin(settings.source, self.licence)

    def number(self, network: Any, settings: Any, scores: dict[str, float]) -> tuple[str, float]:
        """PSNR."""
        return "PSNR of the rendered picture", scores["PSNR"]

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
        return {"PSNR": round(psnr(network.render(picture.shape[:-1]).clip(0, 1), picture), 4)}

    # --- showing ---

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """The picture, what is rendered at its size, and a part at eight times its size."""
        from keras_pde.tasks.represent.pictures import write_pictures

        settings = self.settings(network, recipe_in(folder))
        write_pictures(network, settings.picture(data), folder)

    def card(self) -> Any:
        """What it represents, an example, its number, its certificate, and how it was made."""
        from keras_pde.tasks.represent import card

        return card


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
