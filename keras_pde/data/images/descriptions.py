"""Descriptions that programs write into a TIFF file, as they are written back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from keras_pde.data.images.image import FLOAT, Metadata

__all__ = ["of_one", "rewritten"]

LOST = "its program's description"
TYPES = {8: b"uint8", 16: b"uint16", FLOAT: b"float"}
# what ImageJ says of a stack and not of a plane
STACK = re.compile(
    rb"^(images|channels|slices|frames|hyperstack|mode|loop|finterval|fps|spacing)=.*\n?", re.M
)
IMAGEJ = (50838, 50839)
PROGRAMS = (270, *IMAGEJ)  # tags of the first directory that describe all planes

Tag = tuple[int, int, int, Any]


def rewritten(tag: Tag, program: str, depth: int) -> Tag:
    """A description for samples of a depth, in another file with a directory for each plane.

    OME-XML states the type of the samples, and names its file; tifffile states whether directories
    are left out.

    Example:
        >>> from keras_pde.data.images.descriptions import rewritten
        >>> rewritten((270, 2, 31, b'<OME UUID="u"><Pixels Type="bit">'), "OME", 8)[3]
        b'<OME><Pixels Type="uint8">'
    """
    code, kind, _, text = tag
    if code != 270 or program not in ("OME", "tifffile"):
        return tag
    if program == "tifffile":
        text = text.replace(b', "truncated": true', b"")
        return code, kind, len(text), text
    text = re.sub(rb"(<(?:\w+:)?Pixels\b[^>]*\bType=\")[^\"]*", rb"\g<1>" + TYPES[depth], text)
    text = re.sub(rb"(<(?:\w+:)?OME\b[^>]*?)\s+UUID=\"[^\"]*\"", rb"\1", text)
    text = re.sub(rb"<(?:\w+:)?UUID\b[^<]*</(?:\w+:)?UUID>", b"", text)
    return code, kind, len(text), text


def of_one(meta: Metadata) -> Metadata:
    r"""The metadata of one plane of a stack: what describes all of them is left out, and said.

    Example:
        >>> from keras_pde.data.images import Metadata
        >>> from keras_pde.data.images.descriptions import of_one
        >>> text = b"ImageJ=1.54\nimages=5\nunit=mm\n"
        >>> of_one(Metadata(tags=((270, 2, len(text), text),))).tags[0][3]
        b'ImageJ=1.54\nunit=mm\n'
    """
    kept, lost = [], set(meta.further)
    for tag in meta.tags:
        text = tag[3] if tag[0] == 270 else b""
        if text.startswith(b"ImageJ="):
            text = STACK.sub(b"", text)
            kept.append((270, 2, len(text), text))
        elif tag[0] in IMAGEJ:
            lost.add("ImageJ's labels, tables and overlays")
        elif text.startswith(b'{"shape"') or b"<OME" in text[:4096]:
            lost.add(LOST)
        else:
            kept.append(tag)
    return replace(meta, tags=tuple(kept), further=tuple(sorted(lost)), order=None)
