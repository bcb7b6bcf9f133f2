# %% [markdown]
# # Multigrid as a U-net
#
# Smoothing is a convolution, a coarser grid is a strided one, and the correction from it is an additive skip: a V-cycle of multigrid *is* a U-net. Without
# weights it solves Poisson's equation and fills in pictures. With weights it starts as that solver, and learns.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import keras_pde
from keras_pde import MultigridUNet, plotting
from keras_pde.data.noise import add_noise
from keras_pde.tasks.inpaint import random_mask

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A solver without weights
#
# $-\Delta u = b$ with a zero boundary, for eight point charges. The network is one cycle: two smoothing steps on each grid on the way down, one on the way
# up. `solve` iterates it, and measures the residual $\|b - Au\|/\|b\|$ in float64.


# %%
def charges(n, rng):
    b = np.zeros((1, n, n, 1))
    b[0, *rng.integers(n // 8, n - n // 8, (2, 8)), 0] = np.tile([1, -1], 4)
    return b


solver = MultigridUNet("poisson", "V(2,1)")
found = {}
for n in (63, 127):
    b = charges(n, np.random.default_rng(0))
    found[n] = solver.solve(b, tolerance=1e-10)
    print(f"{n} × {n}: {found[n]}")
print(solver)


# %% [markdown]
# The factor of a cycle does not depend on the size ([M3](../docs/theorems.md#m3-convergence-of-cycles) says what is known of it, and what is measured).
# Beside it the smoother alone, Gauss-Seidel in red-black order, on the finest grid: it damps what is rough, and hardly what is smooth.


# %%
def gauss_seidel(b, sweeps):
    """Relative residuals of sweeps over red points, then black ones."""
    b = b[0, ..., 0]
    u = np.zeros((b.shape[0] + 2, b.shape[1] + 2))
    red = np.indices(b.shape).sum(0) % 2 == 0

    def neighbours():
        return u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]

    inner, residuals = u[1:-1, 1:-1], [1.0]
    for _ in range(sweeps):
        for points in (red, ~red):
            inner[points] = (b + neighbours())[points] / 4
        residuals.append(np.linalg.norm(b - 4 * inner + neighbours()) / np.linalg.norm(b))
    return np.array(residuals)


alone = gauss_seidel(b, 24)
fig, axis = plt.subplots(figsize=(6, 3.2))
axis.semilogy(alone, label="smoother alone, 127 × 127")
for n, solution in found.items():
    sweeps = 4 * np.arange(solution.cycles + 1)  # 3 on each grid: 3(1 + 1/4 + ...) = 4 finest ones
    axis.semilogy(sweeps, solution.residuals[:, 0], "o-", label=f"V(2,1) cycles, {n} × {n}")
axis.set(xlabel="cost, in sweeps over the finest grid", ylabel="relative residual")
axis.legend()
plt.show()

# %% [markdown]
# What leaves each level of the U-net: the state on the finest grid, and corrections of it on coarser ones. A single point remains at the bottom.

# %%
plotting.plot_levels(solver, charges(63, np.random.default_rng(0))[0])
plt.show()

# %% [markdown]
# ## A picture from a tenth of its pixels
#
# The same network for $u = f$ on known pixels and $-\Delta u = 0$ on the others, from the zoo. There is one solution, and it obeys
# $\min f \leq u \leq \max f$ ([M5](../docs/theorems.md#m5-inpainting-has-one-solution)). A call of the network is one cycle, so its output goes in again.


# %%
def psnr(image):
    return -10 * np.log10(np.square(image.clip(0, 1) - photo).mean())


def show(images):
    fig, axes = plt.subplots(1, len(images), figsize=(3 * len(images), 3.4))
    for axis, (title, image) in zip(axes, images.items(), strict=True):
        axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    fig.tight_layout()
    plt.show()


photo = data.camera()[60:188, 140:268, None].astype("float32") / 255
mask = random_mask(photo.shape[:2], 0.1)[..., None].astype("float32")
inpainter = keras_pde.from_preset("multigrid_inpaint_2d")
u = [mask * photo]
for _ in range(6):
    u.append(np.array(inpainter([u[0][None], mask[None], u[-1][None]]))[0])
images = {"photograph": photo, "a tenth of its pixels": u[0]}
for cycles in (1, 2, 6):
    images[f"{cycles} cycle{'s' * (cycles > 1)}: {psnr(u[cycles]):.2f} dB"] = u[cycles]
show(images)
changes = [float(np.abs(u[k + 1] - u[k]).max()) for k in range(6)]
print("largest change in each cycle:", *(f"{change:.1e}" for change in changes))

# %% [markdown]
# `solve` does the same until a residual is reached, and [`keras-pde inpaint`](../docs/families/inpaint.md) at the command line.
#
# ## A U-net to train
#
# With `channels` every level gets kernels, a flux, weights of its smoothing steps, restriction and prolongation to learn. It computes the cycle itself before
# it is trained:

# %%
noisy = add_noise(photo, 25)
learned = MultigridUNet("screened_poisson", levels=3, channels=8)
cycle = MultigridUNet("screened_poisson", levels=3, smoother="chebyshev")
start = float(np.abs(np.array(learned(noisy[None])) - np.array(cycle(noisy[None]))).max())
print(f"{learned.count_params():,} weights; largest difference from the solver {start:.0e}")

# %% [markdown]
# It trains with `compile` and `fit`, as any Keras model: [a block in your Keras model](../docs/how-to/block.md#implicit-steps-and-u-nets) has one with a head
# for labels. The zoo's [`multigrid_unet_2d`](../zoo/denoise/multigrid_unet_2d/README.md) was trained to denoise. What it started from, a cycle for an implicit
# step of nonlinear diffusion, stands beside it. No theorem says what training made of it, and its certificate says so.

# %%
unet = keras_pde.from_preset("multigrid_unet_2d")
print(unet)
print(unet.certificate())
untrained = MultigridUNet(unet.problem, "V(3,3)", levels=4, smoother="chebyshev")
before = np.array(untrained(noisy[None]))[0]
after = np.array(unet([noisy[None], np.array([25 / 255], "float32")]))[0]
show(
    {
        f"noisy: {psnr(noisy):.2f} dB": noisy,
        f"a cycle without weights: {psnr(before):.2f} dB": before,
        f"multigrid_unet_2d: {psnr(after):.2f} dB": after,
    }
)

# %%
factor = max(solution.factor for solution in found.values())
assert factor < 0.03 < alone[-1]
assert changes[-1] < 0.01
assert start < 1e-6
assert psnr(after) > psnr(before) > psnr(noisy)
print(
    f"Poisson: a factor of {factor:.3f} a cycle, so that 6 cycles leave"
    f" {found[127].residuals[6, 0]:.0e} of the residual, and the smoother alone {alone[24]:.2f} at"
    f" their cost; inpainting: {psnr(u[6]):.2f} dB from a tenth of the pixels; denoising:"
    f" {psnr(before):.2f} dB without weights, {psnr(after):.2f} dB with learned ones"
)
