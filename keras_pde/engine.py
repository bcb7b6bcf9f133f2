"""Ray Data: a class of workers mapped over many items, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

MEMORY = 128 << 20  # bytes of Ray's store on this machine: names and numbers pass through it, images do not
BLOCKS = 10_000  # portions that the items are divided into at most


def mapped(
    worker: type,
    job: Any,
    items: Sequence[dict[str, Any]],
    *,
    together: int,
    workers: int | None = None,
    cluster: str | None = None,
) -> Iterator[dict[str, Any]]:
    """worker(job, threads)(batch) over all items, as rows in the order in which they are finished.

    Args:
        worker: a class whose objects take a batch as a dictionary of columns and return one; one object a process.
        job: what each is made with.
        items: rows.
        together: rows a batch.
        workers: processes; by default one for each GPU, or one for every two cores.
        cluster: address; by default that of RAY_ADDRESS, or a cluster of this machine alone that ends with the run.

    Raises:
        ImportError: no Ray.
        OSError: no cluster at the address, or workers that cannot start.

    Example:
        >>> from keras_pde.engine import mapped
        >>> list(mapped(dict, None, [], together=8))
        []
    """
    if not items:
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its core writes to stderr what is no error
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(f"Many workers need Ray Data ({error}): pip install 'keras-pde[collection]'") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    try:
        if ours:
            _connect(ray, cluster)
        resources = ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        count = workers or gpus or max(1, cpus // 2)
        threads = max(1, cpus // count)
        strategy = ray.data.ActorPoolStrategy(min_size=1, max_size=count, initial_size=count)
        data = ray.data.from_items(list(items), override_num_blocks=min(math.ceil(len(items) / together), BLOCKS))
        share = {"num_gpus": min(1.0, gpus / count)} if gpus else {"num_cpus": cpus / count if count > cpus else threads}
        # a batch whose worker has died is given to another, without end: a worker has to refuse what kills it
        rows = data.map_batches(worker, fn_constructor_args=(job, threads), batch_size=together, compute=strategy, **share)
        yield from rows.iter_rows()
    except ray.exceptions.RayError as error:
        raise OSError(f"The workers could not go on: {_reason(error)}") from error
    finally:
        if ours:
            ray.shutdown()


def _connect(ray: Any, cluster: str | None) -> None:
    address = cluster or os.environ.get("RAY_ADDRESS")
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        with _without_stderr():
            if address and address != "local":
                backend = {name: value for name in ("KERAS_BACKEND",) if (value := os.environ.get(name))}
                ray.init(address=address, runtime_env={"env_vars": backend}, **quiet)
            else:
                ray.init(address="local", include_dashboard=False, object_store_memory=MEMORY, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise OSError(f"Ray could not be {'reached at ' + address if address else 'started'}: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Drop what Ray's core writes to the process's stderr as it starts; what goes wrong it raises."""
    try:
        saved = os.dup(2)
    except OSError:  # no stderr, nothing to drop
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nothing)


def _reason(error: BaseException) -> str:
    """The last line of what Ray reports: that of the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
