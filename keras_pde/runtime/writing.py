"""Files that are written whole or not at all, one or several at once.

A file is first written beside its place, forced to the disk, and then takes its place by a rename,
which a file system does in one. Whoever reads the place meanwhile finds the old file or the new
one. Several files are complete before the first rename; if a later rename fails, the earlier ones
are undone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from keras_pde.runtime.disk_errors import named, naming

__all__ = ["check_target", "whole", "whole_all", "write_all", "write_bytes"]

AnyPath = str | os.PathLike[str]
LEFT = ".keras-pde-*.tmp*"  # what a killed process may leave beside a file that it was writing
STREAM = re.compile(r"/dev/(stdout|stderr|fd/\d+)|/proc/(self|\d+)/fd/\d+")  # files open already


@contextlib.contextmanager
def whole(path: AnyPath) -> Iterator[Path]:
    """A temporary path, whose file takes the place of `path` if the block ends well.

    If the block or the disk fails, nothing is left and an existing file is untouched. A new file
    has the permissions of any new file, a replaced one keeps its own. A link stays a link, and the
    file that it points to is replaced. Devices and pipes are written as they are, at the end.

    Args:
        path: of the file.

    Yields:
        The path to write to: an empty file with the same extension, in the same folder.

    Raises:
        OSError: naming the file and the reason: no such folder, a directory, a write-protected
            file, a name that is too long, a full disk.

    Example:
        >>> import tempfile
        >>> from keras_pde.runtime.writing import whole
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder, "numbers.txt")
        ...     with whole(target) as stage:
        ...         _ = stage.write_text("1 2 3")
        ...         print(target.exists())
        ...     print(target.read_text())
        False
        1 2 3
    """
    with whole_all([path]) as (stage,):
        yield stage


@contextlib.contextmanager
def whole_all(paths: Iterable[AnyPath]) -> Iterator[list[Path]]:
    """Temporary paths, whose files take their places together if the block ends well.

    All are complete before the first takes its place. If one cannot, those before it are undone.
    A process that is killed between two renames leaves the one and not the other: no file system
    renames several files at once.

    Args:
        paths: of the files.

    Yields:
        The paths to write to, as `whole` has them.

    Raises:
        ValueError: a file that is named twice.
        OSError: as `whole`.

    Example:
        >>> import tempfile
        >>> from keras_pde.runtime.writing import whole_all
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with whole_all([Path(folder, name) for name in ("a", "b")]) as stages:
        ...         for stage in stages:
        ...             _ = stage.write_text("whole")
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['a', 'b']
    """
    outputs = [_Output(path) for path in paths]
    targets = [output.target for output in outputs if not output.special]
    for output in outputs:
        if targets.count(output.target) > 1:
            raise ValueError(f"{output.path} is named twice among the files to write")
    try:
        for output in outputs:
            output.create()
        with _naming(outputs):
            yield [output.stage for output in outputs]
        for output in outputs:
            with _naming([output]):
                output.finish()
        _put(sorted(outputs, key=lambda output: output.special))  # what cannot be undone comes last
    finally:
        for output in outputs:
            for path in (output.stage, output.backup):
                path.unlink(missing_ok=True)


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write several files: all, or none.

    Args:
        files: the contents, by path.

    Raises:
        ValueError, OSError: as `whole_all`.

    Example:
        >>> import tempfile
        >>> from keras_pde.runtime.writing import write_all
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_all({Path(folder, "a"): b"1", Path(folder, "b"): b"2"})
        ...     Path(folder, "b").read_bytes()
        b'2'
    """
    with whole_all(files) as stages:
        for stage, (path, data) in zip(stages, files.items(), strict=True):
            try:
                stage.write_bytes(data)
            except OSError as error:
                raise named(error, path) from None


def write_bytes(path: AnyPath, data: bytes) -> None:
    """Write a file whole, or not at all.

    Raises:
        OSError: as `whole`; an existing file is untouched.

    Example:
        >>> import tempfile
        >>> from keras_pde.runtime.writing import write_bytes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bytes(folder + "/x.png", b"whole")
        ...     Path(folder, "x.png").read_bytes()
        b'whole'
    """
    write_all({Path(path): data})


