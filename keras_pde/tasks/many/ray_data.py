"""Ray Data: a class of workers mapped over many items, on this machine or on a cluster.

Of Apache Beam and Ray both run here. Ray it is, since it installs beside TensorFlow without a
change, where Beam 2.77 takes protobuf, pyarrow and Pillow back by a version; since it starts a
worker again that has died, also on a single machine; and since results come as they are finished.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from keras_pde.runtime.one_line import one_line

PATIENCE = 20  # seconds to wait for a cluster's answer


def mapped(
    worker: type,
    job: Callable[[Any], Any],
    read: Callable[[Any], Any],
    *,
    together: int,
    workers: int | None = None,
    cluster: str | None = None,
    store: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of worker(job, threads)(batch) over the batches of a data set, as they are finished.

    Args:
        worker: a class whose objects take a batch as a dictionary of columns and return one; one
            object a process.
        job: what each is made with, a function of the data set.
        read: the data set, a function of the module ray.data.
        together: rows a batch.
        workers: processes; by default one for each GPU, or one for every two cores.
        cluster: address; by default that of RAY_ADDRESS, or a cluster of this machine alone that
            ends with the run.
        store: bytes of Ray's object store on this machine; Ray's own choice unless given.

    Raises:
        ImportError: no Ray.
        OSError: no cluster at the address, or workers that cannot start.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
    # its core writes to stderr what is no error
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(
            f"Many workers need Ray Data ({error}): pip install 'keras-pde[collection]'"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    try:
        if ours:
            _connect(ray, cluster, store)
        resources = ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        count = workers or gpus or max(1, cpus // 2)
        threads = max(1, cpus // count)
        strategy = ray.data.ActorPoolStrategy(min_size=1, max_size=count, initial_size=count)
        data = read(ray.data)
        # one core is left to read the data set
        share = (
            {"num_gpus": min(1.0, gpus / count)} if gpus else {"num_cpus": _share(cpus - 1, count)}
        )
        # a batch whose worker has died is given to another, without end: a worker has to refuse
        # what kills it
        rows = data.map_batches(
            worker,
            fn_constructor_args=(job(data), threads),
            batch_size=together,
            compute=strategy,
            **share,
        )
        yield from rows.iter_rows()
    except ray.exceptions.RayError as error:
        raise OSError(f"The workers could not go on: {_reason(error)}") from error
    finally:
        if ours:
            ray.shutdown()


def _connect(ray: Any, cluster: str | None, store: int | None) -> None:
    address = cluster or os.environ.get("RAY_ADDRESS")
    if address and (parsed := re.fullmatch(r"\[?([^/\]]+)\]?:(\d+)", address)):
        try:
            socket.create_connection((parsed[1], int(parsed[2])), PATIENCE).close()
        except OSError as error:  # Ray would try for minutes
            raise OSError(f"There is no Ray cluster at {address}: {error}") from error
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    with tempfile.TemporaryFile() as said:
        try:
            with _stderr_to(said):
                if address and address != "local":
                    backend = {
                        name: value
                        for name in ("KERAS_BACKEND",)
                        if (value := os.environ.get(name))
                    }
                    ray.init(address=address, runtime_env={"env_vars": backend}, **quiet)
                else:
                    ray.init(
                        address="local", include_dashboard=False, object_store_memory=store, **quiet
                    )
        except (ConnectionError, RuntimeError, ValueError) as error:
            said.seek(0)
            text = said.read().decode(errors="replace")
            token = "InvalidAuthToken" in text or "Unauthenticated" in text
            why = (
                "it asks for Ray's token: set RAY_AUTH_MODE=token, and the token as Ray's"
                " documentation says"
                if token
                else str(error)
            )
            raise OSError(
                f"Ray could not be {'reached at ' + address if address else 'started'}:"
                f" {one_line(why)}"
            ) from error


@contextlib.contextmanager
def _stderr_to(file: Any) -> Iterator[None]:
    """What is written to the process's stderr goes to a file.

    Ray's core writes there as it starts, errors and not.
    """
    try:
        saved = os.dup(2)
    except OSError:  # no stderr
        yield
        return
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _share(cpus: int, count: int) -> float:
    """Cores of each of so many workers, as Ray counts: a whole number, or less than one."""
    return cpus // count if cpus >= count else round(cpus / count, 3)


def _reason(error: BaseException) -> str:
    """The last line of what Ray reports: that of the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
