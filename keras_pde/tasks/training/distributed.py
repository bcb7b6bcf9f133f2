"""One training run on several machines.

Each computes its rows of every batch, and all make the same updates.

The engine is JAX's own: jax.distributed joins the processes, keras.distribution.DataParallel puts
the weights on all of them and divides the batch, XLA sums the gradients (gloo on CPUs, NCCL on
GPUs). The loss is a mean over the global batch, and clipping sees its whole gradient, so N
processes compute the updates of one up to rounding. Only the chief, process 0, reads and writes
checkpoints, logs and the preset.

JAX has no elastic training on CPUs: when a process dies, the others end with an error within
`HEARTBEAT` seconds. Started again, by hand or by whatever starts them (`until ...; do sleep 1;
done`, Slurm's requeue, a Kubernetes job), they go on from the last checkpoint.

TensorFlow's MultiWorkerMirroredStrategy is not used: under Keras 3.15 `fit` and `train_on_batch`
fail with it in two processes ("Invalid reduction dimension 0 for input with 0 dimensions", keras
issue 20585), and where a loop of one's own avoids that, Keras's optimizer clips each process's
gradient by itself: other updates than those of a single process.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

HEARTBEAT = 20  # seconds of silence after which a process counts as dead
JOIN, LEAVE = 300, 120  # seconds to wait for the others at the start and at the end
FORM = (
    "auto, or I/N@HOST:PORT: this is process I (0 to N - 1) of N, and process 0 runs at HOST and"
    " listens on PORT"
)


class Alone:
    """A run in a single process: what a `Group` does, trivially.

    Example:
        >>> from keras_pde.tasks.training.distributed import Alone
        >>> Alone().is_chief, Alone().agreed({"25": 28.5})
        (True, {'25': 28.5})
    """

    index, count = 0, 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes files."""
        return self.index == 0

    def rows(self, patches: Any) -> Any:
        """The source of batches, each reduced to the rows of this process."""
        return patches

    def agreed(self, value: Any) -> Any:
        """The chief's value, of what JSON can hold; all processes must call it."""
        return value

    def read(self, path: Path) -> bytes | None:
        """The chief's file, None where it has none; all processes must call it."""
        return path.read_bytes() if path.is_file() else None

    def check_alike(self, recipe: str, arrays: Iterable[np.ndarray]) -> None:
        """Raise ValueError where processes have different recipes or data to train on.

        All must call it.
        """

    def barrier(self, name: str = "barrier") -> None:
        """Wait until all processes are here."""

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *error: Any) -> None:
        """End the group; what follows, each process does by itself."""


@dataclass(frozen=True)
class Rows:
    """Batches of which only the rows start to stop − 1 are kept.

    The whole is drawn, as noise and patches come from one generator.

    Example:
        >>> import numpy as np
        >>> from keras_pde import data
        >>> from keras_pde.tasks.training.distributed import Rows
        >>> patches = data.Patches([np.zeros((8, 8, 1))], patch_size=8, batch_size=4, noise=25)
        >>> noisy, sigma, clean = Rows(patches, 2, 4).batch(step=0)
        >>> noisy.shape, bool(np.array_equal(noisy, patches.batch(0)[0][2:]))
        ((2, 8, 8, 1), True)
    """

    patches: Any
    start: int
    stop: int

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        """This process's rows of batch number step."""
        return tuple(part[self.start : self.stop] for part in self.patches.batch(step))


