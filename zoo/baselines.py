"""Usual filters on the zoo's signals and volumes, for the cards: `python -m zoo.baselines`.

Each has one number, which is tuned for each noise level on a part of the training data, by PSNR,
and is then measured on the test data as `keras-pde evaluate` measures networks. Volumes are also
filtered by presets for images, slice by slice. The rows go into zoo/published.json. It needs SciPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from keras import ops
from scipy import ndimage, signal
from skimage.metrics import peak_signal_noise_ratio
from skimage.restoration import denoise_tv_chambolle

from keras_pde import presets
from keras_pde.data.recordings import load_recordings
from zoo.published import add

HERE = Path(__file__).resolve().parent
SEED = 0
LEVELS = (5, 15, 25, 50)
AXES = {"ecg": 1, "mri": 3}
SLICED = ("gated_resnet_2d", "certified_resnet_2d")
AT_ONCE = 8  # slices


@dataclass(frozen=True)
class Baseline:
    """A filter of noisy values and one number, and the numbers to try for noise of 1/255."""

    method: str
    guarantee: str
    source: str
    run: Callable[[np.ndarray, float], np.ndarray]
    numbers: Sequence[float]
    relative: bool = False  # to the noise level, in [0, 1]
    only: int = 0  # axes of the data it is for; 0 for all


def _polynomial(noisy: np.ndarray, half: float) -> np.ndarray:
    return np.asarray(signal.savgol_filter(noisy, 2 * int(half) + 1, 3))


BASELINES = (
    Baseline(
        "Gaussian filter, width tuned",
        "nonexpansive",
        "SciPy",
        ndimage.gaussian_filter,
        np.geomspace(0.4, 30, 20),
    ),
    Baseline(
        "median filter, width tuned",
        "none",
        "SciPy",
        lambda noisy, half: ndimage.median_filter(noisy, 2 * int(half) + 1),
        (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48),
        only=1,
    ),
    Baseline(
        "cubic Savitzky-Golay filter, width tuned",
        "none",
        "SciPy",
        _polynomial,
        (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 80),
        only=1,
    ),
    Baseline(
        "total variation, weight tuned",
        "nonexpansive if solved exactly",
        "Chambolle, 2004; scikit-image",
        lambda noisy, weight: denoise_tv_chambolle(noisy, weight, eps=1e-5, max_num_iter=300),
        np.geomspace(0.3, 8, 12),
        relative=True,
    ),
)


def psnr(
    baseline: Baseline, clean: Sequence[np.ndarray], level: float, number: float, seed: int
) -> float:
    """The mean PSNR over the data, as `keras_pde.tasks.denoise.evaluate` measures it."""
    used = number * level / 255 if baseline.relative else number
    return mean_psnr(lambda noisy: baseline.run(noisy, used), clean, level, seed)


def mean_psnr(
    run: Callable[[np.ndarray], np.ndarray], clean: Sequence[np.ndarray], level: float, seed: int
) -> float:
    """The same for any filter."""
    scores = []
    for i, x in enumerate(clean):
        rng = np.random.default_rng([seed, round(1000 * level), i])
        noisy = (x + level / 255 * rng.standard_normal((*x.shape, 1))[..., 0]).astype("float32")
        out = np.clip(run(noisy), 0, 1).astype("float64")
        scores.append(peak_signal_noise_ratio(x.astype("float64"), out, data_range=1.0))
    return float(np.mean(scores))


def slice_by_slice(name: str, test: Sequence[np.ndarray]) -> dict[str, object]:
    """The row of a preset for images, on the slices of volumes."""
    entry, network = presets.index()[name], presets.from_preset(name)
    certificate, scores = network.certificate(), {}
    proved = "norm stable" if certificate.norm_stable else "none"
    if certificate.lipschitz < 100:
        proved += f", Lipschitz constant {certificate.lipschitz:.4g}"
    for level in LEVELS:

        def run(noisy: np.ndarray, level: float = level) -> np.ndarray:
            parts = np.split(noisy[..., None], range(AT_ONCE, len(noisy), AT_ONCE))
            told = [np.full(len(part), level / 255, "float32") for part in parts]
            found = [network(list(pair)) for pair in zip(parts, told, strict=True)]
            return np.concatenate([ops.convert_to_numpy(x) for x in found])[..., 0]

        scores[str(level)] = round(mean_psnr(run, test, level, SEED), 2)
        print(name, level, scores[str(level)], flush=True)
    return {
        "method": f"{name}, slice by slice",
        "guarantee": proved,
        "parameters": entry["params"],
        "psnr": scores,
        "source": "trained on photographs",
        "published": False,
    }


def rows(kind: str) -> list[dict[str, object]]:
    """A row of the table for each filter."""
    ndim = AXES[kind]
    training, test = (
        [x[..., 0] for x in load_recordings(HERE / "data" / f"{kind}_{part}", ndim)]
        for part in ("train", "test")
    )
    # the middle of each slab, small enough for a search
    tuned_on = [x[:, :, 48:80] for x in training] if ndim == 3 else training[2:6]
    found: list[dict[str, object]] = []
    for baseline in BASELINES:
        if baseline.only not in (0, ndim):
            continue
        scores = {}
        for level in LEVELS:
            number = max(
                baseline.numbers, key=lambda n, b=baseline, s=level: psnr(b, tuned_on, s, n, 1)
            )
            scores[str(level)] = round(psnr(baseline, test, level, number, SEED), 2)
            print(kind, baseline.method, level, number, scores[str(level)], flush=True)
        found.append(
            {
                "method": baseline.method,
                "guarantee": baseline.guarantee,
                "parameters": 1,
                "psnr": scores,
                "source": baseline.source,
                "published": False,
            }
        )
    return found + ([slice_by_slice(name, test) for name in SLICED] if ndim == 3 else [])


def main() -> None:
    """Measure, and write zoo/published.json."""
    add({f"{kind}_test": rows(kind) for kind in AXES})


if __name__ == "__main__":
    main()
