"""Image files: PNG, JPEG and TIFF of 8 and 16 bit and float, grey and colour, with alpha and ICC
profile.

A file is read as values in [0, 1] whatever its depth, and remembers the depth; 16 bit stays 16 bit.
Pillow does the 8-bit files; it reduces 16-bit colour to 8 bit without a word, so imagecodecs and
tifffile do those, told apart by the header.
"""

from keras_pde.data.images.image import (
    EXTENSIONS,
    Image,
)  # noqa: F401 - names of files that can be read
from keras_pde.data.images.reading import read
from keras_pde.data.images.writing import check_output, encode, write, write_bytes

__all__ = ["Image", "check_output", "encode", "read", "write", "write_bytes"]
