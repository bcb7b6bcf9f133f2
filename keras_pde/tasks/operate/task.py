"""The task "operate": a coefficient, or a first state, to the solution of an equation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_pde.tasks.metric import Metric
from keras_pde.tasks.optioned import OptionedTask
from keras_pde.tasks.recipe_file import recipe_in
from keras_pde.tasks.task import Entry, Run, TrainingData


class Operate(OptionedTask):
    """A network is an operator between functions, learned from pairs, and measured on others.

    The number is ‖u − v‖₂/‖v‖₂, the mean over the test samples, on the grid of the training; beside
    it stand finer grids that the training never saw, and an exact solver on the same points.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("operate").row({"metric": {"value": 6.7}})
        '6.7 %'
    """

    name = "operate"
    metric = Metric("error", unit="%", digits=1, higher_is_better=False, tolerance=0.05)
    inputs = ("coefficient or first state at the points i/n",)
    target = "solution at the same points"
    table = "errors"

    def check(self, network: Any) -> None:
        """Refuse what is no learned operator.

        Raises:
            ValueError: a network of another task.
        """
        from keras_pde.models.kernel_network import KernelNetwork
        from keras_pde.models.kernel_propagator import KernelPropagator

        if not isinstance(network, KernelNetwork | KernelPropagator):
            raise ValueError(
                f"{network.name} is a {type(network).__name__}, which is no learned operator."
                " keras-pde list --task operate shows those that are."
            )

    # --- training ---

    def input_shape(self, recipe: Any, network: Any) -> Any:
        """Grids of any size."""
        return (None, *(None,) * recipe.ndim, recipe.channels)

    def data(self, recipe: Any, folder: str | Path | None) -> TrainingData:
        """The pairs of the recipe's set that are to train on.

        Raises:
            ValueError: options that are none of the task's; as many held out as there are.
            FileNotFoundError: no such set.
        """
        from keras_pde.tasks.operate.data import PairBatches
        from keras_pde.tasks.operate.sources import load_train

        settings = self.recipe_settings(recipe)
        pairs = load_train(settings.data, folder)
        if pairs.inputs.ndim != recipe.ndim + 2:
            raise recipe.refusal("ndim", f"{settings.data} has {pairs.inputs.ndim - 2} axes")
        if not 0 < recipe.validation < len(pairs):
            text = f"of {len(pairs)} pairs 1 to {len(pairs) - 1} can be held out"
            raise recipe.refusal("validation", text)
        return PairBatches(pairs, recipe.validation, settings, recipe.batch_size, recipe.seed)

    def parsed(self, options: Any) -> Any:
        """The options of a recipe; ValueError for others."""
        from keras_pde.tasks.operate.settings import Settings

        return Settings(options)

    def source(self, settings: Any) -> Any:
        """Where the set comes from."""
        from keras_pde.tasks.operate.sources import source

        return source(settings.data)

    def number(self, network: Any, settings: Any, scores: dict[str, float]) -> tuple[str, float]:
        """The error on the grid of the training."""
        key, value = next(iter(scores.items()))
        where = key.replace(" ", " on ", 1)
        return f"relative ℓ2 {where} points an axis, mean over test samples", value

    def check_test(self, recipe: Any, network: Any, folder: str | Path | None) -> None:
        """Refuse a set whose test pairs are none for the network."""
        from keras_pde.tasks.operate.sources import load_test

        settings = self.recipe_settings(recipe)
        self._measurable(network, settings.data, load_test(settings.data, folder))

    def _measurable(self, network: Any, name: str, parts: Any) -> None:
        shape = next(iter(parts.values())).outputs.shape
        wanted = network.compute_output_shape((None, *shape[1:-1], 1))
        if len(wanted) != len(shape) or wanted[-1] != shape[-1]:
            raise ValueError(
                f"{network.name} gives {wanted[-1]} values at a point in {network.ndim}-D, and the"
                f" outputs of {name} are {shape[-1]} values in {len(shape) - 2}-D"
            )

    def loss(self, target: Any, output: Any) -> Any:
        """‖u − v‖₂/‖v‖₂ of each sample."""
        from keras import ops

        axes = tuple(range(1, len(output.shape)))
        target = ops.cast(target, output.dtype)
        error = ops.sum(ops.square(output - target), axes)
        return ops.sqrt(error / ops.sum(ops.square(target), axes) + 1e-12)

    def validate(self, network: Any, run: Run, data: TrainingData, recipe: Any) -> dict[str, float]:
        """The error on the held-out pairs."""
        from keras_pde.tasks.operate.data import PairBatches
        from keras_pde.tasks.operate.scores import ERROR, relative

        assert isinstance(data, PairBatches)
        return {ERROR: relative(run(data.validation.inputs), data.validation.outputs)}

    # --- measuring ---

    def evaluate(
        self,
        network: Any,
        folder: str | Path | None = None,
        limit: int | None = None,
        entry: Entry | None = None,
    ) -> dict[str, float]:
        """The errors on the test pairs by the number of points, and those of an exact solver.

        Args:
            network: a `KernelNetwork` or a `KernelPropagator`.
            folder: of the sets.
            limit: only the first so many pairs of each grid.
            entry: with the "options" of a recipe that name the set; a preset of the zoo has them
                in its recipe.

        Raises:
            ValueError: another network, no set, or one of other pairs.
            FileNotFoundError: no data.
        """
        from keras_pde.tasks.operate.scores import evaluated
        from keras_pde.tasks.operate.sources import load_test

        name = self.settings(network, entry).data
        parts = {n: p.part(slice(limit)) for n, p in load_test(name, folder).items()}
        self._measurable(network, name, parts)
        return evaluated(network, name, parts)

    def listed(self, entry: Entry) -> dict[str, float]:
        """The network's own error on the grid of its training."""
        return dict(list(self.stated(entry).items())[:1])

    # --- showing ---

    def pictures(self, network: Any, folder: Path, data: str | Path | None = None) -> None:
        """Test inputs, solutions, answers and errors."""
        from keras_pde.tasks.operate.pictures import write_pictures

        name = self.settings(network, recipe_in(folder)).data
        write_pictures(network, name, folder, data)

    def card(self) -> Any:
        """What it answers, an example, its numbers, its certificate, and how it was made."""
        from keras_pde.tasks.operate import card

        return card
