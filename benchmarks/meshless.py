"""Meshless bases on five problems, and a picture of their moving nodes.

    python benchmarks/meshless.py [--quick] [--picture FILE.png]

Printed are the largest error on a sharp bump of an ordinary equation, whose nodes are moved by Adam
and then by Gauss and Newton (Ramabathiran, Ramachandran, arXiv:2102.13037); the largest difference
from backward Euler on the heat equation; and the mean errors on the Allen-Cahn and Burgers
equations of that paper, whose 100 and 400 nodes left 4.4e-3 and 1.2e-2. The truths are the bump
itself, the mode of backward Euler, Strang's splitting on 1024 points, and the Cole-Hopf integral.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import SPINN, MeshlessBasis
from keras_pde.runtime.writing import whole
from keras_pde.schemes.collocation import Condition, Law

SHARP = 0.01
VISCOSITY = 0.01 / np.pi
Course = list[tuple[float, np.ndarray]]  # places of the nodes, by the step or the time


def line(low: float, high: float, count: int) -> np.ndarray:
    """Points (count, 1)."""
    return np.linspace(low, high, count)[:, None]


def network(low: float, high: float, count: int, width: float) -> SPINN:
    """Evenly spread nodes."""
    return SPINN(MeshlessBasis(line(low, high, count).tolist(), width), dtype="float64")


def values(net: SPINN, x: np.ndarray) -> np.ndarray:
    """u at points (points, 1)."""
    return ops.convert_to_numpy(net(x))[:, 0]


def bump(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sharp solution, and its second derivative."""
    e, d = np.exp(-((x - 1 / 3) ** 2) / SHARP), -2 * (x - 1 / 3) / SHARP
    return x * (e - np.exp(-4 / (9 * SHARP))), (2 * d + x * (d**2 - 2 / SHARP)) * e


def sharp(nodes: int, steps: int) -> tuple[float, Course]:
    """The largest error on u″ = f with u = 0 at both ends, and the course of the nodes."""
    keras.utils.set_random_seed(0)
    x = line(0, 1, 101)
    first = 1 / (nodes + 1)
    net = network(first, 1 - first, nodes, first)
    course: Course = []
    conditions = [
        Condition(x, {(2,): 1.0}, bump(x[:, 0])[1]),
        Condition(x[[0, -1]], {(0,): 1.0}, weight=100.0),
    ]
    net.learn(
        conditions,
        steps,
        0.02,
        lambda step, left: course.append((step, net.nodes[0][:, 0].copy())),
    )
    net.refine(conditions, 60)
    fine = line(0, 1, 1001)
    return float(np.abs(values(net, fine) - bump(fine[:, 0])[0]).max()), course


def heat() -> float:
    """The largest difference from backward Euler after 80 steps."""
    x, dt = line(0, 1, 60), 0.1 / 80
    net = network(-0.1, 1.1, 16, 0.2)
    net.solve([Condition(x, {(0,): 1.0}, np.sin(np.pi * x[:, 0]))])
    ends = Condition(x[[0, -1]], {(0,): 1.0}, weight=10.0)
    states = net.implicit_euler(Law.linear({(2,): 1.0}), x, dt, 80, [ends])
    return float(np.abs(states[-1] - np.sin(np.pi * x[:, 0]) / (1 + dt * np.pi**2) ** 80).max())


def marched(
    nodes: int,
    law: Law,
    start: Callable[[np.ndarray], np.ndarray],
    edge: int,
    dt: float,
    calls: int,
    every: int,
) -> tuple[SPINN, Course]:
    """Steps on (−1, 1) with nodes that follow, and zero edge-th derivative at both ends."""
    net = network(-1, 1, nodes, 2.6 / (nodes - 1))
    x = line(-1, 1, 40 * nodes)
    net.solve([Condition(x, {(0,): 1.0}, start(x[:, 0]))])
    course: Course = []
    for k in range(calls):
        points = net.follow((-1.0, 1.0))
        course.append((k * every * dt, net.nodes[0][:, 0].copy()))
        net.implicit_euler(law, points, dt, every, [Condition([[-1.0], [1.0]], {(edge,): 1.0})])
    return net, course


