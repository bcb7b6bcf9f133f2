# %% [markdown]
# # Restore with a certified denoiser
#
# A denoiser is a prior for other problems too. This notebook sharpens, fills in and enlarges a photograph with one network of the zoo, reads that the
# iteration is proved to converge, and compares each result with a plain method.
#
# Data $y = Au + \text{noise}$ and a denoiser $N$ have the solutions $u = N(u - \gamma A^\top(Au - y))$, and "plug and play" iterates towards one.
# Whether that converges is a theorem about $N$.

# %%
import matplotlib.pyplot as plt
import numpy as np
from skimage import data, restoration

import keras_pde
from keras_pde import degradations
from keras_pde.tasks.inpaint import random_mask

photo = data.camera()[60:188, 140:268] / 255
rng = np.random.default_rng(0)
problems = {
    "blur": degradations.Blur("gaussian:1.6"),
    "half of the pixels": degradations.Mask(random_mask(photo.shape, 0.5)),
    "half the size": degradations.Decimation(2),
}
noise = 2.0  # in grey levels of 255
noisy = photo + noise / 255 * rng.standard_normal(photo.shape)
observed = {}
for name, A in problems.items():
    extra = noise / 255 * rng.standard_normal(A(photo).shape)
    observed[name] = A(noisy) if name == "half of the pixels" else A(photo) + extra


def psnr(image):
    return -10 * np.log10(np.square(image.clip(0, 1) - photo).mean())


# %% [markdown]
# The denoiser is a proximal map, so it is firmly nonexpansive. `restore` turns that into a statement about the iteration, for the data at hand
# ([R2](../docs/theorems.md#r2-plug-and-play-by-admm)):

# %%
network = keras_pde.from_preset("convex_equilibrium_2d")
print(network.certificate()["averaged"].formula)

restored = {}
for name, A in problems.items():
    restored[name] = keras_pde.restore(
        observed[name],
        A,
        preset="convex_equilibrium_2d",
        noise=noise,
        iterations=60,
        tolerance=3e-4,
    )
    print(f"{name}: {restored[name].summary()}")
print(restored["blur"].conclusion)


# %% [markdown]
# Beside it a plain method for each: Wiener's filter with the best of its parameters, the harmonic function with the known pixels, cubic interpolation.


# %%
def wiener(y, kernel):
    """On the image and its reflections, which go round."""
    wide = np.pad(y, [(0, n) for n in y.shape], mode="symmetric")
    found = [restoration.wiener(wide, kernel, 10.0**k, clip=False) for k in np.arange(-5, 1, 0.5)]
    return max((u[: y.shape[0], : y.shape[1]] for u in found), key=psnr)


plain = {
    "blur": ("Wiener", wiener(observed["blur"], problems["blur"].kernel)),
    "half of the pixels": (
        "harmonic",
        problems["half of the pixels"].first_guess(observed["half of the pixels"]),
    ),
    "half the size": ("cubic", problems["half the size"].first_guess(observed["half the size"])),
}
shown = {
    "blur": observed["blur"],
    "half of the pixels": observed["half of the pixels"],
    "half the size": observed["half the size"].repeat(2, axis=0).repeat(2, axis=1),
}
fig, axes = plt.subplots(3, 3, figsize=(9.5, 10))
for row, name in zip(axes, problems, strict=True):
    method, baseline = plain[name]
    images = {name: shown[name], method: baseline, "restored": restored[name].pixels}
    for axis, (title, image) in zip(row, images.items(), strict=True):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        axis.set_title(f"{title}: {psnr(image):.2f} dB")
        axis.axis("off")
fig.tight_layout()
plt.show()

# %% [markdown]
# The other method, the proximal gradient iteration ([R1](../docs/theorems.md#r1-plug-and-play-by-proximal-gradient)), asks for less of $N$ and for
# more of the step: $N$ averaged, and $\gamma < 2/\|A\|^2$, with an upper bound of $\|A\|$ that every degradation has. A function of one's own, with its adjoint, may state one; random vectors test the adjoint. A network
# that is not averaged runs as well, with a warning that no theorem says that it converges.

# %%
import warnings


def shift(u):
    """Half of the light moves on by two pixels: no blur of the library."""
    return (u + np.roll(u, 2, axis=1)) / 2


def shift_back(v):
    return (v + np.roll(v, -2, axis=1)) / 2


double = shift(photo) + noise / 255 * rng.standard_normal(photo.shape)
changes = {}
for name in ("convex_equilibrium_2d", "certified_resnet_2d"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = keras_pde.restore(
            double,
            shift,
            shift_back,
            norm=1.0,
            preset=name,
            noise=noise,
            method="pgd",
            iterations=25,
        )
    changes[name] = found
    said = [str(w.message) for w in caught if "No theorem" in str(w.message)]
    print(f"{name}: {psnr(found.pixels):.2f} dB; {said[0] if said else 'proved to converge'}")

fig, axis = plt.subplots(figsize=(6, 3))
for name, found in changes.items():
    axis.semilogy(found.changes, label=name)
axis.set(xlabel="iteration", ylabel="‖change of the image‖", title="a double exposure, restored")
axis.legend()
plt.show()

# %%
for name in problems:
    method, baseline = plain[name]
    print(
        f"{name}: {psnr(shown[name]):.2f} dB as it came, {psnr(baseline):.2f} dB {method},"
        f" {psnr(restored[name].pixels):.2f} dB restored"
    )
    assert restored[name].conclusion.proved
    assert restored[name].rises == 0
