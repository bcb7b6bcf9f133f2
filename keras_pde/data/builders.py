"""Builders for tensorflow-datasets: BSD, and any folder of images.

Imported on demand: needs the extra [data].

They read a folder (`manual_dir`) and download nothing. Importing this module registers them:
`tfds.load("bsd/gray", ...)`.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from keras_pde.data.folders import image_paths, read_pixels

__all__ = ["Bsd", "Images"]

Bsd: Any  # made by `__getattr__` when first asked for
Images: Any

CHANNELS = {"gray": 1, "color": 3}
CITATION = """@article{arbelaez2011contour,
  author  = {Arbel\\'aez, Pablo and Maire, Michael and Fowlkes, Charless and Malik, Jitendra},
  title   = {Contour Detection and Hierarchical Image Segmentation},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume  = {33},
  number  = {5},
  pages   = {898--916},
  year    = {2011},
  doi     = {10.1109/TPAMI.2010.161},
}"""
LICENSE = "Berkeley Segmentation Dataset BSDS500: for non-commercial research and education only."


def _png(pixels: np.ndarray) -> bytes:
    """Decoded and encoded by Pillow.

    TensorFlow's JPEG decoder differs from it by grey levels, and its PNG encoder takes four times
    as long.
    """
    from PIL import Image as Pil

    samples = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    buffer = io.BytesIO()
    Pil.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples).save(
        buffer, format="PNG", compress_level=1
    )
    return buffer.getvalue()


@functools.cache
def _classes() -> dict[str, Any]:
    """Bsd and Images: classes of tensorflow-datasets, which is imported when one is asked for."""
    import tensorflow_datasets as tfds

    class _Folders(tfds.core.GeneratorBasedBuilder):
        """Images of folders below manual_dir, as PNG.

        FOLDERS names them for each configuration and split.
        """

        VERSION = tfds.core.Version("1.0.0")
        RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release."}
        BUILDER_CONFIGS: ClassVar[list[Any]] = [
            tfds.core.BuilderConfig(
                name="gray", description="one channel; colour files become ITU-R 601 luma"
            ),
            tfds.core.BuilderConfig(
                name="color", description="three channels; grey files are repeated"
            ),
        ]
        FOLDERS: ClassVar[dict[str, dict[str, tuple[str, ...]]]]

        @classmethod
        def folders(cls, config: str) -> dict[str, tuple[str, ...]]:
            """The folders of each split, relative to manual_dir."""
            return cls.FOLDERS[config]

        def _describe(self, description: str, **rights: str) -> Any:
            shape = (None, None, CHANNELS[self.builder_config.name])
            features = {
                "image": tfds.features.Image(shape=shape, dtype=np.uint8, encoding_format="png"),
                "name": tfds.features.Text(),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                description=description,
                features=tfds.features.FeaturesDict(features),
                **rights,
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            root = Path(dl_manager.manual_dir)
            return {
                split: self._generate_examples(root, folders)
                for split, folders in self.folders(self.builder_config.name).items()
            }

        def _generate_examples(
            self, root: Path, folders: tuple[str, ...]
        ) -> Iterator[tuple[str, dict[str, Any]]]:
            for folder in folders:
                try:
                    paths = image_paths(root / folder)
                except (FileNotFoundError, ValueError) as error:
                    raise type(error)(
                        f"{error}. {self.name} reads a folder laid out"
                        f" so:\n{cleandoc(self.MANUAL_DOWNLOAD_INSTRUCTIONS)}"
                    ) from None
                for path in paths:
                    pixels = read_pixels(path, CHANNELS[self.builder_config.name])
                    name = path.relative_to(root).as_posix()
                    yield name, {"image": _png(pixels), "name": name}

    class Bsd(_Folders):
        """Berkeley photographs for denoising.

        400 to train on and 68 to test on, in grey ("bsd/gray") or colour ("bsd/color").

        Grey training images are 180 × 180 (the set of TNRD and DnCNN), colour ones and all test
        images 481 × 321 or 321 × 481. An example is {"image": uint8 (height, width, 1 or 3),
        "name": path below the folder}, stored without loss.

        Errors: a missing folder is a FileNotFoundError that says how the folder must look.

        Source: Arbeláez, Maire, Fowlkes, Malik (TPAMI 2011); grey training set: Chen, Pock
        (arXiv:1508.02848).

        Example:
            >>> from keras_pde.data.builders import Bsd
            >>> sorted(Bsd.builder_configs), Bsd.folders("gray")
            (['color', 'gray'], {'train': ('train400_gray',), 'test': ('bsd68_gray',)})
        """

        MANUAL_DOWNLOAD_INSTRUCTIONS = """
        The folder must hold, as PNG, JPEG or TIFF files:
          gray:  train400_gray/ (400 images), bsd68_gray/ (68 images)
          color: color/train/ and color/test/ (the 400 photographs of BSDS500's train and test),
                 cbsd68/ (68 images)
        BSDS500: https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html
        The grey sets: https://github.com/cszn/DnCNN (TrainingCodes, testsets).
        """
        FOLDERS: ClassVar[dict[str, dict[str, tuple[str, ...]]]] = {
            "gray": {"train": ("train400_gray",), "test": ("bsd68_gray",)},
            "color": {"train": ("color/train", "color/test"), "test": ("cbsd68",)},
        }

        def _info(self) -> Any:
            description = (
                "Photographs of the Berkeley Segmentation Dataset: 400 for training denoisers, 68"
                " standard test images."
            )
            homepage = (
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html"
            )
            return self._describe(
                description, homepage=homepage, citation=CITATION, license=LICENSE
            )

    class Images(_Folders):
        """Every PNG, JPEG and TIFF file directly in a folder, as the split "train".

        The configuration "images/gray" makes them grey, "images/color" colour.
        An example is {"image": uint8 (height, width, 1 or 3), "name": file name}. Files of 16 bit
        or floats are rounded to 8 bit; `keras_pde.data.load_images` keeps them.

        Errors: a missing or empty folder is an error that says so.

        Example:
            >>> from keras_pde.data.builders import Images
            >>> Images.folders("color")
            {'train': ('.',)}
        """

        MANUAL_DOWNLOAD_INSTRUCTIONS = "Any folder with PNG, JPEG or TIFF images directly in it."
        FOLDERS: ClassVar[dict[str, dict[str, tuple[str, ...]]]] = {
            config: {"train": (".",)} for config in CHANNELS
        }

        def _info(self) -> Any:
            return self._describe("A folder of images.", license="That of the images.")

    return {"Bsd": Bsd, "Images": Images}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals().update(_classes())
    return _classes()[name]
