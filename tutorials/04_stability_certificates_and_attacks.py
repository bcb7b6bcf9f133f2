# %% [markdown]
# # Stability certificates, and attacks on them
#
# A certificate is a list of upper bounds that theorems derive from a network's weights; no data enter. This notebook reads the certificates of presets
# and of networks of your own, asks why a bound is missing and mends it, and then attacks: the inputs that ascent finds reach 98 % of the bounds of a
# block, a tenth of that of a trained network, and exceed none.

# %%
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from skimage import data

import keras_pde
from keras_pde import DiffusionBlock, DiffusionResNet, Schedule

keras.utils.set_random_seed(0)
for name in ("charbonnier_explicit_2d", "dufort_frankel_resnet_2d", "fab_2d"):
    print(keras_pde.from_preset(name).certificate(), end="\n\n")

# %% [markdown]
# A diffusion block is $N(u) = u - \tau K^\top\Phi(Ku)$ with $\Phi(s) = g(s^2)\,s$. Let $L_g$ be the supremum of $g$, and let the slopes of $\Phi$ lie in
# $[-\mu, L]$, $\mu \ge 0$. Then
#
# * norm stability, $\|N(u)\| \le \|u\|$, holds for $g \ge 0$ and $\tau \le 2/(L_g\|K\|^2)$ ([S1](../docs/theorems.md#s1-norm-stability-of-the-explicit-step));
# * nonexpansiveness, $\|N(u) - N(v)\| \le \|u - v\|$, for $\mu = 0$ and $\tau \le 2/(L\|K\|^2)$ ([S2](../docs/theorems.md#s2-lipschitz-constant-of-the-explicit-step));
# * averagedness, $N = (1 - \theta)I + \theta R$ with a nonexpansive $R$, for $\mu = 0$ and $\tau = 2\theta/(L\|K\|^2)$, $\theta < 1$ ([S4](../docs/theorems.md#s4-averagedness-of-the-explicit-step));
# * descent of the energy $E$ with $\nabla E(u) = K^\top\Phi(Ku)$ for $\tau \le 2/(L\|K\|^2)$, whatever $\mu$ is ([S5](../docs/theorems.md#s5-energy-descent-of-the-explicit-step)).
#
# The iterates of an averaged map converge to a fixed point if there is one; those of a map that is only nonexpansive may run in circles. If $\Phi$ falls
# somewhere, as the one of Perona and Malik does, S2 still gives the Lipschitz constant $1 + \tau\mu\|K\|^2$, which is 1.25 a block at the limit.
#
# ## Why is this not certified?
#
# The last column of a certificate is the rule used, or why none applies, with the number that fails. Blocks of your own, with forward differences:


# %%
def built(network):
    network.build((None, None, None, 1))
    return network


asked = {
    "Perona-Malik flux": built(DiffusionBlock("forward", "perona_malik")),
    "monotone flux": built(DiffusionBlock("forward", "charbonnier")),
    "half of the step": built(DiffusionBlock("forward", "charbonnier", fraction=0.5)),
    "inner bias": built(DiffusionBlock("forward", "charbonnier", fraction=0.5, use_bias=True)),
}
fig, axes = plt.subplots(2, 2, figsize=(12, 4.6))
for axis, (name, block) in zip(axes.flat, asked.items(), strict=True):
    certificate = block.certificate()
    for guarantee in certificate.guarantees:
        if not guarantee.proved:
            print(f"{name}: {guarantee.title} is not proved: {guarantee.reason}")
    keras_pde.plotting.plot_certificate(certificate, ax=axis)
    axis.set_title(name)
fig.tight_layout()
plt.show()

# %% [markdown]
# A monotone flux brings nonexpansiveness, and a step below the limit brings averagedness. A bias costs norm stability alone, since it drives the state
# even from $u = 0$ ([S3](../docs/theorems.md#s3-an-inner-bias)). `keras_pde.certify` reads a Keras model in the same way, and names the layer that has no constant:

# %%
inputs = keras.Input((32, 32, 1))
h = DiffusionResNet(4, filters=8, flux="charbonnier")(inputs)
h = keras.layers.AveragePooling2D(2)(h)
print(keras_pde.certify(keras.Model(inputs, h, name="known")))
h = keras.layers.Lambda(lambda x: x * x, name="square")(h)
print(keras_pde.certify(keras.Model(inputs, h, name="unknown")).reasons["lipschitz"])

# %% [markdown]
# ## A step beyond the limit
#
# A block refuses a step size beyond its limit. A schedule of your own runs with a warning, and its certificate states the growth that S1 bounds: at $c$ times
# the limit $2/(L_g\|K\|^2)$ it is $2c - 1$. The Lipschitz constant of S2 is $\max(1 + c/4, 2c - 1)$ for the flux of Perona and Malik, where $\mu = 1/8$.
#
# The attack asks for the largest $\|N(u + e) - N(u)\|/\|e\|$. The gradient of the numerator by $e$ is $J^\top Je$ up to a factor, for small $e$ and the Jacobian
# $J$ of $N$ at $u$, so following it is a power iteration; meanwhile $u$ follows its own gradient. With $u = 0$ and small $e$ the quotient is the growth.


# %%
def lengths(x):
    return tf.sqrt(tf.reduce_sum(x * x, axis=(1, 2, 3), keepdims=True))


