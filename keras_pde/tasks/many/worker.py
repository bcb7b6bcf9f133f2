"""What one worker of a collection's run does: read an image, filter it, write the result."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import platform
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from keras_pde.runtime.one_line import one_line

if TYPE_CHECKING:
    from keras_pde.tasks.denoise.denoiser import Denoiser

__all__ = ["Job", "Outcome", "Worker"]

Shape = tuple[int, int]
# folder in the target with a file for each image in work, and in it a dot for each worker that
# began it
BEGUN = ".begun"
ATTEMPTS = 3  # workers that may die over an image


class Outcome(NamedTuple):
    """What became of an image.

    Args:
        name: of its file, relative to the source.
        error: why there is no result; "" for success.
        sigma: noise level it was filtered at, in grey levels of 255.
        pixels: of the image.
        seconds: that it took.
        worker: process.
        skipped: whether the result was there.

    Example:
        >>> from keras_pde.tasks.many.worker import Outcome
        >>> Outcome("a.png", "a.png is empty (0 bytes)", 0.0, 0, 0.0, "1").error
        'a.png is empty (0 bytes)'
    """

    name: str
    error: str
    sigma: float
    pixels: int
    seconds: float
    worker: str
    skipped: bool = False


@dataclass(frozen=True)
class Job:
    """What all workers are told.

    Args:
        source: folder of the images.
        target: folder of the results.
        preset: name, directory, or "auto".
        noise: its level in grey levels of 255; None estimates it, "sensor" as for one image.
        range: black and white, in units of the files' samples.
        common: sizes, (height, width), that have programs of their own.
        records: whether the images come with the batches, and not from files.
        max_pixels: the most that a file's header may state; None is the library's own limit.

    Example:
        >>> from keras_pde.tasks.many.worker import Job
        >>> Job("photographs", "denoised").preset
        'auto'
    """

    source: str
    target: str
    preset: str = "auto"
    noise: float | str | None = None
    range: str | tuple[float, float] = "auto"
    common: tuple[Shape, ...] = ()
    records: bool = False
    max_pixels: int | None = None


class Worker:
    """A process that filters images, a few at a time.

    Loads and compiles a network when it first needs it.

    Args:
        job: what to do.
        threads: of TensorFlow; 0 leaves them as they are.

    Example:
        >>> from keras_pde.tasks.many.worker import Job, Worker
        >>> Worker(Job("no such folder", "out"), threads=0).outcome("a.png").error
        'no such folder/a.png does not exist'
    """

    def __init__(self, job: Job, threads: int) -> None:
        self.job = job
        self.own: Denoiser | None = None
        self.flexible: Denoiser | None = None
        _limit_threads(threads)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Filter and write images: of the column "name" of files, or of the rows of a data set."""
        count = len(next(iter(batch.values())))
        if self.job.records:
            outcomes = [
                self.outcome(*image_in({key: column[i] for key, column in batch.items()}))
                for i in range(count)
            ]
        else:
            outcomes = [self.outcome(unpacked(str(name))) for name in batch["name"]]
        rows = [{**outcome._asdict(), "name": packed(outcome.name)} for outcome in outcomes]
        return {field: [row[field] for row in rows] for field in Outcome._fields}

    def outcome(self, name: str, data: bytes | None = None) -> Outcome:
        """Filter and write an image, of a file or of its bytes.

        What is wrong with it ends up in the outcome.
        """
        start, level, pixels, error = time.perf_counter(), 0.0, 0, ""
        me, target = f"{platform.node()}:{os.getpid()}", Path(self.job.target, name)
        if data is not None and target.is_file():
            return Outcome(name, "", 0.0, 0, 0.0, me, True)
        begun = Path(self.job.target, BEGUN, hashlib.sha256(os.fsencode(name)).hexdigest()[:32])
        try:
            if begun.is_file() and begun.stat().st_size >= ATTEMPTS:
                raise ValueError(
                    f"{ATTEMPTS} workers died while they filtered it: too large for their memory,"
                    " perhaps"
                )
            if begun.parent.is_dir():
                with begun.open("ab") as file:
                    file.write(b".")
            if not target.resolve().is_relative_to(Path(self.job.target).resolve()):
                raise ValueError(f"Its name {name!r} leads out of the folder of the results")
            target.parent.mkdir(parents=True, exist_ok=True)
            level, pixels = self._filter(
                Path(self.job.source, name) if data is None else data, target
            )
        # an image that cannot be filtered must not keep the others from it
        except Exception as problem:
            error = _reason(problem)
        with contextlib.suppress(OSError):
            begun.unlink(missing_ok=True)
        return Outcome(name, error, level, pixels, time.perf_counter() - start, me)

    def _filter(self, source: Path | bytes, target: Path) -> tuple[float, int]:
        from keras_pde.data import images
        from keras_pde.tasks.denoise.planes import Asked, Plane
        from keras_pde.tasks.denoise.recording import axes_of
        from keras_pde.tasks.denoise.stacks import denoise_stack
        from keras_pde.tasks.denoise.volumes import denoise_volumes

        limit = self.job.max_pixels or images.MAX_PIXELS
        asked, preset = Asked(self.job.noise, self.job.range), self.job.preset
        named = None if isinstance(source, Path) else target.name
        with images.open_stack(source, named, max_pixels=limit, any_range=True) as stack:
            if stack.count > 1 and axes_of(preset, (0, 0, 0, 0)) == 3:
                whole = denoise_volumes(stack, target, asked, preset)
                return whole.levels[0], sum(map(math.prod, whole.shapes))
            if stack.count > 1:
                done = denoise_stack(stack, target, asked, preset, choose=self._chosen)
                return done.known.level, done.pixels
            image = stack.image(0)
        images.check_output(target, image)
        known = Plane.of(image).known(asked)
        chosen = self._chosen(known.shape(preset), known.level)
        result = known.filtered(chosen, preset == "auto")
        images.write_bytes(target, images.encode(target, replace(image, pixels=result.pixels)))
        return known.level, image.pixels.shape[0] * image.pixels.shape[1]

    def _chosen(self, shape: tuple[int, ...], level: float) -> Denoiser:
        from keras_pde import presets
        from keras_pde.runtime.compiling import flexible
        from keras_pde.tasks.denoise import choosing

        if (
            self.own is None
            and self.job.preset != "auto"
            and self.job.preset not in presets.index()
        ):
            # a directory: no table of times, the same for every level
            self.own = choosing.choose_denoiser(self.job.preset, shape, level)
        chosen = self.own or choosing.choose_denoiser(self.job.preset, shape, level)
        if shape[:2] in self.job.common:
            return chosen
        # one is enough: a trained network serves every level
        if self.flexible is None or self.flexible.network is not chosen.network:
            self.flexible = chosen.compiled_by(flexible)
        return self.flexible


