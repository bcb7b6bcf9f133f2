"""Image files: PNG, JPEG and TIFF, with their depth, alpha, ICC profile and metadata.

A file of 8 or 16 bit or floats is read as values in [0, 1], and the image remembers the depth, so
that 16 bit stays 16 bit. Pillow reads and writes the 8-bit files. It would reduce 16-bit colour to
8 bit without a word, so imagecodecs and tifffile do those; the file's header tells which.
"""

from keras_pde.data.images.image import MAX_PIXELS, Image, Metadata
from keras_pde.data.images.reading import read
from keras_pde.data.images.stack import Stack, open_stack
from keras_pde.data.images.stack_writing import check_stack_output, write_stack
from keras_pde.data.images.writing import check_output, dropped, encode, write
from keras_pde.runtime.writing import write_bytes

__all__ = [
    "MAX_PIXELS",
    "Image",
    "Metadata",
    "Stack",
    "check_output",
    "check_stack_output",
    "dropped",
    "encode",
    "open_stack",
    "read",
    "write",
    "write_bytes",
    "write_stack",
]
