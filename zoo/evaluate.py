"""PSNR of a denoiser by the standard protocol: what `keras-pde evaluate` prints, the cards show and a test recomputes.

    python -m keras_pde.zoo.evaluate PRESET [--data ../shared/data/bsd]

Gaussian noise of standard deviation σ (grey levels of 255) in float, not clipped; output clipped to [0, 255]; PSNR per image with
peak 255 by scikit-image, averaged over the images. Noise of image i at level σ comes from default_rng([seed, 1000σ, i]).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

LEVELS, SEED, TOLERANCE = (15, 25, 50), 0, 0.02
BATCH_PIXELS = 700_000


def noisy_image(clean: np.ndarray, level: float, index: int, seed: int = SEED) -> np.ndarray:
    """Image number ``index`` with noise of ``level`` grey levels."""
    rng = np.random.default_rng([seed, round(1000 * level), index])
    return (clean + level / 255 * rng.standard_normal(clean.shape)).astype("float32")


class Denoiser:
    """A model as a function of noisy images in [0, 1] and the noise level, compiled once for each size.

    A noise-conditioned model is told the level. A classical filter, tuned for noise 25, gets the scaled image and the stopping time of
    its table. Others get the image as it is.
    """

    def __init__(self, model: Any, times: dict[str, float] | None = None) -> None:
        self.model, self.times = model, times
        self._runs: dict[float, tuple[Any, Callable[..., Any]]] = {}

    def __call__(self, noisy: np.ndarray, level: float) -> np.ndarray:
        """Denoised images, clipped to [0, 1]; a model for one channel filters each channel by itself."""
        from keras_pde import noise
        from keras_pde.runtime import compiled

        key = level if self.times else 0.0
        if key not in self._runs:
            model = noise.retime(self.model, noise.stopping_time(self.times, level)) if self.times else self.model
            self._runs[key] = model, compiled(model)
        run = self._runs[key][1]
        single = self.model.input_channels == 1
        batch = np.moveaxis(noisy, -1, 1).reshape(-1, *noisy.shape[1:-1], 1) if single else noisy
        if getattr(self.model, "noise_conditioned", False):
            out = np.asarray(run([batch, np.full(len(batch), level / 255, "float32")]))
        elif self.times:
            factor = np.float32(noise.REFERENCE / level)
            out = np.asarray(run(batch * factor)) / factor
        else:
            out = np.asarray(run(batch))
        if single:
            out = np.moveaxis(out.reshape(len(noisy), noisy.shape[-1], *noisy.shape[1:-1]), 1, -1)
        return np.clip(out, 0, 1)


def psnr_of(denoiser: Denoiser, images: Sequence[np.ndarray], level: float, seed: int = SEED) -> np.ndarray:
    """PSNR of each image; images of one size run together.

    Example:
        >>> import keras_pde
        >>> from keras_pde.zoo.evaluate import Denoiser, psnr_of
        >>> net = keras_pde.from_preset("truncated_tv_2d")
        >>> bool(psnr_of(Denoiser(net), [np.full((32, 32, 1), 0.5)], 25)[0] > 30)
        True
    """
    from skimage.metrics import peak_signal_noise_ratio

    scores = np.zeros(len(images))
    for shape in dict.fromkeys(image.shape for image in images):
        same = [i for i, image in enumerate(images) if image.shape == shape]
        size = max(1, min(len(same), BATCH_PIXELS // (shape[0] * shape[1])))
        for start in range(0, len(same), size):
            chosen = same[start : start + size]
            filled = [*chosen, *[chosen[-1]] * (size - len(chosen))]  # one program for all batches
            out = denoiser(np.stack([noisy_image(images[i], level, i, seed) for i in filled]), level)
            for i, result in zip(chosen, out, strict=False):
                scores[i] = peak_signal_noise_ratio(np.asarray(images[i], "float64"), result.astype("float64"), data_range=1.0)
    return scores


def table(denoiser: Denoiser, images: Sequence[np.ndarray], levels: Iterable[float] = LEVELS) -> dict[str, float]:
    """Average PSNR at each level, rounded to 0.001 dB."""
    return {f"{level:g}": round(float(psnr_of(denoiser, images, level).mean()), 3) for level in levels}


def find_data(data: str | Path | None = None) -> Path:
    """The folder of the BSD sets: the one given, or ../shared/data/bsd beside a checkout.

    Raises:
        FileNotFoundError: there is none.
    """
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "bsd"
    path = Path(data) if data is not None else beside
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {path} with BSD's images (train400_gray, bsd68_gray, ...). Name it: --data DIR.")
    return path


def evaluate(name: str, data: str | Path | None = None, limit: int | None = None) -> dict[str, float]:
    """PSNR table of a preset on its test set: BSD68, in colour CBSD68; of the first ``limit`` images only.

    Raises:
        ValueError: not a 2-D denoiser.
        FileNotFoundError: no data.
    """
    from keras_pde import presets
    from keras_pde.data import load_images

    model, entry = presets.from_preset(name), presets.index().get(name, {})
    if entry.get("task", "denoise") != "denoise" or entry.get("ndim", 2) != 2:
        raise ValueError(f"{name} is no denoiser of images: evaluate is for those of keras-pde list --task denoise, 2-D")
    images = load_images(find_data(data) / test_set(model.input_channels), channels=model.input_channels)
    return table(Denoiser(model, entry.get("noise")), images[:limit])


def test_set(channels: int) -> str:
    """Folder of the test images."""
    return "cbsd68" if channels == 3 else "bsd68_gray"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="+")
    parser.add_argument("--data")
    args = parser.parse_args(arguments)
    for name in args.preset:
        print(json.dumps({name: evaluate(name, args.data)}))


if __name__ == "__main__":
    main()
