"""Fuzz the readers of strangers' files, guided by coverage.

`python tests/fuzz/run.py --seconds 600` prints figures, and ends with 1 if reading a file ended in
another exception than ValueError or OSError, in an error of several lines, took more than 5 seconds
of a processor or more than 1 GB, or opened, wrote or removed another file. Then it names the file,
which `--again FILE` reads once more.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HANG = 5  # seconds
MEMORY = 1024  # MB beyond those of TensorFlow
ALLOWED = (ValueError, OSError)
NAMES = ("config", "metadata", "weights", "golden", "archive", "image")
LONGEST = 1 << 16  # bytes of a file
MARK = "figures: "


def watch(inside: list[str], outside: list[str]) -> None:
    """List where a file outside of a folder is touched, or anything is started or connected.

    Nothing is raised: a reader might catch it.
    """

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        if not inside:
            return
        touched: list[Any] = []
        if event == "open":
            path, _, flags = arguments
            # Python reads its own files when it imports
            reads = not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            own = isinstance(path, str) and path.startswith(
                (sys.prefix, sys.base_prefix, str(ROOT))
            )
            touched = [] if reads and own else [path]
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.rename"):
            touched = [path for path in arguments[:2] if isinstance(path, str | bytes | Path)]
        elif event in ("subprocess.Popen", "os.system", "socket.connect", "os.exec"):
            outside.append(f"{event}{arguments!r}")
        for path in touched:
            if not isinstance(path, int) and not os.path.realpath(os.fsdecode(path)).startswith(
                (*inside, "/dev/null", "/proc/self")
            ):
                outside.append(f"{event} of {path!r}")

    sys.addaudithook(see)


def functions(module: ModuleType) -> Iterator[FunctionType]:
    """Functions and methods that a module defines."""
    for thing in [*vars(module).values()]:
        parts = vars(thing).values() if isinstance(thing, type) else [thing]
        for part in parts:
            if isinstance(part, FunctionType) and part.__module__ == module.__name__:
                yield part


def work(options: argparse.Namespace) -> None:
    """Read inputs as libFuzzer makes them: a byte that chooses the target, and a file."""
    import atheris

    sys.path[:0] = [str(HERE), str(ROOT)]
    with atheris.instrument_imports(include=["zipfile", "tarfile", "tifffile", "PIL"]):
        import tarfile
        import zipfile

        import mutators
        import PIL.Image
        import targets
        import tifffile

        found = targets.targets(Path(tempfile.mkdtemp(dir=options.folder)))
    del tarfile, zipfile, tifffile
    PIL.Image.init()
    for name, module in list(sys.modules.items()):
        if name.startswith(("keras_pde.presets", "keras_pde.data.images")):
            for function in functions(module):
                atheris.instrument_func(function)
    inside: list[str] = []
    outside: list[str] = []
    watch(inside, outside)
    counts = collections.Counter[str]()
    shown = [0.0]

    def read(data: bytes) -> None:
        if not data:
            return
        try:
            read_safely(data)
        except BaseException:
            (Path(options.folder) / "finding").write_bytes(data)
            raise

    def read_safely(data: bytes) -> None:
        kind = data[0] % len(found)
        with targets.working_folder() as folder:
            inside[:] = [os.path.realpath(folder)]
            try:
                found[kind].read(data[1:], Path(folder))
                counts[f"{NAMES[kind]} read"] += 1
            except ALLOWED as error:
                counts[f"{NAMES[kind]} refused"] += 1
                if len(str(error).splitlines()) != 1:
                    raise RuntimeError(f"an error of several lines: {error}") from None
            finally:
                inside.clear()
        if outside:
            raise RuntimeError(f"outside of the folder: {outside}")
        if time.monotonic() > shown[0] + 1:
            shown[0] = time.monotonic()
            print(MARK + json.dumps(counts), flush=True)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if not data or rng.random() < 0.3:  # so that no target waits for the others
            chosen = rng.randrange(len(found))
            data = bytes([chosen]) + rng.choice(found[chosen].seeds)
        limit = min(longest, LONGEST) - 1
        changed = mutators.mutated(data[1:], lambda part: atheris.Mutate(part, limit), rng)
        return (data[:1] + changed)[:longest]

    if options.again:
        start = time.process_time()
        read(Path(options.again).read_bytes())
        print(f"read again in {time.process_time() - start:.1f} s")
        return
    corpus = Path(options.folder) / "corpus"
    corpus.mkdir(exist_ok=True)
    for kind, target in enumerate(found):
        for i, seed in enumerate(target.seeds):
            (corpus / f"{NAMES[kind]}{i}").write_bytes(bytes([kind]) + seed)
    arguments = {
        "max_total_time": options.seconds,
        "max_len": LONGEST,
        "timeout": 2 * HANG,  # by the clock: `confirmed` counts the processor's time
        "rss_limit_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10) + MEMORY,
        "artifact_prefix": f"{options.folder}/",
        "print_final_stats": 1,
        "seed": options.seed,
        "detect_leaks": 0,
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{name}={value}" for name, value in arguments.items()), str(corpus)],
        read,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def worker(options: argparse.Namespace, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a process that fuzzes."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, __file__, "--worker", "--folder", options.folder, *arguments]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=options.seconds + 600,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no end after {options.seconds + 600} seconds"
    return done.returncode, done.stdout


def last(pattern: str, text: str) -> int:
    """The last number that stands where the pattern has its group, or 0."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def main(options: argparse.Namespace) -> int:
    """Fuzz in processes of their own until the time is over or something is found."""
    end, rounds, total = time.monotonic() + options.seconds, 0, collections.Counter[str]()
    finding = ""
    while not finding and (left := int(end - time.monotonic())) > 0:
        code, out = worker(options, "--seconds", str(left), "--seed", str(options.seed + rounds))
        rounds += 1
        for line in out.splitlines()[::-1]:
            if line.startswith(MARK):
                total.update(json.loads(line.removeprefix(MARK)))
                break
        total["branches"] = max(total["branches"], last(r"cov: (\d+)", out))
        total["kept"] = max(total["kept"], last(r"corp: (\d+)", out))
        total["peak"] = max(total["peak"], last(r"rss: (\d+)Mb", out))
        if code:
            kept = re.findall(r"Test unit written to (\S+)", out)
            if (file := Path(options.folder) / "finding").exists():
                kept = [str(file)]
            # a slow machine is no hang: read again what took long by the clock
            again, text = worker(options, "--again", kept[-1]) if kept else (code, "")
            if again or last(r"again in (\d+)", text) >= HANG or "libFuzzer: timeout" not in out:
                finding = "\n".join([out[-2000:], text[-2000:], *kept])
    files = 0
    for name in NAMES:
        good, bad = total[f"{name} read"], total[f"{name} refused"]
        files += good + bad
        print(f"{name}: {good} read, {bad} refused")
    print(
        f"{files} files in {rounds} runs; {total['branches']} branches reached, {total['kept']}"
        f" files kept for them; {total['peak']} MB at most;"
        f" {'found:' if finding else 'nothing found'}"
    )
    print(finding)
    return 1 if finding else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default=None, help="corpus and findings; else a temporary one")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--again", help="a finding to read again")
    chosen = parser.parse_args()
    chosen.folder = chosen.folder or tempfile.mkdtemp(prefix="fuzz")
    if chosen.worker or chosen.again:
        work(chosen)
    else:
        sys.exit(main(chosen))
