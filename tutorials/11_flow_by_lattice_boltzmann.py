# %% [markdown]
# # Flow by a lattice Boltzmann network
#
# A network without weights that is a fluid. This notebook measures its viscosity on decaying vortices, reads what is conserved for certain, and compares
# the flow in a cavity with published tables.
#
# The fluid is made of populations $u_i(x)$ that move along the velocities $c_i$ of a lattice: a step is a collision $C$ at each point, then streaming $K$,
# $u^{k+1} = K\,C(u^k)$. Density and velocity are $\rho = \sum_i u_i$ and $v = \sum_i c_i u_i/\rho$. With the collision of Bhatnagar, Gross and Krook
# (BGK) they follow the Navier-Stokes equations ([L4](../docs/theorems.md#l4-the-fluid-of-bgk)).

# %%
import matplotlib.pyplot as plt
import numpy as np

from keras_pde import LatticeBoltzmann

viscosity = 0.05  # in units of the lattice: points² a step
network = LatticeBoltzmann("D2Q9", viscosity)

n, speed = 32, 0.05
k = 2 * np.pi / n
x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
density = 1 - 0.75 * speed**2 * (np.cos(2 * k * x) + np.cos(2 * k * y))
velocity = speed * np.stack(
    [np.cos(k * x) * np.sin(k * y), -np.sin(k * x) * np.cos(k * y)], axis=-1
)
start = network.equilibrium(density[None], velocity[None])
states = network.rollout(start, 500, every=100)
print(network.description, states.shape)
print(network.certificate())


# %% [markdown]
# What is conserved ([L3](../docs/theorems.md#l3-mass-and-momentum)) and the symmetries ([L2](../docs/theorems.md#l2-weights-on-orbits)) are proved. Of
# stability BGK has a theorem near rest only ([L5](../docs/theorems.md#l5-bgk-near-rest)). The vortices of Taylor and Green keep their shape
# and decay like $e^{-2\nu k^2 t}$, so the flow itself measures the viscosity.


# %%
def vorticity(v):
    along_x = np.roll(v[..., 1], -1, 0) - np.roll(v[..., 1], 1, 0)
    along_y = np.roll(v[..., 0], -1, 1) - np.roll(v[..., 0], 1, 1)
    return (along_x - along_y) / 2


fields = [network.moments(state)[1][0] for state in states]
energy = np.array([np.sum(v**2) for v in fields])
fig, axes = plt.subplots(1, 4, figsize=(12, 2.9), layout="constrained")
for axis, step in zip(axes[:3], (0, 2, 5), strict=True):
    shown = axis.imshow(
        vorticity(fields[step]).T, cmap="RdBu", vmin=-0.02, vmax=0.02, origin="lower"
    )
    axis.set_title(f"vorticity, step {100 * step}")
    axis.axis("off")
fig.colorbar(shown, ax=axes[:3], shrink=0.8).ax.set_title("1/step", fontsize=9)
times = 100 * np.arange(6)
axes[3].semilogy(times, energy / energy[0], "o", label="network")
axes[3].semilogy(times, np.exp(-4 * viscosity * k**2 * times), label="exact")
axes[3].set(xlabel="step", title="energy over that at the start")
axes[3].legend()
plt.show()
measured = np.log(energy[0] / energy[-1]) / (4 * k**2 * times[-1])
print(f"viscosity measured over exact: {measured / viscosity:.4f}")

# %% [markdown]
# ## A cavity with a moving lid
#
# Walls send populations back to where they came from. A wall that moves along itself gives them momentum: the lid below slides to the right, at a
# Reynolds number of 100, until nothing changes. `callback` looks at the flow every 500 steps and stops the rollout.

# %%
n, lid = 48, 0.1
cavity = LatticeBoltzmann("D2Q9", lid * n / 100, boundary="walls", lids={"y+": (lid, 0.0)})
flows = [np.zeros((n, n, 2))]


