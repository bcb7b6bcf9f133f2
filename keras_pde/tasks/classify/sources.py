"""The sets of labelled images that recipes name: where they are found, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keras_pde.data.labelled import Labelled, load_labelled

__all__ = ["Source", "load", "source"]


@dataclass(frozen=True)
class Source:
    """Where a set of labelled images is from.

    Args:
        text: title and authors, for cards.
        licence: of the images, for the index.
        classes: names, where the files do not hold them.
        shipped: whether the zoo's own data hold it.

    Example:
        >>> from keras_pde.tasks.classify.sources import SOURCES
        >>> SOURCES["digits"].shipped, SOURCES["cifar10"].classes[3]
        (True, 'cat')
    """

    text: str
    licence: str
    classes: tuple[str, ...] = ()
    shipped: bool = False


CLOTHES = "T-shirt trouser pullover dress coat sandal shirt sneaker bag boot"
THINGS = "airplane automobile bird cat deer dog frog horse ship truck"
SOURCES = {
    "digits": Source(
        "Optical Recognition of Handwritten Digits (Alpaydin, Kaynak, UCI 1998), 8 × 8 points",
        "Apache-2.0 (data: CC BY 4.0)",
        shipped=True,
    ),
    "mnist": Source(
        "MNIST (LeCun, Cortes, Burges)", "Apache-2.0 (data: MNIST, LeCun, Cortes, Burges)"
    ),
    "fashion_mnist": Source(
        "Fashion-MNIST (Xiao, Rasul, Vollgraf, Zalando 2017)",
        "Apache-2.0 (data: MIT, Zalando)",
        tuple(CLOTHES.split()),
    ),
    "cifar10": Source(
        "CIFAR-10 (Krizhevsky 2009)",
        "Apache-2.0 (data: CIFAR-10, Krizhevsky)",
        tuple(THINGS.split()),
    ),
}


def source(name: str) -> Source:
    """What is known of a set; of one's own, its name.

    Example:
        >>> from keras_pde.tasks.classify.sources import source
        >>> source("fashion_mnist").classes[0], source("leaves").text
        ('T-shirt', 'leaves')
    """
    return SOURCES.get(name, Source(name, "that of the images"))


def load(name: str, split: str, folder: str | Path | None = None) -> Labelled:
    """The images of a set that are to train on, or to test on.

    Args:
        name: of the set, which is that of its folder.
        split: "train" or "test".
        folder: of the data sets; None is the zoo's data for "digits", else ../shared/data beside a
            checkout.

    Raises:
        FileNotFoundError: there is no such folder, or it is laid out in another way.
        ValueError: damaged files.

    Example:
        >>> from keras_pde.tasks.classify.sources import load
        >>> len(load("digits", "train")), len(load("digits", "test"))
        (1347, 450)
    """
    known = source(name)
    found = load_labelled(place_of(name, folder, known.shipped), split)
    return found.named(known.classes) if known.classes else found


def place_of(name: str, folder: str | Path | None, shipped: bool) -> Path:
    """The folder of a set, below the folder of the sets that is given or else is usual.

    Raises:
        FileNotFoundError: there is none.

    Example:
        >>> from keras_pde.tasks.classify.sources import place_of
        >>> place_of("digits", None, shipped=True).name
        'digits'
    """
    from keras_pde import presets

    usual = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    if shipped and (folder is None or not (Path(folder) / name).is_dir()):
        usual, folder = presets.zoo_root() / "data", None
    place = usual if folder is None else Path(folder)
    if not (place / name).is_dir():
        raise FileNotFoundError(
            f"There is no folder {place / name} with labelled images. Name the folder that holds"
            f" {name}: --data DIR."
        )
    return place / name
