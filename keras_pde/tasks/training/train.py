"""Training of the zoo's networks from their recipes.

    keras-pde train PRESET or recipe.json            also: python -m keras_pde.tasks.training.train
    RECIPE

Runs on TensorFlow and, with KERAS_BACKEND=jax, from a bare checkout without TensorFlow. The loss is
the negative PSNR of a sample, so that all noise levels count alike. Every batch is a function of
(seed, step), and a checkpoint holds the weights, the optimizer's state and the moving average, so a
run that was killed ends with the weights of one that was not.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib.util
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.presets import from_preset
from keras_pde.tasks.denoise.data import find_data
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.denoise.evaluate import table
from keras_pde.tasks.training.distributed import FORM, Alone, join
from keras_pde.tasks.training.growing import grow
from keras_pde.tasks.training.recipes import Recipe
from keras_pde.tasks.training.stepping import jitted, steps_of

CHECKPOINT, LOG = "checkpoint.npz", "log.csv"
TOGETHER = 20  # steps from one look at the loss to the next
WORKERS = 2  # threads that draw batches


def negative_psnr(clean: Any, denoised: Any) -> Any:
    """10 log₁₀ MSE of each sample, in dB."""
    error = ops.mean(ops.square(denoised - clean), axis=tuple(range(1, len(denoised.shape))))
    return (10 / np.log(10)) * ops.log(error + 1e-7)


class Training:
    """A run of a recipe in a folder: checkpoint, log, and at the end the preset."""

    def __init__(
        self, recipe: Recipe, data: str | Path | None, folder: Path, group: Alone | None = None
    ) -> None:
        from keras_pde.data import Patches, load_images, split

        self.recipe, self.folder, self.group = recipe, folder, group or Alone()
        self.data = find_data(data)
        images = load_images(self.data / recipe.train, channels=recipe.channels)
        self.group.check_alike(recipe.text(), images)
        training, self.validation = split(images, recipe.validation)
        self.patches = self.group.rows(
            Patches(training, recipe.patch_size, recipe.batch_size, recipe.noise, recipe.seed)
        )
        self.model = recipe.build()
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(1, recipe.steps - recipe.warmup),
            warmup_target=recipe.learning_rate,
            warmup_steps=recipe.warmup,
        )
        # the averages of the weights are kept by the optimizer; they never overwrite the weights in
        # training
        self.optimizer = keras.optimizers.Adam(
            rate, global_clipnorm=recipe.clip or None, use_ema=True, ema_momentum=recipe.ema
        )
        self.model.compile(self.optimizer, loss=negative_psnr, jit_compile=recipe.jit)
        self.optimizer.build(self.model.trainable_variables)
        self.denoiser: Denoiser | None = None
        self.step, self.best, self.stale, self.seconds = 0, -np.inf, 0, 0.0
        self.identity = hashlib.sha256(recipe.text().encode()).hexdigest()

    def save(self) -> None:
        """Write the checkpoint: whole, or not at all."""
        from keras_pde.data.images import write_bytes

        if not self.group.is_chief:
            return
        numbers = {
            "step": self.step,
            "best": self.best,
            "stale": self.stale,
            "seconds": self.seconds,
        }
        arrays = {
            f"{kind}_{i}": np.asarray(v)
            for kind, variables in self._variables().items()
            for i, v in enumerate(variables)
        }
        buffer = io.BytesIO()
        np.savez(
            buffer,
            identity=np.array(self.identity),
            **{k: np.array(v) for k, v in numbers.items()},
            **arrays,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_bytes(self.folder / CHECKPOINT, buffer.getvalue())

    def restore(self) -> bool:
        """Go on from the folder's checkpoint, if there is one.

        Raises:
            ValueError: a checkpoint of another recipe.
        """
        path = self.folder / CHECKPOINT
        data = self.group.read(path)
        if data is None:
            return False
        with np.load(io.BytesIO(data)) as stored:
            if str(stored["identity"]) != self.identity:
                raise ValueError(
                    f"{path} is of another recipe. Remove it to start anew, or train in another"
                    " folder."
                )
            self.step, self.stale = int(stored["step"]), int(stored["stale"])
            self.best, self.seconds = float(stored["best"]), float(stored["seconds"])
            for kind, variables in self._variables().items():
                for i, variable in enumerate(variables):
                    variable.assign(stored[f"{kind}_{i}"])
        return True

    def _variables(self) -> dict[str, list[Any]]:
        return {"weight": self.model.weights, "optimizer": self.optimizer.variables}

    def validate(self) -> dict[str, float]:
        """PSNR of the averaged weights on the held-out images."""
        weights = [np.asarray(w) for w in self.model.trainable_variables]
        self.average()
        if self.denoiser is None:
            run = jitted(self.model) if keras.backend.backend() == "jax" else None
            self.denoiser = Denoiser(self.model, run=run)
        scores = self.group.agreed(table(self.denoiser, self.validation, self.recipe.levels))
        for variable, value in zip(self.model.trainable_variables, weights, strict=True):
            variable.assign(value)
        return scores

    def average(self) -> None:
        """Put the averages in place of the weights."""
        self.optimizer.finalize_variable_values(self.model.trainable_variables)

    def run(
        self,
        callbacks: Sequence[Any] = (),
        show: Callable[[int, dict[str, float]], None] = lambda step, logs: None,
    ) -> None:
        """Train to the last step, or until patience ends.

        Args:
            callbacks: Keras callbacks, called at the start, after each validation and at the end.
            show: called with the step and what was logged.
        """
        recipe = self.recipe
        calls = keras.callbacks.CallbackList(
            list(callbacks), model=self.model, epochs=recipe.steps // recipe.validate_every
        )
        calls.on_train_begin()
        start, losses = time.perf_counter() - self.seconds, []
        steps, latest = steps_of(self.model, self.optimizer, negative_psnr, self.group.place), None
        for group in self._groups():
            following = steps(group)
            if latest is not None:
                losses.extend(self._checked(latest))
                show(self.step, {"loss": float(np.mean(losses[-TOGETHER:]))})
            self.step, latest = self.step + len(group), following
            if self.step % recipe.validate_every and self.step < recipe.steps:
                continue
            losses.extend(self._checked(latest))
            latest = None
            scores = self.validate()
            mean = float(np.mean(list(scores.values())))
            self.best, self.stale = (
                (mean, 0) if mean > self.best + 0.01 else (self.best, self.stale + 1)
            )
            self.seconds = time.perf_counter() - start
            logs = {
                "step": self.step,
                "loss": float(np.mean(losses)),
                **{f"val_psnr_{k}": v for k, v in scores.items()},
                "seconds": self.seconds,
            }
            losses = []
            self.save()
            calls.on_epoch_end(self.step // recipe.validate_every - 1, logs)
            show(self.step, logs)
            if recipe.patience and self.stale >= recipe.patience:
                break
        calls.on_train_end()
        self.average()

    def _groups(self) -> Iterator[list[Any]]:
        """The batches to come, in groups that end where the run looks up.

        Every so many steps, at validations and at the end.
        """
        from keras_pde.data import batches

        recipe, group, step = self.recipe, [], self.step
        done = bool(recipe.patience) and self.stale >= recipe.patience
        for batch in batches(self.patches, step, step if done else recipe.steps, workers=WORKERS):
            group.append(batch)
            step += 1
            if step == recipe.steps or step % TOGETHER == 0 or step % recipe.validate_every == 0:
                yield group
                group = []

    def _checked(self, losses: Callable[[], np.ndarray]) -> np.ndarray:
        values = losses()
        if not np.isfinite(values).all():
            raise ValueError(
                f"The loss is {values[-1]} at step {self.step}: lower learning_rate, now"
                f" {self.recipe.learning_rate}"
            )
        return values


def train(
    recipe: Recipe,
    data: str | Path | None = None,
    folder: str | Path | None = None,
    work: str | Path | None = None,
    show: Any = None,
    group: Alone | None = None,
) -> Path:
    """Train a recipe, or go on where it stopped, and write its preset with metrics, golden tensors
    and card.

    Args:
        recipe: what to do.
        data: folder of the BSD sets; ../shared/data/bsd beside a checkout unless given.
        folder: of the preset; ./<name> unless given.
        work: of checkpoint and log; runs/<name> unless given.
        show: called with the recipe of the stage that is trained, the step and what was logged.
        group: of `keras_pde.tasks.training.distributed.join`, to train with other processes; only
            its chief writes.

    Returns:
        The folder of the preset.

    Raises:
        ImportError: no matplotlib, which draws the card's pictures.
    """
    from keras_pde.models.plotting import check_installed
    from keras_pde.tasks.training.publish import publish

    group = group or Alone()
    if group.is_chief:
        check_installed()  # for the card: better missed now than behind the last step
    target = Path(folder) if folder is not None else Path(recipe.name)
    with group:
        place = Path(work) if work is not None else Path("runs") / recipe.name
        stages = _trained(recipe, data, place, show or (lambda stage, step, logs: None), group)
    seconds, steps = round(sum(run.seconds for run in stages)), sum(run.step for run in stages)
    if group.is_chief:
        publish(
            stages[-1].model,
            recipe,
            stages[-1].data,
            target,
            {"seconds": seconds, "steps": steps, "backend": keras.backend.backend()},
        )
    return target


def _trained(
    recipe: Recipe, data: str | Path | None, place: Path, show: Any, group: Alone
) -> list[Training]:
    """The stages of a recipe, trained one after the other, each in a folder of its own."""
    run = Training(recipe, data, place, group)
    resumed = run.restore()
    earlier = (
        _trained(recipe.stage_before, data, place / "before", show, group)
        if recipe.stage_before
        else []
    )
    if earlier and not resumed:
        grow(run.model, earlier[-1].model)
    elif recipe.start and not resumed:
        grow(run.model, from_preset(recipe.start))
    if group.is_chief:
        place.mkdir(parents=True, exist_ok=True)
    callbacks = (
        [keras.callbacks.CSVLogger(str(place / LOG), append=resumed), *_tensorboard(place)]
        if group.is_chief
        else []
    )
    run.run(callbacks, functools.partial(show, recipe))
    return [*earlier, run]


def _tensorboard(place: Path) -> list[Any]:
    """TensorBoard's callback where TensorBoard is installed and can be written to."""
    if keras.backend.backend() != "tensorflow" or importlib.util.find_spec("tensorboard") is None:
        return []
    return [keras.callbacks.TensorBoard(str(place / "tensorboard"), write_graph=False)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="file, or folder of recipe.json")
    parser.add_argument("--data", help="folder of the BSD sets")
    parser.add_argument("--out", help="folder of the preset [./<name>]")
    parser.add_argument("--work", help="folder of checkpoint and log [runs/<name>]")
    parser.add_argument("--distribute", metavar="I/N@HOST:PORT", help=FORM)
    args = parser.parse_args(arguments)

    def show(stage: Recipe, step: int, logs: dict[str, float]) -> None:
        if "step" in logs:
            print(
                json.dumps(
                    {"stage": len(stage.stages)} | {k: round(v, 3) for k, v in logs.items()}
                ),
                flush=True,
            )

    print(
        train(
            Recipe.load(args.recipe), args.data, args.out, args.work, show, join(args.distribute)
        ),
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
