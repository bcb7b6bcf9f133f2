"""Presets that are damaged, or made to hurt: each must be refused in one line, fast and small.

`python tests/presets/hostile.py` makes them all, loads each in a process of its own, and prints the
table of outcomes. The cases are in `hostile_json`, `hostile_classes`, `hostile_weights` and
`hostile_files`; each changes a copy of one small valid preset.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = ("config.json", "model.weights.h5", "golden.npz")
SECONDS, MEGABYTES = 2.0, 300


def load(folder: Path) -> Any:
    """The usual way in: by the path of a folder."""
    import keras_pde

    return keras_pde.from_preset(folder)


def verify(folder: Path) -> Any:
    """The way in that reads golden tensors too."""
    from keras_pde import presets

    return presets.verify(folder)


@dataclass(frozen=True)
class Case:
    """A hostile preset.

    Attributes:
        kind: what it stands for.
        name: of its own.
        spoil: changes a valid preset in a folder.
        enter: how it is loaded.
        said: what the error must name.
    """

    kind: str
    name: str
    spoil: Callable[[Path], Any]
    enter: Callable[[Path], Any] = load
    said: tuple[str, ...] = (*FILES, "metadata.json", "preset")

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


def valid(folder: Path) -> None:
    """A small valid preset."""
    import keras_pde

    net = keras_pde.DiffusionResNet(2, filters=4, kernel_size=3, flux="charbonnier")
    net.build((None, None, None, 1))
    net.save_to_preset(folder)


def restate(folder: Path) -> None:
    """State the hashes of the files as they are: a forger would."""
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    for name in FILES:
        if (folder / name).is_file():
            metadata["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(metadata))


def refusal(case: Case, folder: Path) -> str:
    """The line by which a case, whose folder is spoilt, is refused.

    Raises:
        AssertionError: it is accepted, refused in several lines, or without saying where.
        Exception: whatever else than ValueError and OSError loading raises.
    """
    where = os.getcwd()
    try:
        found = case.enter(folder)
    except (ValueError, OSError) as error:
        text = str(error)
    else:
        raise AssertionError(f"{case} is accepted: {found}")
    finally:
        os.chdir(where)
    assert "\n" not in text, f"{case}: {text}"
    assert len(text) < 2000, f"{case}: {len(text)} characters"
    assert any(word in text for word in case.said), f"{case} does not say where: {text}"
    return text


def cases() -> list[Case]:
    """All cases, those of each kind in turns, so that the first ones are of all kinds."""
    from presets import hostile_classes, hostile_files, hostile_json, hostile_weights

    kinds: dict[str, list[Case]] = {}
    for module in (hostile_json, hostile_classes, hostile_weights, hostile_files):
        for case in module.cases():
            kinds.setdefault(case.kind, []).append(case)
    longest = max(map(len, kinds.values()))
    return [of[i] for i in range(longest) for of in kinds.values() if i < len(of)]


@dataclass
class Outcome:
    """What came of a case: the error's line or what else happened, seconds, megabytes."""

    case: Case
    refused: bool
    text: str
    seconds: float
    megabytes: float


def measured(case: Case, base: Path, patience: float = 10.0) -> Outcome:
    """Run a case in a child process; stop it when it takes far too long or too much memory."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "mine"
        shutil.copytree(base, folder)
        case.spoil(folder)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _child(case, folder, write)
        os.close(write)
        start, peak, first, stopped = time.monotonic(), 0.0, None, ""
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            now = _resident(pid)
            first = now if first is None else first
            peak = max(peak, now - first)
            if time.monotonic() - start > patience * SECONDS or peak > 4 * MEGABYTES:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                stopped = "stopped: too slow, or too much memory"
                break
            time.sleep(0.01)
        with open(read, "rb") as pipe:
            lines = pipe.read().decode().split("\n", 2)
        if stopped or len(lines) < 3:
            return Outcome(case, False, stopped or "died", time.monotonic() - start, peak)
        return Outcome(case, lines[0] == "refused", lines[2], float(lines[1]), peak)


def _child(case: Case, folder: Path, write: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        start = time.monotonic()
        line = refusal(case, folder)
        text = f"refused\n{time.monotonic() - start}\n{line}"
    except BaseException as error:
        text = f"failed\n0\n{type(error).__name__}: {error}"
    os.write(write, text.encode()[:4000])
    os._exit(0)


def _resident(pid: int) -> float:
    """Peak memory of a process in MB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(x.split()[1]) / 1024 for x in lines if x.startswith("VmHWM")), default=0.0)


def run_all(selected: Iterable[Case]) -> list[Outcome]:
    """The outcomes of cases, each in a process of its own."""
    import keras_pde  # noqa: F401  so that it is no part of what is measured

    with tempfile.TemporaryDirectory() as room:
        base = Path(room) / "base"
        pid = os.fork()  # TensorFlow cannot run in children of a process that has run it
        if pid == 0:
            valid(base)
            os._exit(0)
        os.waitpid(pid, 0)
        return [measured(case, base) for case in selected]


def table(outcomes: list[Outcome]) -> str:
    """A line a kind: cases, refused, slowest, largest."""
    kinds: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        kinds.setdefault(outcome.case.kind, []).append(outcome)
    rows = [(kind, of) for kind, of in sorted(kinds.items())] + [("all", outcomes)]
    lines = [f"{'kind':24} {'cases':>6} {'refused':>8} {'slowest s':>10} {'largest MB':>11}"]
    for kind, of in rows:
        worst = max(o.seconds for o in of), max(o.megabytes for o in of)
        count = sum(o.refused for o in of)
        lines.append(f"{kind:24} {len(of):6} {count:8} {worst[0]:10.2f} {worst[1]:11.0f}")
    return "\n".join(lines)


def main() -> int:
    """Print the table, and what was not refused."""
    wanted = sys.argv[1:]
    outcomes = run_all(
        case for case in cases() if not wanted or any(word in str(case) for word in wanted)
    )
    for outcome in outcomes:
        slow = outcome.seconds > SECONDS or outcome.megabytes > MEGABYTES
        if wanted or slow or not outcome.refused:
            print(
                f"{outcome.case}: {'' if outcome.refused else 'NOT REFUSED: '}{outcome.text}"
                f" ({outcome.seconds:.2f} s, {outcome.megabytes:.0f} MB)"
            )
    print(table(outcomes))
    return 0 if all(outcome.refused for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]
    from presets import hostile  # the one that the cases are made of

    sys.exit(hostile.main())
