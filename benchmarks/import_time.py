"""What starting costs: ``import keras_pde`` beside ``import keras``, and the command's answers.

The import is in seconds, the command in seconds of processor time; each is the median of several
fresh processes.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

CODE = (
    "import keras, time; t = time.perf_counter(); import keras_pde; print(time.perf_counter() - t)"
)
# what needs no network, mistakes among them
ANSWERS = (
    "--help",
    "--version",
    "list",
    "denoise --help",
    "--nosuch",
    "denoize",
    "denoise nofile.png out.png",
    "inpaint nofile.png out.png --keep 0.1",
    "export unknown_preset out",
    "train norecipe",
    "show unknown",
    "evaluate unknown",
    "certify unknown",
    "verify unknown",
)


def main() -> None:
    """Print the medians."""
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(5)
    ]
    print(
        f"import keras_pde adds {statistics.median(times):.3f} s to import keras (of 5:"
        f" {min(times):.3f} to {max(times):.3f})"
    )
    print("processor time of the command (median of 3)")
    for arguments in ANSWERS:
        print(f"  {processor_time(arguments):.2f} s  keras-pde {arguments}")


def processor_time(arguments: str) -> float:
    """User and system time of one call, as the median of three."""
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "keras_pde", *arguments.split()],
            capture_output=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(used)


if __name__ == "__main__":
    main()
