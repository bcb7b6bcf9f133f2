"""A newcomer's own operator, flux, scheme, guarantee and task, with a network, in this one file.

Nothing in the package knows of them. The network trains from a recipe, is measured, saved, loaded,
certified and exported, and appears in the list and on a card.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import ops

import keras_pde
from keras_pde import Certificate, export, presets, schemes
from keras_pde.certificates.guarantee import Guarantee
from keras_pde.cli.main import main
from keras_pde.fluxes.flux import Flux
from keras_pde.models.network import Network
from keras_pde.operators.operator import Operator
from keras_pde.presets.allowed_classes import allow, check_network
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.task import Metric, Task, TrainingData
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.train import train

registered = keras.saving.register_keras_serializable(package="toy")


@allow
@registered
class Jump(Operator):
    """(Ku)ᵢ = uᵢ₊₂ − uᵢ on a periodic line, ‖K‖ ≤ 2."""

    fixed = True
    boundary = "periodic"
    support = 2

    def build(self, input_shape: Any) -> None:
        self.ndim = len(input_shape) - 2
        self.channels = self.rows = input_shape[-1]
        self.built = True

    def parts(self, u: Any, weights: Any = None) -> list[Any]:
        return [ops.roll(u, -2, axis=1) - u]

    def adjoint_of(self, parts: list[Any], weights: Any = None) -> Any:
        return ops.roll(parts[0], 2, axis=1) - parts[0]

    def squared_norm_bound(self, weights: Any = None) -> float:
        return 4.0

    def norm_bound(self) -> float:
        return 2.0


@allow
@registered
class Gaussian(Flux):
    """Φ(s) = s e^(−s²/2λ²), the derivative of Welsch's potential λ²(1 − e^(−s²/2λ²))."""

    key = "gaussian"
    slope_bounds = (-2 * float(np.exp(-1.5)), 1.0)
    height = float(np.exp(-0.5))

    def _g(self, r: Any) -> Any:
        return ops.exp(-r / 2)

    def _dg(self, r: Any) -> Any:
        return -ops.exp(-r / 2) / 2

    def _psi(self, r: Any) -> Any:
        return 1 - ops.exp(-r / 2)


class Halving(schemes.Scheme):
    """Step sizes that are halved from one step to the next."""

    name = "halving"

    def lists(self, steps: int, max_step: float, **options: Any) -> tuple[list[float], list[float]]:
        return [max_step / 2**k for k in range(steps)], [1.0] * steps


@dataclass(frozen=True)
class MeanScaled(Guarantee):
    """N(u) = c · mean u for every u; of such a map after one that keeps the mean, the same c."""

    key = "mean"
    title = "mean scaled"

    @property
    def formula(self) -> str:
        return f"N(u) = {self.constant:.3g} mean u" if self.known else ""

    @property
    def words(self) -> str:
        return f"{self.constant:.3g} times the mean" if self.proved else ""


@allow
@registered
class MeanNet(Network):
    """A signal's mean: c times the mean of what diffusion makes of it."""

    def __init__(self, steps: Any, **options: Any) -> None:
        super().__init__(**options)
        self.steps = (
            keras.saving.deserialize_keras_object(steps) if isinstance(steps, dict) else steps
        )

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.steps.build(input_shape)
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")

    def call(self, signal: Any) -> Any:
        return self.scale * ops.mean(self.steps(signal), axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.image_shape(input_shape)[::2]

    def certificate(self) -> Certificate:
        """The mean of n numbers is at most their norm, so c times the constants of the steps."""
        inner, scale = self.steps.certificate(), float(ops.convert_to_numpy(self.scale))
        return Certificate(
            self.subject, norm_gain=abs(scale) * inner.norm_gain, assumptions=inner.assumptions
        ).with_guarantees(MeanScaled(scale, "Kᵀ has no constants in its range"))

    def get_config(self) -> dict[str, Any]:
        steps = keras.saving.serialize_keras_object(self.steps)
        return {**super().get_config(), "steps": steps}


class Signals(TrainingData):
    """Noise around a mean of its own for each signal."""

    def __init__(self, batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self.held_out = [self.batch(10**6)]

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, step])
        means = rng.uniform(0, 1, (self.batch_size, 1)).astype("float32")
        noise = rng.standard_normal((self.batch_size, 16, 1)).astype("float32")
        noise -= noise.mean(1, keepdims=True)
        return means[:, None] + noise / 10, means

    def content(self) -> list[np.ndarray]:
        return [self.batch(0)[0]]


class Mean(Task):
    """A signal's mean, measured by the largest error."""

    name = "mean"
    metric = Metric("largest error", digits=4, higher_is_better=False, tolerance=1e-4)
    inputs = ("signal with noise",)
    target = "its mean"

    def input_shape(self, recipe: Any, network: Any) -> Any:
        return (None, None, recipe.channels)

    def data(self, recipe: Any, folder: Any) -> Signals:
        return Signals(recipe.batch_size, recipe.seed + recipe.options["offset"])

    def example(self, network: Any) -> dict[str, np.ndarray]:
        return {"input": Signals(2, seed=5).batch(0)[0]}

    def loss(self, target: Any, output: Any) -> Any:
        return ops.mean(ops.square(output - target), axis=-1)

    def validate(self, network: Any, run: Any, data: Any, recipe: Any) -> dict[str, float]:
        return {"error": max(float(np.abs(run(x) - y).max()) for x, y in data.held_out)}

    def evaluate(
        self, network: Any, folder: Any = None, limit: Any = None, entry: Any = None
    ) -> dict[str, float]:
        signals, means = Signals(limit or 64, seed=99).batch(0)
        found = ops.convert_to_numpy(network(signals))
        return {self.metric.name: float(np.abs(found - means).max())}


