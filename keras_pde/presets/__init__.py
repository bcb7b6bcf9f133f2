"""Presets: networks with their configuration, weights and golden tensors, to load and to save.

A preset is a directory in keras-hub's format: config.json (class and arguments), model.weights.h5,
metadata.json (versions, parameter count, sha256 of the files), and golden.npz (an input and its
output). The zoo's index, presets.json, repeats the hashes. A file that is damaged, missing or not
what its hash says is an error, never random weights. A preset may come from anybody: what exceeds
`presets.limits`, names foreign classes or is anything else than `save_to_preset` writes is refused
in one line, before it is read, unpacked or allocated.

Importing it imports no backend: its functions do when they are called.
"""

from keras_pde.presets.files import file_hash, staged
from keras_pde.presets.golden import predict_golden
from keras_pde.presets.index import folder_of, index, roots, zoo_root
from keras_pde.presets.loading import from_preset, load, verify
from keras_pde.presets.locating import is_folder, locate

__all__ = [
    "file_hash",
    "folder_of",
    "from_preset",
    "index",
    "is_folder",
    "load",
    "locate",
    "predict_golden",
    "roots",
    "staged",
    "verify",
    "zoo_root",
]
