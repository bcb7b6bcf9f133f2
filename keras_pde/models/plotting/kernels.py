"""Pictures of kernels, and of their spectra."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_pde.models.plotting.canvas import checked, grid
from keras_pde.operators import ConvOperator, norms
from keras_pde.runtime import gate

__all__ = ["plot_kernels", "plot_spectra"]

COLUMNS = 12
FREQUENCIES = 64  # an axis


def plot_kernels(
    operator: ConvOperator, most: int = 64, patch_size: int = 1, ax: Any = None
) -> np.ndarray:
    """The kernels of a built 2-D `ConvOperator` as they are in use, one picture a filter.

    They are zero-mean or normalised where the operator makes them so, and stacked ones are
    multiplied out. Red is positive, blue negative, with one scale for all.

    Args:
        operator: a built operator, 2-D.
        most: largest number of filters shown.
        patch_size: of the lifting that K acts behind: the kernels are shown as they act on the
            image, on its first channel.
        ax: as many axes as filters are shown; None makes a figure.

    Returns:
        The axes of the filters, in an array.

    Raises:
        ValueError: an operator that is not built, or not 2-D.

    Example:
        >>> import keras_pde
        >>> K = keras_pde.ConvOperator(6, 5, initializer="dct")
        >>> K.build((None, None, None, 1))
        >>> len(keras_pde.plotting.plot_kernels(K))
        6
    """
    shown = _in_use(operator, most, patch_size)
    axes = grid(shown.shape[-1], COLUMNS, 0.8, 0.85, ax)
    scale = float(np.abs(shown).max()) or 1.0
    for axis, kernel in zip(axes, np.moveaxis(shown, -1, 0), strict=True):
        axis.imshow(kernel, cmap="RdBu_r", vmin=-scale, vmax=scale)
        axis.axis("off")
    return axes


def plot_spectra(
    operator: ConvOperator, most: int = 64, patch_size: int = 1, ax: Any = None
) -> np.ndarray:
    """The moduli |k̂(ω)| of the kernels of a built 2-D `ConvOperator`, one picture a filter.

    The middle is the mean, the borders are the highest frequencies; black is 0, and white the
    largest modulus of all filters. A kernel of zero mean is black in the middle.

    Args:
        operator: a built operator, 2-D.
        most: largest number of filters shown.
        patch_size: as for `plot_kernels`.
        ax: as many axes as filters are shown; None makes a figure.

    Returns:
        The axes of the filters, in an array.

    Raises:
        ValueError: an operator that is not built, or not 2-D.

    Example:
        >>> import keras_pde
        >>> K = keras_pde.ConvOperator(initializer="laplacian")
        >>> K.build((None, None, None, 1))
        >>> shown = keras_pde.plotting.plot_spectra(K)[0].images[0].get_array()
        >>> bool(shown[32, 32] < 1e-6), round(float(shown.max()), 3)    # 0 at the mean, 8 at (π, π)
        (True, 8.0)
    """
    shown = _in_use(operator, most, patch_size)
    axes = grid(shown.shape[-1], COLUMNS, 0.8, 0.85, ax)
    size = max(FREQUENCIES, *shown.shape[:2])
    spectra = np.abs(np.fft.fftshift(np.fft.fft2(shown, (size, size), axes=(0, 1)), axes=(0, 1)))
    scale = float(spectra.max()) or 1.0
    for axis, spectrum in zip(axes, np.moveaxis(spectra, -1, 0), strict=True):
        axis.imshow(spectrum, cmap="gray", vmin=0, vmax=scale)
        axis.axis("off")
    return axes


def _in_use(operator: ConvOperator, most: int, patch_size: int) -> np.ndarray:
    """The kernels as they act on the image, (height, width, filters)."""
    checked(operator, "operator", ConvOperator)
    most, patch_size = gate.count(most, "most"), gate.count(patch_size, "patch_size")
    if not operator.built or operator.ndim != 2:
        raise ValueError(
            "operator must be a built 2-D operator: call operator.build((None, None, None,"
            " channels)) first"
        )
    whole = norms.composite(operator.kernel_arrays())[..., :most]
    k, p = whole.shape[0], patch_size
    channels = whole.shape[2] // (p * p) if whole.shape[2] % (p * p) == 0 else 1
    # a patch's channels are (row, column, image channel)
    patches = (
        whole[:, :, : p * p * channels].reshape(k, k, p, p, channels, -1)
        if p > 1
        else whole[:, :, None, None]
    )
    found: np.ndarray = patches[:, :, :, :, 0].transpose(0, 2, 1, 3, 4).reshape(k * p, k * p, -1)
    return found
