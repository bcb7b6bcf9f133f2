"""Export: a network as SavedModel, ONNX or LiteRT file that runs where keras_pde is not installed.

Keras's own `model.export` does the conversion; models of keras_pde give it named inputs with
dynamic sizes. `export` adds what Keras lacks: metadata with the certificate, uint8 images in and
out, classical filters at a noise level, fixed sizes, whole files or none, and a check of the result
in the foreign runtime.
"""

from keras_pde.export.exporting import Exported, export
from keras_pde.export.formats import FORMATS as FORMATS
from keras_pde.export.formats import load_exported
from keras_pde.export.reaction_network import ReactionNetwork as ReactionNetwork
from keras_pde.export.reactions import to_reactions

__all__ = ["Exported", "export", "load_exported", "to_reactions"]
