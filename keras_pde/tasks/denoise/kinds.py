"""What denoisers filter: signals, images or volumes, and what each kind is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Kind", "titles"]


@dataclass(frozen=True)
class Kind:
    """One kind of data: its words, its test sets, its rights.

    Args:
        noun: of one sample.
        axes: of a sample.
        samples: of training, many of them, in words.
        tests: folder and name of the test set, by the number of channels.
        source: whose data networks are trained on, for the index and the card.
        licence: of the weights of those.
        truth: what results are compared with, for the card; "" for photographs.
        unfit: what a network is not for.
        example: of the card's picture, in words, by the number of channels.

    Example:
        >>> from keras_pde.tasks.denoise.kinds import KINDS
        >>> KINDS[1].noun, KINDS[2].tests[3]
        ('signal', ('cbsd68', 'CBSD68'))
    """

    noun: str
    axes: tuple[str, ...]
    samples: str
    tests: Mapping[int, tuple[str, str]]
    source: str
    licence: str
    unfit: str
    truth: str = ""
    example: Mapping[int, str] = field(default_factory=dict)


BSD = "Berkeley Segmentation Dataset BSDS500 (Arbeláez, Maire, Fowlkes, Malik, TPAMI 2011)"
KINDS = {
    1: Kind(
        noun="signal",
        axes=("length",),
        samples="pieces of 20 s",
        tests={1: ("ecg_test", "the ECG's last minute")},
        source=(
            "MIT-BIH Arrhythmia Database (Moody, Mark, 2001; PhysioNet, ODC-By 1.0), record 208,"
            " lead MLII, 5 minutes at 360 Hz"
        ),
        licence=(
            "weights: Apache-2.0, of a recording under ODC-By 1.0, which asks to name the MIT-BIH"
            " Arrhythmia Database"
        ),
        truth=(
            "The truth is the recording itself, one patient's, with the noise of its own electrodes"
            " and converter: what a filter removes of that counts as its error, so PSNR is a lower"
            " bound of what it is against the heart's own signal. Noise 25 is 25/255 of the range,"
            " 7.62 mV, so 0.75 mV; noise 5 is 0.15 mV. The test minute follows the four that were"
            " trained on, so other patients, leads and sampling rates are not measured."
        ),
        unfit=(
            "Not for other noise (mains hum, baseline wander, muscle artefacts), and not for"
            " diagnosis\nwithout a study of your own."
        ),
        example={1: "Four seconds of the test set, noise 25"},
    ),
    2: Kind(
        noun="image",
        axes=("height", "width"),
        samples="images",
        tests={1: ("bsd68_gray", "BSD68"), 3: ("cbsd68", "CBSD68")},
        source=f"{BSD}, for non-commercial research and education",
        licence=(
            "weights: non-commercial research and education, as the photographs they are trained on"
            " (BSDS500); code: Apache-2.0"
        ),
        unfit=(
            "Not for other noise (JPEG artefacts, Poisson noise of low light, stripes), and not for"
            " diagnosis\nwithout a study of your own."
        ),
        example={1: "scikit-image's camera, noise 25", 3: "scikit-image's astronaut, noise 25"},
    ),
    3: Kind(
        noun="volume",
        axes=("depth", "height", "width"),
        samples="slabs",
        tests={1: ("mri_test", "a slab of the MRI template")},
        source=(
            "ICBM 152 nonlinear symmetric template of 2009, T1-weighted (Fonov et al., NeuroImage"
            " 2011; © 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal"
            " Neurological Institute, McGill University)"
        ),
        licence=(
            "weights: Apache-2.0; the template may be used, copied, modified and distributed for"
            " any purpose with its copyright notice"
        ),
        truth=(
            "The truth is the average of 152 aligned heads, which is nearly free of noise, and"
            " smoother than one head: on a scan of one person a network trained on it keeps fewer"
            " fine details than one trained on such scans would. The test slab is 32 mm thick and"
            " 4 mm away from those that were trained on. The skull is removed. Voxels are cubes of"
            " 1 mm; for others state the spacing, which `python benchmarks/spacing.py` measures on"
            " the slab with every second, third or fourth section."
        ),
        unfit=(
            "Not for other noise (Rician noise near black, motion, coil patterns), and not for"
            " diagnosis\nwithout a study of your own."
        ),
        example={1: "A section of the test set, noise 25"},
    ),
}


def titles(ndim: int | None = None) -> dict[str, str]:
    """Names of the test sets by their folders.

    Args:
        ndim: of the data; None is all kinds.

    Example:
        >>> from keras_pde.tasks.denoise import kinds
        >>> kinds.titles(2)
        {'bsd68_gray': 'BSD68', 'cbsd68': 'CBSD68'}
    """
    kinds = KINDS.values() if ndim is None else [KINDS[ndim]]
    return dict(test for kind in kinds for test in kind.tests.values())
