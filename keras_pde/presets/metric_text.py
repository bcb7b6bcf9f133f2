"""How the number of a preset is written: a PSNR in dB, or the factor of a solver's cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["entry_text", "metric_text"]

HEADER = "metric (PSNR: noise 15 / 25 / 50)"


def metric_text(metric: Mapping[str, Any], *, tolerance: bool = False) -> str:
    """Value and unit of an index entry's metric: rounded, or in full with its tolerance.

    Example:
        >>> from keras_pde.presets.metric_text import metric_text
        >>> metric_text({"value": 28.648, "unit": "dB", "tolerance": 0.02})
        '28.65 dB'
        >>> metric_text({"value": 0.0243, "unit": "a cycle", "tolerance": 0.002}, tolerance=True)
        '0.0243 ± 0.002 a cycle'
    """
    unit = metric.get("unit", "dB")
    if tolerance:
        return f"{metric['value']:g} ± {metric['tolerance']:g} {unit}"
    return f"{metric['value']:.{2 if unit == 'dB' else 3}f} {unit}"


def entry_text(entry: Mapping[str, Any]) -> str:
    """The number of a preset in a list.

    PSNR on BSD68 or CBSD68 by noise level where it has that, else its metric.

    Example:
        >>> from keras_pde.presets.metric_text import entry_text
        >>> entry_text({"psnr": {"15": 31.1, "25": 28.6, "50": 25.58}}), entry_text({"metric": {"value": 28.648}})
        ('31.10 / 28.60 / 25.58 dB', '28.65 dB')
    """
    return (
        " / ".join(f"{v:.2f}" for v in entry["psnr"].values()) + " dB"
        if entry.get("psnr")
        else metric_text(entry["metric"])
    )
