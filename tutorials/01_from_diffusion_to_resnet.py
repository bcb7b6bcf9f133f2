# %% [markdown]
# # From diffusion to a ResNet
#
# An explicit diffusion scheme *is* a residual network: operator, flux, step sizes. This notebook builds one, reads its certificate,
# and attacks it: gradient ascent on the input cannot make it amplify, while it blows up a plain ResNet.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from skimage import data

import keras_pde
from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, FSIResNet
from keras_pde.data.noise import add_noise
from keras_pde.tasks.quality import quality

keras.utils.set_random_seed(0)
photo = data.camera()[::2, ::2, None].astype("float32") / 255
noisy = add_noise(photo, 25)

# %% [markdown]
# ## Operator × flux × schedule
#
# $\partial_t u = -K^\top\Phi(Ku)$ with forward differences $K$ and the Perona–Malik flux $\Phi(s) = s/(1 + s^2/\lambda^2)$. An explicit step is
# stable up to $\tau = 2/(L_g\|K\|^2) = 1/4$, and the library refuses more.

# %%
block = DiffusionBlock(
    "forward", flux=keras_pde.activations.PeronaMalik(0.06), step_size=0.25, coupled=True
)
scheme = DiffusionResNet(20, block=block, tied=True)
smooth = scheme.predict(noisy[None], verbose=0)[0]
print(scheme)
print(scheme.certificate())

# %%
try:
    DiffusionBlock("forward", step_size=0.3)(noisy[None])
except ValueError as error:
    print(error)

# %% [markdown]
# The same block on the fast semi-iterative schedule: 12 steps in 3 cycles reach the diffusion time of 20 explicit ones, by a skip from two blocks back.

# %%
fast = FSIResNet(cycles=3, cycle_length=4, block=block, frozen=True)
quick = fast.predict(noisy[None], verbose=0)[0]
fig, axes = plt.subplots(1, 4, figsize=(13, 3.6))
for axis, (title, image) in zip(
    axes,
    {"clean": photo, "noisy": noisy, "20 explicit steps": smooth, "12 FSI steps": quick}.items(),
    strict=True,
):
    axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(
        f"{title}, {quality(photo, image.clip(0, 1)).psnr:.2f} dB" if title != "clean" else title
    )
    axis.axis("off")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## Learned kernels, and an attack
#
# Six blocks with random learned kernels, next to a plain ResNet $u + W_2\,\mathrm{relu}(W_1 u + b)$ with as many filters. Both are attacked: gradient ascent on the
# input looks for the largest $\|N(u) - N(0)\|/\|u\|$. The certificate of the first says it cannot exceed 1.

# %%
operator = ConvOperator(16, 5, zero_mean=True, normalize=True, boundary="dirichlet")
net = DiffusionResNet(6, block=DiffusionBlock(operator, "perona_malik"))
inputs = x = keras.Input((None, None, 1))
for _ in range(6):
    h = keras.layers.Conv2D(
        16, 5, padding="same", activation="relu", kernel_initializer="he_normal"
    )(x)
    x = x + keras.layers.Conv2D(1, 5, padding="same", kernel_initializer="he_normal")(h)
plain = keras.Model(inputs, x)


def attack(model, steps=60):
    u = tf.Variable(
        0.1 * np.random.default_rng(1).standard_normal((16, 24, 24, 1)), dtype="float32"
    )
    optimizer = keras.optimizers.Adam(0.02)
    zero = model(tf.zeros((1, 24, 24, 1)))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            gain = tf.norm(tf.reshape(model(u) - zero, (16, -1)), axis=1) / tf.norm(
                tf.reshape(u, (16, -1)), axis=1
            )
            loss = -tf.reduce_sum(gain)
        optimizer.apply_gradients([(tape.gradient(loss, u), u)])
        return tf.reduce_max(gain)

    return [float(step()) for _ in range(steps)]


gains = {"diffusion ResNet": attack(net), "plain ResNet": attack(plain)}
print(net.certificate())

# %%
for name, curve in gains.items():
    plt.semilogy(curve, label=f"{name}: {curve[-1]:.3g}")
plt.axhline(1, color="black", linewidth=0.8, label="certified bound")
plt.xlabel("steps of gradient ascent on the input")
plt.ylabel("largest gain found")
plt.legend()
plt.show()
assert max(gains["diffusion ResNet"]) <= 1
certified, plain_gain = (max(curve) for curve in gains.values())
print(
    f"largest gain found: {certified:.4f} of the certified network (bound 1),"
    f" {plain_gain:.4g} of the plain one"
)
