# %% [markdown]
# # Denoise with the zoo
#
# A photograph in one line, what the zoo's networks guarantee, and a small certified denoiser trained here in less than two minutes.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import keras_pde
from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, GatedFlux
from keras_pde.data.noise import add_noise
from keras_pde.tasks.quality import quality

keras.utils.set_random_seed(0)
photo = data.camera()[:, :, None]
noisy = np.uint8(
    np.clip(np.rint(photo + 25 * np.random.default_rng(0).standard_normal(photo.shape)), 0, 255)
)
clean = keras_pde.denoise(noisy)  # uint8 in, uint8 out; the noise is estimated
print(
    f"{quality(photo / 255, noisy / 255).psnr:.2f} dB become"
    f" {quality(photo / 255, clean / 255).psnr:.2f} dB"
)

# %%
keras_pde.list_presets("*resnet*")

# %% [markdown]
# Every network states what is proved of it, computed from its weights:

# %%
best = keras_pde.from_preset("gated_resnet_2d")
print(best.certificate())

# %% [markdown]
# ## A denoiser of your own
#
# Four blocks with sixteen 5×5 filters, trained on photographs of scikit-image (not the one above). Their diffusivity is the Perona–Malik one,
# $\exp(-s^2/2\lambda^2)$, times a learned gate that looks at all filters in a neighbourhood. Both lie in $(0, 1]$ and the kernels are normalised, so
# norm stability holds before, during and after training.

# %%
flux = GatedFlux(
    "perona_malik_exponential", 0.03, learn_contrast=True, per_channel=True, noise_conditioned=True
)
kernels = keras.initializers.Orthogonal(0.3)
operator = ConvOperator(
    16, 5, boundary="dirichlet", initializer=kernels, zero_mean=True, normalize=True
)
mine = DiffusionResNet(4, block=DiffusionBlock(operator, flux, "learned"))

photos = [
    data.coins(),
    data.moon(),
    data.page(),
    data.text(),
    data.brick(),
    data.grass(),
    data.gravel(),
]
rng = np.random.default_rng(0)


class Patches(keras.utils.PyDataset):
    def __len__(self):
        return 120

    def __getitem__(self, index):
        x = np.empty((8, 48, 48, 1), "float32")
        for k in range(8):
            image = photos[rng.integers(len(photos))]
            i, j = (rng.integers(n - 48) for n in image.shape)
            x[k, ..., 0] = image[i : i + 48, j : j + 48] / 255
        level = rng.uniform(5, 55, 8).astype("float32") / 255
        return (
            x + level[:, None, None, None] * rng.standard_normal(x.shape).astype("float32"),
            level,
        ), x


class Pair(keras.Model):
    """The network as a model of (image, level) for `fit`."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def call(self, inputs):
        return self.net([inputs[0], inputs[1]])


def negative_psnr(clean, denoised):
    return (
        10
        / np.log(10)
        * keras.ops.log(keras.ops.mean(keras.ops.square(denoised - clean), axis=(1, 2, 3)) + 1e-7)
    )


pair = Pair(mine)
rate = keras.optimizers.schedules.CosineDecay(0.02, 480)
pair.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), negative_psnr)
history = pair.fit(Patches(), epochs=4, verbose=2)

# %%
pixels = add_noise(photo / 255, 25)
results = {
    "noisy": pixels,
    "trained here": mine([pixels[None], np.array([25 / 255], "float32")])[0].numpy(),
    "gated_resnet_2d": keras_pde.denoise(pixels, 25),
}
fig, axes = plt.subplots(1, 3, figsize=(13, 4.6))
for axis, (name, image) in zip(axes, results.items(), strict=True):
    axis.imshow(image[100:300, 150:350, 0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(f"{name}: {quality(photo / 255, image.clip(0, 1)).psnr:.2f} dB")
    axis.axis("off")
fig.tight_layout()
plt.show()
assert mine.certificate().norm_stable
print(
    f"{mine.count_params():,} parameters, norm stable: {mine.certificate().norm_stable}, "
    f"{quality(photo / 255, results['trained here'].clip(0, 1)).psnr:.2f} dB at noise 25"
)
