"""Files are written whole or not at all, whatever fails, and whoever interrupts."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from keras_pde.runtime import writing
from keras_pde.runtime.staging import staged
from keras_pde.runtime.writing import check_target, whole, whole_all, write_all, write_bytes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions and links as of POSIX")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def failing(module: Any, name: str, code: int, after: int = 0) -> Callable[..., Any]:
    """A function that raises OSError once: when it has been called so many times."""
    original, calls = getattr(module, name), []

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == after + 1:
            raise OSError(code, os.strerror(code))
        return original(*args, **kwargs)

    return call


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "new", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~umask


def test_a_replaced_file_keeps_its_permissions_and_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    (tmp_path / "broken").symlink_to(tmp_path / "far" / "not yet")
    write_bytes(link, b"new")
    write_bytes(tmp_path / "broken", b"new")
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert contents(tmp_path / "far") == {"target": b"new", "not yet": b"new"}


def test_the_old_file_is_there_until_the_block_has_ended(tmp_path: Path) -> None:
    target = tmp_path / "picture.png"
    target.write_bytes(b"old")
    with whole(target) as stage:
        assert stage.parent == tmp_path
        assert stage.suffix == ".png"  # by which encoders choose their format
        stage.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert contents(tmp_path) == {"picture.png": b"new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_is_raised_inside_leaves_the_files_as_they_were(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def write() -> None:
        with whole_all([tmp_path / "a", tmp_path / "b"]) as stages:
            stages[0].write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert contents(tmp_path) == {"a": b"old"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
@pytest.mark.parametrize(
    ("name", "after"),
    [(name, after) for name in ("open", "fsync", "replace") for after in range(3)]
    + [("chmod", 0), ("chmod", 1)],  # two of the three have permissions to keep
)
def test_a_disk_that_fails_leaves_all_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, name: str, after: int
) -> None:
    files = {tmp_path / name: name.encode() for name in "abc"}
    for path in files:
        path.write_bytes(b"old")
    (tmp_path / "b").unlink()  # a new one between two that are replaced
    before = contents(tmp_path)
    monkeypatch.setattr(writing.os, name, failing(os, name, code, after))
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        write_all(files)
    monkeypatch.undo()
    assert contents(tmp_path) == before
    assert caught.value.errno == code
    assert str(caught.value.filename) in {str(path) for path in files}
    assert "\n" not in str(caught.value)


def test_a_write_that_fails_names_the_file_and_not_its_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after, name in enumerate("ab"):
        monkeypatch.setattr(Path, "write_bytes", failing(Path, "write_bytes", errno.ENOSPC, after))
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_all({tmp_path / "a": b"1", tmp_path / "b": b"2"})
        monkeypatch.undo()
        assert caught.value.filename == str(tmp_path / name)
        assert contents(tmp_path) == {}
    with pytest.raises(OSError, match="No space left") as caught, whole(tmp_path / "c"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # what an encoder raises
    assert caught.value.filename == str(tmp_path / "c")


def test_errors_about_other_files_keep_their_names(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), whole(tmp_path / "a"):
        Path("elsewhere").read_bytes()
    assert contents(tmp_path) == {}


def test_a_file_larger_than_the_limit_of_the_process_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="File too large: nothing was written") as caught:
            write_all({tmp_path / "a": b"new", tmp_path / "b": bytes(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "b")
    assert contents(tmp_path) == {"a": b"old"}


def test_places_that_cannot_be_written_are_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    long = "n" * 300
    for path, kind, reason in [
        (tmp_path, IsADirectoryError, "directory"),
        (tmp_path / "none" / "x", FileNotFoundError, "folder .* does not exist"),
        (tmp_path / "file" / "x", FileNotFoundError, "folder .* does not exist"),
        (tmp_path / long, OSError, "File name too long"),
        (tmp_path / "loop", OSError, "symbolic links"),
    ]:
        for attempt in (check_target, lambda path: write_bytes(path, b"x")):
            with pytest.raises(kind, match=reason) as caught:
                attempt(path)
            assert str(caught.value.filename) == str(path)
            assert "\n" not in str(caught.value)
    assert contents(tmp_path) == {"file": b"old"}
    with pytest.raises(ValueError, match="named twice"):
        write_all({tmp_path / "a": b"", tmp_path / "." / ".." / tmp_path.name / "a": b""})


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write all")
def test_write_protected_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(PermissionError, match="write-protected"):
        write_bytes(tmp_path / "file", b"new")
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError, match="cannot write in the folder"):
        write_bytes(tmp_path / "new", b"new")


def test_write_protection_is_asked_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, who may write all: with the system's answer to others."""
    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(writing.os, "access", lambda *args: False)
    with pytest.raises(PermissionError, match="write-protected"):
        write_bytes(tmp_path / "file", b"new")


