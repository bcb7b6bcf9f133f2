"""Classifier: fixed sizes, names of classes, answers; of the base nothing is proved."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_pde.models.classifier import Classifier


class Means(Classifier):
    """The mean of each channel."""

    def call(self, image: Any) -> Any:
        """One number a channel."""
        return ops.mean(image, axis=(1, 2))


def images(n: int = 3, size: int = 4) -> np.ndarray:
    return np.random.default_rng(0).random((n, size, size, 2)).astype("float32")


def test_answers_are_the_largest_logits_and_the_base_certifies_none() -> None:
    net, x = Means(2, ["dark", "light"]), images()
    expected = x.mean(axis=(1, 2)).argmax(axis=1)
    assert np.array_equal(net.answers(x), expected)
    assert net.names_of(expected) == [["dark", "light"][k] for k in expected]
    assert np.array_equal(net.radius(x), np.zeros(3))
    assert not net.certified(x, expected, 0.0).any()
    assert np.allclose(net.training_logits(x, expected, 0.1), net.logits(x))


def test_sizes_are_fixed_when_built() -> None:
    net = Means(2)
    with pytest.raises(ValueError, match="images of one size"):
        net.build((None, None, None, 2))
    net.build((None, 4, 4, 2))
    assert net.input_signature()[0].shape == (None, 4, 4, 2)
    assert net.compute_output_shape((7, 4, 4, 2)) == (7, 2)
    with pytest.raises(ValueError, match="sizes of its images"):
        net(images(size=5))
    assert net.input_signature((4, 4))[0].shape == (None, 4, 4, 2)
    with pytest.raises(ValueError, match=re.escape("for images of (4, 4) pixels")):
        net.twin((8, 8))
    assert net.example()["input"].shape == (1, 4, 4, 2)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], "ab", [1, 2]], ids=str)
def test_wrong_class_names_are_refused(names: Any) -> None:
    with pytest.raises(ValueError, match=re.escape("class_names must be 2 different texts")):
        Means(2, names)


def test_wrong_labels_are_refused() -> None:
    net = Means(2)
    for labels in (np.zeros(2, int), np.zeros(3), np.zeros((3, 1), int)):
        with pytest.raises(ValueError, match="labels must be 3 whole numbers"):
            net.certified(images(), labels, 0.1)


def test_several_sizes_are_proved_as_each_by_itself() -> None:
    class Known(Means):
        def radius(self, x: Any) -> np.ndarray:
            return np.linspace(0, 1, len(x))

    net = Known(classes=2)
    x = np.random.default_rng(0).random((9, 4, 4, 2)).astype("float32")
    labels = net.answers(x)
    labels[4] = 1 - labels[4]
    found = net.certified(x, labels, [0.2, 0.5, 0.9])
    assert found.shape == (3, 9)
    for eps, row in zip([0.2, 0.5, 0.9], found, strict=True):
        np.testing.assert_array_equal(row, net.certified(x, labels, eps))
        np.testing.assert_array_equal(row, (np.linspace(0, 1, 9) > eps) & (np.arange(9) != 4))
    with pytest.raises(ValueError, match="eps"):
        net.certified(x, labels, [0.1, -1.0])
