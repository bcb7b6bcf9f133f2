"""Image files made to hurt, or that hold more than one plain picture."""

from __future__ import annotations

import io
import json
import struct
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import tifffile

rng = np.random.default_rng(3)
GREY = rng.integers(0, 256, (32, 40), dtype=np.uint8)
TINY = rng.integers(0, 256, (13, 10), dtype=np.uint8)
FRAMES = rng.integers(0, 65536, (5, 32, 40), dtype=np.uint16)


def zeros(count: int) -> bytes:
    """So many zeros, compressed."""

    def deflated(size: int, ending: int) -> bytes:
        engine = zlib.compressobj(9, wbits=-15)
        return engine.compress(bytes(size)) + engine.flush(ending)

    many, rest = divmod(count, 1 << 20)
    parts = many * deflated(1 << 20, zlib.Z_FULL_FLUSH) + deflated(rest, zlib.Z_FINISH)
    return b"\x78\xda" + parts + struct.pack(">HH", count % 65521, 1)  # Adler's sum of zeros


def tiff(
    width: int = 16,
    height: int = 16,
    data: bytes = bytes(256),
    following: int = 0,
    big: bool = False,
    **changed: tuple[int, int, int],
) -> bytes:
    """A grey TIFF of one strip; ``t277=(3, 1, 2)`` changes or adds tag 277."""
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1)}
    tags |= {262: (3, 1, 1), 273: (4, 1, 0), 277: (3, 1, 1), 278: (4, 1, height)}
    tags |= {279: (4, 1, len(data))}
    tags |= {int(name[1:]): tag for name, tag in changed.items()}
    start = 8 + 2 + 12 * len(tags) + 4
    if tags[273][2] == 0:
        tags[273] = (4, 1, start)
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + entries + struct.pack("<I", following) + data


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, depth: int, *chunks: bytes, colour: int = 0, interlace: int = 0
) -> bytes:
    """A PNG of given chunks after its header."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def interlaced(grey: np.ndarray, missing: int = 0) -> bytes:
    """The pixels of an interlaced PNG, by the passes of Adam7, less some bytes at their end."""
    starts = ((0, 0), (4, 0), (0, 4), (2, 0), (0, 2), (1, 0), (0, 1))
    steps = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2))
    parts = [grey[y::b, x::a] for (x, y), (a, b) in zip(starts, steps, strict=True)]
    raw = b"".join(b"\0" + row.tobytes() for part in parts for row in part if row.size)
    return zlib.compress(raw[: len(raw) - missing])


def jpeg(width: int = 40, height: int = 32, frame: int = 0xC0, depth: int = 8) -> bytes:
    """A JPEG whose frame states another size, kind or depth than it has."""
    data = bytearray(saved("JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 1] = frame
    data[place + 4 : place + 9] = struct.pack(">BHH", depth, height, width)
    return bytes(data)


def saved(format: str, array: np.ndarray = GREY, **options: object) -> bytes:
    """An array as Pillow saves it."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, format=format, **options)
    return buffer.getvalue()


def stack(text: str, *, behind: bool = True, **options: object) -> bytes:
    """A TIFF with one directory and a description, and frames behind the first."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, FRAMES[0], metadata=None, description=text, **options)
    return buffer.getvalue() + (FRAMES[1:].tobytes() if behind else b"")


def shaped() -> bytes:
    """Tifffile's own kind of stack with one directory."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, FRAMES, photometric="minisblack", truncate=True)
    return buffer.getvalue()


def samples(count: int, extra: list[str] | None, photometric: str = "minisblack") -> bytes:
    """A TIFF with so many samples a pixel."""
    buffer = io.BytesIO()
    array = rng.integers(0, 256, (16, 16, count), dtype=np.uint8)
    options = {"photometric": photometric, "planarconfig": "contig", "extrasamples": extra}
    tifffile.imwrite(buffer, array, **options, metadata=None)
    return buffer.getvalue()


