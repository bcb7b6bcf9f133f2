"""Classifier: the base of networks whose output is a number for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from keras_pde.models.named_classes import NamedClasses
from keras_pde.runtime import gate
from keras_pde.runtime.types import Shape, Tensor


class Classifier(NamedClasses):
    r"""A map of images to logits (batch, classes), whose largest names the class it answers.

    The image (batch, \*spatial, channels) has values in [0, 1]; its sizes are fixed when the
    network is built. A subclass computes the logits in ``call`` and proves what it can in `radius`;
    this base proves nothing, so each radius is 0.

    Args:
        classes: number of classes, at least 2.
        class_names: their names, in the order of the logits; None where they have none.

    Raises:
        ValueError: fewer than 2 classes; another number of names, or names that are no text; at
            build, sizes that are not fixed; inputs of other sizes.

    Attributes:
        norm: "l2" or "linf", the norm of the perturbations that `radius` is about.
        sizes: the image's sizes; known when built.

    Example:
        >>> from keras_pde.models.classifier import Classifier
        >>> class Means(Classifier):
        ...     def call(self, image):
        ...         return ops.mean(image, axis=(1, 2))
        >>> net = Means(classes=2, class_names=["dark", "light"])
        >>> image = np.full((1, 4, 4, 2), [0.2, 0.7], "float32")
        >>> net.answers(image), net.names_of(net.answers(image)), net.radius(image)
        (array([1]), ['light'], array([0.]))
        >>> net.certified(image, np.array([1]), eps=0.1)
        array([False])
    """

    norm: ClassVar[str] = "l2"

    def __init__(
        self, classes: int, class_names: Sequence[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(classes, class_names, **kwargs)
        self.sizes: tuple[int, ...] = ()

    # Shapes

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Note the rank, the channels and the sizes of the image.

        Raises:
            ValueError: a size that is not fixed.
        """
        shape = self.image_shape(input_shape)
        if None in shape[1:]:
            raise ValueError(
                f"{type(self).__name__} is for images of one size: build it for (None, height,"
                f" width, channels). Received: shape {shape}"
            )
        self.sizes = tuple(int(n) for n in shape[1:-1] if n is not None)
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """(batch, classes)."""
        return (self.image_shape(input_shape)[0], self.classes)

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """Shape of the image, whose sizes are fixed."""
        return {"image": (None, *self.sizes, self.input_channels)}

    @property
    def export_sizes(self) -> tuple[int | None, ...]:
        """The image's sizes, the only ones."""
        return self.sizes

    def input_signature(self, size: Sequence[int | None] | None = None) -> list[Any]:
        """Named specification of the image.

        Raises:
            ValueError: the network is not built; another size than its images have.
        """
        if size is not None and self.built and tuple(size) != self.sizes:
            raise ValueError(
                f"{self.name} is for images of {self.sizes} pixels. Received: size={tuple(size)}."
                " Resize the images instead."
            )
        return super().input_signature(size)

    def check_input(self, name: str, x: Tensor, first: Tensor) -> None:
        """Refuse an image of other sizes than the network was built for.

        Raises:
            ValueError: no real floats; another rank, size or number of channels.
        """
        super().check_input(name, x, first)
        if self.built:
            gate.same_sizes(
                x,
                f"{name} of {self.name}",
                (x.shape[0], *self.sizes, 1),
                "its images",
                channels=False,
            )

    def example(self) -> dict[str, np.ndarray]:
        """A fixed image of the network's sizes, from which golden logits are computed."""
        rng = np.random.default_rng(20260)
        image = rng.random((1, *self.sizes, self.input_channels))
        return {"input": image.astype("float32")}

    # What it answers, and what is proved of the answer

    def radius(self, x: Any) -> np.ndarray:
        """r of each image (batch,), in float64: no ‖e‖ < r changes the class that is answered.

        The norm is `norm`. Of this base nothing is proved, which is r = 0.
        """
        return np.zeros(len(x))

    def reader_facts(self) -> dict[str, Any] | None:
        """What a reader of an artifact computes `radius` from, without keras_pde; None is nothing.

        A dictionary for JSON: "norm", "slopes" (classes, classes), "error", and "of", which says
        what they are.
        """
        return None

    def certified(self, x: Any, labels: Any, eps: float | Sequence[float]) -> np.ndarray:
        """Whether each answer is right and stays so for every ‖e‖ ≤ eps, by proof.

        Args:
            x: images.
            labels: the right class of each, (batch,).
            eps: size of the perturbations in the norm `norm`, or several sizes, which cost less
                together.

        Returns:
            (batch,); of several sizes (sizes, batch).

        Raises:
            ValueError: an eps that is no finite number >= 0; not as many labels as images.
        """
        labels = _checked_labels(labels, len(x))
        several: Sequence[float] | None = eps if isinstance(eps, list | tuple) else None
        given = [eps] if several is None else several
        sizes = [gate.number(one, "eps", low=0.0) for one in given]
        found = self.proved(x, sizes) & (self.answers(x) == labels)
        return found[0] if several is None else found

    def proved(self, x: Any, sizes: Sequence[float]) -> np.ndarray:
        """Whether the class of each image is the same for every ‖e‖ ≤ ε, by proof: (sizes, batch).

        By default that is ε < r, of `radius`.
        """
        return self.radius(x) > np.reshape(np.asarray(sizes, np.float64), (-1, 1))

    def training_logits(self, x: Tensor, labels: Tensor, eps: Tensor | float) -> Tensor:
        """What a loss compares with the labels while training: the logits, unless overridden.

        Args:
            x: images, tensors.
            labels: the right class of each, for a subclass that bounds the logits of x + e.
            eps: size of e, which a schedule may raise from step to step.
        """
        return self(x, training=True)


def _checked_labels(labels: Any, count: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be {count} whole numbers, the class of each image. Received: shape"
            f" {labels.shape} of {labels.dtype}"
        )
    return labels
