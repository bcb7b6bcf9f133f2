"""Errors of a disk, in one line that names the file that was to be written."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["named", "naming"]

# errors of a write in which Python names no file
DISK = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextlib.contextmanager
def naming(own: Mapping[str, Path], targets: Iterable[Path]) -> Iterator[None]:
    """Let errors of temporary files, or of the disk, name the files that were to be written.

    Args:
        own: what is to be written, by the names of temporary files and folders.
        targets: that an error without a name is about.

    Raises:
        OSError: naming the targets, where a disk is full or fails, whatever a library calls that.

    Example:
        >>> from keras_pde.runtime.disk_errors import naming
        >>> with naming({}, [Path("x.h5")]):
        ...     raise RuntimeError("write failed: No space left on device")
        Traceback (most recent call last):
        ...
        OSError: [Errno 28] No space left on device: nothing was written: 'x.h5'
    """
    try:
        yield
    except OSError as error:
        inside = [Path(str(error.filename)), *Path(str(error.filename)).parents]
        about = next((own[str(path)] for path in inside if str(path) in own), None)
        if error.filename is not None and about is not None:
            raise named(error, about) from error
        if error.filename is None and (error.errno in DISK or _code(error)):
            raise named(error, *targets) from error
        raise
    except Exception as error:  # HDF5, TensorFlow and others have errors of their own
        if _code(error) is None:
            raise
        raise named(OSError(_code(error), ""), *targets) from error


def _code(error: Exception) -> int | None:
    """The number of a disk's error that a text tells of."""
    return next((code for code in DISK if os.strerror(code) in str(error)), None)


def named(error: OSError, *paths: Path) -> OSError:
    """The same error, about the files that were to be written.

    Example:
        >>> from keras_pde.runtime.disk_errors import named
        >>> named(OSError(errno.ENOSPC, "", "stage"), Path("x.png"))
        OSError(28, 'No space left on device: nothing was written')
    """
    code = error.errno or _code(error)
    if code is None:
        return error
    reason = f"{os.strerror(code)}: nothing was written"
    return OSError(code, reason, ", ".join(map(str, paths)))
