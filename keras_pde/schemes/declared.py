"""Lists and theorems that a scheme of one's own states, checked where it is registered."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from keras_pde.schemes.schedule import TOLERANCE, Schedule

COUNTS = (1, 2, 3, 5, 8, 13)
SHARES = np.linspace(0.05, 2, 40)  # of the limit 2/max τ of β + L‖K‖²


class Stating(Protocol):
    """What is sampled of a scheme: its lists, and what it states of them."""

    @property
    def frozen(self) -> bool:
        """Whether the theorems need a diffusivity kept over a cycle."""

    @property
    def lists(self) -> Callable[..., Any]:
        """Step sizes and extrapolation weights of a cycle."""

    @property
    def reach(self) -> Callable[..., float]:
        """The time of a cycle."""

    @property
    def first_root(self) -> Callable[..., Any]:
        """Up to where the polynomial of a cycle falls from 1 to 0."""

    @property
    def transient(self) -> Callable[..., float]:
        """Bound of the polynomial on the stable spectrum."""

    @property
    def energy(self) -> Callable[..., Any]:
        """Whether the energy falls, and why."""


def check_scheme(scheme: Stating) -> None:
    """Refuse a scheme whose lists contradict what it states about them.

    Its lists are schedules; its `reach` is the time of its lists; a first root is a root, before
    which the polynomial lies in [0, 1] and falls; a transient bounds |p| on the stable spectrum;
    and where the energy is said to fall, |p| ≤ 1 on the spectrum. A scheme whose lists need options
    is checked by the schedules that are made of it.

    Raises:
        ValueError: with the statement, the value stated, the value found, and where.

    Example:
        >>> from keras_pde.schemes.declared import check_scheme
        >>> from keras_pde.schemes.fed import Fed
        >>> check_scheme(Fed())
    """
    parameters = list(inspect.signature(scheme.lists).parameters.values())[2:]
    if any(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters):
        return
    for n in COUNTS:
        try:
            tau, w = scheme.lists(n, 0.5)
        except KeyError:  # an option that has no default
            return
        # a max_step of which no list is warned of as unstable
        cycle = Schedule(tuple(tau), tuple(w), scheme.frozen, max_step=1e30)
        _check_cycle(scheme, cycle, n)


def _check_cycle(scheme: Stating, cycle: Schedule, n: int) -> None:
    where = f"for {n} step{'s' * (n > 1)} of max_step=0.5"
    if len(cycle) != n:
        _refuse(scheme, "lists", f"{n} numbers each", f"{len(cycle)}", where)
    reach = scheme.reach(n, 0.5)
    if not math.isclose(reach, cycle.time, rel_tol=1e-6):
        _refuse(scheme, "reach", f"{reach:.6g}", f"time {cycle.time:.6g} by its lists", where)
    root = scheme.first_root(cycle)
    if root is not None:
        p = cycle.amplification(np.linspace(0, root, 513))
        if not (abs(p[-1]) <= TOLERANCE and p.min() >= -TOLERANCE and np.diff(p).max() <= 1e-9):
            found = f"p = {p[-1]:.4g} there, and from {p.min():.4g} to {p.max():.4g} before"
            _refuse(scheme, "first_root", f"{root:.6g}", found, where)
    bound, top = scheme.transient(cycle), 2 / max(cycle.step_sizes)
    if not cycle.growth(top) <= bound * (1 + TOLERANCE):
        found = f"|p| = {cycle.growth(top):.6g} on [0, {top:.4g}]"
        _refuse(scheme, "transient", f"{bound:.6g}", found, where)
    for curvature in SHARES * top:
        falls, _ = scheme.energy(cycle, float(curvature))
        if falls and cycle.growth(curvature) > 1 + TOLERANCE:
            found = f"|p| = {cycle.growth(curvature):.6g} on the spectrum [0, {curvature:.4g}]"
            _refuse(scheme, "energy", f"descent for β + L‖K‖² = {curvature:.4g}", found, where)


def _refuse(scheme: Stating, what: str, stated: str, found: str, where: str) -> None:
    raise ValueError(
        f"{type(scheme).__name__}.{what} states what its lists contradict, and certificates would"
        f" rest on it: stated {stated}, found {found}, {where}. Correct one of them."
    )