def allen_cahn(quick: bool) -> float:
    """The mean error at t = 1 of ∂ₜu = 1e-4 u″ + 5u − 5u³ from x² cos πx."""
    law = Law([(0,), (2,)], lambda u, d: (1e-4 * d + 5 * (u - u**3), [5 - 15 * u**2, 1e-4]))
    dt, calls, every = (0.02, 10, 5) if quick else (0.005, 40, 5)
    net, _ = marched(100, law, lambda x: x**2 * np.cos(np.pi * x), 1, dt, calls, every)
    x, steps = -1 + 2 * np.arange(1024) / 1024, 2000
    u = x**2 * np.cos(np.pi * x)
    decay = np.exp(-1e-4 * (np.pi * np.fft.fftfreq(1024, 1 / 1024)) ** 2 / steps)
    for _ in range(steps):
        for half in (True, False):
            u = u / np.sqrt(u**2 + (1 - u**2) * np.exp(-5 / steps))
            u = np.fft.ifft(decay * np.fft.fft(u)).real if half else u
    return float(np.abs(values(net, x[:, None]) - u).mean())


def burgers(quick: bool) -> tuple[float, Course, SPINN]:
    """The mean error at t = 0.99 of ∂ₜu + u u′ = 0.01/π u″ from −sin πx."""
    law = Law(
        [(0,), (1,), (2,)],
        lambda u, ux, uxx: (VISCOSITY * uxx - u * ux, [-ux, -u, VISCOSITY]),
    )
    dt, every = (0.03, 1) if quick else (0.01, 3)
    net, course = marched(60, law, lambda x: -np.sin(np.pi * x), 0, dt, 33, every)
    x, time = line(-1, 1, 801), 0.99
    root, weight = np.polynomial.hermite.hermgauss(120)
    back = x - np.sqrt(4 * VISCOSITY * time) * root
    share = weight * np.exp(-(np.cos(np.pi * back) + 1) / (2 * np.pi * VISCOSITY))
    exact = -(np.sin(np.pi * back) * share).sum(-1) / share.sum(-1)
    return float(np.abs(values(net, x) - exact).mean()), course, net


def draw(sharp_course: Course, burgers_course: Course, net: SPINN, path: str) -> None:
    """Nodes over the steps of Adam, nodes over time, and the shock that they follow."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    axes: Any = figure.subplots(1, 3)
    for ax, course, said, title in (
        (axes[0], sharp_course, "step of Adam", "a sharp bump at 1/3: centres by Adam"),
        (axes[1], burgers_course, "time", "Burgers' equation: centres"),
    ):
        ax.plot([t for t, _ in course], np.stack([p for _, p in course]), color="#3f51b5", lw=0.8)
        ax.set_xlabel(said)
        ax.set_title(title, fontsize=10)
    x = line(-1, 1, 801)
    places = net.nodes[0]
    axes[2].plot(x[:, 0], values(net, x), color="#00897b")
    axes[2].plot(places[:, 0], values(net, places), "o", ms=3, color="#3f51b5")
    axes[2].set_title("Burgers' equation at 0.99: u and its centres", fontsize=10)
    with whole(path) as stage:
        figure.savefig(stage, dpi=80)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Command line; returns the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--picture", help="a PNG of the moving nodes")
    args = parser.parse_args(arguments)
    few, course = sharp(3, 100)
    found = {"sharp bump, 3 nodes, L∞": few}
    if not args.quick:
        found["sharp bump, 7 nodes, L∞"] = sharp(7, 100)[0]
    found["heat, 16 nodes, 80 steps, L∞"] = heat()
    found["Allen-Cahn, 100 nodes, L1"] = allen_cahn(args.quick)
    shock, moving, net = burgers(args.quick)
    found["Burgers, 60 nodes, L1"] = shock
    for name, value in found.items():
        print(f"{name:<30} {value:.1e}")
    if args.picture:
        draw(course, moving, net, args.picture)
    return found


if __name__ == "__main__":
    main()
