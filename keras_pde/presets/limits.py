"""Limits of what is read from a preset: sizes, depths and counts, far above those of any network.

A preset may come from anybody. Whatever exceeds a limit is refused before it is read, unpacked or
allocated. The largest preset of the zoo has 3 kB of configuration, 1 MB of weights and a schedule
of 100 steps.
"""

from __future__ import annotations

# files, in bytes
CONFIG_BYTES = 1 << 20
METADATA_BYTES = 1 << 16
INDEX_BYTES = 1 << 24
GOLDEN_BYTES = 1 << 23
WEIGHTS_BYTES = 1 << 28
# of a weights file beside its numbers, which have at most 8 bytes each
WEIGHTS_OVERHEAD = 1 << 24

# JSON
DEPTH = 40
VALUES = 100_000  # objects, lists, texts and numbers in all
TEXT = 2000  # characters
DIGITS = 40

# networks
STEPS = 10_000
BLOCKS = 256  # with weights of their own
LEVELS = 16
STAGES = 8  # of a classifier
SMOOTHING_STEPS = 100
ITERATIONS = 1_000_000
FILTERS = 4096
CONVOLUTIONS = 16  # in a row, in one operator
KERNEL_SIZE = 63
CHANNELS = 1024
SIZE = 1 << 16  # pixels an axis
KNOTS = 4096
CENTERS = 256  # of radial basis functions
PATCH_SIZE = 16
CONSTANTS = 1 << 22  # numbers of a fixed stencil's kernel

# weights files
OBJECTS = 10_000  # groups and arrays
AXES = 8

# golden tensors, unpacked
GOLDEN_NUMBERS = 1 << 20
