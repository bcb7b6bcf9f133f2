"""Schedule: a time discretisation as two short lists, step sizes and extrapolation weights."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_pde.runtime import gate
from keras_pde.runtime.bounds import or_none
from keras_pde.schemes import registry
from keras_pde.schemes.lengths import positive

SAMPLES = 4096  # of a polynomial, at most
TOLERANCE = 1e-6  # by which |p| may exceed 1 before it is said to grow


@dataclass(frozen=True)
class Schedule:
    """Step sizes τₖ and extrapolation weights wₖ of one evolution, in cycles of equal length.

    Args:
        step_sizes: τₖ > 0, all steps of all cycles in order.
        extrapolations: wₖ in (0, 2), as many.
        frozen: whether the diffusivity is computed once at the start of each cycle.
        cycle_length: steps a cycle; a cycle starts with u⁻¹ := u⁰.
        max_step: the step-size limit 2/ρ(A) the schedule is made for.
        kind: name of the scheme, whose theorems then hold for the lists; lists of one's own are
            "custom".

    Raises:
        ValueError: lists of unequal or zero length, values out of range, steps not a multiple of
            the cycle, lists that are not those of the scheme that ``kind`` names.

    Example:
        >>> from keras_pde import schemes
        >>> schemes.fed(2)
        Schedule fed: 1 cycle of 2 steps, time 2 (1.00 times the 2 explicit steps of 1), frozen
    """

    step_sizes: tuple[float, ...]
    extrapolations: tuple[float, ...]
    frozen: bool = False
    cycle_length: int = 0
    max_step: float = 1.0
    kind: str = "custom"

    def __post_init__(self) -> None:
        tau = _numbers(self.step_sizes, "step_sizes")
        w = _numbers(self.extrapolations, "extrapolations")
        length = gate.whole(self.cycle_length, "cycle_length", low=0)
        object.__setattr__(self, "step_sizes", tau)
        object.__setattr__(self, "extrapolations", w)
        object.__setattr__(self, "cycle_length", length or len(tau))
        object.__setattr__(self, "frozen", gate.flag(self.frozen, "frozen"))
        if not isinstance(self.kind, str):
            raise ValueError(f"kind must be the name of a scheme. Received: kind={self.kind!r}")
        if not tau or len(tau) != len(w):
            raise ValueError(
                "A schedule needs equally many step sizes and extrapolations, at least one."
                f" Received: {len(tau)} and {len(w)}"
            )
        if not all(map(positive, (*tau, self.max_step))):
            raise ValueError(
                f"Step sizes must be finite and > 0. Received: step_sizes={tau},"
                f" max_step={self.max_step}"
            )
        if not all(0 < x < 2 for x in w):
            raise ValueError(
                f"Extrapolation weights must lie in (0, 2). Received: extrapolations={w}"
            )
        if self.cycle_length < 1 or len(tau) % self.cycle_length:
            raise ValueError(
                f"{len(tau)} steps are no multiple of cycle_length={self.cycle_length}"
            )
        object.__setattr__(self, "max_step", float(self.max_step))
        registry.named(self.kind).check(self)

    def __len__(self) -> int:
        return len(self.step_sizes)

    @functools.cached_property
    def cycles(self) -> tuple[Schedule, ...]:
        """The cycles, each a schedule of its own."""
        n = self.cycle_length
        return tuple(
            replace(
                self,
                step_sizes=self.step_sizes[i : i + n],
                extrapolations=self.extrapolations[i : i + n],
            )
            for i in range(0, len(self), n)
        )

    @property
    def extrapolates(self) -> bool:
        """Whether any step leans on the state before the last."""
        return any(w != 1 for w in self.extrapolations)

    @property
    def time(self) -> float:
        """Diffusion time reached: minus the slope at 0 of the amplification polynomial.

        For FED and FSI max_step·n(n+1)/3 a cycle, (n+1)/3 times that of explicit steps.
        """
        n = self.cycle_length
        starts = range(0, len(self), n)
        return sum(
            time_of(self.step_sizes[i : i + n], self.extrapolations[i : i + n]) for i in starts
        )

    def scaled(self, factor: float) -> Schedule:
        """Every step size, and so the time, times ``factor``; the extrapolations stay.

        Example:
            >>> from keras_pde import schemes
            >>> schemes.explicit(4).scaled(0.25).time
            1.0
        """
        return replace(
            self,
            step_sizes=tuple(t * factor for t in self.step_sizes),
            max_step=self.max_step * factor,
        )

    def amplification(self, eigenvalue: Any) -> np.ndarray:
        """p(λ): what the whole evolution does to an eigenvector of a frozen A with eigenvalue λ.

        Example:
            >>> from keras_pde import schemes
            >>> p = schemes.fed(5, max_step=0.5).amplification(4.0)      # at ρ(A) = 2/max_step
            >>> abs(round(float(p), 6))                                  # 1/(2n+1)
            0.090909
        """
        lam = np.asarray(eigenvalue, dtype=np.float64)
        total = np.ones_like(lam)
        for start in range(0, len(self), self.cycle_length):
            total = total * self._of_cycle(lam, start)
        return total

    def _of_cycle(self, lam: np.ndarray, start: int) -> np.ndarray:
        old = new = np.ones_like(lam)
        for k in range(start, start + self.cycle_length):
            w = self.extrapolations[k]
            old, new = new, w * (1 - self.step_sizes[k] * lam) * new + (1 - w) * old
        return new

    def growth(self, largest: float) -> float:
        """The largest |p(λ)| of a cycle over the spectrum [0, largest] of a frozen A, by samples.

        Above 1 states grow: the steps are unstable there.

        Example:
            >>> from keras_pde import schemes
            >>> schedule = schemes.explicit(3, max_step=0.25)
            >>> round(schedule.growth(8.0), 9), round(schedule.growth(12.0), 9)      # 2/0.25, more
            (1.0, 8.0)
        """
        count = min(16 * self.cycle_length, SAMPLES)
        lam = largest / 2 * (1 - np.cos(np.pi * np.arange(count + 1) / count))
        with np.errstate(over="ignore", invalid="ignore"):
            starts = range(0, len(self), self.cycle_length)
            sizes = [np.abs(self._of_cycle(lam, start)).max() for start in starts]
        return max(or_none(float(size)) for size in sizes)

    def __repr__(self) -> str:
        count, n = len(self) // self.cycle_length, self.cycle_length
        steps = f"{n} step{'s' * (n > 1)}"
        frozen = ", frozen" if self.frozen else ""
        if registry.named(self.kind).baseline:
            return f"Schedule {self.kind}: {steps}, time {self.time:.4g}{frozen}"
        faster = self.time / (len(self) * self.max_step)
        return (
            f"Schedule {self.kind}: {count} cycle{'s' * (count > 1)} of {steps}, time"
            f" {self.time:.4g} ({faster:.2f} times the {len(self)} explicit steps of"
            f" {self.max_step:.4g}){frozen}"
        )


def time_of(step_sizes: Sequence[float], extrapolations: Sequence[float]) -> float:
    """Diffusion time that a cycle reaches.

    Example:
        >>> from keras_pde.schemes.schedule import time_of
        >>> time_of([1.0, 1.0], [1.0, 1.5])
        3.0
    """
    old = new = 0.0
    for tau, w in zip(step_sizes, extrapolations, strict=True):
        old, new = new, w * (new + tau) + (1 - w) * old
    return new


def _numbers(values: Any, name: str) -> tuple[float, ...]:
    """A list of finite numbers; nothing else has a length and numbers in it.

    Raises:
        ValueError: anything else.
    """
    if isinstance(values, list | tuple):
        if not values:
            return ()
        for k, x in enumerate(values):
            gate.number(x, f"{name}[{k}]")
    return tuple(gate.array(values, name, ranks=(1,), integers=True).astype(float).tolist())
