# %% [markdown]
# # Denoise with the zoo
#
# A photograph in one line, the pictures that people have (a JPEG, 12 bits in a 16-bit file, a sensor's counts), what the zoo's networks guarantee,
# and a preset that is fine-tuned on pictures of one kind in half a minute.

# %%
import io

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data

import keras_pde
from keras_pde.data import noise

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)


def psnr(image, clean, low=0, high=255):
    """In dB, between black and white."""
    shown = ((image.astype(float) - low) / (high - low)).clip(0, 1)
    return -10 * np.log10(np.square(shown - (clean - low) / (high - low)).mean())


photo = data.camera()
noisy = np.uint8((photo + 25 * rng.standard_normal(photo.shape)).clip(0, 255))
clean = keras_pde.denoise(noisy)  # uint8 in, uint8 out; the noise is estimated
print(f"{psnr(noisy, photo):.2f} dB become {psnr(clean, photo):.2f} dB")

# %%
keras_pde.list_presets("*resnet*")

# %% [markdown]
# Every network states what is proved of it, computed from its weights:

# %%
best = keras_pde.from_preset("gated_resnet_2d")
print(best.certificate())

# %% [markdown]
# ## The pictures that people have
#
# **A JPEG.** Compression changes the noise, so its level is estimated from the coefficients of the file that Pillow has opened. The picture is in
# colour, and `preset="auto"` takes a network for colour.

# %%
portrait = data.astronaut()[:256, 100:356]
noisy = (portrait + 20 * rng.standard_normal(portrait.shape)).clip(0, 255)
file = io.BytesIO()  # or the name of a file
Image.fromarray(np.uint8(noisy)).save(file, "JPEG", quality=75)

opened = Image.open(file)
shown = {"JPEG": np.asarray(opened), "JPEG, denoised": keras_pde.denoise(opened)}
scores = {title: psnr(image, portrait) for title, image in shown.items()}

# %% [markdown]
# **12 bits in 16.** The range of a uint16 is 0 to 65535 unless it is told. A level that is told counts in 1/255 of the range, here 0 to 4095. The
# result is a uint16 again, and a PNG or TIFF keeps it.

# %%
part = data.camera()[60:316, 100:356]
right = 600 + 2400 * (part / 255)  # black at 600, white at 3000
counts = np.uint16(right + 120 * rng.standard_normal(part.shape))
shown["12 bits"] = counts
shown["12 bits, denoised"] = keras_pde.denoise(counts, noise=120 / 4095 * 255, range=(0, 4095))
assert shown["12 bits, denoised"].dtype == np.uint16
for title in ("12 bits", "12 bits, denoised"):
    scores[title] = psnr(shown[title], right, 600, 3000)

# %% [markdown]
# **A sensor's counts.** Photons obey Poisson's law and the readout adds Gaussian noise, so the variance grows with the light:
# $\mathrm{var}\, y = a(y - b) + s^2$ with gain $a$, offset $b$ and readout noise $s$. With `noise="sensor"` the filter works on the generalised
# Anscombe transform of $y$, where the variance is nearly constant. The three numbers may be told, and here they are estimated from the picture.
# Of one picture only the line is known, so the offset and the readout noise share it in some way.

# %%
gain, offset, readout, peak = 4, 100, 6, 30  # white is 30 photons
photons = rng.poisson(peak * (part / 255))
counts = np.uint16(offset + gain * photons + readout * rng.standard_normal(part.shape))
print("estimated:", noise.estimate_sensor(counts))
one_level = keras_pde.denoise(counts)
shown["30 photons"] = counts
shown["30 photons, denoised"] = keras_pde.denoise(counts, noise="sensor")
right, white = offset + gain * peak * (part / 255), offset + gain * peak
for title in ("30 photons", "30 photons, denoised"):
    scores[title] = psnr(shown[title], right, offset, white)
print(f"one level for dark and bright: {psnr(one_level, right, offset, white):.2f} dB")

# %%
ranges = {"JPEG": (0, 255), "12 bits": (600, 3000), "30 photons": (offset, white)}
fig, axes = plt.subplots(2, 3, figsize=(11, 7.8), layout="constrained")
for axis, title in zip(axes.T.flat, shown, strict=True):
    low, high = ranges[title.removesuffix(", denoised")]
    axis.imshow(((shown[title] - 1.0 * low) / (high - low)).clip(0, 1), cmap="gray")
    axis.set_title(f"{title}: {scores[title]:.2f} dB")
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Fine-tune a preset on pictures of one kind
#
# A preset is a Keras model of the image and the level $\sigma/255$, so `compile` and `fit` train it on. The pictures are patches of the upper two
# thirds of a photograph of bricks, and the lower third is the test. The steps are bounded by the weights at hand, $\tau \le 2/(L_g\|K\|^2)$, so the
# network stays norm stable ([S1](../docs/theorems.md#s1-norm-stability-of-the-explicit-step)) whatever training does.

# %%
bricks = (data.brick() / 255).astype("float32")[..., None]
corners = zip(rng.integers(0, 293, 256), rng.integers(0, 464, 256), strict=True)
patches = np.stack([bricks[i : i + 48, j : j + 48] for i, j in corners])
levels = rng.uniform(15, 35, 256).astype("float32") / 255
given = patches + levels[:, None, None, None] * rng.standard_normal(patches.shape, "float32")

mine = keras_pde.from_preset("certified_resnet_2d")
before = mine.certificate()
mine.compile(keras.optimizers.Adam(3e-3), "mse")
mine.fit([given, levels], patches, batch_size=8, epochs=2, verbose=0)
print(mine.certificate())
print("licence of the weights, which goes with them:", mine.metadata["license"])

# %%
zoo = keras_pde.from_preset("certified_resnet_2d")
level = np.array([25 / 255], "float32")
tests = {"bricks": bricks[340:], "camera": (photo / 255).astype("float32")[60:316, 100:356, None]}
found = {}
for name, image in tests.items():
    pixels = noise.add_noise(image, 25)
    found[name] = {"with noise": pixels}
    for title, net in {"preset": zoo, "fine-tuned": mine}.items():
        found[name][title] = np.asarray(net([pixels[None], level]))[0]
fig, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained")
for axis, (title, image) in zip(axes, found["bricks"].items(), strict=True):
    axis.imshow(image[:160, 100:260, 0], cmap="gray", vmin=0.1, vmax=0.7)
    axis.set_title(f"{title}: {psnr(image, tests['bricks'], high=1):.2f} dB")
    axis.axis("off")
plt.show()

# %% [markdown]
# Training on one kind of picture has a price on others, which the second number states.

# %%
gains = {
    name: psnr(images["fine-tuned"], tests[name], high=1)
    - psnr(images["preset"], tests[name], high=1)
    for name, images in found.items()
}
assert before.norm_stable
assert mine.certificate().norm_stable
assert gains["bricks"] > 0.5
assert scores["30 photons, denoised"] > scores["30 photons"] + 8
print(
    f"fine-tuned: {gains['bricks']:+.2f} dB on bricks, {gains['camera']:+.2f} dB on the cameraman,"
    f" norm stable: {mine.certificate().norm_stable}"
)
