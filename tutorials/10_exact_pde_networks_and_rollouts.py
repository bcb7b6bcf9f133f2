# %% [markdown]
# # Exact networks of equations, and their rollouts
#
# A numerical scheme is a recurrent network: stencils are convolutions, products of their channels the nonlinearity, a time step a block. This notebook builds
# such networks without training, checks that they equal their schemes to rounding, watches what they keep, and rolls a learned one out beside them.

# %%
import matplotlib.pyplot as plt
import numpy as np

import keras_pde
from keras_pde import MethodOfLines, equations

# %% [markdown]
# ## Burgers' equation as a network
#
# $\partial_t u = -\frac{1}{2}\partial_x u^2 + \nu\partial_{xx}u$ on a circle, by central differences and the classical Runge-Kutta method. The network has no
# weights. It picks 0.9 of the longest stable step, and refuses longer ones.

# %%
n, viscosity = 128, 0.005
x = np.arange(n) / n
network = MethodOfLines.from_equation(
    "burgers", "rk4", viscosity=viscosity, spacing=1 / n, dtype="float64"
)
print(network)
print(network.certificate())
try:
    network.with_dt(0.03)
except ValueError as error:
    print(error)

# %% [markdown]
# The same scheme in NumPy. Both agree to rounding after 100 steps ([E20](../docs/theorems.md#e20-an-equation-is-a-network-of-two-layers)).


# %%
def right_hand_side(u):
    left, right = np.roll(u, 1), np.roll(u, -1)
    return -(right**2 - left**2) * n / 4 + viscosity * (right - 2 * u + left) * n**2


def runge_kutta(u, dt):
    a = right_hand_side(u)
    b = right_hand_side(u + dt / 2 * a)
    c = right_hand_side(u + dt / 2 * b)
    d = right_hand_side(u + dt * c)
    return u + dt / 6 * (a + 2 * b + 2 * c + d)


start = np.sin(2 * np.pi * x) + 0.5 * np.cos(4 * np.pi * x) + 0.3
film = network.rollout(start[None, :, None], 100, every=1)[:, 0, :, 0]
u = start
for _ in range(100):
    u = runge_kutta(u, network.dt)
difference = np.abs(u - film[-1]).max()
mean_drift = np.abs(film.mean(1) - start.mean()).max()
print(f"largest difference {difference:.1e}; the mean moves by {mean_drift:.1e}")

fig, axes = plt.subplots(1, 2, figsize=(10, 3.4))
box = (0, 100 * network.dt, 0, 1)
picture = axes[0].imshow(film.T, origin="lower", aspect="auto", extent=box, cmap="RdBu")
fig.colorbar(picture, ax=axes[0], label="u")
axes[0].set(xlabel="time t", ylabel="place x", title="a wave steepens to a shock")
for step in (0, 10, 30, 100):
    axes[1].plot(x, film[step], label=f"t = {step * network.dt:.2f}")
axes[1].set(xlabel="place x", ylabel="u")
axes[1].legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# ## The order, measured
#
# The certificate says that the error is $O(h^2)$ in space. A network with derivatives in Fourier space and the exponential method ETDRK4, on 512 points, is
# the reference; stencils of order 4 are another argument.

# %%
until, sizes = 0.125, (32, 64, 128, 256)
exact = MethodOfLines.from_equation(
    "burgers",
    "etdrk4",
    1 / 512,
    viscosity=viscosity,
    spacing=1 / 512,
    accuracy="spectral",
    dtype="float64",
)


def wave(points):
    return np.sin(2 * np.pi * np.arange(points) / points)[None, :, None]


