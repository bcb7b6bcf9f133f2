# %% [markdown]
# # Acceleration: FED, FSI and Du Fort-Frankel
#
# Explicit diffusion is a chain of residual blocks whose steps are limited by stability. Three classical schemes reach the same diffusion time in fewer
# blocks, by step sizes that vary or by a skip from two blocks back. This notebook measures their errors against a fine explicit solution, and reads
# which of them are proved stable.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from skimage import data

from keras_pde import (
    DiffusionBlock,
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    FluxActivation,
    FSIResNet,
    from_preset,
    plotting,
    schemes,
)
from keras_pde.tasks.quality import quality

photo = data.camera().reshape(128, 4, 128, 4).mean(axis=(1, 3))[:, :, None] / 255
noisy = (photo + 0.1 * np.random.default_rng(0).standard_normal(photo.shape))[None]
time, limit = 50.0, 0.25  # in units of grid size²; 2/‖K‖² of forward differences in the plane


def block(flux, contrast):
    """A step at the explicit limit."""
    flux = FluxActivation(flux, contrast, coupled=True)
    return DiffusionBlock("forward", flux, step_size=limit, dtype="float64")


# %% [markdown]
# With $A(u) = K^\top\Phi(Ku)$ every scheme here is a list of step sizes $\tau_k$ and a list of weights $w_k$:
# $v = u^k - \tau_k A(u^k)$ and $u^{k+1} = w_k v + (1 - w_k)u^{k-1}$, with $u^{-1} = u^0$ at the start of a cycle. Let $\tau$ be the explicit limit.
#
# * Explicit: $\tau_k \le \tau$, $w_k = 1$.
# * FED: $\tau_k = (\tau/2)/\cos^2(\pi(2k + 1)/(4n + 2))$ for $k = 0, \dots, n - 1$, in an order that keeps rounding small, with $w_k = 1$ and the diffusivity frozen over the
#   cycle. It reaches the time $\tau n(n + 1)/3$ ([A2](../docs/theorems.md#a2-fast-explicit-diffusion)).
# * FSI: $\tau_k = \tau$, $w_k = (4k + 2)/(2k + 3)$, for the same time ([A3](../docs/theorems.md#a3-the-fast-semi-iterative-scheme)).
# * Du Fort-Frankel: $\tau_k = \tau$, $w_k = w$ in $(0, 2)$, for $w/(2 - w)$ times the explicit time per step ([A4](../docs/theorems.md#a4-du-fort-frankel-is-bounded-for-every-step)).

# %%
for schedule in (
    schemes.explicit(time=time, max_step=limit),
    schemes.fed(time=time, max_step=limit),
    schemes.fsi(time=time, max_step=limit),
    schemes.dufort_frankel(time=time, max_step=limit, extrapolation=1.6),
):
    print(schedule)

# %% [markdown]
# For one operator, frozen or linear, a cycle multiplies an eigenvector of $A$ with the eigenvalue $\lambda$ by a polynomial $p(\lambda)$
# ([A1](../docs/theorems.md#a1-cycles-with-one-operator-are-polynomials)). The cycles of FED and FSI are the same polynomial, which stays below 1 up to $\lambda\tau = 2$. On the
# way FED amplifies, by steps that are up to 22 times as long as the limit; FSI does not, at any step.

# %%
n = 10
cycles = {"FED": schemes.fed(n), "FSI": schemes.fsi(n)}
fig, axes = plt.subplots(1, 3, figsize=(13, 3.6))
axes[0].bar(np.arange(n) + 1, cycles["FED"].step_sizes)
axes[0].axhline(1, color="black", linewidth=0.8)
axes[0].set(title="FED's step sizes, in their order", xlabel="step", ylabel="step size / limit")
compared = [schemes.explicit(n), cycles["FED"], cycles["FSI"], schemes.dufort_frankel(n)]
plotting.plot_amplification(compared, ax=axes[1])
axes[1].set(title="a cycle", ylim=(1e-4, 1e2))
eigenvalues = np.linspace(0, 2, 501)
for name, cycle in cycles.items():
    old = new = np.ones_like(eigenvalues)
    peaks = []
    for tau, w in zip(cycle.step_sizes, cycle.extrapolations, strict=True):
        old, new = new, w * (1 - tau * eigenvalues) * new + (1 - w) * old
        peaks.append(np.abs(new).max())
    axes[2].semilogy(range(1, n + 1), peaks, "o-", markersize=4, label=name)
axes[2].set(title="on the way", xlabel="step", ylabel="largest |p(λ)| so far")
axes[2].legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# ## The networks
#
# One block and four chains of it. A flux that follows the evolution is not one operator, so what is proved differs: of FED always, since it freezes the
# diffusivity; of FSI and of Du Fort-Frankel with $w > 1$ where it is frozen too or linear. Otherwise the certificate states the worst case of varying operators
# ([A6](../docs/theorems.md#a6-extrapolation-with-varying-operators)).

