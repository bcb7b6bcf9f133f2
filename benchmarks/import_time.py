"""What ``import keras_pde`` adds to ``import keras``, in seconds.

Each of five fresh processes imports both; the median is printed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

CODE = (
    "import keras, time; t = time.perf_counter(); import keras_pde; print(time.perf_counter() - t)"
)


def main() -> None:
    """Print the median."""
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


if __name__ == "__main__":
    main()
