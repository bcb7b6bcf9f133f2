"""The classical part of the zoo.

Scheme-initialised models that are the numerical method itself, without training.

    python -m zoo.classical tune     # contrast and stopping times, into recipe.json
    python -m zoo.classical build    # the presets, from their recipes

Two numbers of each filter are fitted: the contrast for noise of standard deviation 25 (of 255) and
the stopping times for 5, 15, 25 and 50, by the mean PSNR over 20 training photographs (BSDS500;
none of the 68 test images). For another noise level the image is scaled by 25/σ, so the contrast
stays the same multiple of the noise.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.catalogue import write_catalogue
from zoo.filters import FILTERS, ClassicalFilter

HERE = Path(__file__).resolve().parent
DENOISE = HERE / "denoise"
LEVELS = (5, 15, 25, 50)
IMAGES = 20


def photographs(data: Path, channels: int, ndim: int) -> np.ndarray:
    """Training photographs in [0, 1].

    180×180 centres in grey or colour, or their rows as signals.
    """
    from PIL import Image

    folder = data / ("color/train" if channels == 3 else "train400_gray")
    files = sorted(p for p in folder.iterdir() if p.suffix in (".jpg", ".png"))[:IMAGES]
    crops = []
    for file in files:
        x = np.asarray(Image.open(file), dtype=np.float32) / 255
        a, b = ((n - 180) // 2 for n in x.shape[:2])
        crops.append(x[a : a + 180, b : b + 180].reshape(180, 180, channels))
    images = np.stack(crops)
    return images[:, ::6].reshape(-1, 180, channels) if ndim == 1 else images


def psnr(u: np.ndarray, clean: np.ndarray) -> float:
    """Mean PSNR over the first axis, peak 1, after clipping to [0, 1]."""
    errors = ((np.clip(u, 0, 1) - clean) ** 2).mean(axis=tuple(range(1, u.ndim)))
    return float((-10 * np.log10(errors)).mean())


class Trajectory:
    """Explicit evolution of noisy photographs by a filter.

    It is compiled once for all contrasts and noise levels.
    """

    def __init__(self, f: ClassicalFilter, clean: np.ndarray) -> None:
        import tensorflow as tf

        self.f, self.clean, self.step = f, clean, f.limit * (0.1 if f.flux == "linear" else 0.4)
        block = f.block(1.0, self.step)
        block.build(clean.shape)

        @tf.function(jit_compile=True)
        def advance(u: Any, scale: Any) -> Any:
            # contrast λ on u is contrast 1 on u/λ
            u = block.step(u / scale, block.prepare()) * scale
            errors = tf.reduce_mean(
                (tf.clip_by_value(u, 0, 1) - clean) ** 2, axis=tuple(range(1, clean.ndim))
            )
            return u, -10 / math.log(10) * tf.reduce_mean(tf.math.log(errors))

        self.advance = advance

    def best(self, contrast: float, level: int) -> tuple[float, float]:
        """(PSNR, stopping time) at the best time for one contrast at noise 25.

        The contrast is scaled to the level.
        """
        noise = np.random.default_rng(level).standard_normal(self.clean.shape).astype("float32")
        u = self.clean + level / 255 * noise
        scale = np.float32(contrast * level / 25)
        time, found, reach = (
            0.0,
            (psnr(u, self.clean), 0.0),
            self.f.reach * (4 if level > 25 else 1),
        )
        while time < reach:
            u, score = self.advance(u, scale)
            time += self.step
            found = max(found, (float(score), time))
            if time > 1.5 * found[1] + 10 * self.step:
                break
        return found


def tune(f: ClassicalFilter, data: Path) -> dict[str, Any]:
    """Contrast, stopping times and number of cycles of one filter."""
    trajectory = Trajectory(f, photographs(data, f.channels, f.ndim))
    contrast = 1.0
    if f.flux != "linear":
        grid = np.geomspace(*f.contrasts, 13)
        scores = [trajectory.best(c, 25)[0] for c in grid]
        i = int(np.argmax(scores))
        fine = np.geomspace(grid[max(0, i - 1)], grid[min(len(grid) - 1, i + 1)], 9)
        contrast = float(f"{fine[int(np.argmax([trajectory.best(c, 25)[0] for c in fine]))]:.3g}")
    results = {level: trajectory.best(contrast, level) for level in LEVELS}
    times = {
        str(level): float(f"{max(time, trajectory.step):.3g}")
        for level, (_, time) in results.items()
    }
    recipe = {
        "name": f.name,
        "description": f.description,
        "contrast": contrast,
        "noise": times,
        "tuned_psnr": {str(level): round(score, 3) for level, (score, _) in results.items()},
        "tuned_on": (
            f"{IMAGES} BSDS500 training photographs, {'rows of ' * (f.ndim == 1)}180×180"
            f" {'colour' if f.channels == 3 else 'grey'} centres"
        ),
        "command": "python -m zoo.classical tune",
    }
    return {**recipe, "cycles": 1 if f.explicit else _cycles(f, recipe, trajectory)}


def _cycles(f: ClassicalFilter, recipe: dict[str, Any], trajectory: Trajectory) -> int:
    """Fewest FED cycles within 0.1 dB of explicit steps."""
    if f.flux == "linear":
        return 1
    from keras_pde.runtime import run_compiled

    noisy = trajectory.clean + 25 / 255 * np.random.default_rng(25).standard_normal(
        trajectory.clean.shape
    ).astype("float32")
    for cycles in (2, 3, 4, 6, 8, 12, 16):
        score = psnr(
            run_compiled(f.model(recipe["contrast"], recipe["noise"]["25"], cycles), noisy),
            trajectory.clean,
        )
        print(f"    {cycles} cycles: {score:.3f} dB", flush=True)
        if score > recipe["tuned_psnr"]["25"] - 0.1:
            break
    return cycles


def recipes() -> Iterator[tuple[ClassicalFilter, Path]]:
    """The filters and their recipe files."""
    for f in FILTERS:
        yield f, DENOISE / f.name / "recipe.json"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("tune", "build"))
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data" / "bsd")
    parser.add_argument("--only", default="", help="names that contain this")
    args = parser.parse_args()
    for f, path in recipes():
        if args.only not in f.name:
            continue
        if args.action == "tune":
            recipe = tune(f, args.data)
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                json.dumps(recipe, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            print(
                f.name,
                {key: recipe[key] for key in ("contrast", "noise", "tuned_psnr", "cycles")},
                flush=True,
            )
        else:
            recipe = json.loads(path.read_text(encoding="utf-8"))
            model = f.model(recipe["contrast"], recipe["noise"]["25"], recipe["cycles"])
            assert math.isclose(model.time, recipe["noise"]["25"], rel_tol=1e-9)
            model.write_preset_files(path.parent)
            print(f"{f.name:<28} {str(model.schedule).removeprefix('Schedule ')}", flush=True)
    if args.action == "build":
        write_catalogue([path.parent for _, path in recipes()], args.data)


if __name__ == "__main__":
    main()
