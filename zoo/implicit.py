"""The implicit part of the zoo.

Classical filters by a few implicit steps, norm stable for every step size.

    python -m zoo.implicit tune      # stopping times and number of steps, into recipe.json
    python -m zoo.implicit build     # the presets, from their recipes

The contrast is that of the filter's explicit or FED version (zoo.classical). Fitted are the
stopping times for noise 5, 15, 25, 50, on a geometric grid around that version's, and the number of
steps: the fewest within 0.1 dB of the best.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_pde import FluxActivation, ImplicitDiffusion, ImplicitRecurrent
from zoo.catalogue import write_catalogue
from zoo.classical import DENOISE, HERE, LEVELS, photographs, psnr
from zoo.filters import FILTERS, ClassicalFilter

IMAGES, STEPS = 6, (1, 2, 4)
FACTORS = np.geomspace(0.6, 3.6, 10)


@dataclass(frozen=True)
class Implicit:
    """An implicit version of a classical filter."""

    base: ClassicalFilter

    @property
    def name(self) -> str:
        """Name of the preset."""
        head, _, tail = self.base.name.rpartition("_")
        return f"{head}_implicit_{tail}"

    @property
    def description(self) -> str:
        """What it is."""
        return f"{self.base.description}, by implicit steps"

    @property
    def ndim(self) -> int:
        """Dimension."""
        return self.base.ndim

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.base.channels

    def block(self, contrast: float, step_size: float) -> ImplicitDiffusion:
        """One implicit step."""
        flux = FluxActivation(self.base.flux, contrast, coupled=self.ndim > 1 or self.channels > 1)
        return ImplicitDiffusion(
            self.base.stencil, flux, step_size, "lagged_diffusivity", tolerance=1e-5
        )

    def model(self, recipe: dict[str, Any]) -> ImplicitRecurrent:
        """The filter of a recipe, at its stopping time for noise 25."""
        steps = recipe["steps"]
        model = ImplicitRecurrent(
            steps,
            block=self.block(recipe["contrast"], recipe["noise"]["25"] / steps),
            name=self.name,
        )
        model.build((None,) * (self.ndim + 1) + (self.channels,))
        return model


_BY_NAME = {f.name: f for f in FILTERS}
IMPLICIT = [
    Implicit(_BY_NAME[name])
    for name in (
        "linear_2d",
        "charbonnier_2d",
        "truncated_tv_2d",
        "perona_malik_2d",
        "truncated_tv_1d",
        "charbonnier_color",
    )
]


def tune(f: Implicit, data: Path) -> dict[str, Any]:
    """Stopping times for every noise level, and the number of steps."""
    from keras_pde.runtime import compiled

    base = json.loads((DENOISE / f.base.name / "recipe.json").read_text(encoding="utf-8"))
    clean = photographs(data, f.channels, f.ndim)[: IMAGES * (30 if f.ndim == 1 else 1)]
    block = f.block(1.0, 1.0)
    block.build(clean.shape)
    unit = block.prepare()

    def evolve(u: Any, scale: Any, tau: Any, steps: int) -> Any:
        ready = dataclasses.replace(unit, step=tau, q=unit.q * tau, m=unit.m * tau)
        for _ in range(steps):
            u = block.solve_prepared(u / scale, ready).u * scale
        return u

    best: dict[int, dict[int, tuple[float, float]]] = {}
    for steps in STEPS:
        run = compiled(functools.partial(evolve, steps=steps))
        best[steps] = {}
        for level in LEVELS:
            noise = np.random.default_rng(level).standard_normal(clean.shape).astype("float32")
            noisy, scale = clean + level / 255 * noise, np.float32(base["contrast"] * level / 25)
            times = base["noise"][str(level)] * FACTORS
            scores = [
                (
                    psnr(np.asarray(run(noisy, scale, np.float32(t / steps))), clean),
                    float(f"{t:.3g}"),
                )
                for t in times
            ]
            best[steps][level] = max(scores)
    most = max(best[steps][25][0] for steps in STEPS)
    chosen = next(steps for steps in STEPS if best[steps][25][0] > most - 0.1)
    return {
        "name": f.name,
        "description": f.description,
        "contrast": base["contrast"],
        "noise": {str(level): best[chosen][level][1] for level in LEVELS},
        "tuned_psnr": {str(level): round(best[chosen][level][0], 3) for level in LEVELS},
        "tuned_on": f"the first {IMAGES} of the photographs of {f.base.name}: {base['tuned_on']}",
        "command": "python -m zoo.implicit tune",
        "steps": chosen,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("tune", "build"))
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data" / "bsd")
    args = parser.parse_args()
    for f in IMPLICIT:
        path = DENOISE / f.name / "recipe.json"
        if args.action == "tune":
            recipe = tune(f, args.data)
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                json.dumps(recipe, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            print(
                f.name, {key: recipe[key] for key in ("steps", "noise", "tuned_psnr")}, flush=True
            )
        else:
            f.model(json.loads(path.read_text(encoding="utf-8"))).write_preset_files(path.parent)
    if args.action == "build":
        write_catalogue([DENOISE / f.name for f in IMPLICIT], args.data)


if __name__ == "__main__":
    main()
