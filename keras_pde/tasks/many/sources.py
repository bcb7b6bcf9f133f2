"""Where a collection's images come from.

A folder of files, or the rows of Parquet or TFRecord files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from keras_pde.data.images.image import EXTENSIONS
from keras_pde.data.images.reading import size
from keras_pde.tasks.many.worker import Shape, image_in, packed

# images from which a size has an XLA program of its own, and how many sizes at most
COMMON, PROGRAMS = 20, 8
SAMPLE = 128  # rows whose sizes stand for those of all


class Folder:
    """The PNG, JPEG and TIFF files of a folder and its subfolders.

    Names that begin with a dot are left out. Links are followed, each folder is visited once.

    Args:
        path: of the folder.

    Attributes:
        names: of the files, relative to the folder.
        failed: folders that cannot be read, with the reason.

    Raises:
        ValueError: no image in it.

    Example:
        >>> import tempfile
        >>> from keras_pde.data import images
        >>> from keras_pde.tasks.many.sources import Folder
        >>> with tempfile.TemporaryDirectory() as path:
        ...     images.write(path + "/a.png", images.Image(np.zeros((2, 3, 1), "float32")))
        ...     Folder(Path(path)).names
        ['a.png']
    """

    store: int | None = 128 << 20  # bytes of Ray's store: names pass through it, images do not

    def __init__(self, path: Path) -> None:
        self.path, self.names = path, []
        self.failed: dict[str, str] = {}  # folders that cannot be read
        for folder, files in _folders(path, self.failed):
            relative = Path(folder).relative_to(path)
            self.names += [
                (relative / file).as_posix()
                for file in files
                if Path(file).suffix.lower() in EXTENSIONS and not file.startswith(".")
            ]
        if not self.names:
            failed = "".join(f"; {name} {why}" for name, why in self.failed.items())
            raise ValueError(
                f"{path} has no image: expected files named"
                f" {', '.join('*' + e for e in EXTENSIONS)} in it or in its subfolders{failed}"
            )
        self.names.sort()

    def there(self, target: Path) -> list[str]:
        """Names of those that have a file in the target."""
        return [name for name in self.names if os.path.isfile(target / name)]

    def wanted(self, target: Path) -> list[str]:
        """Names of those that have none, in the order of their sizes.

        A worker then meets few of them.
        """
        self.sizes = {name: size(self.path / name) for name in self.names}
        there = set(self.there(target))
        return sorted(
            (name for name in self.names if name not in there),
            key=lambda name: (self.sizes[name] or (0, 0), name),
        )

    def dataset(self, data: Any, wanted: list[str], blocks: int) -> Any:
        """The names as a data set of ray.data."""
        return data.from_items(
            [{"name": packed(name)} for name in wanted], override_num_blocks=blocks
        )

    def common(self, dataset: Any) -> tuple[Shape, ...]:
        """The sizes of many images."""
        return most_common(self.sizes.values())


class Records:
    """The rows of Parquet or TFRecord files: an encoded image, and a name.

    The image is the column "image" (bytes, or bytes and path as Hugging Face's datasets have them)
    or "image/encoded"; the name "name", "filename", "image/filename" or the path, and without one
    the first digits of the image's SHA-256.

    Args:
        files: of one kind.
        kind: "parquet" or "tfrecord".

    Example:
        >>> from keras_pde.tasks.many.sources import Records
        >>> Records([Path("a.parquet")], "parquet").there(Path("no such folder"))
        []
    """

    store: int | None = None  # Ray's own choice

    def __init__(self, files: list[Path], kind: str) -> None:
        self.files, self.kind = [str(file) for file in files], kind

    def there(self, target: Path) -> list[str]:
        """Everything in the target: what the rows are called is not known before they are read."""
        return sorted(path.name for path in target.iterdir()) if target.is_dir() else []

    def wanted(self, target: Path) -> None:
        """Not known before the rows are read."""

    def dataset(self, data: Any, wanted: None, blocks: int) -> Any:
        """The rows as a data set of ray.data."""
        return (
            data.read_parquet(self.files)
            if self.kind == "parquet"
            else data.read_tfrecords(self.files)
        )

    def common(self, dataset: Any) -> tuple[Shape, ...]:
        """The sizes of many images among the first rows."""
        rows = dataset.limit(SAMPLE).take_all()
        return most_common(size(image_in(row)[1]) for row in rows)


def source_of(path: Path) -> Folder | Records:
    """What a path holds: a Parquet or TFRecord file, a folder of such files, or a folder of images.

    Raises:
        FileNotFoundError: nothing.
        ValueError: a file of another kind, a folder without images, one with files of both kinds.
    """
    if not path.exists():
        raise FileNotFoundError(f"The folder of images {os.path.relpath(path)} does not exist")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    kinds = {
        "parquet": [f for f in files if f.suffix == ".parquet"],
        "tfrecord": [f for f in files if ".tfrecord" in f.name],
    }
    found = [(kind, some) for kind, some in kinds.items() if some]
    if len(found) > 1:
        raise ValueError(
            f"{path} has Parquet and TFRecord files: name one of them, or a folder with those of"
            " one kind"
        )
    if found:
        return Records(found[0][1], found[0][0])
    if not path.is_dir():
        raise ValueError(f"{path} is no folder of images, and no file *.parquet or *.tfrecord*")
    return Folder(path)


def _folders(path: Path, failed: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Each folder below a path once, with its files; links to folders come last.

    A folder is known by its device and number, so that links that lead back are followed once.
    """
    met: set[tuple[int, int]] = set()
    waiting, links = [os.fspath(path)], list[str]()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        try:
            state = os.stat(folder)
            if (state.st_dev, state.st_ino) in met:
                continue
            met.add((state.st_dev, state.st_ino))
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            failed[os.path.relpath(folder, path)] = f"cannot be read: {error.strerror}"
            continue
        inside = [e for e in entries if _is_folder(e)]
        yield folder, [e.name for e in entries if e not in inside]
        inside = [e for e in inside if not e.name.startswith(".")]
        waiting += [e.path for e in reversed(inside) if not e.is_symlink()]
        links += [e.path for e in inside if e.is_symlink()]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: its reader will say so
        return False


def most_common(sizes: Iterable[Shape | None]) -> tuple[Shape, ...]:
    """The sizes that occur often enough to be worth a program of their own.

    Example:
        >>> from keras_pde.tasks.many.sources import most_common
        >>> most_common([(3, 4)] * 20 + [(5, 5), None])
        ((3, 4),)
    """
    counts = Counter(size for size in sizes if size is not None)
    return tuple(size for size, count in counts.most_common(PROGRAMS) if count >= COMMON)
