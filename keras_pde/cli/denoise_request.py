"""What the command keras-pde denoise was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """Options of the command, checked one by one but not yet against the image."""

    source: str | Path
    out: Path
    preset: str = "auto"
    noise: float | str | None = None
    add_noise: float | None = None
    range: str | tuple[float, float] = "auto"
    gain: float | None = None
    offset: float | None = None
    readout: float | None = None
    clean: Path | None = None
    time: float | None = None
    seed: int = 0
    compare: Path | None = None
    calibrate: bool = False
    frames: str | int = "each"
    spacing: tuple[float, ...] | None = None
    max_pixels: int | None = None
