# %% [markdown]
# # A learned operator beside its exact solver
#
# Water flows through sand and clay. Given where which of them is, the pressure solves $-\nabla\cdot(a\nabla u) = 1$ with $u = 0$ at the walls. Three ways to
# it: the Green's function as a network, a solver without weights, and a network that learned $a \mapsto u$ from 1000 pairs. Each wins somewhere.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import scipy.fft
import tensorflow as tf
from keras import ops

import keras_pde
from keras_pde import MultigridUNet, MultilevelKernel, problems
from keras_pde.tasks.operate.exact import solve_edges

# %% [markdown]
# ## A dense matrix at linear cost
#
# In one dimension and with $a = 1$, $u(x) = \int \kappa(x, y)f(y)\,dy$ with the Green's function $\kappa = \min(x, y)(1 - \max(x, y))$. That is a dense
# matrix. `MultilevelKernel` keeps three bands a level, and interpolates the rest from coarser levels. For this kernel nothing is lost
# ([J1](../docs/theorems.md#j1-greens-functions-by-three-bands)).


# %%
def green(i, j):
    x, y = (np.minimum(i, j) + 1) / (n + 1), (np.maximum(i, j) + 1) / (n + 1)
    return x * (1 - y)


for n in (63, 255, 1023):
    kernel = MultilevelKernel.approximating(green, (n,), dtype="float64")
    f = np.random.default_rng(0).standard_normal((1, n, 1))
    dense = green(*np.indices((n, n)))
    error = np.abs(np.array(kernel(f))[0] - dense @ f[0]).max() / np.abs(dense @ f[0]).max()
    print(f"{n:5} points: {kernel.entries:.1f} numbers a point, largest error {error:.1e}")

# %% [markdown]
# ## A truth to measure against
#
# Now in the plane, with a medium of two phases whose conductivities are as 1 to 18. Its shapes are level sets of a smooth random field. On 255 × 255 points
# the solver's error is below what follows; so its solution is the truth here. The coefficient jumps, so the coarse operators of multigrid are made
# from the fine one, and conjugate gradients need few cycles.

# %%
FINE = 256
RESISTANCES = 50.29, 2.787  # 1/a of the two phases: -Δu inside of each


def medium(rng):
    """Phases 0 and 1 at the points i/256, level sets of a field with the covariance (121 - Δ)^-3."""
    k = np.pi * np.arange(FINE)
    spectrum = rng.standard_normal((FINE, FINE)) / (k[:, None] ** 2 + k**2 + 121) ** 1.5
    return (scipy.fft.idctn(spectrum, norm="ortho") > 0).astype("float64")


solver = MultigridUNet(problems.Diffusion(coefficient="cells", boundary="dirichlet"))


def solve(phases, tolerance=1e-8):
    """u at the points i/n with i ≥ 1, by five points and harmonic means."""
    a = np.where(phases[None, 1:, 1:, None] > 0.5, 1 / RESISTANCES[1], 1 / RESISTANCES[0])
    found = solver.solve([np.full_like(a, len(phases) ** -2.0), a], tolerance=tolerance)
    return found.x[0, ..., 0], found


rng = np.random.default_rng(1)
media = [medium(rng) for _ in range(6)]
truth = []
for phases in media:
    u, found = solve(phases)
    truth.append(u)
print(found)

# %% [markdown]
# ## Few points
#
# Of a medium one often has samples, every 16th point say. The solver then takes each sample for the whole cell around it. `darcy_2d` is a
# `KernelNetwork` trained on 16 × 16 samples of media as rough as these, and their true pressures: it learned what the phases do *between* the points on
# average. Its cycles are conjugate gradients with a learned preconditioner for an equation $A_\theta(a)u = f$ with learned numbers on the edges. No weight
# belongs to a size, so it also takes 32 × 32 and 64 × 64, which it never saw.

# %%
network = keras_pde.from_preset("darcy_2d")
print(f"{network.count_params():,} weights")


def error(found, n, k):
    """Relative distance of u on n × n points from the truth of medium k, in percent."""
    step = FINE // n
    wanted = truth[k][step - 1 :: step, step - 1 :: step]
    return 100 * np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