RECIPE = {
    "name": "toy_mean",
    "task": "mean",
    "description": "the mean of a signal by a network of a newcomer's own",
    "model": {
        "class": "toy>MeanNet",
        "steps": {
            "class": "DiffusionResNet",
            "schedule": {"class": "halving", "steps": 3, "max_step": 1.0},
            "block": {
                "class": "DiffusionBlock",
                "operator": {"class": "toy>Jump"},
                "flux": {"class": "toy>Gaussian", "contrast": 0.2},
                "step_size": 0.5,
            },
            "tied": True,
        },
    },
    "steps": 120,
    "batch_size": 16,
    "learning_rate": 0.2,
    "warmup": 1,
    "ema": 0.5,
    "validate_every": 60,
    "options": {"offset": 7},
}


def call(*arguments: Any) -> str:
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The preset, trained from a recipe file into a folder of one's own."""
    tasks.register(Mean())
    schemes.register(Halving())
    root = tmp_path_factory.mktemp("presets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_PDE_PRESETS", str(root))
        recipe = root / "recipe.json"
        recipe.write_text(json.dumps(RECIPE), encoding="utf-8")
        seen: list[float] = []

        def show(stage: Any, step: int, logs: dict[str, float]) -> None:
            seen.append(logs["loss"])

        made = train(
            Recipe.load(recipe), None, root / "mean" / "toy_mean", root / "runs", show=show
        )
        assert seen[-1] < seen[0] / 50
        yield made


def test_it_trains_from_a_recipe_and_is_saved_loaded_and_verified(folder: Path) -> None:
    network = keras_pde.from_preset("toy_mean")
    assert isinstance(network, MeanNet)
    assert type(network.steps.blocks[0].operator) is Jump
    assert network.steps.schedule.kind == "halving"
    assert float(network.scale) == pytest.approx(1, abs=0.02)
    assert presets.verify("toy_mean") < 1e-6
    with np.load(folder / "golden.npz") as golden:
        np.testing.assert_array_equal(golden["input"], Mean().example(network)["input"])
    assert "toy_mean" in MeanNet.presets


def test_what_is_not_allowed_is_not_loaded(folder: Path) -> None:
    @keras.saving.register_keras_serializable(package="other")
    class Sum(MeanNet):
        pass

    with pytest.raises(ValueError, match="no registered name of its own"):
        allow(Operator)
    network = Sum(keras_pde.from_preset("toy_mean").steps)
    network.build((None, None, 1))
    network.save_to_preset(folder.parent / "sum")
    with pytest.raises(ValueError, match=r"Sum, neither keras_pde's nor Keras's own: refused"):
        keras_pde.from_preset(folder.parent / "sum")
    config = keras.saving.serialize_keras_object(network)
    with pytest.raises(ValueError, match="it names other>Sum, neither"):
        check_network({**config, "module": None})  # as of a class that a notebook defines


def test_it_is_certified_by_a_guarantee_of_its_own(folder: Path) -> None:
    network = keras_pde.from_preset("toy_mean")
    certificate, scale = network.certificate(), float(network.scale)
    assert certificate["mean"].constant == pytest.approx(scale)
    assert certificate.norm_gain == pytest.approx(scale)
    signals = np.random.default_rng(1).standard_normal((4, 12, 1)).astype("float32")
    np.testing.assert_allclose(network(signals), scale * signals.mean(1), atol=1e-6)
    assert network.steps.certificate().norm_stable
    text = call("certify", "toy_mean")
    assert "mean scaled" in text
    assert f"N(u) = {scale:.3g} mean u" in text


def test_it_is_measured_and_listed_and_has_a_card(folder: Path) -> None:
    entry = presets.index()["toy_mean"]
    assert entry["task"] == "mean"
    number = tasks.get("mean").row(entry)
    assert number == f"{entry['metric']['value']:.4f}"
    assert entry["metric"]["value"] < 0.05
    assert keras_pde.list_presets(task="mean") == ["toy_mean"]
    assert number in call("list", "toy*")
    assert "0.00000" in call("evaluate", "toy_mean")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# toy_mean\n\nThe mean of a signal by a network of a newcomer's own.")
    assert f"{entry['metric']['value']:g}" in card
    assert "mean scaled" in card


def test_it_is_exported_as_a_saved_model(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    made = export.export("toy_mean", tmp_path / "served", verify=True)
    assert made.difference is not None
    assert made.difference < 1e-5
    run, about = export.load_exported(made.path)
    signals = np.random.default_rng(2).random((2, 20, 1)).astype("float32")
    network = keras_pde.from_preset("toy_mean")
    assert "mean scaled" in json.dumps(about)
    np.testing.assert_allclose(run(signals), network(signals), atol=1e-6)
