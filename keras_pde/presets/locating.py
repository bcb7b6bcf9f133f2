"""Where a preset is: a name of the zoo, a folder, or an archive at a URL."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from keras_pde.presets.files import CONFIG, METADATA
from keras_pde.presets.index import INDEX, folder_of, index, zoo_root
from keras_pde.presets.metadata import agree, check_hashes, read_metadata
from keras_pde.presets.reading import shown
from keras_pde.runtime.one_line import shown_path

__all__ = ["is_folder", "is_own", "locate"]

LONGEST = 2000  # characters of a name, path or URL
Source = str | os.PathLike[str]


def is_folder(source: Source) -> bool:
    """Whether a preset's source means a folder, and not a name or a URL.

    A path object does, and a text with a path separator, ``.`` or ``..``. A bare name is one of
    `list_presets`, whatever folders there are: "linear_2d" is never ./linear_2d.

    Example:
        >>> from keras_pde.presets.locating import is_folder
        >>> is_folder("linear_2d"), is_folder("./linear_2d"), is_folder(Path("linear_2d"))
        (False, True, True)
    """
    if not isinstance(source, str):
        return True
    separators = {"/", os.sep, os.altsep or os.sep}
    return "://" not in source and (
        source in (".", "..") or any(mark in source for mark in separators)
    )


def is_own(directory: Path) -> bool:
    """Whether a directory is one of the zoo's, which is installed with the package.

    Example:
        >>> from keras_pde import presets
        >>> from keras_pde.presets.locating import is_own
        >>> is_own(presets.folder_of("linear_2d")), is_own(Path("mine"))
        (True, False)
    """
    return directory.parent.parent == zoo_root()


def locate(source: Source, sha256: str | None) -> tuple[Path, dict[str, str]]:
    """Directory of a preset, and the hashes that its files must have.

    Args:
        source: name, directory or URL, as `from_preset` takes it.
        sha256: of the archive at a URL, else None.

    Raises:
        ValueError, FileNotFoundError: as `from_preset`.

    Example:
        >>> from keras_pde import presets
        >>> directory, hashes = presets.locate("linear_2d", None)
        >>> directory.name, sorted(hashes)
        ('linear_2d', ['config.json', 'golden.npz', 'model.weights.h5'])
    """
    text = os.fspath(source) if isinstance(source, str | os.PathLike) else source
    if not isinstance(text, str) or "\0" in text or not 0 < len(text) <= LONGEST:
        raise ValueError(
            "A preset is a name of list_presets, a folder (with ./ or another path separator) or a"
            f" URL, of 1 to {LONGEST} characters. Received: {shown(text)}"
        )
    if "://" in text and not is_folder(source):
        from keras_pde.presets.download import fetch_archive

        if sha256 is None:
            raise ValueError(
                "A preset from a URL needs the sha256 of its archive, which whoever published it"
                f" states: from_preset({text!r}, sha256=...)"
            )
        directory = fetch_archive(text, sha256)
        return directory, read_metadata(directory)["sha256"]
    if sha256 is not None:
        raise ValueError(
            "sha256 is for a URL; the zoo and saved directories carry their own hashes"
        )
    if is_folder(source):
        return _of_folder(Path(text))
    return _of_index(text)


def _of_folder(path: Path) -> tuple[Path, dict[str, str]]:
    if not os.path.lexists(path / CONFIG):
        raise FileNotFoundError(
            f"{shown_path(path)} is no preset directory: it has no {CONFIG}. save_to_preset writes"
            " one."
        )
    return path, read_metadata(path)["sha256"]


def _of_index(name: str) -> tuple[Path, dict[str, str]]:
    entries = index()
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=4, cutoff=0.4)
        if os.path.isdir(name):
            hint = f"For the folder of that name write {os.path.join('.', name)!r}."
        elif near:
            hint = f"Did you mean {', '.join(near)}?"
        else:
            hint = f"There are: {', '.join(sorted(entries))}."
        raise ValueError(f"No preset is called {shown(name, 100)}. {hint}")
    directory = folder_of(name)
    hashes = check_hashes(entries[name].get("sha256"), directory.parent.parent / INDEX)
    stated = read_metadata(directory, follow=is_own(directory))["sha256"]
    agree(stated, hashes, directory / METADATA)
    return directory, hashes
