# %% [markdown]
# # Implicit schemes are recurrent networks
#
# An implicit step $u + \tau K^\top\Phi(Ku) = f$ is stable for every step size. It has to be solved, and each pass of the solver is a residual block that sees $f$ again:
# a recurrent network with a source skip. This notebook takes steps of ten times the explicit limit, counts what they cost, and measures what the gradient
# of a solve keeps in memory, which does not depend on the number of passes.

# %%
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from skimage import data

from keras_pde import (
    DiffusionBlock,
    DiffusionResNet,
    FluxActivation,
    ImplicitDiffusion,
    ImplicitRecurrent,
    Schedule,
    from_preset,
    plotting,
    schemes,
)
from keras_pde.tasks.quality import quality

tf.get_logger().setLevel("ERROR")  # which counts compiled functions
keras.config.set_floatx("float64")
photo = data.camera().reshape(128, 4, 128, 4).mean(axis=(1, 3))[:, :, None] / 255
noisy = (photo + 0.1 * np.random.default_rng(0).standard_normal(photo.shape))[None]
flux = FluxActivation("charbonnier", 0.02, coupled=True)
limit = 0.25  # of an explicit step, in grid size²
tau = 10 * limit

# %% [markdown]
# ## Ten times the limit
#
# Four steps of $\tau = 2.5$: explicit ones, by a schedule of your own that warns, and implicit ones. The explicit certificate states how much its steps may amplify.
# The implicit one states, for every $\tau$, a norm and an energy that do not grow ([I1](../docs/theorems.md#i1-norm-stability-of-the-implicit-step),
# [I2](../docs/theorems.md#i2-the-implicit-step-as-a-minimiser)), up to the tolerance of a solve ([I7](../docs/theorems.md#i7-the-tolerance-of-a-solve)).

# %%
block = DiffusionBlock("forward", flux, step_size=limit)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    explicit = DiffusionResNet(Schedule((10.0,) * 4, (1.0,) * 4), block=block, tied=True)
    explicit.build(noisy.shape)
implicit = ImplicitRecurrent(4, block=ImplicitDiffusion("forward", flux, tau))
implicit.build(noisy.shape)
for network in (explicit, implicit):
    print("\n".join(str(network.certificate()).splitlines()[:5]))

