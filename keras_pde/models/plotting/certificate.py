"""A certificate as a chart."""

from __future__ import annotations

import math
from typing import Any

from keras_pde.certificates.certificate import Certificate
from keras_pde.models.plotting.canvas import checked, panel
from keras_pde.runtime.printed import rounded

__all__ = ["plot_certificate"]

PROVED, BOUNDED, UNKNOWN = "#2e7d32", "#f9a825", "#bdbdbd"
LEAST, LARGEST = 1e-3, 1e6  # constants beyond are drawn so long


def plot_certificate(certificate: Certificate, ax: Any = None) -> Any:
    """The guarantees of a certificate, a bar each: green proved, yellow a bound, grey nothing.

    A bar is as long as the constant, on a log scale that ends at 10⁶; what is proved without a
    constant, or of which nothing is known, has a bar of length 1. The line is at 1, up to which a
    norm gain is stable and a Lipschitz constant nonexpansive.

    Args:
        certificate: of a block, a network, or of `keras_pde.certify`.
        ax: axes to draw into; None makes a figure.

    Returns:
        The axes.

    Raises:
        ValueError: what is no certificate.

    Example:
        >>> import keras_pde
        >>> model = keras_pde.from_preset("certified_resnet_2d")
        >>> axes = keras_pde.plotting.plot_certificate(model.certificate())
        >>> len(axes.patches) == len(model.certificate().guarantees)
        True
    """
    checked(certificate, "certificate", Certificate)
    listed = certificate.guarantees
    axis = panel(6.0, 0.6 + 0.32 * len(listed), ax)
    for k, one in enumerate(listed):
        colour = PROVED if one.proved else BOUNDED if one.known else UNKNOWN
        known = one.known and one.constant is not None and one.constant > 0
        length = float(one.constant) if known and one.constant is not None else 1.0
        axis.barh(k, min(max(length, LEAST), LARGEST), left=LEAST / 10, color=colour, height=0.7)
        number = f"{rounded(length, 4)}, " if known and math.isfinite(length) else ""
        ink = "white" if one.proved else "black"
        said = "proved" if one.proved else "a bound" if one.known else "not proved"
        axis.text(LEAST / 8, k, f"{number}{said}", va="center", fontsize="x-small", color=ink)
    axis.axvline(1, color="0.3", linestyle="--", linewidth=1)
    axis.set_xscale("log")
    axis.set(
        xlim=(LEAST / 10, LARGEST), xlabel="constant", title=certificate.subject, ylim=(-0.6, None)
    )
    axis.set_yticks(range(len(listed)), [one.title or one.key for one in listed], fontsize="small")
    axis.invert_yaxis()
    return axis
