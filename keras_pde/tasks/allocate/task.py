"""The task "allocate": powers of interfering links, learned without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_pde.tasks.metric import Metric
from keras_pde.tasks.optioned import OptionedTask
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.task import Entry, Run, TrainingData

TEST, SEED = 500, 20266  # networks of a size that are measured, and their seed


class Allocate(OptionedTask):
    """Links in a field share the air; the sum of their rates is compared with WMMSE's.

    The loss is minus the sum rate: there is no label. Networks are drawn as they are needed.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("allocate").row({"accuracy": {"10 links": 100.91, "30 links": 99.0}})
        '100.9 / 99.0 %'
    """

    name = "allocate"
    metric = Metric("sum rate", unit="%", digits=1, tolerance=0.1)
    inputs = ("log₂(1 + gᵢᵢ)/8 of each link", "log₂(1 + gᵢⱼ)/8 and that of gⱼᵢ of each pair")
    target = "a power in [0, 1] for each link"
    needs = ""
    table = "accuracy"
    data_source = "random fields of links, drawn by the library"

    def check(self, network: Any) -> None:
        """Refuse a network that decides nothing for nodes, or is for other observations.

        Raises:
            ValueError: a network of another task.
        """
        from keras_pde.models.message_passing_network import MessagePassingNetwork

        if not isinstance(network, MessagePassingNetwork):
            raise ValueError(
                f"{network.name} is a {type(network).__name__}, which decides nothing for links."
                " keras-pde list --task allocate shows those that do."
            )
        known = (network.input_channels, network.link_channels, network.decisions)
        if network.built and known != (1, 2, 1):
            raise ValueError(
                f"{network.name} must have 1 number a node, 2 a link and 1 decision. Received:"
                f" {known[0]}, {known[1]} and {known[2]}"
            )

    # --- training ---

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """Nodes and links of any number."""
        return [(None, None, 1), (None, None, None, 2)]

    def parsed(self, options: Any) -> Any:
        """The options of a recipe; ValueError for others."""
        from keras_pde.tasks.allocate.settings import Settings

        return Settings(options)

    def number(self, network: Any, settings: Any, scores: dict[str, float]) -> tuple[str, float]:
        """The sum rate for the first number of links."""
        size, value = next(iter(scores.items()))
        return f"sum rate beside WMMSE, {size}", value

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """Networks of the options' number of links; no folder is needed."""
        from keras_pde.tasks.allocate.data import Fields

        links = self.recipe_settings(recipe).links
        return Fields(links, recipe.batch_size, max(1, recipe.validation), recipe.seed)

    def loss(self, target: Any, output: Any) -> Any:
        """Minus the sum rate: the target are the gains."""
        from keras_pde.tasks.allocate.interference import utility

        return -utility(target, output)

    def output_shape(self, recipe: Any, target: tuple[int, ...]) -> tuple[int, ...]:
        """A power for each link."""
        return (*target[:2], 1)

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """The mean sum rate of the held-out networks, in bits."""
        from keras_pde.tasks.allocate.interference import observed, sum_rate

        gains = np.asarray(data.held_out)
        powers = run(list(observed(gains)))[..., 0]
        return {"bits": float(sum_rate(gains, powers).mean())}

    # --- measuring ---

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """Mean sum rates beside WMMSE's, in percent, of the network and of full power.

        Args:
            network: a `MessagePassingNetwork`.
            folder: not needed.
            limit: only the first so many networks of each size.
            entry: with the "options" of a recipe that name the sizes; a preset of the zoo has them
                in its recipe.

        Raises:
            ValueError: another network.
        """
        from keras_pde.tasks.allocate.allocating import powers_of
        from keras_pde.tasks.allocate.interference import field, sum_rate
        from keras_pde.tasks.allocate.wmmse import wmmse

        found: dict[str, float] = {}
        full: dict[str, float] = {}
        for links in self.settings(network, entry).sizes:
            gains = field(np.random.default_rng(SEED + links), TEST, links)[:limit]
            best = sum_rate(gains, wmmse(gains)).mean()
            ours = sum_rate(gains, powers_of(network, gains)).mean()
            alone = sum_rate(gains, np.ones(gains.shape[:2])).mean()
            found[f"{links} links"] = round(float(100 * ours / best), 3)
            full[f"full power, {links}"] = round(float(100 * alone / best), 3)
        return {**found, **full}

    def listed(self, entry: Entry) -> dict[str, float]:
        """Those of the network, for each number of links."""
        return {k: v for k, v in self.stated(entry).items() if k.endswith("links")}

    # --- showing ---

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """Write example.png: a network of links with its powers, and rates beside WMMSE's."""
        from keras_pde.tasks.allocate.pictures import write_pictures

        write_pictures(network, self.settings(network, recipe_in(folder)).sizes, folder)

    def card(self) -> Any:
        """What it decides, an example, its numbers, its certificate, and how it was made."""
        from keras_pde.tasks.allocate import card

        return card
