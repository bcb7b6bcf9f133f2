# %% [markdown]
# # Your own flux, operator, scheme, task and preset
#
# Data on a globe fit none of the library's operators, which live on pixels. This notebook adds what is missing in four short classes: differences
# between neighbouring points of a sphere, a flux that keeps coasts sharp, a rule for the step sizes, and a task that measures the result. The
# network that they make is certified like any other, and it is saved and loaded as a preset.

# %%
import functools
import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from scipy.spatial import cKDTree

import keras_pde
from keras_pde import DiffusionBlock, DiffusionResNet, presets, schemes
from keras_pde.fluxes.flux import Flux
from keras_pde.operators.operator import Operator
from keras_pde.presets.allowed_classes import allow
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.task import Metric, Task

# %% [markdown]
# ## A flux
#
# The potential of Geman and McClure is $\psi(s) = \frac{\lambda^2}{2}\frac{r}{1 + r}$ with $r = s^2/\lambda^2$. Its derivative is the flux
# $\Phi(s) = g s$ with the diffusivity $g = 1/(1 + r)^2$. Two pairs of bounds are declared. $g$ lies in $[0, 1]$. The slope
# $\Phi'(s) = (1 - 3r)/(1 + r)^3$ is largest at $r = 0$, where it is 1, and smallest at $r = 1$, where it is $-1/4$.


# %%
@keras.saving.register_keras_serializable(package="globe")
class GemanMcClure(Flux):
    """Φ(s) = s/(1 + s²/λ²)²."""

    key = "geman_mcclure"
    diffusivity_bounds = (0.0, 1.0)
    slope_bounds = (-0.25, 1.0)
    height = 9 / (16 * float(np.sqrt(3)))  # sup |Φ|/λ

    def _g(self, r):
        q = 1 / (1 + r)
        return q * q

    def _dg(self, r):
        q = 1 / (1 + r)
        return -2 * q * q * q

    def _psi(self, r):  # ψ/λ²
        return 0.5 * r / (1 + r)


class TooSteep(GemanMcClure):
    slope_bounds = (-0.1, 1.0)


print(GemanMcClure(0.035))
try:
    TooSteep()
except ValueError as error:
    print(error)

# %% [markdown]
# ## An operator
#
# Each point $i$ of the sphere has six nearest neighbours $j$, and $(Ku)_{ij} = w_{ij}(u_j - u_i)$. Let $d_i$ count the pairs that $i$ is part of. With
# $w_{ij}^2 = 1/(2\max(d_i, d_j))$ the inequality $(u_j - u_i)^2 \le 2u_i^2 + 2u_j^2$ gives
#
# $\|Ku\|^2 \le \sum_{ij} (u_i^2 + u_j^2)/\max(d_i, d_j) \le \sum_i u_i^2$,
#
# so $\|K\| \le 1$ for any number of points. The adjoint gives each weighted difference to $j$ and takes it from $i$.


# %%
POINTS = 4000


def sphere(points):
    """Points on a spiral, evenly spread (Fibonacci's lattice)."""
    k = np.arange(points) + 0.5
    z, angle = 1 - 2 * k / points, np.pi * (1 + np.sqrt(5)) * k
    return np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], -1)


@functools.lru_cache
def pairs(points, neighbours):
    """The neighbours j of all points one after another, and the weights w."""
    i = np.repeat(np.arange(points), neighbours)
    j = cKDTree(sphere(points)).query(sphere(points), neighbours + 1)[1][:, 1:].ravel()
    degree = np.bincount(i, minlength=points) + np.bincount(j, minlength=points)
    weights = 1 / np.sqrt(2 * np.maximum(degree[i], degree[j]))
    return j.astype("int32"), weights.reshape(points, neighbours)


@keras.saving.register_keras_serializable(package="globe")
class SphereDifferences(Operator):
    """(Ku)ᵢⱼ = wᵢⱼ(uⱼ − uᵢ) for the neighbours j of each point i of a sphere, ‖K‖ ≤ 1."""

    fixed = True  # K has no weights that are trained
    support = POINTS  # neighbours on the sphere may have any places in the list

    def __init__(self, neighbours=6, **options):
        super().__init__(**options)
        self.neighbours = neighbours

    def build(self, input_shape):
        self.ndim, self.channels, self.rows = 1, 1, self.neighbours
        self.built = True

    def parts(self, u, weights=None):
        j, w = pairs(u.shape[1], self.neighbours)
        theirs = ops.reshape(ops.take(u, j, axis=1), (-1, *w.shape))
        return [ops.cast(w, u.dtype) * (theirs - u)]

    def adjoint_of(self, parts, weights=None):
        (v,) = parts
        j, w = pairs(v.shape[1], self.neighbours)
        v = ops.cast(w, v.dtype) * v
        given = ops.segment_sum(ops.transpose(ops.reshape(v, (-1, len(j)))), j, w.shape[0])
        return ops.transpose(given)[..., None] - ops.sum(v, axis=-1, keepdims=True)

    def squared_norm_bound(self, weights=None):
        return 1.0

    def norm_bound(self):
        return 1.0

    def get_config(self):
        return {**super().get_config(), "neighbours": self.neighbours}


K, rng = SphereDifferences(), np.random.default_rng(0)
K.build((None, POINTS, 1))
u, v = (rng.standard_normal((1, POINTS, n)).astype("float32") for n in (1, K.rows))
left, right = float(np.vdot(K(u), v)), float(np.vdot(u, K.adjoint(v)))
print(f"⟨Ku, v⟩ = {left:.4f}, ⟨u, Kᵀv⟩ = {right:.4f}")
for _ in range(50):
    u = K.adjoint(K(u / np.linalg.norm(u)))
