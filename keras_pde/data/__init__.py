"""Data: deterministic batches of noisy patches, and the image sets they are cut from.

Importing it imports neither TensorFlow nor tensorflow-datasets: `dataset` and `load` do when they
are called. The builders of tensorflow-datasets are in `keras_pde.data.builders`.
"""

from keras_pde.data.folders import load_images, split
from keras_pde.data.loading import images_of, load
from keras_pde.data.patches import Patches, batches, dataset

__all__ = ["Patches", "batches", "dataset", "images_of", "load", "load_images", "split"]