# %%
charbonnier = block("charbonnier", 0.003)
reach = time / limit  # in steps at the limit
networks = {
    "explicit": DiffusionResNet(200, block=charbonnier, tied=True, dtype="float64"),
    "FED": FEDResNet(2, 17, block=charbonnier, tied=True, dtype="float64"),
    "FSI": FSIResNet(2, 17, block=charbonnier, dtype="float64"),
    "FSI, frozen": FSIResNet(2, 17, block=charbonnier, frozen=True, dtype="float64"),
    "Du Fort-Frankel": DuFortFrankelResNet(52, 1.6, block=charbonnier, dtype="float64"),
}
for name, network in networks.items():
    network.build(noisy.shape)
    print(f"{name}: {len(network.schedule)} steps to time {network.time:.4g}")
    print(f"    {network.certificate()['norm'].formula}: {network.certificate()['norm'].reason}")

# %% [markdown]
# ## Errors against a fine explicit solution
#
# `with_schedule` sets the same weights on another schedule, scaled to a time. FED and FSI take it in one, two or five
# cycles, Du Fort-Frankel with three weights $w$, each in as few steps as reach it. The reference is $2u_{2N} - u_N$ of explicit runs with
# $N = 8 \cdot 200$ steps, whose error is of second order in the step size. Errors are $\|u - u_{ref}\|/\|f - u_{ref}\|$ for the noisy image $f$.


# %%
def solve(base, schedule):
    network = base.with_schedule(schedule, time=time)
    return tf.function(network, jit_compile=True)(noisy).numpy()


def curves(base):
    """Numbers of steps and errors, by the scheme."""
    fine = [solve(base, schemes.explicit(n)) for n in (1600, 3200)]
    reference = 2 * fine[1] - fine[0]
    lengths = [(c, len(schemes.fed(cycles=c, time=reach)) // c) for c in (1, 2, 5)]
    schedules = {
        "explicit": [schemes.explicit(n) for n in (200, 400)],
        "FED": [schemes.fed(n, cycles=c) for c, n in lengths],
        "FSI": [schemes.fsi(n, cycles=c) for c, n in lengths],
        "Du Fort-Frankel": [
            schemes.dufort_frankel(time=reach, extrapolation=w) for w in (4 / 3, 1.6, 1.8)
        ],
    }
    found = {}
    for name, tried in schedules.items():
        errors = [
            np.linalg.norm(solve(base, one) - reference) / np.linalg.norm(noisy - reference)
            for one in tried
        ]
        found[name] = ([len(one) for one in tried], errors)
    return found


cases = {"linear diffusion": block("linear", 1.0), "Charbonnier diffusion": charbonnier}
fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
measured = {}
for axis, (title, step) in zip(axes, cases.items(), strict=True):
    base = DiffusionResNet(1, block=step, tied=True, dtype="float64")
    base.build(noisy.shape)
    measured[title] = curves(base)
    for (name, (steps, errors)), marker in zip(measured[title].items(), "sox^", strict=True):
        axis.loglog(steps, errors, f"{marker}-", label=name)
    axis.axvline(200, color="0.6", linestyle="--", linewidth=1)
    axis.set(title=title, xlabel="steps")
    axis.set_xticks([20, 50, 100, 200, 400], ["20", "50", "100", "200", "400"])
    axis.minorticks_off()
axes[0].set_ylabel("relative error")
axes[1].legend()
plt.show()

# %% [markdown]
# In the linear case FED and FSI are one scheme. With a nonlinear flux FED pays for the frozen diffusivity, which one cycle takes from the noisy image; more cycles
# renew it. FSI and Du Fort-Frankel follow the evolution, with an error that is smaller and without a theorem. The explicit scheme at its limit keeps the
# pattern of $\lambda\tau = 2$ in the linear case, which is why 400 steps are much better there.

# %%
chosen = {
    "200 explicit steps": schemes.explicit(200),
    "34 FED steps": schemes.fed(17, cycles=2),
    "34 FSI steps": schemes.fsi(17, cycles=2),
    "52 Du Fort-Frankel steps": schemes.dufort_frankel(52, extrapolation=1.6),
}
states = {
    "noisy": noisy[0],
    **{name: solve(networks["explicit"], one)[0] for name, one in chosen.items()},
}
fig, axes = plt.subplots(1, 5, figsize=(14, 3.2), layout="constrained")
plotting.plot_comparison(states, zoom=(22, 48, 22), reference=photo, ax=axes)
plt.show()

# %% [markdown]
# ## A preset on other schedules
#
# Weights do not depend on the schedule. `charbonnier_2d` of the zoo is a FED network; on the explicit schedule it takes 40 steps to the same time.

# %%
preset = from_preset("charbonnier_2d")
for schedule in (preset.schedule, schemes.explicit(40), schemes.fsi(8, cycles=2)):
    network = preset.with_schedule(schedule)
    clean = network.predict(noisy, verbose=0)[0]
    print(
        f"{schedule.kind}: {len(schedule)} steps to time {network.time:.2f},"
        f" {quality(photo, clean).psnr:.2f} dB; {network.certificate().summary(assuming=False)}"
    )

# %%
nonlinear, linear = measured["Charbonnier diffusion"], measured["linear diffusion"]
assert np.allclose(linear["FED"][1], linear["FSI"][1])
said = []
for name in ("FED", "FSI", "Du Fort-Frankel"):
    steps, errors = nonlinear[name]
    assert steps[1] < 200 / 3
    assert errors[1] < 0.2
    said.append(f"{name} {steps[1]} steps with an error of {errors[1]:.3f}")
print(f"the time of 200 explicit steps takes {', '.join(said)}")