print(f"‖K‖ by power iteration: {np.sqrt(np.linalg.norm(u)):.4f}, declared: {K.norm_bound()}")

# %% [markdown]
# ## A scheme
#
# A step $\tau$ multiplies the part of $u$ that belongs to an eigenvalue $\mu$ of $K^\top K$ by $1 - \tau\mu$ as long as $g = 1$. At the limit
# $\tau = 2/\|K\|^2$ the highest frequency only changes its sign, and a step of half that size removes it. So the two take turns.


# %%
class InTurn(schemes.Scheme):
    """Steps at the limit and of half its size, in turn."""

    name = "in_turn"

    def lists(self, steps, max_step, **options):
        return [max_step / (1 + k % 2) for k in range(steps)], [1.0] * steps


in_turn = schemes.register(InTurn())


def network(flux, steps, name="globe"):
    block = DiffusionBlock(SphereDifferences(), flux, step_size=2.0)
    net = DiffusionResNet(in_turn.schedule(steps=steps), block=block, tied=True, name=name)
    net.build((None, None, 1))
    return net


net = network(GemanMcClure(0.035), 24)
print(net.schedule)
print(net.certificate())

# %% [markdown]
# Norm stability ([S1](../docs/theorems.md#s1-norm-stability-of-the-explicit-step)) follows from the declared $g \le 1$ and $\|K\| \le 1$ with
# $\tau \le 2$. The certificate names the three declarations among its assumptions, because samples can refute a bound but not prove it.

# %% [markdown]
# ## A task
#
# The task says how networks for the globe are measured: by their PSNR on maps of land and sea with noise. Each map is where a sum of random
# waves is positive.


# %%
def maps(count, noise=0.15):
    rng, points = np.random.default_rng(0), sphere(POINTS)
    waves, phases = (
        3 * rng.standard_normal((count, 3, 12)),
        rng.uniform(0, 2 * np.pi, (count, 1, 12)),
    )
    land = np.cos(points @ waves + phases).sum(-1, keepdims=True) > 0
    clean = (0.3 + 0.4 * land).astype("float32")
    return clean, clean + noise * rng.standard_normal(clean.shape).astype("float32")


class Globe(Task):
    """The PSNR of denoised maps."""

    name = "globe"
    metric = Metric("PSNR", "dB")
    inputs = ("map with noise",)
    target = "map"

    def evaluate(self, network, folder=None, limit=None, entry=None):
        clean, noisy = maps(limit or 8)
        error = np.square(np.asarray(network(noisy)) - clean).mean()
        return {self.metric.name: float(-10 * np.log10(error))}


tasks.register(Globe())
globe = tasks.get("globe")
for contrast in (0.025, 0.035, 0.05):
    score = globe.evaluate(network(GemanMcClure(contrast), 24), limit=4)
    print(f"contrast {contrast}: {globe.metric.text(score['PSNR'])}")

# %% [markdown]
# Beside the best of these stands linear diffusion on the same operator, at the best of its times. It blurs the coasts with the noise. The own flux
# keeps them, and it also keeps a few points whose noise is far above the contrast. The first of four maps is drawn, and the PSNR is that of all four.

# %%
net = network(GemanMcClure(0.035), 24)
linear = network("linear", 3)
clean, noisy = maps(4)
images = {
    "with noise": noisy,
    "linear, 3 steps": np.asarray(linear(noisy)),
    "own flux, 24 steps": np.asarray(net(noisy)),
}
front = sphere(POINTS) @ [0.8, -0.6, 0] > 0
x, y = (sphere(POINTS)[front] @ np.array([[0.6, 0], [0.8, 0], [0, 1]])).T
fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for axis, (title, values) in zip(axes, images.items(), strict=True):
    drawn = axis.scatter(x, y, c=values[0, front, 0], s=64, cmap="viridis", vmin=0, vmax=1)
    axis.set_title(f"{title}: {-10 * np.log10(np.square(values - clean).mean()):.2f} dB")
    axis.set_aspect("equal")
    axis.axis("off")
fig.colorbar(drawn, ax=axes, fraction=0.02, label="value")
plt.show()

# %% [markdown]
# ## A preset
#
# `save_to_preset` writes the network's configuration, its weights and an example output. A file may name only classes that the reader has allowed,
# because any other could run foreign code. So the reader imports the two classes and allows them.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "globe" / "coasts"
    net.save_to_preset(path)
    try:
        keras_pde.from_preset(path)
    except ValueError as error:
        print(str(error).replace(str(path), "coasts"))
    for cls in (GemanMcClure, SphereDifferences):
        allow(cls)
    again = keras_pde.from_preset(path)
    difference = presets.verify(path)
print(again.schedule)

# %% [markdown]
# The certificate is computed from the loaded parts. Random states attack it here: none gains norm, whatever its size. The scores are those of the
# task, over eight maps.

# %%
random = rng.standard_normal((16, POINTS, 1)) * np.logspace(-3, 1, 16)[:, None, None]
gains = np.linalg.norm(again(random), axis=1) / np.linalg.norm(random, axis=1)
scores = [globe.evaluate(n)["PSNR"] for n in (linear, again)]
assert again.certificate().norm_stable
assert gains.max() <= 1 + 1e-6
assert difference < 1e-5
assert scores[1] > scores[0] + 2
print(
    f"linear {scores[0]:.2f} dB, loaded preset {scores[1]:.2f} dB;"
    f" largest gain {gains.max():.4f}, certified 1"
)
