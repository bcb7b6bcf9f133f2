"""Recipes: a training run as data, zoo/<task>/<preset>/recipe.json."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

import keras

from keras_pde.models.network import Network
from keras_pde.presets import limits
from keras_pde.presets.reading import parse_json, read_bytes
from keras_pde.runtime import gate
from keras_pde.runtime.one_line import one_line
from keras_pde.runtime.options import names
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.task import SUPERVISED
from keras_pde.tasks.training.constructing import construct, merged
from keras_pde.tasks.training.fields import FIELDS, STATED


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
        ndim: axes of the data: 1 for signals, 2 for images, 3 for volumes.
        channels: of the image.
        train, test: folders of images under the data directory; test images are never trained or
            tuned on.
        validation: how many of the training images are held out.
        noise: that is added, in grey levels of 255: a number, or (lowest, highest) for a uniform
            distribution. {"stated": level} is the level that the images have already, and then
            nothing is added and no clean image is needed.
        loss: "supervised", or another one of the task: of denoising "sure", "r2r" and
            "neighbor2neighbor", for which the training looks at no clean image.
        patch_size, batch_size, steps: of training; patch_size may be a list, a number an axis.
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
        source: the file, for messages.

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
    ndim: int = 2
    channels: int = 1
    train: str = "train400_gray"
    test: str = "bsd68_gray"
    validation: int = 20
    noise: tuple[float, float] | float | dict[str, float] = (5.0, 55.0)
    loss: str = SUPERVISED
    patch_size: int | tuple[int, ...] = 63
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
    source: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        fields = self.before
        while fields:  # the names of all stages first, as in the file
            FIELDS["before"](fields, "before")
            names(fields, FIELDS, "before has ")
            fields = fields.get("before", {})
        for name, check in FIELDS.items():
            check(vars(self)[name], name)
        for name in ("noise", "levels", "patch_size"):
            value = vars(self)[name]
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        try:
            self.stage_before  # noqa: B018 - whose fields are checked too
        except ValueError as error:
            raise ValueError(f"before: {error}") from None

    @staticmethod
    def load(path: str | Path) -> Recipe:
        """A recipe from its file, or from the folder that holds recipe.json.

        Raises:
            ValueError: no JSON, unknown or missing fields, values out of their range.
            FileNotFoundError: no such file.
        """
        path = gate.path(path, "path")
        path = path / "recipe.json" if path.is_dir() else path
        try:
            if not path.exists():
                raise FileNotFoundError(f"There is no recipe {path}")
            data = parse_json(read_bytes(path, limits.CONFIG_BYTES, follow=True), path)
            if not {"name", "model"} <= set(data):
                names(data, FIELDS, "it has ")
                raise ValueError(f"it needs name and model. Fields: {', '.join(sorted(FIELDS))}.")
            names(data, FIELDS, "it has ")
            return Recipe(**data, source=str(path))
        except ValueError as error:
            text = str(error).removeprefix(f"{path} is refused: ")
            raise ValueError(f"recipe {path}: {text}") from None

    @property
    def stated(self) -> float | None:
        """The noise level that the images have already; None where noise is added."""
        return self.noise[STATED] if isinstance(self.noise, dict) else None

    @property
    def noise_range(self) -> tuple[float, float]:
        """The lowest and the highest noise level that the network meets."""
        if isinstance(self.noise, dict):
            return self.noise[STATED], self.noise[STATED]
        return self.noise if isinstance(self.noise, tuple) else (self.noise, self.noise)

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
            ValueError: a model that cannot be made, a task that does not exist or has no training.
        """
        described = merged(self.model, self.final) if final else self.model
        try:
            task = tasks.get(self.task)
            keras.utils.set_random_seed(self.seed)
            model = construct(described, name=self.name)
            if not isinstance(model, Network):
                raise ValueError(f"{self.model['class']} is no network")
            model.build(task.input_shape(self, model))
            task.check(model)
        except Exception as error:  # whatever a wrong value makes Keras and its backend raise
            raise self.refusal("final" if final else "model", error) from error
        return model

    def refusal(self, field: str, error: object) -> ValueError:
        """The error of a field that a training would fail by, in one line."""
        text = one_line(error)
        return ValueError(f"recipe {self.source or self.name}: {field}: {text[:1000]}")

    def text(self) -> str:
        """The recipe as JSON, without the fields that have their default."""
        own = {}
        for f in dataclasses.fields(self)[:-1]:
            default = f.default_factory() if f.default_factory is not MISSING else f.default
            if vars(self)[f.name] != default:
                own[f.name] = vars(self)[f.name]
        return json.dumps(own, indent=1, ensure_ascii=False) + "\n"

    def identities(self) -> tuple[str, ...]:
        """What checkpoints of the recipe are signed with, now and by earlier versions.

        It leaves out what does not change the training, so that a description that was forgotten
        can be added to a recipe whose training has ended.
        """
        trained = dataclasses.replace(
            self, name="recipe", description="", purpose="", test=Recipe.test, final={}
        )
        return tuple(hashlib.sha256(r.text().encode()).hexdigest() for r in (trained, self))