def pages(count: int) -> bytes:
    """A TIFF with many directories, each with its width alone."""
    head, size = b"II*\0\x08\0\0\0", 18
    entry = struct.pack("<HHHII", 1, 256, 4, 1, 1)
    return head + b"".join(entry + struct.pack("<I", 8 + size * (k + 1)) for k in range(count))


def animated(format: str) -> bytes:
    """Three frames."""
    frames = [PIL.Image.fromarray(GREY + k) for k in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format=format, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


OME = '<?xml version="1.0"?><OME><Image><Pixels SizeC="1" SizeZ="5" SizeT="1"/></Image></OME>'
BOMB = zeros(25000 * 25001 * 2)
HUGE = 2**31

# name: bytes, and words of the error
CASES: dict[str, tuple[bytes, str]] = {
    "png bomb 16": (png(25000, 25000, 16, chunk(b"IDAT", BOMB)), "625,000,000 pixels.*max-pixels"),
    "png bomb 8": (png(30000, 30000, 8, chunk(b"IDAT", b"")), "900,000,000 pixels"),
    "png bomb 1": (png(HUGE - 1, HUGE - 1, 1, chunk(b"IDAT", b"")), "pixels by its header"),
    "png too much": (png(4, 4, 16, chunk(b"IDAT", bytes(70_000_000))), "bytes of pixels"),
    "png chunk": (png(4, 4, 8, struct.pack(">I", HUGE - 1) + b"tEXt"), "a chunk 'tEXt' of"),
    "png without end": (png(4, 4, 8)[:-12], "no end"),
    "png of half its rows": (png(9, 8, 8, chunk(b"IDAT", zeros(40))), "after 40 of 80 bytes"),
    "png without its last byte": (
        png(4, 4, 8, chunk(b"IDAT", zeros(19)), chunk(b"IDAT", b"")),
        "after 19 of 20 bytes",
    ),
    "png interlaced and cut": (
        png(10, 13, 8, chunk(b"IDAT", interlaced(TINY, missing=1)), interlace=1),
        "after 155 of 156 bytes",
    ),
    "png of few bytes and many pixels": (
        png(9, 1 << 24, 8, chunk(b"IDAT", zeros(99))),
        "after 99 of 167,772,160 bytes",
    ),
    "png palette of 16": (png(4, 4, 16, chunk(b"IDAT", zeros(36)), colour=3), "damaged"),
    "png colours": (png(4, 4, 8, chunk(b"IDAT", zeros(36)), colour=5), "colours of kind 5"),
    "png palette missing": (png(4, 4, 8, chunk(b"IDAT", zeros(20)), colour=3), "no palette"),
    "png palette cut": (
        png(4, 4, 8, chunk(b"PLTE", bytes(4)), chunk(b"IDAT", zeros(20)), colour=3),
        "palette has 4 bytes",
    ),
    "png beyond its palette": (
        png(1, 1, 8, chunk(b"PLTE", bytes(6)), chunk(b"IDAT", zlib.compress(b"\0\2")), colour=3),
        "a pixel of colour 2, and 2 colours",
    ),
    "apng": (animated("PNG"), "animation of 3 frames"),
    "gif": (animated("GIF"), "a GIF file: expected PNG, JPEG or TIFF"),
    "webp": (animated("WEBP"), "a WebP file: expected"),
    "mpo": (animated("MPO"), "holds 3 pictures of one size"),
    "jpeg 12": (jpeg(depth=12), "12 bit a sample, which is not supported"),
    "jpeg lossless": (jpeg(frame=0xC3), "a lossless JPEG, which is not supported"),
    "jpeg hierarchical": (jpeg(frame=0xC5), "hierarchical"),
    "jpeg without height": (jpeg(height=0), "no height"),
    "jpeg bomb": (jpeg(65500, 65500), "4,290,250,000 pixels"),
    "jpeg scans": (saved("JPEG", progressive=True) + 300 * b"\xff\xda", "scans"),
    "jpeg marker": (b"\xff\xd8\xff\xe1\0\1", "damaged or no valid JPEG"),
    "tiff circle": (tiff(following=8), "refer to each other in a circle"),
    "tiff bomb": (tiff(50000, 12500, zeros(1 << 20), t259=(3, 1, 8)), "625,000,000 pixels"),
    "tiff of nothing": (tiff(0, 16), "no pixels"),
    "tiff count": (tiff(t273=(4, HUGE, 8)), "tag 273 is outside the file"),
    "tiff text": (tiff(t270=(2, HUGE, 8)), "tag 270 is outside the file"),
    "tiff strip outside": (tiff(t273=(4, 1, HUGE)), "outside the file"),
    "tiff strip too long": (tiff(t279=(4, 1, HUGE)), "outside the file"),
    "tiff strips too few": (tiff(t278=(4, 1, 4)), "1 strips or tiles, and its size needs 4"),
    "tiff strip too short": (tiff(t279=(4, 1, 100)), "100 bytes of pixels, and needs 256"),
    "tiff tiles": (
        tiff(t322=(4, 1, HUGE), t323=(4, 1, HUGE), t324=(4, 1, 8), t325=(4, 1, 9)),
        "its parts are",
    ),
    "tiff samples": (tiff(t277=(3, 1, 60000)), "60000 channels"),
    "tiff bits": (tiff(t258=(3, 1, 60000)), "damaged"),
    "tiff compression": (tiff(t259=(3, 1, 34712)), r"compressed in a way \(number 34712\)"),
    "tiff deflate bomb": (tiff(data=zeros(300 << 20), t259=(3, 1, 8)), "damaged"),
    "tiff jpeg bomb": (tiff(data=jpeg(60000, 8000), t259=(3, 1, 7)), "480,000,000 pixels"),
    "tiff jpeg 12": (tiff(data=jpeg(16, 16, depth=12), t259=(3, 1, 7)), "12 bit"),
    "tiff of many pages": (pages(10_050), "more than 10,000 directories"),
    "tiff directory outside": (b"II*\0" + struct.pack("<I", HUGE), "outside the file"),
    "tiff of many tags": (b"II*\0\x08\0\0\0\xff\xff" + bytes(1 << 20), "65,535 tags"),
    "tiff empty directory": (b"II*\0\x08\0\0\0\0\0\0\0\0\0", "0 tags"),
    "bigtiff cut": (b"II+\0\x08\0\0\0", "header is cut"),
    "raw": (tiff(t50706=(1, 4, 1)), "raw file"),
    "imagej": (stack("ImageJ=1.53t\nimages=5\nframes=5\nhyperstack=true\n"), "stack of 5"),
    "imagej channels": (
        stack("ImageJ=1.53t\nchannels=2\nslices=3\n", behind=False, compression="zlib"),
        "stack of 6",
    ),
    "shaped": (shaped(), "stack of 5"),
    "shape of lists": (
        stack(json.dumps({"shape": [5, 32, 40]}), behind=False, compression="zlib"),
        "stack of 5",
    ),
    "ome": (stack(OME, behind=False, compression="zlib"), "stack of 5"),
    "frames behind": (stack("no word of them"), "stack of 5"),
    "depth": (tiff(t32997=(4, 1, 3)), "stack of 3"),
    "metamorph": (tiff(t33629=(5, 4, 8)), "stack of 4"),
    "second band": (samples(2, ["unspecified"]), "2 channels, 1 more.*may be data"),
    "fourth band": (samples(4, ["unspecified"], "rgb"), "4 channels, 1 more"),
    "two alphas": (samples(5, ["unassalpha", "unassalpha"], "rgb"), "5 channels, 2 more"),
    "alpha and band": (samples(5, ["unassalpha", "unspecified"], "rgb"), "5 channels"),
    "bmp": (saved("BMP"), "a BMP file: expected PNG"),
    "jpeg 2000": (bytes(imagecodecs.jpeg2k_encode(GREY)), "JPEG 2000"),
}
