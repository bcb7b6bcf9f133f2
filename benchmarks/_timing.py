"""Timing on a noisy machine: all contestants in turn, many rounds, in one process."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_pde


@dataclass(frozen=True)
class Timings:
    """Seconds a call of each contestant, an array over the rounds."""

    seconds: Mapping[str, np.ndarray]

    def best(self, name: str) -> float:
        """Least seconds a call: what the code costs when nothing else runs."""
        return float(self.seconds[name].min())

    def ratio(self, name: str, reference: str) -> float:
        """Time over a reference's.

        The median over the rounds, in each of which the two ran side by side.
        """
        return float(np.median(self.seconds[name] / self.seconds[reference]))


def compiled(function: Callable[..., Any], xla: bool) -> Callable[..., Any]:
    """The function as a TensorFlow graph, compiled by XLA or not."""
    return tf.function(function, jit_compile=xla, autograph=False)


def race(
    contestants: Mapping[str, Callable[[], Any]], rounds: int, least: float = 0.005
) -> Timings:
    """Run the contestants in turn, each round starting with another one.

    Args:
        contestants: functions of no arguments, by name; called once beforehand, to compile.
        rounds: how often each is timed.
        least: seconds to spend a round on each, by repeated calls.
    """
    names, repeats = list(contestants), {}
    for name, run in contestants.items():
        run()
        repeats[name] = max(1, round(least / _seconds(run, 1)))
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            seconds[name].append(_seconds(contestants[name], repeats[name]))
    return Timings({name: np.array(values) for name, values in seconds.items()})


def _seconds(run: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    tf.test.experimental.sync_devices()
    return (time.perf_counter() - start) / repeats


def provenance() -> str:
    """Versions and machine, for the head of a printed table."""
    devices = tf.config.list_physical_devices("GPU")
    device = (
        tf.config.experimental.get_device_details(devices[0]).get("device_name", "GPU")
        if devices
        else f"{os.cpu_count()} CPU cores"
    )
    return (
        f"keras_pde {keras_pde.__version__}, Keras {keras.__version__} on"
        f" {keras.backend.backend()}, TensorFlow {tf.__version__}, Python"
        f" {platform.python_version()}, {platform.machine()}, {device}"
    )