def attack(network, start, steps=30, size=1e-4, rate=0.03):
    """The quotients that each step finds, (steps, batch); with rate=0 the states rest."""
    u, e = tf.Variable(start), tf.Variable(np.random.default_rng(1).normal(size=start.shape))

    @tf.function
    def step(rate):
        with tf.GradientTape() as tape:
            state = u.value()
            tape.watch(state)
            other = state + size * e / lengths(e)
            tape.watch(other)
            quotient = lengths(network(other) - network(state)) / size
            found = tf.reduce_sum(quotient)
        to_other, to_state = tape.gradient(found, [other, state])
        e.assign(to_other)
        u.assign_add(rate * lengths(u) * to_state / (lengths(to_state) + 1e-300))
        return quotient[:, 0, 0, 0]

    rates = [0 if k < steps / 4 else rate * (1 - k / steps) for k in range(steps)]
    return np.stack([step(tf.constant(r, tf.float64)) for r in rates])


def beyond(c, flux):
    """A step of c times the limit."""
    block = DiffusionBlock("forward", flux, dtype="float64")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        network = built(DiffusionResNet(Schedule((c,), (1.0,)), block=block, dtype="float64"))
    return network, [str(w.message) for w in said]


try:
    built(DiffusionBlock("forward", "perona_malik", step_size=0.375))
except ValueError as error:
    print(error)
network, said = beyond(1.5, "perona_malik")
print(said[0])
print(network.certificate())

# %% [markdown]
# The Lipschitz constant $1 + c/4$ needs a state with $\Phi' = -\mu$ at every pixel: a ramp whose differences are $\sqrt{3}\lambda$.

# %%
contrast = 0.1
flux = keras_pde.activations.PeronaMalik(contrast)
ramp = np.sqrt(3) * contrast * np.add.outer(np.arange(24.0), np.arange(24.0))[None, :, :, None]
sizes = np.array([0.25, 0.5, 0.75, 1.0, 8 / 7, 1.3, 1.5])  # the two bounds meet at 8/7
bounds, found = [], []
for c in sizes:
    network, _ = beyond(float(c), flux)
    certificate = network.certificate()
    bounds.append((certificate.norm_gain, certificate.lipschitz))
    quotients = attack(network, np.concatenate([0 * ramp, ramp]), rate=0.0)
    found.append((quotients[:, 0].max(), quotients.max()))
bounds, found = np.array(bounds), np.array(found)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
titles = ("growth of the norm (S1)", "Lipschitz constant (S2)")
for axis, title, bound, attacked in zip(axes, titles, bounds.T, found.T, strict=True):
    axis.plot(sizes, bound, label="certified upper bound")
    axis.plot(sizes, attacked, "o", label="found by the attack")
    axis.axvline(1, color="0.6", linestyle="--", linewidth=1)
    axis.set(title=title, xlabel="step size over its limit")
axes[0].legend()
fig.tight_layout()
plt.show()
print(f"the attack reaches {100 * (found / bounds).min():.1f} % of each bound, or more")

# %% [markdown]
# ## Whole networks
#
# The bound of a network is composed from those of its blocks. It is 1 where each of them is nonexpansive. Where they are not, the constants multiply in
# the bound, while the worst states of different blocks need not follow each other; the true constant lies between the attack and the bound. The attack
# starts from noisy crops of a photograph, and tells the trained network a noise level of 25 grey levels.

# %%
rng = np.random.default_rng(0)
photo = data.camera()[60:188:4, 140:268:4, None] / 255
crops = np.stack([photo[i : i + 16, j : j + 16] for i, j in rng.integers(0, 16, (4, 2))])
crops += rng.uniform(0.05, 0.2, (4, 1, 1, 1)) * rng.standard_normal(crops.shape)
level = tf.fill([4], tf.constant(25 / 255, tf.float64))

classical = keras_pde.from_preset("charbonnier_explicit_2d", dtype="float64")
trained = keras_pde.from_preset("dufort_frankel_resnet_2d", dtype="float64")
curves = {
    classical.name: attack(classical, crops, steps=28).max(axis=1),
    trained.name: attack(lambda u: trained([u, level]), crops, steps=28).max(axis=1),
}
constants = {network.name: network.certificate().lipschitz for network in (classical, trained)}

fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for axis, (name, curve) in zip(axes, curves.items(), strict=True):
    axis.semilogy(curve, "o-", markersize=3, label="largest quotient found")
    axis.axhline(
        constants[name], color="black", linewidth=0.8, label="certified Lipschitz constant"
    )
    axis.set(title=name, xlabel="step of the attack", ylim=(0.5, 30))
    axis.legend(loc="center right")
plt.show()

# %%
for name, curve in curves.items():
    assert max(curve) <= constants[name] * (1 + 1e-9)
assert (found <= bounds * (1 + 1e-6)).all()
of_classical, of_trained = (max(curve) for curve in curves.values())
print(
    f"at 1.5 times the limit the attack finds growth of {found[-1, 0]:.3f}, certified"
    f" {bounds[-1, 0]:.3f}; Lipschitz quotients: {of_classical:.4f} of {classical.name}, certified"
    f" {constants[classical.name]:.4f}, and {of_trained:.2f} of {trained.name}, certified"
    f" {constants[trained.name]:.2f}"
)