truth = exact.rollout(wave(512), 64)
errors = {}
for accuracy in (2, 4):
    for points in sizes:
        scheme = MethodOfLines.from_equation(
            "burgers",
            "rk4",
            until / 128,
            viscosity=viscosity,
            spacing=1 / points,
            accuracy=accuracy,
            dtype="float64",
        )
        found = scheme.rollout(wave(points), 128)
        errors[accuracy, points] = np.abs(found - truth[:, :: 512 // points]).max()
orders = {a: np.log2(errors[a, 128] / errors[a, 256]) for a in (2, 4)}
print({a: f"{orders[a]:.2f}" for a in orders})

# %% [markdown]
# ## What is kept
#
# The wave equation $\partial_t q = v$, $\partial_t v = -Aq$ with $A = -\Delta$ has an energy. Verlet's method keeps
# $\frac{1}{2}\langle v, v\rangle + \frac{1}{2}\langle q, A(I - \frac{1}{4}\Delta t^2A)q\rangle$ exactly ([E6](../docs/theorems.md#e6-verlets-method)),
# so nothing grows or fades in 20,000 steps. Runge-Kutta steps are of a higher order, and lose some energy in each.

# %%
m, dt = 64, 0.014
y = np.arange(m) / m
pulse = np.stack([np.exp(-200 * (y - 0.5) ** 2), np.zeros(m)], axis=-1)[None]


def energy(states, correction):
    q, v = states[..., 0], states[..., 1]

    def A(q):
        return (2 * q - np.roll(q, 1, -1) - np.roll(q, -1, -1)) * m**2

    return (v**2 + q * A(q - correction * dt**2 / 4 * A(q))).mean(-1) / 2


kept = {}
for name, correction in (("verlet", 1), ("rk4", 0)):
    string = MethodOfLines.from_equation("wave", name, dt, spacing=1 / m, dtype="float64")
    states = string.rollout(pulse, 20_000, every=100)
    kept[name] = energy(states, correction)[:, 0] / energy(pulse, correction)
print({name: f"{np.abs(values - 1).max():.1e}" for name, values in kept.items()})

# %% [markdown]
# ## Chaos: an equation of one's own
#
# Terms without derivatives act at each point by itself. With those of Lorenz's system each point of a grid is a trajectory of its own: a batch of weather. Two
# networks that differ in their precision alone agree until their roundings have grown by $e^{0.9t}$ to the size of the attractor. Every error of a rollout
# grows so there, whether of a scheme or of training.

# %%
X, Y, Z = (0, ()), (1, ()), (2, ())
lorenz = equations.Equation(
    [
        (10.0, [Y], (), 0),
        (-10.0, [X], (), 0),
        (28.0, [X], (), 1),
        (-1.0, [Y], (), 1),
        (-1.0, [X, Z], (), 1),
        (1.0, [X, Y], (), 2),
        (-8 / 3, [Z], (), 2),
    ],
    name="lorenz",
)
print(lorenz)
weather = np.random.default_rng(0).standard_normal((1, 200, 3)) + np.array([1.0, 1.0, 25.0])
paths = {}
for precision in ("float32", "float64"):
    system = MethodOfLines.from_equation(lorenz, "rk4", 0.01, dtype=precision)
    paths[precision] = system.rollout(weather, 4000, every=10)
apart = np.linalg.norm(paths["float64"] - paths["float32"], axis=-1)
typical = np.exp(np.log(apart[1:, 0] + 1e-12).mean(-1))
times = 0.1 * np.arange(1, 401)
growing = (times > 3) & (typical < 0.1)
rate = np.polyfit(times[growing], np.log(typical[growing]), 1)[0]

fig, axes = plt.subplots(1, 3, figsize=(12.5, 3.5))
for accuracy, style in ((2, "o-"), (4, "s-")):
    values = [errors[accuracy, points] for points in sizes]
    axes[0].loglog(sizes, values, style, label=f"order {accuracy}: measured {orders[accuracy]:.2f}")
axes[0].set(xlabel="points", ylabel="largest error", title="Burgers' equation")
axes[0].set_xticks(sizes, map(str, sizes))
axes[0].minorticks_off()
axes[0].legend()
for name, values in kept.items():
    axes[1].plot(100 * np.arange(201) / 1000, values, label=name)
axes[1].set(xlabel="thousands of steps", ylabel="energy over that of the start", title="waves")
axes[1].legend()
axes[2].semilogy(times, typical, label="float32 against float64")
axes[2].semilogy(
    times, typical[30] * np.exp(rate * (times - times[30])), "--", label=f"$e^{{{rate:.2f}t}}$"
)
axes[2].set(xlabel="time t", ylabel="distance", title="Lorenz's system", ylim=(1e-7, 1e3))
axes[2].legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# ## A learned scheme
#
# [`learned_burgers_1d`](../zoo/evolve/learned_burgers_1d/README.md) has the same network on a coarse grid, with 12 weights in its stencils. They are trained on
# trajectories, and constrained so that order and mean stay certified for every weight
# ([E22](../docs/theorems.md#e22-the-order-of-a-discretised-equation), [E23](../docs/theorems.md#e23-the-mean)). Beside it the classical stencils of the same
# width, from 20 starts of random waves. What the weights gain is gained while waves steepen. Late in a rollout viscosity has smoothed what the coarse grid could
# not resolve, and the classical stencils are as good.

# %%
learned = keras_pde.from_preset("learned_burgers_1d")
classical = MethodOfLines.from_equation("burgers", "rk4", 0.005, spacing=1 / 64, viscosity=0.01)
fine = MethodOfLines.from_equation(
    "burgers",
    "etdrk4",
    0.0025,
    spacing=1 / 256,
    viscosity=0.01,
    accuracy="spectral",
    dtype="float64",
)
print(learned.certificate().summary())

rng = np.random.default_rng(1)
z = np.arange(256) / 256
starts = np.zeros((20, 256))
for k in range(1, 6):
    amplitude, phase = rng.uniform(-1, 1, (20, 1)), rng.uniform(0, 1, (20, 1))
    starts += amplitude * np.sin(2 * np.pi * (k * z + phase))
starts = (starts / np.abs(starts).max(axis=1, keepdims=True))[..., None]

reference = fine.rollout(starts, 400, every=2)[:, :, ::4]
rollouts = {
    name: net.rollout(starts[:, ::4], 200, every=1)
    for name, net in {"classical": classical, "learned": learned}.items()
}
size = np.linalg.norm(reference, axis=2)
relative = {
    name: (np.linalg.norm(states - reference, axis=2) / size).mean((1, 2))
    for name, states in rollouts.items()
}
fig, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for name, values in relative.items():
    axes[0].semilogy(np.arange(1, 201), values[1:], label=name)
    axes[1].plot(z[::4], (rollouts[name] - reference)[15, 0, :, 0], label=name)
axes[0].set(xlabel="steps of a rollout", ylabel="relative error", title="mean of 20 starts")
axes[0].legend()
axes[1].set(xlabel="place x", ylabel="error of u", title="one of them after 15 steps")
axes[1].legend()
fig.tight_layout()
plt.show()

# %%
learned_drift = np.abs(rollouts["learned"].mean(2) - starts.mean(1)).max()
worst = {name: values.max() for name, values in relative.items()}
last = {name: values[-1] for name, values in relative.items()}
assert difference < 1e-13
assert abs(orders[2] - 2) < 0.2
assert np.abs(kept["verlet"] - 1).max() < 1e-10 < 1 - kept["rk4"][-1]
assert worst["learned"] < worst["classical"]
print(
    f"network against NumPy: {difference:.0e}; measured orders {orders[2]:.2f} and"
    f" {orders[4]:.2f}; energy after 20,000 steps: verlet {kept['verlet'][-1]:.6f}, rk4"
    f" {kept['rk4'][-1]:.4f}; largest error in 200 steps: {worst['learned']:.1e} learned,"
    f" {worst['classical']:.1e} classical; the last: {last['learned']:.1e} and"
    f" {last['classical']:.1e}; the mean moves by {learned_drift:.0e}"
)