def packed(name: str) -> str:
    r"""A file's name as text that every encoding and table has: one character a byte.

    Example:
        >>> from keras_pde.tasks.many.worker import packed, unpacked
        >>> packed("a\udcff.png") == "a\xff.png", unpacked(packed("ü\udcff.png")) == "ü\udcff.png"
        (True, True)
    """
    return os.fsencode(name).decode("latin-1")


def unpacked(text: str) -> str:
    """The name that `packed` was given."""
    return os.fsdecode(text.encode("latin-1"))


def printable(text: str) -> str:
    r"""A text whose bytes that are no UTF-8 are written as \xff.

    Example:
        >>> from keras_pde.tasks.many.worker import printable
        >>> print(printable("a\udcff.png"))
        a\xff.png
    """
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _reason(problem: Exception) -> str:
    text = str(problem)
    if isinstance(problem, OSError) and problem.strerror and problem.filename:
        text = f"{problem.filename}: {problem.strerror}"
    return printable(one_line(text)) or type(problem).__name__


def _limit_threads(threads: int) -> None:
    """Keep TensorFlow to a worker's share of the cores; it takes all of them otherwise."""
    import keras

    if threads and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # in use already
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)


def image_in(row: dict[str, Any]) -> tuple[str, bytes]:
    """Name and encoded image of a data set's row; empty bytes where it has none.

    Example:
        >>> from keras_pde.tasks.many.worker import image_in
        >>> image_in({"image": {"bytes": b"...", "path": "a/b.png"}})
        ('a/b.png', b'...')
        >>> image_in({"image/encoded": b"...", "image/filename": b"c.jpg", "label": 3})
        ('c.jpg', b'...')
    """
    image = next((row[key] for key in ("image", "image/encoded") if row.get(key) is not None), b"")
    data, path = (
        (image.get("bytes") or b"", image.get("path")) if isinstance(image, dict) else (image, None)
    )
    named = next((row[key] for key in ("name", "filename", "image/filename") if row.get(key)), path)
    data = bytes(data) if isinstance(data, bytes | bytearray | memoryview) else b""
    name = (
        named.decode(errors="replace")
        if isinstance(named, bytes)
        else str(named or hashlib.sha256(data).hexdigest()[:16])
    )
    from keras_pde.data.images.image import EXTENSIONS

    return (name if Path(name).suffix.lower() in EXTENSIONS else f"{name}.png"), data
