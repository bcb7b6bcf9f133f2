"""Denoising a large collection of images by many workers.

A folder to a folder of the same layout, on a Ray cluster or on this machine.

Ray Data is the engine: it starts the workers, deals out the images, and starts a worker again that
has died. A result appears in the target whole or not at all, and one that is there is not computed
again; so a run that was killed is taken up where it stopped, by starting it again.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_pde.data.ranges import AUTO, checked
from keras_pde.runtime.writing import LEFT, write_bytes
from keras_pde.tasks.many.sources import Folder, Records, source_of
from keras_pde.tasks.many.worker import BEGUN, Job, Outcome, Worker, unpacked

__all__ = ["Summary", "denoise_collection"]

RECORD = "collection.json"  # in the target: the options that its images were made with
TOGETHER = 8  # images that a worker gets at a time
BLOCKS = 10_000  # portions that the names are divided into at most
STALE = 3600  # seconds after which the rest of an interrupted write may go


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Args:
        done: how many images it filtered, and ``pixels`` how many pixels.
        skipped: how many were there already.
        failed: images without a result, by name.
        pixels: of the images filtered.
        workers: processes that filtered.
        seconds: from the start to the last result; ``starting`` of them to the first.
        starting: seconds.

    Example:
        >>> from keras_pde.tasks.many.collection import Summary
        >>> counts = {"done": 90, "skipped": 10, "failed": {}, "pixels": 9_000_000, "workers": 2}
        >>> str(Summary(**counts, seconds=40.0, starting=10.0)).split("; ")
        ['90 images (9.0 megapixels) in 40.0 s by 2 workers, ...', '10 were there already']
    """

    done: int
    skipped: int
    failed: dict[str, str]
    pixels: int
    workers: int
    seconds: float
    starting: float

    def __str__(self) -> str:
        there = f"; {self.skipped:,} were there already" if self.skipped else ""
        if not self.done:
            return f"no image was filtered{there}"
        rate = self.done / self.seconds if self.seconds else float("inf")
        times = (
            f"{self.seconds:.1f} s by {self.workers} worker{'s' * (self.workers != 1)},"
            f" {self.starting:.1f} s to the first"
        )
        return (
            f"{self.done:,} images ({self.pixels / 1e6:,.1f} megapixels) in {times}:\n"
            f"{rate:.2f} images a second{there}"
        )