def test_devices_and_pipes_are_written_as_they_are(tmp_path: Path) -> None:
    write_bytes("/dev/null", b"x")
    assert Path("/dev/null").is_char_device()
    (tmp_path / "link").symlink_to("/dev/null")
    write_bytes(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    reading, writing_end = os.pipe()
    write_bytes(f"/dev/fd/{writing_end}", b"{}")
    os.close(writing_end)
    assert os.read(reading, 10) == b"{}"
    os.close(reading)
    with open(tmp_path / "shell", "w+b") as file:  # as a shell's > opens it, to go on writing
        write_bytes(f"/dev/fd/{file.fileno()}", b"{}")
        assert file.read() == b"{}"


def test_without_hard_links_files_are_still_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
    refused = PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    monkeypatch.setattr(writing.os, "link", mock.Mock(side_effect=refused))
    monkeypatch.setattr(writing.os, "replace", failing(os, "replace", errno.EIO, 1))
    with pytest.raises(OSError, match="Input/output error"):
        write_all({tmp_path / name: b"new" for name in "ab"})
    assert contents(tmp_path) == {"a": b"old", "b": b"old"}
    write_all({tmp_path / name: b"new" for name in "ab"})
    assert contents(tmp_path) == {"a": b"new", "b": b"new"}


# --- folders ---


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder"

    def write(error: BaseException | None) -> None:
        with staged(target) as stage:
            (stage / "a").write_bytes(b"half")
            if error is not None:
                raise error

    for error in (ValueError("x"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            write(error)
        assert not list(tmp_path.iterdir())
    before = os.umask(0o027)
    try:
        write(None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o750
    target.chmod(0o700)
    (tmp_path / "link").symlink_to(target)
    with staged(tmp_path / "link") as stage:
        (stage / "b").write_bytes(b"new")
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert contents(target) == {"b": b"new"}
    with pytest.raises(KeyboardInterrupt):
        write(KeyboardInterrupt())
    assert contents(target) == {"b": b"new"}
    assert [path.name for path in target.parent.iterdir()] == ["folder"]
    with pytest.raises(NotADirectoryError, match="is a file"), staged(target / "b"):
        pass


@pytest.mark.parametrize("after", range(2))
@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_a_folder_that_cannot_take_its_place_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, kind: type[BaseException]
) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "a").write_bytes(b"old")
    rename = failing(Path, "rename", errno.EIO, after)

    def interrupted(*args: Any) -> Any:
        try:
            return rename(*args)
        except OSError:
            raise kind(errno.EIO, os.strerror(errno.EIO)) from None

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(kind), staged(tmp_path / "target") as stage:
        (stage / "a").write_bytes(b"new")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert contents(tmp_path / "target") == {"a": b"old"}


@pytest.mark.parametrize("write", [staged, whole])
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError("Can't synchronously write data (No space left on device)"),  # HDF5's
        RuntimeError("Unknown: model/saved_model.pb; No space left on device"),  # TensorFlow's
    ],
)
def test_a_full_disk_is_told_by_the_name_of_what_was_to_be_written(
    tmp_path: Path, error: Exception, write: Callable[..., Any]
) -> None:
    with pytest.raises(OSError, match="No space left") as caught, write(tmp_path / "target"):
        raise error
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "target")
    assert not list(tmp_path.iterdir())
