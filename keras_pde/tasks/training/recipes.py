"""Recipes: a training run as data, zoo/<task>/<preset>/recipe.json."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from keras_pde import models, schemes  # noqa: F401  registers every class that a recipe may name
from keras_pde.presets.allowed_classes import own_class
from keras_pde.tasks import task as tasks

SCHEMES = {name: vars(schemes)[name] for name in ("explicit", "fed", "fsi", "dufort_frankel")}


@dataclass(frozen=True)
class Recipe:
    """Everything that a trained preset is made from.

    Two runs of one recipe on one machine end with the same weights.

    Args:
        name: of the preset.
        model: {"class": name, argument: value, ...}; values may be such dictionaries too, and name
            classes of keras_pde.
        description: in a few words, for the list of presets.
        purpose: what it is for, and not for: a sentence for the card.
        task: its name: what the network is given, what is minimised, how it is measured.
        channels: of the image.
        train, test: folders of images under the data directory; test images are never trained or
            tuned on.
        validation: how many of the training images are held out.
        noise: grey levels of 255: a number, or (lowest, highest) for a uniform distribution.
        patch_size, batch_size, steps: of training.
        learning_rate: highest; rises linearly over the warm-up steps, then falls as a cosine to
            zero at the last.
        warmup: steps.
        clip: of the gradient's norm.
        ema: momentum of the exponential moving average of the weights, which is validated and
            saved.
        validate_every: steps from one validation and checkpoint to the next.
        patience: validations without a gain of half the metric's tolerance, 0.01 dB for
            denoisers, before training stops; 0 is never.
        levels: noise levels of validation and test.
        jit: compile the training step by XLA.
        seed: of weights, patches and noise.
        final: what to change in the model once it is trained, a finer tolerance of its solver, say:
            merged into model.
        before: fields of the stage before that differ from those of this recipe (smaller patches, a
            higher rate, fewer channels and filters): its weights are the start. It may have a stage
            before it in turn.
        start: a preset with the same layers and no more channels and filters, whose weights are the
            start, of the first stage if there are several; `keras_pde.tasks.training.growing.grow`
            says what else it may be.
        options: further fields that the task reads.

    Example:
        >>> from keras_pde.tasks.training.recipes import Recipe
        >>> recipe = Recipe("small", {"class": "DiffusionResNet", "schedule": 2, "filters": 4})
        >>> recipe.build().count_params()
        200
    """

    name: str
    model: dict[str, Any]
    description: str = ""
    purpose: str = ""
    task: str = "denoise"
    channels: int = 1
    train: str = "train400_gray"
    test: str = "bsd68_gray"
    validation: int = 20
    noise: tuple[float, float] | float = (5.0, 55.0)
    patch_size: int = 63
    batch_size: int = 16
    steps: int = 10000
    learning_rate: float = 0.02
    warmup: int = 100
    clip: float = 1.0
    ema: float = 0.998
    validate_every: int = 500
    patience: int = 0
    levels: tuple[int, ...] = (15, 25, 50)
    jit: bool = False
    seed: int = 0
    final: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    start: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def load(path: str | Path) -> Recipe:
        """A recipe from its file, or from the folder that holds recipe.json.

        Raises:
            ValueError: no JSON, unknown or missing fields.
            FileNotFoundError: no such file.
        """
        path = Path(path)
        path = path / "recipe.json" if path.is_dir() else path
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is no JSON: {error}") from None
        names = {f.name for f in dataclasses.fields(Recipe)}
        unknown = sorted(set(data) - names) if isinstance(data, dict) else []
        if not isinstance(data, dict) or unknown or not {"name", "model"} <= set(data):
            about = (
                f"it has unknown fields {', '.join(unknown)}"
                if unknown
                else "it needs name and model"
            )
            raise ValueError(
                f"{path} is no training recipe: {about}. Fields: {', '.join(sorted(names))}."
            )
        if not re.fullmatch(r"\w[\w.-]*", str(data["name"])):
            raise ValueError(
                f"{path}: a preset's name has letters, digits and _ . - only. Received:"
                f" name={data['name']!r}"
            )
        fields = data
        while fields:
            if unknown := sorted(set(fields) - names):
                raise ValueError(
                    f"{path}: before has unknown fields {', '.join(unknown)}. Fields:"
                    f" {', '.join(sorted(names))}."
                )
            for key in ("noise", "levels"):
                if isinstance(fields.get(key), list):
                    fields[key] = tuple(fields[key])
            fields = fields.get("before", {})
            if not isinstance(fields, dict):
                raise ValueError(
                    f"{path}: before is an object with the fields of the stage before. Received:"
                    f" {fields!r}"
                )
        return Recipe(**data)

    @property
    def stage_before(self) -> Recipe | None:
        """The recipe of the stage before, if there is one."""
        return dataclasses.replace(self, **{"before": {}, **self.before}) if self.before else None

    @property
    def stages(self) -> list[Recipe]:
        """The recipes of all stages, in the order of training."""
        return [*(self.stage_before.stages if self.stage_before else []), self]

    def build(self, final: bool = False) -> Any:
        """The untrained model, built for the inputs of the task.

        Args:
            final: with the changes for a model that is trained.

        Raises:
            ValueError: a task that does not exist.
        """
        task = tasks.get(self.task)
        keras.utils.set_random_seed(self.seed)
        model = construct(_merged(self.model, self.final) if final else self.model, name=self.name)
        model.build(task.input_shape(self, model))
        return model

    def text(self) -> str:
        """The recipe as JSON, without the fields that have their default."""
        default = {f.name: f.default for f in dataclasses.fields(Recipe)}
        own = {
            k: v
            for k, v in dataclasses.asdict(self).items()
            if v and (k in ("name", "model") or v != default[k])
        }
        return json.dumps(own, indent=1, ensure_ascii=False) + "\n"


def _merged(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    nested = {
        k: _merged(a[k], v)
        for k, v in b.items()
        if isinstance(v, dict) and isinstance(a.get(k), dict)
    }
    return {**a, **b, **nested}


def construct(description: Any, **more: Any) -> Any:
    """An object of keras_pde from {"class": name, argument: value, ...}.

    Other values as they are, lists as tuples.

    A dictionary without "class" is one, such as the configuration of a Keras initializer.

    Example:
        >>> from keras_pde.tasks.training.recipes import construct
        >>> construct({"class": "Lifting", "channels": 8, "patch_size": 2}).patch_size
        2
    """
    if isinstance(description, list):
        return tuple(construct(x) for x in description)
    if not isinstance(description, dict):
        return description
    arguments = {k: construct(v) for k, v in description.items() if k != "class"}
    if "class" not in description and not more:
        return arguments
    return _maker(str(description.get("class")))(**arguments, **more)


def _maker(name: str) -> Callable[..., Any]:
    """What a recipe's class name stands for: a class, or the function that makes a schedule."""
    if name in SCHEMES:
        return SCHEMES[name]
    if name in schemes.registry.SCHEMES:  # one that a user has registered
        return schemes.registry.SCHEMES[name].schedule
    cls = own_class(name) or keras.saving.get_registered_object(f"keras_pde>{name}")
    if cls is None:
        raise ValueError(
            "A recipe's model needs a class of keras_pde, or one of your own that"
            f" keras_pde.presets.allowed_classes.allow has allowed. Received: class={name!r}"
        )
    return cls