def denoise_collection(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    preset: str = "auto",
    noise: float | str | None = None,
    *,
    range: str | tuple[float, float] = "auto",
    workers: int | None = None,
    cluster: str | None = None,
    max_pixels: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Summary:
    """target/name ← the image source/name without its Gaussian noise.

    That is done for every image in a folder and its subfolders, or of a data set.

    Each image is filtered as by `keras_pde.denoise`, in its own depth, with alpha and profile kept.
    A worker loads the network once. Sizes that occur often have programs compiled by XLA; on
    TensorFlow one more serves all others, so that many sizes are not many compilations.

    Args:
        source: folder of PNG, JPEG and TIFF files; others, and names that begin with a dot, are
            left out. Or a Parquet or TFRecord file, or a folder of such, with encoded images and
            names in columns as `keras_pde.tasks.many.sources.Records` says.
        target: folder; made if it is missing. Results that are there are kept.
        preset: name or directory; "auto" is for each image the best certified one.
        noise: its level in grey levels of 255; None estimates it for each image, and "sensor" its
            gain and readout. A classical filter is made for a level, and so made and compiled for
            each image anew where levels are estimated: name its level.
        range: as `keras_pde.denoise` takes it, in units of the files' samples.
        workers: processes; by default one for each GPU of the cluster, without GPUs one for every
            two cores.
        cluster: address of a Ray cluster, such as "auto" on one of its machines, all of which need
            keras_pde and the same two folders. By default that of the environment variable
            RAY_ADDRESS, or else this machine.
        max_pixels: the most that a file's header may state, 500 million by default.
        progress: called with the number of images that are finished and that of all, None for a
            data set.

    Returns:
        Counts, throughput, and the images that failed with the reason.

    Raises:
        ValueError: no images in the source, a target inside it, one whose images were made with
            other options or by something else; no whole number of workers >= 1; an unknown preset.
        FileNotFoundError: no such source.
        ImportError: Ray is not installed.
        OSError: the cluster cannot be reached, or its workers cannot start.

    Example:
        >>> from keras_pde.tasks.many.collection import denoise_collection
        >>> denoise_collection("no such folder", "out")
        Traceback (most recent call last):
        ...
        FileNotFoundError: The folder of images no such folder does not exist
    """
    source, target = Path(source).absolute(), Path(target).absolute()
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1. Received: workers={workers}")
    if not (noise is None or noise == "sensor" or _positive(noise)):
        raise ValueError(
            "noise is a level in grey levels of 255, finite and > 0, 'sensor', or None to estimate"
            f" it. Received: noise={noise!r}"
        )
    asked = checked(range)
    origin = source_of(source)
    _check_target(source, target, origin)
    preset = _checked_preset(preset)
    options = {"preset": preset, "sigma": noise}  # the name in records of earlier versions
    _claim(target, options if asked == AUTO else {**options, "range": asked})
    wanted = origin.wanted(target)
    skipped = (
        len(origin.names) - len(wanted) if isinstance(origin, Folder) and wanted is not None else 0
    )
    failed = {} if isinstance(origin, Records) else dict(origin.failed)
    if wanted == []:
        return Summary(0, skipped, failed, 0, 0, 0.0, 0.0)
    start, first, done, pixels, processes, met = time.perf_counter(), 0.0, 0, 0, set(), set()
    job = Job(
        str(source),
        str(target),
        preset,
        noise,
        asked,
        records=isinstance(origin, Records),
        max_pixels=max_pixels,
    )
    for count, outcome in enumerate(_run(job, origin, wanted, workers, cluster), start=1):
        first = first or time.perf_counter()
        processes.add(outcome.worker)
        if outcome.error:
            failed[outcome.name] = outcome.error
        elif outcome.name in met:
            failed[outcome.name] = "several images have this name, and one result"
        done, skipped = (
            done + (not outcome.error and not outcome.skipped),
            skipped + outcome.skipped,
        )
        pixels += outcome.pixels
        met.add(outcome.name)
        if progress is not None:
            progress(count, None if wanted is None else len(wanted))
    shutil.rmtree(target / BEGUN, ignore_errors=True)
    seconds = time.perf_counter() - start
    return Summary(
        done,
        skipped,
        dict(sorted(failed.items())),
        pixels,
        len(processes),
        seconds,
        max(0.0, first - start),
    )


def _check_target(source: Path, target: Path, origin: Folder | Records) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise ValueError(
            f"{target} is the source or in it: its results would count as images to denoise. Choose"
            " a folder elsewhere."
        )
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{target} is a file, and a folder for the results is needed")
    if not (target / RECORD).is_file() and (there := origin.there(target)):
        raise ValueError(
            f"{target} holds {there[0]}, which this command did not write: choose another folder,"
            " or remove what is there"
        )


def _checked_preset(preset: str) -> str:
    """The preset as all workers find it, after it was loaded once.

    Its mistakes show before workers start.
    """
    from keras_pde import presets
    from keras_pde.tasks.denoise import choosing

    if preset == "auto":
        return preset
    entry = presets.index().get(preset, {})
    choosing.choose_denoiser(preset, (64, 64, entry.get("channels", 3)), 25.0)
    return preset if entry or "://" in preset else str(Path(preset).absolute())


def _positive(noise: Any) -> bool:
    return isinstance(noise, int | float) and 0 < noise < math.inf


def _claim(target: Path, options: dict[str, Any]) -> None:
    """Make the target with its record of options, or check that they are those of its record.

    Remove what interrupted writes have left.
    """
    record = target / RECORD
    if record.is_file():
        former = json.loads(record.read_text(encoding="utf-8"))
        if former != options:
            raise ValueError(
                f"{target} holds results made with {former}, and now {options} is asked for: choose"
                " another folder"
            )
    target.mkdir(parents=True, exist_ok=True)
    for rest in target.rglob(LEFT):
        if time.time() - rest.stat().st_mtime > STALE:
            rest.unlink(missing_ok=True)
    shutil.rmtree(target / BEGUN, ignore_errors=True)
    (target / BEGUN).mkdir()
    write_bytes(record, (json.dumps(options, indent=1) + "\n").encode())


def _run(
    job: Job,
    origin: Folder | Records,
    wanted: list[str] | None,
    workers: int | None,
    cluster: str | None,
) -> Iterator[Outcome]:
    from keras_pde.tasks.many.ray_data import mapped

    blocks = min(math.ceil(len(wanted or ()) / TOGETHER), BLOCKS)
    rows = mapped(
        Worker,
        lambda dataset: replace(job, common=origin.common(dataset)),
        lambda data: origin.dataset(data, wanted, blocks),  # type: ignore[arg-type]
        together=TOGETHER,
        workers=workers,
        cluster=cluster,
        store=origin.store,
    )
    for row in rows:
        yield Outcome(**{**row, "name": unpacked(row["name"])})