def settled(step, state):
    flows.append(cavity.moments(state)[1][0] / lid)
    return np.abs(flows[-1] - flows[-2]).max() < 1e-5


rest = cavity.equilibrium(np.ones((1, n, n)), np.zeros((1, n, n, 2)))
last = cavity.rollout(rest, 40_000, every=500, callback=settled)
print(f"steady after {500 * (len(flows) - 1)} steps")
print(cavity.certificate()["mass"].formula, "| mass a point:", round(float(last.sum()) / n**2, 6))

# %% [markdown]
# The velocities along the centre lines, beside the table of Ghia, Ghia and Shin (J. Comput. Phys. 48, 1982), and the extrema of the spectral solution
# of Botella and Peyret (Computers & Fluids 27, 1998).

# %%
from scipy.interpolate import CubicSpline

height = [0.9766, 0.9688, 0.9609, 0.9531, 0.8516, 0.7344, 0.6172, 0.5]
height += [0.4531, 0.2813, 0.1719, 0.1016, 0.0703, 0.0625, 0.0547]
ghia_u = [0.84123, 0.78871, 0.73722, 0.68717, 0.23151, 0.00332, -0.13641, -0.20581]
ghia_u += [-0.21090, -0.15662, -0.10150, -0.06434, -0.04775, -0.04192, -0.03717]
place = [0.9688, 0.9609, 0.9531, 0.9453, 0.9063, 0.8594, 0.8047, 0.5]
place += [0.2344, 0.2266, 0.1563, 0.0938, 0.0781, 0.0703, 0.0625]
ghia_v = [-0.05906, -0.07391, -0.08864, -0.10313, -0.16914, -0.22445, -0.24533, 0.05454]
ghia_v += [0.17527, 0.17507, 0.16077, 0.12317, 0.10890, 0.10091, 0.09233]

flow, middle = flows[-1], slice(n // 2 - 1, n // 2 + 1)
points = np.concatenate([[0], (np.arange(n) + 0.5) / n, [1]])
u = CubicSpline(points, np.concatenate([[0], flow[middle, :, 0].mean(0), [1]]))
v = CubicSpline(points, np.concatenate([[0], flow[:, middle, 1].mean(1), [0]]))

fine = np.linspace(0, 1, 1001)
fig, axes = plt.subplots(1, 3, figsize=(12, 3.6))
inside = points[1:-1]
axes[0].streamplot(inside, inside, flow[..., 0].T, flow[..., 1].T, density=1.2, linewidth=0.7)
axes[0].set(xlabel="x", ylabel="y", title="streamlines", aspect="equal", xlim=(0, 1), ylim=(0, 1))
axes[1].plot(u(fine), fine, label="network")
axes[1].plot(ghia_u, height, "o", fillstyle="none", label="Ghia et al.")
axes[1].set(xlabel="u over the lid's velocity", ylabel="y", title="vertical centre line")
axes[1].legend()
axes[2].plot(fine, v(fine), label="network")
axes[2].plot(place, ghia_v, "o", fillstyle="none", label="Ghia et al.")
axes[2].set(xlabel="x", ylabel="v over the lid's velocity", title="horizontal centre line")
axes[2].legend()
fig.tight_layout()
plt.show()

# %%
from_table = max(np.abs(u(height) - ghia_u).max(), np.abs(v(place) - ghia_v).max())
extrema = np.array([u(fine).min(), v(fine).max(), v(fine).min()])
spectral = np.array([-0.2140424, 0.1795728, -0.2538030])
print(f"viscosity of the vortices over exact: {measured / viscosity:.4f}")
print(f"cavity, largest difference from Ghia's table: {from_table:.4f} of the lid's velocity")
from_spectral = np.abs(extrema - spectral).max()
print(f"cavity, largest difference from the spectral extrema: {from_spectral:.4f}")
assert abs(measured / viscosity - 1) < 0.01
assert from_table < 0.01
