"""PSNR of a denoiser by the standard protocol.

`keras-pde evaluate` prints it, the cards state it, and a test computes it again.

Gaussian noise of standard deviation σ (grey levels of 255) in float, not clipped; output clipped to
[0, 255]; PSNR per image with peak 255 by scikit-image, averaged over the images. Noise of image i
at level σ comes from default_rng([seed, 1000σ, i]).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_pde.models.network import Network
from keras_pde.runtime.writing import write_bytes
from keras_pde.tasks.denoise.data import find_data, samples, test_set
from keras_pde.tasks.denoise.denoiser import Denoiser
from keras_pde.tasks.denoise.kinds import titles
from keras_pde.tasks.denoise.sure import STEP, probe, sure

LEVELS, SEED = (5, 15, 25, 50), 0
NAMES = titles()
# a file of each preset, and how many images a test measures again
METRICS, SUBSET = "metrics.json", 4


def noisy_image(clean: np.ndarray, level: float, index: int, seed: int = SEED) -> np.ndarray:
    """Image number ``index`` with noise of ``level`` grey levels."""
    rng = np.random.default_rng([seed, round(1000 * level), index])
    return (clean + level / 255 * rng.standard_normal(clean.shape)).astype("float32")


def levels_of(
    validated: Sequence[float], trained: tuple[float, float] | float | dict[str, float]
) -> tuple[float, ...]:
    """Levels that a trained network is measured at.

    They are those of its validation, and the lowest of `LEVELS`, where it was trained for it.

    Example:
        >>> from keras_pde.tasks.denoise.evaluate import levels_of
        >>> levels_of((15, 25), (5.0, 55.0)), levels_of((25,), 25.0)
        ((5, 15, 25), (25,))
    """
    reached = isinstance(trained, tuple) and trained[0] <= LEVELS[0]
    return tuple(sorted({*validated, *(LEVELS[:1] if reached else ())}))


def psnr_of(
    denoiser: Denoiser, images: Sequence[np.ndarray], level: float, seed: int = SEED
) -> np.ndarray:
    """PSNR of each image, with the output clipped.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.denoise.denoiser import Denoiser
        >>> from keras_pde.tasks.denoise.evaluate import psnr_of
        >>> tv = Denoiser(keras_pde.from_preset("truncated_tv_2d"))
        >>> bool(psnr_of(tv, [np.full((32, 32, 1), 0.5)], 25)[0] > 30)
        True
    """
    from skimage.metrics import peak_signal_noise_ratio

    scores, chosen = np.zeros(len(images)), denoiser.at(level)
    for i, image in enumerate(images):
        out = chosen(noisy_image(image, level, i, seed), level).pixels.clip(0, 1)
        scores[i] = peak_signal_noise_ratio(
            np.asarray(image, "float64"), out.astype("float64"), data_range=1.0
        )
    return scores


def estimated(denoiser: Denoiser, images: Sequence[np.ndarray], level: float) -> np.ndarray:
    """PSNR of each noisy image, with the output clipped, estimated by SURE without a clean one.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.denoise.denoiser import Denoiser
        >>> from keras_pde.tasks.denoise.evaluate import estimated, noisy_image
        >>> tv = Denoiser(keras_pde.from_preset("truncated_tv_2d"))
        >>> noisy = noisy_image(np.full((32, 32, 1), 0.5), 25, 0)
        >>> bool(estimated(tv, [noisy], 25)[0] > 30)
        True
    """
    scores, chosen, sigma = np.zeros(len(images)), denoiser.at(level), level / 255
    for i, image in enumerate(images):
        noisy = np.asarray(image, np.float32)
        signs = probe(noisy.shape, i)
        moved = noisy + np.float32(STEP * sigma) * signs
        result, after = (chosen(x, level).pixels.clip(0, 1) for x in (noisy, moved))
        change = (after - result) / np.float32(STEP * sigma)
        scores[i] = sure(noisy, result, change, signs, sigma).least_psnr
    return scores


def table(
    denoiser: Denoiser, images: Sequence[np.ndarray], levels: Iterable[float] = LEVELS
) -> dict[str, float]:
    """Average PSNR at each level, rounded to 0.001 dB."""
    return {
        f"{level:g}": round(float(psnr_of(denoiser, images, level).mean()), 3) for level in levels
    }


def measure(
    network: Network,
    folder: Path,
    test: str,
    data: Path,
    *,
    times: Mapping[str, float] | None = None,
    levels: Sequence[float] = LEVELS,
    stated: float | None = None,
) -> dict[str, float]:
    """Write a preset's metrics.json.

    PSNR on all images of a test set, and on the first few for a test to compute again; returns the
    former. Of images with noise of a stated level it is estimated, at that level.
    """
    denoiser = Denoiser(network, times=times)
    images = samples(data / test, network.ndim, network.input_channels, 1)
    if stated is not None:
        scores = {f"{stated:g}": estimated(denoiser, images, stated)}
    else:
        scores = {f"{level:g}": psnr_of(denoiser, images, level) for level in levels}
    whole, few = (
        {level: round(float(s[:n].mean()), 3) for level, s in scores.items()}
        for n in (None, SUBSET)
    )
    measured = {
        "psnr": whole,
        "test": test,
        "seed": SEED,
        "subset": {"images": min(SUBSET, len(images)), "psnr": few},
    }
    write_bytes(folder / METRICS, (json.dumps(measured, indent=1) + "\n").encode())
    return whole


def photograph_psnr(network: Network) -> tuple[str, float]:
    """What is measured, and PSNR of a filter tuned for noise 25, to three digits.

    Of scikit-image's camera, its rows or its astronaut: float noise, not clipped; output clipped;
    peak 255.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.denoise.evaluate import photograph_psnr
        >>> photograph_psnr(keras_pde.from_preset("truncated_tv_2d"))[0]
        "PSNR of scikit-image's camera, noise 25, seed 0"
    """
    from skimage.metrics import peak_signal_noise_ratio

    from keras_pde.data.photograph import sample
    from keras_pde.runtime import run_compiled

    clean, noise = sample(network.input_channels, network.ndim), 25
    noisy = clean + noise / 255 * np.random.default_rng(SEED).standard_normal(clean.shape)
    out = np.asarray(run_compiled(network, noisy.astype("float32")), dtype=np.float64).clip(0, 1)
    picture = "astronaut" if network.input_channels == 3 else "camera"
    rows = " rows" if network.ndim == 1 else ""
    name = f"PSNR of scikit-image's {picture}{rows}, noise {noise}, seed {SEED}"
    return name, round(float(peak_signal_noise_ratio(clean, out, data_range=1.0)), 3)


def score(
    network: Network,
    data: str | Path | None = None,
    limit: int | None = None,
    times: Mapping[str, float] | None = None,
    levels: Sequence[float] = LEVELS,
) -> dict[str, float]:
    """PSNR of a network on its test set: BSD68, in colour CBSD68; the zoo's signals or volumes.

    Args:
        network: a denoiser.
        data: folder of the test sets.
        limit: only the first so many images.
        times: stopping times by noise level, of a classical filter.
        levels: of the noise.

    Raises:
        ValueError: no denoiser.
        FileNotFoundError: no data.
    """
    if not network.denoises:
        raise ValueError(
            f"{network.name} is no denoiser: evaluate is for those of keras-pde list --task denoise"
        )
    channels, ndim = network.input_channels, network.ndim
    images = samples(find_data(data, ndim) / test_set(channels, ndim), ndim, channels, 1)
    return table(Denoiser(network, times=times), images[:limit], levels)


def evaluate(
    name: str,
    data: str | Path | None = None,
    limit: int | None = None,
    levels: Sequence[float] = LEVELS,
) -> dict[str, float]:
    """PSNR of a preset, as `score` measures it.

    Raises:
        ValueError: no denoiser.
        FileNotFoundError: no data.
    """
    from keras_pde import presets

    times = presets.index().get(name, {}).get("noise")
    return score(presets.from_preset(name), data, limit, times, levels)
