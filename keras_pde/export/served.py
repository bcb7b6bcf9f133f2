"""A network with the inputs and units of its artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.models.timed import Timed

LEAST_SCALE = 1e-5  # of the noise a classical filter is tuned for: to divide by where there is none


class Served(keras.Model):
    """A network with the inputs and units of its artifact."""

    def __init__(
        self,
        model: Any,
        times: dict[str, float] | None = None,
        sigma: float | None = None,
        uint8: bool = False,
        timed: bool = False,
    ) -> None:
        from keras_pde.models import retiming
        from keras_pde.tasks.denoise import levels as levels_of

        super().__init__(name=model.name, dtype=model.dtype_policy)
        conditioned = getattr(model, "noise_conditioned", False)
        if sigma is not None and not (times or conditioned):
            raise ValueError(
                f"{model.name} is neither tuned for noise levels nor told them, so sigma has no"
                " effect: leave it out"
            )
        self.takes_noise = sigma is None and (conditioned or (timed and bool(times)))
        self.level = (
            None if self.takes_noise else float(levels_of.REFERENCE if sigma is None else sigma)
        )
        if timed:
            model = Timed(model)
        elif times:
            model = retiming.retime(
                model, levels_of.stopping_time(times, self.level or levels_of.REFERENCE)
            )
        self.model, self.uint8, self.conditioned, self.times, self.timed = (
            model,
            uint8,
            conditioned,
            times or {},
            timed,
        )
        self.built = True

    def build(self, input_shape: Any) -> None:
        """Nothing: the network is built."""
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The output in the artifact's units."""
        from keras_pde.tasks.denoise.levels import REFERENCE

        image, *more = inputs if isinstance(inputs, list | tuple) else [inputs]
        peak = 255.0 if self.uint8 else 1.0
        u = ops.cast(image, self.compute_dtype) / peak
        more = [ops.cast(m, self.compute_dtype) for m in more]
        scale: Any = 1.0
        if self.takes_noise:
            more[0] = more[0] / peak
        if self.conditioned and not self.takes_noise:
            more.insert(
                0, ops.full(ops.shape(u)[:1], (self.level or 0.0) / 255, dtype=self.compute_dtype)
            )
        elif self.times:  # a classical filter: the noise is brought to the level it is tuned for
            levels = (
                ops.reshape(more.pop(0), (-1, *(1,) * (len(u.shape) - 1)))
                if self.takes_noise
                else (self.level or 0.0) / 255
            )
            scale = (
                ops.maximum(levels * (255 / REFERENCE), LEAST_SCALE)
                if self.takes_noise
                else levels * 255 / REFERENCE
            )
        out = self.model([u / scale, *more] if more else u / scale) * scale * peak
        return ops.cast(ops.clip(ops.round(out), 0, 255), "uint8") if self.uint8 else out

    def input_signature(self, size: Sequence[int] | None) -> list[Any]:
        """Specifications of the inputs, as Keras's export takes them."""
        image, *rest = keras.tree.flatten(self.model.input_signature(size))
        if self.conditioned and not self.takes_noise:
            rest = rest[1:]
        elif self.takes_noise and not self.conditioned:
            rest.insert(0, keras.InputSpec(shape=(None,), dtype=image.dtype, name="noise"))
        image = keras.InputSpec(
            shape=image.shape, dtype="uint8" if self.uint8 else image.dtype, name=image.name
        )
        return [[image, *rest]] if rest else [image]

    def about(self) -> dict[str, Any]:
        """Metadata."""
        from keras_pde.runtime.version import __version__

        unit = "grey levels of 255" if self.uint8 else "the unit of the image"
        values = (
            "uint8, 0 to 255"
            if self.uint8
            else (
                "floats, black 0 and white 1"
                if getattr(self.model, "denoises", False)
                else "floats"
            )
        )
        more = (
            {"noise": f"standard deviation in {unit}, a number a sample"}
            if self.takes_noise
            else {}
        )
        if getattr(getattr(self.model, "problem", None), "masked", False):
            more["mask"] = "1 where the image is known, 0 elsewhere"
        if self.timed:
            more["time"] = (
                f"stopping time in {self.model.unit_name}, a number a sample, 0 to"
                f" {self.model.longest:g}"
            )
        made_for = (
            {"noise level": f"made for {self.level:g} grey levels of 255"}
            if self.level and (self.times or self.conditioned)
            else {}
        )
        return {
            "keras_pde": __version__,
            "class": type(self.model.model if self.timed else self.model).__name__,
            "inputs": {"image": values, **more},
            **made_for,
            **(
                {"time": {**self.model.facts(), "tuned for noise": self.times}}
                if self.timed
                else {}
            ),
            **_reach(self.model),
            "certificate": self.model.certificate().as_json(),
        }

    def compare(self, run: Callable[..., np.ndarray], size: Sequence[int] | None) -> float:
        """Largest difference between this network and an artifact's function, on the golden input."""
        golden = self.model.example()
        image = golden["input"]
        if size is not None:
            image = np.resize(image, (1, *size, image.shape[-1]))
            golden = {
                k: np.resize(v, (1, *size, 1)) if k == "mask" else v for k, v in golden.items()
            }
        inputs = [np.uint8(np.rint(255 * image.clip(0, 1))) if self.uint8 else image]
        if self.takes_noise:
            inputs.append(
                golden.get("noise", np.full(1, 0.1, "float32"))
                * np.float32(255 if self.uint8 else 1)
            )
        inputs += [golden[key] for key in ("mask", "time") if key in golden]
        original, found = (
            ops.convert_to_numpy(self(inputs if len(inputs) > 1 else inputs[0])),
            run(*inputs),
        )
        if found.shape != original.shape:
            shapes = f"{found.shape}, and the network's {original.shape}"
            raise ValueError(
                f"The artifact's output has shape {shapes}: the converter is at fault, and nothing"
                " was written. Export again."
            )
        return float(np.abs(original.astype("float64") - found.astype("float64")).max())


def _reach(model: Any) -> dict[str, Any]:
    """How far the input acts on the output: the halo that tiles need, for readers that tile."""
    if not model.denoises:
        return {}
    one = model.at(model.largest_step) if isinstance(model, Timed) else model
    influence, patch = one.influence(), one.patch_size
    return {
        "reach": {
            "pixels": influence.pixels,
            "of": "the network" if one is model else "each step",
            "exact": influence.exact,
            **({"tiles begin at multiples of": patch} if patch > 1 else {}),
        }
    }
