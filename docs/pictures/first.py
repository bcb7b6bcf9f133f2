"""The README's picture: a photograph with noise, denoised by the default preset, the difference.

python docs/pictures/first.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import keras_pde
from keras_pde.data import noise
from keras_pde.data.photograph import sample
from keras_pde.tasks import quality as qualities
from keras_pde.tasks.denoise import levels

LEVEL = 25
SHOWN = slice(40, 296), slice(110, 366)  # of the photograph
MARGIN, HEADING, FOOT = 8, 26, 30


def main() -> None:
    """Write first.png beside this file."""
    clean = sample(1, 2)[0]
    preset = levels.choose_preset(keras_pde.presets.index(), 1, LEVEL)
    network = keras_pde.from_preset(preset)
    noisy = noise.add_noise(clean, LEVEL)
    found = keras_pde.denoise(noisy, LEVEL, preset=preset).clip(0, 1)
    psnr = [qualities.quality(clean, image).psnr for image in (noisy, found)]
    panels = {
        f"noise {LEVEL}: {psnr[0]:.2f} dB": noisy,
        f"{preset}: {psnr[1]:.2f} dB": found,
        "what was removed": 0.5 + (noisy - found),
    }
    size = SHOWN[0].stop - SHOWN[0].start
    wide = 3 * size + 4 * MARGIN
    picture = Image.new("L", (wide, size + HEADING + FOOT + MARGIN), 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for i, (title, image) in enumerate(panels.items()):
        at = MARGIN + i * (size + MARGIN)
        grey = (255 * np.asarray(image).squeeze()[SHOWN].clip(0, 1)).round().astype("uint8")
        picture.paste(Image.fromarray(grey), (at, HEADING))
        draw.text((at, 5), title, fill=0, font=font)
    norm = network.certificate().norm_gain
    proved = (
        f"Proved from its {network.count_params():,} weights: whatever the image u, the norm of"
        f" N(u) is at most {norm:g} times that of u."
    )
    draw.text((MARGIN, size + HEADING + MARGIN), proved, fill=0, font=font)
    few = picture.quantize(64, dither=Image.Dither.NONE)  # grey values
    few.save(Path(__file__).with_name("first.png"), optimize=True)


if __name__ == "__main__":
    main()
