"""EXIF and XMP: the orientation in them, read and set to upright once it has been applied."""

from __future__ import annotations

import re
import struct

ORIENTATION = 0x0112
IN_XMP = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|\s*>\s*))([1-8])")


def _place(exif: bytes) -> tuple[str, int] | None:
    """Byte order, and where the value of the orientation is."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 14:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", exif, place)
            if (tag, kind, number) == (ORIENTATION, 3, 1):
                struct.unpack_from(order + "H", exif, place + 8)
                return order, place + 8
    except struct.error:
        return None
    return None


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """1 to 8; 1, upright, where neither EXIF nor XMP says anything that makes sense.

    Example:
        >>> from keras_pde.data.images.exif import orientation
        >>> orientation(None, b'<rdf:Description tiff:Orientation="6"/>')
        6
    """
    found = _place(exif or b"")
    if exif is not None and found is not None:
        value: int = struct.unpack_from(found[0] + "H", exif, found[1])[0]
        return value if 1 <= value <= 8 else 1
    named = IN_XMP.search(xmp or b"")
    return int(named[2]) if named else 1


def upright(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """The same EXIF and XMP with orientation 1.

    Example:
        >>> from keras_pde.data.images.exif import upright
        >>> upright(None, b'<rdf:Description tiff:Orientation="6"/>')
        (None, b'<rdf:Description tiff:Orientation="1"/>')
    """
    found = _place(exif or b"")
    if exif is not None and found is not None:
        order, place = found
        exif = exif[:place] + struct.pack(order + "H", 1) + exif[place + 2 :]
    return exif, None if xmp is None else IN_XMP.sub(rb"\g<1>1", xmp)
