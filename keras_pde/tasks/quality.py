"""How near an image is to the clean one: PSNR and SSIM."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Quality(NamedTuple):
    """PSNR in dB, and SSIM in [-1, 1] (None for images smaller than its 7×7 window).

    Example:
        >>> from keras_pde.tasks.quality import Quality
        >>> Quality(psnr=28.7, ssim=0.75).psnr
        28.7
    """

    psnr: float
    ssim: float | None


def quality(clean: np.ndarray, image: np.ndarray) -> Quality:
    """PSNR and SSIM of an image against the clean one, by scikit-image with its defaults, peak 255.

    Args:
        clean: (height, width, channels), in [0, 1].
        image: as clean, compared as it is: clip a result first.

    Example:
        >>> import numpy as np
        >>> from keras_pde.data import noise
        >>> from keras_pde.tasks import quality as qualities
        >>> q = qualities.quality(np.zeros((8, 8, 1)), np.full((8, 8, 1), 0.1))
        >>> round(q.psnr, 6)
        20.0
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    a, b = (255 * np.asarray(x, dtype=np.float64) for x in (clean, image))
    with np.errstate(divide="ignore"):  # equal images have infinite PSNR
        psnr = float(peak_signal_noise_ratio(a, b, data_range=255))
    ssim = (
        float(structural_similarity(a, b, data_range=255, channel_axis=-1))
        if min(a.shape[:2]) >= 7
        else None
    )
    return Quality(psnr, ssim)