SIZES = 16, 32, 64
table = {"solver": [], "network": [], "its equation, solved": []}
for n in SIZES:
    sampled = [phases[:: FINE // n, :: FINE // n] for phases in media]
    inputs = np.stack(sampled)[..., None].astype("float32")
    edges, f = network.conductances(inputs)
    learned = np.array(network(inputs))[..., 1:, 1:, 0]
    answers = {
        "solver": [solve(phases)[0] for phases in sampled],
        "network": learned,
        "its equation, solved": solve_edges(edges, f)[..., 0],
    }
    for name, found in answers.items():
        table[name].append(np.mean([error(u, n, k) for k, u in enumerate(found)]))
print("points an axis        " + "  ".join(f"{n:>6}" for n in SIZES))
for name, errors in table.items():
    print(f"{name:20}  " + "  ".join(f"{e:5.2f}%" for e in errors))

# %%
n, k = 16, 0
step = FINE // n
sample = media[k][::step, ::step]
wanted = truth[k][step - 1 :: step, step - 1 :: step]
learned = np.array(network(sample[None, ..., None].astype("float32")))[0, 1:, 1:, 0]
errors = {"error of the solver": np.abs(solve(sample)[0] - wanted)}
errors["error of the network"] = np.abs(learned - wanted)
most = errors["error of the solver"].max()
figure, axes = plt.subplots(1, 5, figsize=(13, 2.9), layout="constrained")
for axis, picture, title in zip(
    axes[:2], (media[k], sample), ("the medium", "16 × 16 samples of it"), strict=True
):
    axis.imshow(picture, cmap="gray")
    axis.set(title=title, xticks=[], yticks=[])
for axis, (title, picture) in zip(axes[2:4], errors.items(), strict=True):
    axis.imshow(picture, cmap="magma", vmin=0, vmax=most)
    axis.set(title=title, xticks=[], yticks=[])
for name, line in zip(table, ("o-", "s-", "^:"), strict=True):
    axes[4].loglog(SIZES, table[name], line, label=name, base=2)
axes[4].set(title="error in percent", xlabel="points an axis", yticks=[1, 2, 4, 8])
axes[4].set_yticklabels(["1", "2", "4", "8"])
axes[4].legend(fontsize="x-small")
plt.show()

# %% [markdown]
# Where the samples say little, what was learned helps; where they say more, the solver without weights overtakes it. Every cycle lowers the energy of
# the network's equation, on any grid and for all weights ([J5](../docs/theorems.md#j5-cycles-that-lower-an-energy)), so its cycles nearly solve it on four
# times as fine a grid as that of its training too. Still, use a solver where you know the coefficient, and learn what you don't know.
#
# ## Learning through the solver
#
# The two meet in the middle. `solver.solution([b, a])` is a tensor with exact gradients to the coefficient, from one more solve of the same equation
# ([M7](../docs/theorems.md#m7-gradients-of-a-solution)). So an unknown coefficient can be found from the pressure by any optimizer: here two
# numbers, the resistances of the phases, from the true pressure at 32 × 32 points.
#
# **Next:** [the operators](../docs/families/operate.md), [the solver](../docs/families/solve.md), or [an equation of your own](../docs/how-to/own_problem.md).

# %%
n = 32
sample = media[0][:: FINE // n, :: FINE // n][None, 1:, 1:, None].astype("float32")
wanted = truth[0][FINE // n - 1 :: FINE // n, FINE // n - 1 :: FINE // n][None, ..., None].astype(
    "float32"
)
b = np.full_like(sample, n**-2.0)
log_resistance = tf.Variable([2.0, 2.0])
optimizer = keras.optimizers.Adam(0.15)
solution = tf.function(lambda a: solver.solution([b, a]))  # traced once
for _ in range(50):
    with tf.GradientTape() as tape:
        a = ops.exp(-(log_resistance[0] * (1 - sample) + log_resistance[1] * sample))
        loss = ops.mean((solution(a) - wanted) ** 2) / np.mean(wanted**2)
    optimizer.apply([tape.gradient(loss, log_resistance)], [log_resistance])
found = np.exp(log_resistance.numpy())
print(
    f"found {found[0]:.1f} and {found[1]:.2f}, behind the data are {RESISTANCES[0]} and {RESISTANCES[1]}"
)
