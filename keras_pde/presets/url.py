"""Read a URL that nobody vouches for: https or file, limited in time, and no secrets in errors."""

from __future__ import annotations

import contextlib
import re
import ssl
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

SECONDS = 600.0  # of a download in all
SILENCE = 30.0  # seconds without a byte
REDIRECTS = 5


class RefusedError(ValueError):
    """Why what a URL holds is not taken; starts with a verb, for the URL comes before it."""


def shown(url: str) -> str:
    """A URL in one line without what may be secret: user, password, query and fragment.

    Example:
        >>> from keras_pde.presets.url import shown
        >>> shown("https://me:secret@host/a.zip?token=secret")
        'https://host/a.zip?...'
    """
    plain = re.sub(r"//[^/]*@", "//", re.sub(r"[?#].*", "?...", url, flags=re.DOTALL))
    return plain[:300] if plain.isprintable() else ascii(plain[:300])


def require_allowed(url: str, schemes: tuple[str, ...] = ("https", "file")) -> None:
    """Refuse a URL of another scheme, with a user name, or that is none.

    Raises:
        ValueError: it is refused.

    Example:
        >>> from keras_pde.presets.url import require_allowed
        >>> require_allowed("http://host/a.zip")
        Traceback (most recent call last):
        ...
        ValueError: http://host/a.zip: presets are read by https:// or file://, not by http
    """
    try:
        parts = urllib.parse.urlsplit(url)
        user, host, _ = parts.username, parts.hostname, parts.port
    except ValueError:  # its text, and the URL, may hold a part of a password
        scheme = re.match("[a-zA-Z]*", url)
        raise ValueError(
            f"{scheme and scheme[0]}://... is no URL: expected https://host:port/path, with a port"
            " from 0 to 65535"
        ) from None
    if parts.scheme not in schemes:
        allowed = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(
            f"{shown(url)}: presets are read by {allowed}, not by {parts.scheme or 'that'}"
        )
    if user is not None:
        raise ValueError(
            f"{shown(url)} has a user name or password: download the file yourself, and give its"
            " path by file://"
        )
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(
            f"{shown(url)} has characters that a URL cannot have: quote them, by"
            " urllib.parse.quote or pathlib.Path.as_uri"
        )
    if not (host if parts.scheme == "https" else host in (None, "localhost")):
        raise ValueError(f"{shown(url)} is no URL: expected https://host/path or file:///path")


@contextlib.contextmanager
def opened(url: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """What a URL holds, and how many bytes it says that it has, or None.

    The whole may take `SECONDS`, and a read `SILENCE`. Redirects lead to https only, `REDIRECTS` at
    most. A file must be a regular one with a size: those of /proc have none, and may have no end.

    Raises:
        RefusedError: no regular file, or a redirect that is not followed.
        OSError, http.client.HTTPException, ValueError: it cannot be read.

    Example:
        >>> import tempfile
        >>> from keras_pde.presets.url import opened
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = file.write(b"1234")
        ...     file.flush()
        ...     with opened(Path(file.name).as_uri()) as (source, size):
        ...         print(source.read(), size)
        b'1234' 4
    """
    if urllib.parse.urlsplit(url).scheme == "file":
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            raise RefusedError("is no regular file, or is empty: expected a .zip or .tar.gz")
        with open(path, "rb") as file:
            yield file, status.st_size
        return
    with _answer(url) as answer:
        length = answer.headers.get("Content-Length", "")
        yield answer, int(length) if re.fullmatch("[0-9]{1,15}", length) else None


def _answer(url: str) -> Any:
    """The answer of an https server, once it redirects no more."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=_context(time.monotonic() + SECONDS)),
        # and neither http, ftp nor data; urllib's own redirects read their answers without end
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    for _ in range(REDIRECTS + 1):
        try:
            return opener.open(url, timeout=SILENCE)
        except urllib.error.HTTPError as error:
            error.close()
            target = error.headers.get("Location")
            if error.code not in (301, 302, 303, 307, 308) or target is None:
                raise OSError(f"HTTP status {error.code}") from None
            try:
                url = urllib.parse.urljoin(url, target)
            except ValueError:
                raise RefusedError("redirects to what is no URL") from None
            try:
                require_allowed(url, ("https",))
            except ValueError as refused:
                raise RefusedError(f"redirects elsewhere: {refused}") from None
    raise RefusedError(f"redirects more than {REDIRECTS} times")


def _context(deadline: float) -> ssl.SSLContext:
    """TLS with the system's certificates, on sockets that give up at a time of time.monotonic."""

    class Socket(ssl.SSLSocket):
        def recv_into(self, *args: Any, **options: Any) -> int:
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise TimeoutError
                self.settimeout(min(SILENCE, left))
                return super().recv_into(*args, **options)
            except TimeoutError:
                why = f"no byte came for {SILENCE:g} seconds"
                if left < SILENCE:
                    why = f"it took more than {SECONDS:g} seconds"
                raise TimeoutError(f"{why}, the most that is waited") from None

    context = ssl.create_default_context()
    context.sslsocket_class = Socket
    return context