class Group(Alone):
    """The processes of one run, joined.

    Keras's variables made from now on are those of all of them.
    """

    def __init__(self) -> None:
        import jax

        self.index, self.count = jax.process_index(), jax.process_count()
        self.distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
        keras.distribution.set_distribution(self.distribution)

    def _sharding(self) -> Any:
        import jax

        return jax.sharding.NamedSharding(
            self.distribution.device_mesh.backend_mesh, jax.sharding.PartitionSpec("batch")
        )

    def rows(self, patches: Any) -> Rows:
        """The source of batches, each reduced to the rows of this process.

        Raises:
            ValueError: a batch size that the devices of all processes do not divide.
        """
        devices = self.distribution.device_mesh.devices.size
        if patches.batch_size % devices:
            raise ValueError(
                f"The recipe's batch_size={patches.batch_size} cannot be divided over {devices}"
                f" devices of {self.count} processes: use a number of devices that divides it"
            )
        mine = [
            span[0].indices(patches.batch_size)
            for span in (
                self._sharding().addressable_devices_indices_map((patches.batch_size,)).values()
            )
        ]
        return Rows(patches, min(start for start, _, _ in mine), max(stop for _, stop, _ in mine))

    def _broadcast(self, data: bytes) -> bytes:
        from jax.experimental.multihost_utils import broadcast_one_to_all

        size = int(broadcast_one_to_all(np.array(len(data), np.int32)))
        values = np.frombuffer(data, np.uint8) if self.is_chief else np.zeros(size, np.uint8)
        return np.asarray(broadcast_one_to_all(values)).tobytes()

    def agreed(self, value: Any) -> Any:
        """The chief's value."""
        return json.loads(self._broadcast(json.dumps(value).encode()))

    def read(self, path: Path) -> bytes | None:
        """The chief's file, which the others need not have: folders need not be shared."""
        data = self._broadcast(
            b"1" + path.read_bytes() if self.is_chief and path.is_file() else b"0"
        )
        return data[1:] if data[:1] == b"1" else None

    def check_alike(self, recipe: str, arrays: Iterable[np.ndarray]) -> None:
        """Raise ValueError where processes have different recipes or data to train on."""
        from jax.experimental.multihost_utils import process_allgather

        digests = [hashlib.sha256(recipe.encode()), hashlib.sha256()]
        for array in arrays:
            digests[1].update(np.ascontiguousarray(array).data)
        mine = np.frombuffer(b"".join(digest.digest() for digest in digests), np.uint8)
        theirs = np.asarray(process_allgather(mine)).reshape(self.count, 2, -1)
        for k, what in enumerate(("recipe", "set of data to train on")):
            other = np.flatnonzero((theirs[:, k] != theirs[0, k]).any(-1))
            if other.size:
                raise ValueError(
                    f"Process {other[0]} has another {what} than process 0: start all with the same"
                )

    def barrier(self, name: str = "barrier") -> None:
        """Wait until all processes are here."""
        from jax.experimental.multihost_utils import sync_global_devices

        sync_global_devices(name)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """End the group.

        Raises:
            ConnectionError: another process has ended before its time.
        """
        import jax

        if error is None:
            self.barrier("leave")
            keras.distribution.set_distribution(None)
            jax.distributed.shutdown()
        elif re.search("gloo|nccl|coordination service", str(error), re.IGNORECASE):
            raise ConnectionError(
                f"Process {self.index} of {self.count} has lost another one and ends too. "
                "Start all of them again: they go on from the last checkpoint."
            ) from error


def join(place: str | None) -> Alone:
    """Join the processes of a run, before anything else is computed.

    None is a run in a single process.

    Args:
        place: "I/N@HOST:PORT", or "auto" for what jax.distributed finds out itself (Slurm, Open
            MPI, Kubernetes, Cloud TPUs).

    Raises:
        ValueError: another text, a backend that is not JAX, or a cluster that JAX does not
            recognise.

    Example:
        >>> from keras_pde.tasks.training.distributed import join
        >>> join(None).count
        1
    """
    if place is None:
        return Alone()
    parsed = re.fullmatch(r"(\d+)/(\d+)@(.+:\d+)", place)
    if not (place == "auto" or (parsed and int(parsed[1]) < int(parsed[2]))):
        raise ValueError(f"--distribute is {FORM}. Received: {place!r}")
    if keras.backend.backend() != "jax":
        raise ValueError(
            "Training on several machines needs the JAX backend, and this is"
            f" {keras.backend.backend()}: pip install 'keras-pde[jax]' and set KERAS_BACKEND=jax."
            " Keras does not train under TensorFlow's MultiWorkerMirroredStrategy."
        )
    import jax

    where: dict[str, Any] = (
        {}
        if parsed is None
        else {
            "coordinator_address": parsed[3],
            "num_processes": int(parsed[2]),
            "process_id": int(parsed[1]),
        }
    )
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            **where,
            initialization_timeout=JOIN,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=LEAVE,
        )
    except (ValueError, RuntimeError) as error:
        found = (
            "JAX found no cluster to join"
            if parsed is None
            else f"Process {parsed[1]} could not join {parsed[3]}"
        )
        raise ValueError(f"{found}: {error}. --distribute is {FORM}.") from error
    return Group()
