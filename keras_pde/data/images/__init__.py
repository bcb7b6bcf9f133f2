"""Image files: PNG, JPEG and TIFF, grey and colour, with their depth, alpha and ICC profile.

A file of 8 or 16 bit or floats is read as values in [0, 1], and the image remembers the depth, so
that 16 bit stays 16 bit. Pillow reads and writes the 8-bit files. It would reduce 16-bit colour to
8 bit without a word, so imagecodecs and tifffile do those; the file's header tells which.
"""

from keras_pde.data.images.image import Image
from keras_pde.data.images.reading import read
from keras_pde.data.images.writing import check_output, encode, write
from keras_pde.runtime.writing import write_bytes

__all__ = ["Image", "check_output", "encode", "read", "write", "write_bytes"]
