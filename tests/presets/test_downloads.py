"""Downloads from servers nobody vouches for: https and files only, within limits, whole or not."""

from __future__ import annotations

import http.server
import os
import resource
import signal
import ssl
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from keras_pde.presets import archive, download, url
from keras_pde.presets.files import file_hash

FILES = {"config.json": b'{"a": 1}', "model.weights.h5": b"weights" * 99, "metadata.json": b"{}"}
ABSENT = "0" * 64


class Server(http.server.ThreadingHTTPServer):
    """Answers by the path's first part: see `Answers`."""

    daemon_threads = True
    data: bytes

    def handle_error(self, *_: object) -> None:
        """Clients that give up are no news."""


class Answers(http.server.BaseHTTPRequestHandler):
    """Good and bad answers, a method for each."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.close_connection = True
        getattr(self, self.path.split("/")[1].split("?")[0])()

    def head(self, code: int = 200, **headers: object) -> None:
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()

    def good(self) -> None:
        self.head(Content_Length=len(self.server.data))
        self.wfile.write(self.server.data)

    def chunked(self) -> None:
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.server.data), self.server.data))

    def to(self) -> None:
        self.head(302, Location=self.path.removeprefix("/to/"), Content_Length=0)

    def nowhere(self) -> None:
        self.head(302, Content_Length=0)

    def round(self) -> None:
        self.head(307, Location="/round")

    def endless_redirect(self) -> None:
        self.head(302, Location="/good")
        self.zeros()

    def zeros(self) -> None:
        for _ in range(500):
            self.wfile.write(bytes(1 << 20))

    def endless(self) -> None:
        self.head()
        self.zeros()

    def declared(self) -> None:
        self.head(Content_Length=10**12)

    def trickle(self) -> None:
        self.head()
        self.drops(b"x")

    def trickling_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self.drops(b"x: y\r\n")

    def silent(self) -> None:
        self.head(Content_Length=99)
        time.sleep(2)

    def drops(self, drop: bytes) -> None:
        for _ in range(100):
            self.wfile.write(drop)
            time.sleep(0.05)

    def short(self) -> None:
        self.head(Content_Length=len(self.server.data))
        self.wfile.write(self.server.data[:50])

    def cut_chunk(self) -> None:
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(b"fff\r\nabc")

    def bad_chunk(self) -> None:
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(b"what\r\nabc\r\n")

    def junk(self) -> None:
        self.wfile.write(b"junk\r\n\r\n")

    def long(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 " + b"x" * 70_000)

    def many(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n")

    def nothing(self) -> None:
        pass

    def missing(self) -> None:
        self.head(404, Content_Length=0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """A certificate authority of these tests, and its certificate in a file."""
    authority, path = trustme.CA(), tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return authority, path


@pytest.fixture(scope="module")
def served(certificates: tuple[trustme.CA, Path]) -> Iterator[Server]:
    """A server of https on this machine."""
    server = Server(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates[0].issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: tuple[trustme.CA, Path]
) -> Path:
    """An empty cache, and trust in the tests' authority as a user gives it."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates[1]))
    for proxy in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    return tmp_path / "home" / "keras_pde"


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    """An archive."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in FILES.items():
            bundle.writestr(f"p/{name}", data)
    return path


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def address(served: Server, path: str) -> str:
    return f"https://localhost:{served.server_port}/{path}"


@pytest.mark.parametrize("path", ["good", "chunked", "to//good", "good?token=secret", "good/a%20b"])
def test_https_is_read_and_kept(served: Server, preset: Path, path: str, cache: Path) -> None:
    served.data, digest = preset.read_bytes(), file_hash(preset)
    folder = download.fetch_archive(address(served, path), digest.upper())
    assert read(folder) == FILES
    assert [p.name for p in cache.iterdir()] == [digest]
    assert download.fetch_archive("https://localhost:1/", digest) == folder  # from the cache


@pytest.mark.parametrize(
    ("path", "error", "match"),
    [
        ("to/http://localhost/a.zip", ValueError, "redirects .* not by http"),
        ("to/data:,x", ValueError, "redirects .* not by data"),
        ("to/file:///etc/passwd", ValueError, "redirects .* not by file"),
        ("to/ftp://localhost/a", ValueError, "redirects .* not by ftp"),
        ("to/https://me:secret@localhost/a", ValueError, "redirects .* user name"),
        ("to/https://[", ValueError, "redirects to what is no URL"),
        ("nowhere", OSError, "302"),
        ("round", ValueError, "more than 5 times"),
        ("endless_redirect", ValueError, "sha256"),
        ("endless", ValueError, "more than 100000 bytes"),
        ("declared", ValueError, "more than 100000 bytes"),
        ("trickle", OSError, "more than 0.4 seconds"),
        ("trickling_head", OSError, "more than 0.4 seconds"),
        ("silent", OSError, "no byte came for 0.2 seconds"),
        ("short", OSError, "ended after 50 of|IncompleteRead"),
        ("cut_chunk", OSError, "IncompleteRead"),
        ("bad_chunk", OSError, "fetched"),
        ("junk", OSError, "junk"),
        ("long", OSError, "fetched"),
        ("many", OSError, "headers"),
        ("nothing", OSError, "fetched"),
        ("missing?token=secret", OSError, "404"),
        ("good", ValueError, "sha256"),
    ],
)
def test_a_bad_answer_is_one_line_and_nothing_is_kept(
    served: Server,
    preset: Path,
    path: str,
    error: type[Exception],
    match: str,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served.data = preset.read_bytes()
    monkeypatch.setattr(url, "SECONDS", 0.4)
    monkeypatch.setattr(url, "SILENCE", 0.2)
    monkeypatch.setattr(download, "ARCHIVE", 100_000)
    with pytest.raises(error, match=match) as refusal:
        download.fetch_archive(address(served, path), ABSENT)
    text = str(refusal.value)
    assert text.startswith(address(served, path[:6].split("?")[0]))
    assert text.isprintable()
    assert "secret" not in text
    assert not isinstance(refusal.value, ValueError if error is OSError else OSError)
    assert list(cache.iterdir()) == []


def test_a_server_must_be_vouched_for(served: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(OSError, match=r"localhost.*CERTIFICATE_VERIFY_FAILED"):
        download.fetch_archive(address(served, "good"), ABSENT)


@pytest.mark.parametrize(
    "proxy", ["http://me:secret@localhost:1", "http://me:secret@", "me:secret@localhost:1"]
)
def test_errors_of_proxies_keep_their_passwords(
    served: Server, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(OSError, match="fetched") as refusal:
        download.fetch_archive(address(served, "good"), ABSENT)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "source",
    [
        "http://localhost/a.zip",
        "HTTP://localhost/a.zip",
        "ftp://localhost/a.zip",
        "data://application/zip;base64,AAAA",
        "jar://a",
        "://a",
        "https://",
        "https:///a.zip",
        "https://me:secret@localhost/a.zip",
        "https://secret@localhost/a.zip",
        "https://me:sec/secret@localhost/a.zip",
        "https://localhost:99999/a.zip",
        "https://[::1/a.zip",
        "https://localhost/a b.zip",
        "https://localhost/a.zip\r\nHost: b",
        "https://exämple/a.zip",
        "file://server/a.zip",
        "file:///dev/zero",
        "file:///dev/null",
        "file:///dev",
        "file:///proc/self/status",
        "file:///a%00b",
    ],
)
def test_other_sources_are_refused_unread(source: str, cache: Path) -> None:
    with pytest.raises((ValueError, OSError), match=r".") as refusal:
        download.fetch_archive(source, ABSENT)
    text = str(refusal.value)
    assert text.isprintable()
    assert source[:5] in text
    assert "secret" not in text
    assert not cache.exists() or list(cache.iterdir()) == []


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        download.fetch_archive((tmp_path / "pipe").as_uri(), ABSENT)


@pytest.mark.parametrize("digest", ["", "0" * 63, "g" * 64, None, 5, b"0" * 64])
def test_a_hash_is_64_digits(digest: object, preset: Path) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        download.fetch_archive(preset.as_uri(), digest)  # type: ignore[arg-type]


# --- the cache ---


def damage(name: str) -> Callable[[Path], object]:
    return lambda entry: (entry / name).write_bytes(b"x")


@pytest.mark.parametrize(
    "change",
    [
        damage("preset/config.json"),
        damage("preset/more.py"),
        damage("archive"),
        lambda entry: (entry / "preset" / "config.json").unlink(),
        lambda entry: (entry / "archive").unlink(),
        lambda entry: entry.rename(entry.parent / "elsewhere") and entry.write_bytes(b"x"),
        lambda entry: os.mkfifo(entry / "preset" / "README.md"),
    ],
)
def test_the_cache_is_verified_whenever_it_is_used(
    preset: Path, change: Callable[[Path], object], cache: Path
) -> None:
    digest = file_hash(preset)
    folder = download.fetch_archive(preset.as_uri(), digest)
    change(folder.parent)
    assert read(download.fetch_archive(preset.as_uri(), digest)) == FILES


def test_a_full_disk_is_one_line_and_leaves_nothing(preset: Path, cache: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (100, preset.stat().st_size):  # while it is fetched, and while it is unpacked
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(OSError, match=r"a\.zip could not be \w+ to .*File too large"):
                download.fetch_archive(preset.as_uri(), file_hash(preset))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list(cache.iterdir()) == []


def test_an_interruption_leaves_nothing(
    preset: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_unpack", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download.fetch_archive(preset.as_uri(), file_hash(preset))
    assert list(cache.iterdir()) == []


def child(source: str, digest: str) -> int:
    """The number of a process that fetches, and ends with 0 if it finds the preset."""
    number = os.fork()
    if number == 0:
        code = 1
        try:
            code = int(read(download.fetch_archive(source, digest)) != FILES)
        finally:
            os._exit(code)
    return number


def ended(number: int) -> int:
    """The status of a process when it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def test_of_many_at_once_one_is_kept_and_all_use_it(
    served: Server, preset: Path, cache: Path
) -> None:
    served.data, digest = preset.read_bytes(), file_hash(preset)
    processes = [child(address(served, "good"), digest) for _ in range(6)]
    assert [ended(number) for number in processes] == [0] * 6
    assert [p.name for p in cache.iterdir()] == [digest]


def test_what_a_killed_download_leaves_the_next_removes_and_no_other(
    served: Server, preset: Path, cache: Path
) -> None:
    killed, other = (child(address(served, "trickle"), ABSENT) for _ in range(2))
    while len(list(cache.glob(".fetch-*/new/archive"))) < 2:
        time.sleep(0.02)
    os.kill(killed, signal.SIGKILL)
    assert ended(killed) == -signal.SIGKILL
    download.fetch_archive(preset.as_uri(), file_hash(preset))
    try:
        assert len(list(cache.glob(".fetch-*/new/archive"))) == 1
    finally:
        os.kill(other, signal.SIGKILL)
        ended(other)
    with pytest.raises(ValueError, match="sha256"):
        download.fetch_archive(preset.as_uri(), ABSENT)
    assert [p.name for p in cache.iterdir()] == [file_hash(preset)]


def test_the_limits_are_those_stated() -> None:
    assert (url.SECONDS, url.SILENCE, archive.ARCHIVE, archive.UNPACKED) == (
        600,
        30,
        256 << 20,
        256 << 20,
    )