def check_target(path: AnyPath) -> None:
    """Raise now what `whole` would raise at its start: before a long computation, not after.

    Raises:
        OSError: as `whole`.

    Example:
        >>> from keras_pde.runtime.writing import check_target
        >>> check_target("nowhere/x")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] the folder nowhere does not exist. Create it first: 'nowhere/x'
    """
    output = _Output(path)
    try:
        output.create()
    finally:
        output.stage.unlink(missing_ok=True)


class _Output:
    """A file to write, and the neighbour that takes its place.

    Attributes:
        path: as it was given.
        target: the file that is replaced, to which `path` may be a link.
        special: whether it is a device or a pipe, which is written and never replaced.
        existed: whether there was a file in the place.
        stage: the neighbour.
        backup: name of the old file while others take their places.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = Path(path)
        mode = stat.S_IFREG
        try:
            self.target = self.path.resolve()
            mode = os.stat(self.path).st_mode
        except RuntimeError:  # what Python before 3.13 calls links that loop
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
        except (FileNotFoundError, NotADirectoryError):
            if not self.target.parent.is_dir():
                parent = self.path.parent
                text = f"the folder {parent} does not exist. Create it first"
                raise OSError(errno.ENOENT, text, str(path)) from None
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, "it is a directory: name a file to write", str(path))
        self.special = not stat.S_ISREG(mode) or bool(STREAM.fullmatch(os.path.abspath(path)))
        self.existed = self.target.exists()
        if self.existed and not os.access(self.path, os.W_OK):
            raise OSError(errno.EACCES, "it is write-protected", str(path))
        folder = Path(tempfile.gettempdir()) if self.special else self.target.parent
        name = f".keras-pde-{secrets.token_hex(6)}.tmp"
        # some encoders take the format from the extension
        self.stage = folder / (name + self.path.suffix * (len(self.path.suffix) < 16))
        self.backup = folder / f"{name}-old"

    def create(self) -> None:
        """Make the neighbour, empty, with the permissions of any new file."""
        try:
            os.close(os.open(self.stage, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except OSError as error:
            text = f"cannot write in the folder {self.stage.parent}: {error.strerror}"
            raise OSError(error.errno, text, str(self.path)) from None

    def finish(self) -> None:
        """Force the neighbour to the disk, and give it owner and permissions of the old file."""
        with open(self.stage, "r+b") as file:
            os.fsync(file.fileno())
        if self.existed and not self.special:
            old = self.target.stat()
            with contextlib.suppress(OSError, AttributeError):  # root may give files away; Windows
                os.chown(self.stage, old.st_uid, old.st_gid)
            os.chmod(self.stage, stat.S_IMODE(old.st_mode))

    def put(self, undoable: bool) -> None:
        """Let the neighbour take the place."""
        if self.special:
            with open(self.stage, "rb") as data, open(self.path, "wb") as sink:
                shutil.copyfileobj(data, sink)
            return
        if undoable and self.existed:
            try:
                os.link(self.target, self.backup)
            except OSError:  # a file system without hard links
                os.rename(self.target, self.backup)
        os.replace(self.stage, self.target)

    def undo(self) -> None:
        """Put the old file back, or take the new one away."""
        with contextlib.suppress(OSError):
            if self.backup.exists():
                os.replace(self.backup, self.target)
            elif not self.existed and not self.special and not self.stage.exists():
                self.target.unlink(missing_ok=True)


def _naming(outputs: list[_Output]) -> contextlib.AbstractContextManager[None]:
    own = {str(path): o.path for o in outputs for path in (o.stage, o.backup)}
    return naming(own, [o.path for o in outputs])


def _put(outputs: list[_Output]) -> None:
    """Let all neighbours take their places, or none."""
    try:
        for output in outputs:
            with _naming([output]):
                output.put(undoable=len(outputs) > 1)
    except BaseException:
        for output in reversed(outputs):
            output.undo()
        raise
    for folder in {output.target.parent for output in outputs}:
        with contextlib.suppress(OSError):  # not every system opens folders
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
