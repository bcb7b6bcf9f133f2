"""The signals and volumes that 1-D and 3-D denoisers are trained and measured on, from packages.

    python -m zoo.recordings ecg FILE     # ecg.dat, of scipy 1.9's wheel: scipy/misc/ecg.dat
    python -m zoo.recordings mri FILE     # ..._t1_tal_nlin_sym_09a_converted.nii.gz, of nilearn's

Both write two folders into zoo/data, which is shipped. Nothing is downloaded, and no package beyond
NumPy is imported.

ECG: record 208 of the MIT-BIH Arrhythmia Database (Moody, Mark, 2001; PhysioNet), lead MLII, 5
minutes at 360 Hz, licensed under ODC-By 1.0: four minutes to train on, the last one to test.
A number is 43·(v − 300) for v of the 11-bit converter, so that 0 to 65535 is 300 to 1824, or
7.62 mV.

MRI: the ICBM 152 template of 2009 (Fonov et al., NeuroImage 2011), T1-weighted, 1 mm voxels, in 8
bits and without the skull, © 1993-2009 Louis Collins, McConnell Brain Imaging Centre: free to use,
copy, modify and distribute with this notice. One half of the head, as the other is its mirror
image, in slabs from back to front; the test slabs, and 4 mm beside them, are in no training slab.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent / "data"
RATE, PIECE, TEST = 360, 20, 10  # samples a second; seconds of a piece to train and to test on
LOW, STEP = 300, 43
SHAPE, HEADER = (197, 233, 189), 352
HALF, TOP = slice(99, 167), slice(25, 153)  # from the middle to the right, from feet to head
SLABS = ((130, 164), (22, 56), (58, 90), (164, 200))  # from back to front; the first validates
TESTED = ((94, 126),)


def ecg(file: Path) -> None:
    """Write the pieces of the electrocardiogram."""
    with np.load(file) as archive:
        record = (STEP * (archive["ecg"].astype(np.int64) - LOW)).astype(np.uint16)
    end = len(record) - 60 * RATE
    for name, part, length in (
        ("ecg_train", record[:end], PIECE * RATE),
        ("ecg_test", record[end:], TEST * RATE),
    ):
        for k, start in enumerate(range(0, len(part), length)):
            write(HERE / name / f"{k:02}.npz", part[start : start + length])


def mri(file: Path) -> None:
    """Write the slabs of the template."""
    values = np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=HEADER)
    head = values.reshape(SHAPE, order="F")
    for name, slabs in (("mri_train", SLABS), ("mri_test", TESTED)):
        for k, (start, stop) in enumerate(slabs):
            write(HERE / name / f"{k:02}.npz", head[HALF, start:stop, TOP])


def write(path: Path, values: np.ndarray) -> None:
    """Write one array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, values=np.ascontiguousarray(values))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", choices=("ecg", "mri"))
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    {"ecg": ecg, "mri": mri}[args.which](args.file)


if __name__ == "__main__":
    main()
