"""One step of the heat equation on a periodic square, by several solvers, for `rollout.py`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from _timing import race
from rich.table import Table
from scipy import fft, ndimage

from keras_pde import MethodOfLines

STEPS, WAVES = 10, 5
RATIO = 0.2  # νΔt/h²
Run = Callable[[], Any]


def exact(u: np.ndarray, steps: int) -> np.ndarray:
    """The solution after so many steps, in float64."""
    n = len(u)
    k = 2 * np.pi * np.fft.fftfreq(n)
    symbol = -(k[:, None] ** 2 + k[None, : n // 2 + 1] ** 2)
    return np.asarray(fft.irfft2(fft.rfft2(u) * np.exp(RATIO * steps * symbol), s=u.shape))


def ours(u: np.ndarray, integrator: str, accuracy: Any) -> Run:
    """Steps of a network."""
    net = MethodOfLines.from_equation("heat", integrator, RATIO, ndim=2, accuracy=accuracy)
    state = u.astype("float32")[None, ..., None]
    net.build(state.shape)
    return lambda: net.rollout(state, STEPS)[0, ..., 0]


def runge_kutta(u: np.ndarray, laplacian: Callable[[np.ndarray], np.ndarray]) -> Run:
    """The classical method by arrays in float32."""
    first = u.astype("float32")

    def run() -> np.ndarray:
        v, h = first, np.float32(RATIO)
        for _ in range(STEPS):
            a = laplacian(v)
            b = laplacian(v + h / 2 * a)
            c = laplacian(v + h / 2 * b)
            d = laplacian(v + h * c)
            v = v + h / 6 * (a + 2 * b + 2 * c + d)
        return v

    return run


def rolled(u: np.ndarray) -> np.ndarray:
    """The five-point Laplacian by NumPy."""
    return sum(np.roll(u, s, a) for s in (1, -1) for a in (0, 1)) - 4 * u


def filtered(u: np.ndarray) -> np.ndarray:
    """The same by SciPy."""
    return np.asarray(ndimage.laplace(u, mode="wrap"))


def transformed(u: np.ndarray) -> Run:
    """Exact steps by SciPy's transforms, each back to the state."""
    n, first = len(u), u.astype("float32")
    k = 2 * np.pi * np.fft.fftfreq(n)
    symbol = -(k[:, None] ** 2 + k[None, : n // 2 + 1] ** 2)
    factor = np.exp(RATIO * symbol).astype("float32")

    def run() -> np.ndarray:
        v = first
        for _ in range(STEPS):
            v = fft.irfft2(fft.rfft2(v) * factor, s=v.shape)
        return v

    return run


def py_pde(u: np.ndarray) -> Run:
    """Explicit steps of py-pde, compiled by numba, in float64: its default."""
    import pde

    n = len(u)
    grid = pde.CartesianGrid([[0, n], [0, n]], [n, n], periodic=True)
    field = pde.ScalarField(grid, u)
    equation = pde.DiffusionPDE(1.0)
    solver = pde.RungeKuttaSolver(equation, backend="numba", adaptive=False)
    advance = solver.make_stepper(field, dt=RATIO)

    def run() -> np.ndarray:
        state = field.copy()
        advance(state, 0.0, STEPS * RATIO)
        return np.asarray(state.data)

    return run


def exponax(u: np.ndarray) -> Run:
    """Exact steps of exponax on JAX, in float32: its default."""
    import exponax as ex
    import jax

    n = len(u)
    stepper = ex.stepper.Diffusion(2, n, n, RATIO, diffusivity=1.0)
    run = jax.jit(ex.repeat(stepper, STEPS))
    first = jax.numpy.asarray(u.astype("float32"))[None]
    return lambda: np.asarray(run(first))[0]


def beside_solvers(n: int, rounds: int) -> Table:
    """A table of times a step, over ours of the same kind, and of errors after ten steps."""
    rng = np.random.default_rng(0)
    x = np.arange(n) / n
    series = [
        rng.standard_normal() * np.outer(np.cos(2 * np.pi * (a * x + p)), np.sin(2 * np.pi * b * x))
        for a in range(1, WAVES)
        for b in range(1, WAVES)
        for p in (rng.uniform(),)
    ]
    u = np.asarray(sum(series))
    kinds: dict[str, dict[str, Run]] = {
        "differences of order 2, RK4": {
            "keras_pde": ours(u, "rk4", 2),
            "NumPy": runge_kutta(u, rolled),
            "SciPy's ndimage": runge_kutta(u, filtered),
        },
        "in Fourier space": {
            "keras_pde": ours(u, "exponential_euler", "spectral"),
            "SciPy's fft": transformed(u),
        },
    }
    if importlib.util.find_spec("pde"):
        kinds["differences of order 2, RK4"]["py-pde (float64)"] = py_pde(u)
    if importlib.util.find_spec("exponax"):
        kinds["in Fourier space"]["exponax"] = exponax(u)
    table = Table(title=f"heat equation, {n}² points", title_justify="left")
    for head in ("scheme", "solver", "time of a step", "over ours", "error after 10 steps"):
        table.add_column(head, justify="left" if head in ("scheme", "solver") else "right")
    later = exact(u, STEPS)
    for kind, solvers in kinds.items():
        times = race(solvers, rounds)
        for name, run in solvers.items():
            error = np.linalg.norm(run() - later) / np.linalg.norm(later)
            each = 1000 * times.best(name) / STEPS
            ratio = times.ratio(name, "keras_pde")
            table.add_row(kind, name, f"{each:.3g} ms", f"{ratio:.2f}", f"{error:.1e}")
    return table