fig, axes = plt.subplots(1, 4, figsize=(14, 3.2), layout="constrained")
results = {}
for k, (name, network) in enumerate({"explicit": explicit, "implicit": implicit}.items()):
    results[name] = network.predict(noisy, verbose=0)
    plotting.plot_energy(network, noisy[0], ax=axes[k])
    axes[k].set(title=f"{name}, τ = {tau}", ylim=(0, 1.05))
    axes[2 + k].imshow(results[name][0], cmap="gray", vmin=0, vmax=1)
    axes[2 + k].set(title=f"{name}, after four steps", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## The passes of a solver are blocks
#
# The damped fixed-point iteration is $u \leftarrow u - \omega(u + \tau K^\top\Phi(Ku) - f)$ with $\omega = 2/(2 + \tau L\|K\|^2)$ ([I3](../docs/theorems.md#i3-fixed-point-iterations)).
# Divided by $\tau$ this is the explicit step of diffusion with a data term, of weight $\beta = 1/\tau$ and at its own limit: a `DiffusionBlock` that sees the
# source. Sixty tied blocks of it are one implicit step, to the tolerance that sixty passes reach. Accelerated solvers take fewer.

# %%
recurrent = DiffusionResNet(
    60, block=DiffusionBlock("forward", flux, data_weight=1 / tau), tied=True
)
passed = recurrent.predict(noisy, verbose=0)
solved = {}
for solver in ("fixed_point", "accelerated", "anderson"):
    layer = ImplicitDiffusion("forward", flux, tau, solver, tolerance=1e-8)
    layer.build(noisy.shape)
    solved[solver] = tf.function(layer.solve)(noisy, trace=True)
difference = float(np.abs(passed - solved["accelerated"].u).max())
print(f"largest difference between 60 blocks and the solution: {difference:.1e}")

# %% [markdown]
# A pass applies $K$ and $K^\top$ once, as an explicit step does. Explicit steps to the time $\tau$ are $\tau$ over the limit. The damped iteration contracts by
# $q/(2 + q)$ with $q = \tau L\|K\|^2$, so its passes grow as $\tau$; those of accelerated solvers grow more slowly.

# %%
costs = {}
for factor in (10, 100, 1000):
    layer = ImplicitDiffusion("forward", flux, factor * limit, tolerance=1e-4, max_iterations=5000)
    layer.build(noisy.shape)
    costs[factor] = int(tf.function(layer.solve)(noisy).iterations[0])

fig, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
plotting.plot_convergence(solved, ax=axes[0])
axes[0].set_title("one implicit step of 10 times the limit")
axes[1].loglog(costs.keys(), costs.values(), "o-", label="passes of the accelerated solver")
axes[1].loglog(costs.keys(), costs.keys(), "k--", label="explicit steps to the same time")
axes[1].set(title="work to a residual of 1e-4", xlabel="step size over the explicit limit")
axes[1].legend()
plt.show()

# %% [markdown]
# At ten times the limit the implicit step costs more than the explicit ones that it replaces. It costs less where $\tau\|K\|^2$ is large, here from about a
# hundred times the limit on, and it has the theorems of a proximal map: it is the minimiser of $\frac{1}{2}\|u - f\|^2 + \tau E(u)$.
#
# ## The error in time
#
# Both schemes are of first order, so fewer and longer steps have a larger error. `diagnose` runs the solves of a network and counts their passes.

# %%
step = DiffusionResNet(1, block=block, tied=True)
step.build(noisy.shape)


def fine(steps):
    return step.with_schedule(schemes.explicit(steps), time=4 * tau).predict(noisy, verbose=0)


reference = 2 * fine(640) - fine(320)
errors = {
    name: np.linalg.norm(u - reference) / np.linalg.norm(noisy - reference)
    for name, u in {"40 explicit steps": fine(40), "4 implicit steps": results["implicit"]}.items()
}
diagnosis = implicit.diagnose(noisy)
print(diagnosis)
print({name: round(float(error), 4) for name, error in errors.items()})

# %% [markdown]
# ## The gradient needs the solution alone
#
# With $\bar g$ the gradient of a loss by $u$, its gradient by $f$ solves $(I + \tau K^\top\Phi'(Ku)K)\lambda = \bar g$ ([I6](../docs/theorems.md#i6-the-gradient-of-an-implicit-step)).
# No pass of the solver is stored. A graph of the same gradient through blocks that are written out keeps what each of them needs; the tensors that go from
# the forward part of a graph to its gradient can be counted.


# %%
def gradient(run):
    """The gradient of ‖run(f)‖² by f as a function, and the megabytes it keeps until it runs."""

    @tf.function
    def function(f):
        with tf.GradientTape() as tape:
            tape.watch(f)
            loss = tf.reduce_sum(run(f) ** 2)
        return tape.gradient(loss, f)

    graph = function.get_concrete_function(tf.TensorSpec(noisy.shape, noisy.dtype)).graph
    backward = [op for op in graph.get_operations() if op.name.startswith("gradient_tape")]
    kept = {
        x.ref(): np.prod(x.shape) * x.dtype.size
        for op in backward
        for x in op.inputs
        if not x.op.name.startswith("gradient_tape")
    }
    return function, sum(kept.values()) / 1e6


def written_out(passes):
    pass_of = DiffusionBlock("forward", flux, data_weight=1 / tau)

    def run(f):
        u = f
        for _ in range(passes):
            u = pass_of(u, source=f)
        return u

    return run


layer = ImplicitDiffusion("forward", flux, tau, tolerance=1e-8)
exact, memory = gradient(layer)
exact = exact(noisy).numpy()
print(f"implicit: {memory:.2f} MB")
passes, megabytes, distances = (5, 10, 20), [], []
for n in passes:
    function, kept = gradient(written_out(n))
    megabytes.append(kept)
    distances.append(np.linalg.norm(function(noisy) - exact) / np.linalg.norm(exact))
    print(f"{n} blocks: {kept:.2f} MB, distance of the gradients {distances[-1]:.1e}")

fig, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
axis.plot(passes, megabytes, "o-", label="blocks written out")
axis.axhline(memory, color="black", linewidth=0.8, label="implicit function theorem")
axis.set(xlabel="passes", ylabel="kept for the gradient (MB)", yscale="log", ylim=(0.1, 100))
axis.legend(loc="center right")
plt.show()

# %% [markdown]
# ## A preset
#
# The zoo has Charbonnier diffusion as 34 explicit steps and as one implicit step. Both are averaged, with the constants $\theta = 0.998$ and $\theta = 1/2$: the second
# is firmly nonexpansive, which ADMM with a denoiser in the loop asks for ([R2](../docs/theorems.md#r2-plug-and-play-by-admm)).

# %%
for name in ("charbonnier_explicit_2d", "charbonnier_implicit_2d"):
    network = from_preset(name)
    clean = network.predict(noisy, verbose=0)[0]
    print(
        f"{name}: {quality(photo, clean).psnr:.2f} dB; {network.certificate()['averaged'].formula}"
    )

# %%
total = int(diagnosis.iterations.sum())
assert diagnosis.all_converged
assert distances == sorted(distances, reverse=True)
assert memory < megabytes[0] / 10
print(
    f"steps of 10 times the limit: error {errors['4 implicit steps']:.3f} after {total} passes,"
    f" {errors['40 explicit steps']:.3f} after 40 explicit steps; the gradient keeps {memory:.2f} MB"
    f" instead of {megabytes[-1]:.1f} MB for {passes[-1]} passes"
)
