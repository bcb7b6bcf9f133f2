"""Thumbnails of the zoo's filters whose cards have no picture: noise 25, and what they make of it.

python docs/pictures/thumbnails.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import keras_pde
from keras_pde.data import noise
from keras_pde.data.photograph import sample

LEVEL = 25
SIZE = 72
CORNER = {1: (80, 180), 3: (60, 170)}  # of the part that is shown, by the number of channels


def main() -> None:
    """Write a file for each filter into the folder zoo beside this one."""
    out = Path(__file__).with_name("zoo")
    out.mkdir(exist_ok=True)
    for name, entry in keras_pde.presets.index().items():
        card = keras_pde.presets.folder_of(name) / "example.png"
        if entry["task"] != "denoise" or entry["ndim"] != 2 or card.is_file():
            continue
        top, left = CORNER[entry["channels"]]
        clean = sample(entry["channels"], 2)[0][top : top + 2 * SIZE, left : left + 2 * SIZE]
        noisy = noise.add_noise(clean, LEVEL)
        found = keras_pde.denoise(noisy, LEVEL, preset=name)
        pair = np.concatenate([noisy, np.ones((2 * SIZE, 6, clean.shape[-1])), found], axis=1)
        pixels = (255 * pair.clip(0, 1)).round().astype("uint8").squeeze()
        Image.fromarray(pixels).save(out / f"{name}.jpg", quality=70, optimize=True)


if __name__ == "__main__":
    main()
