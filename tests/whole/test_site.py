"""The site is built without a warning, needs no network, and leads on from every page."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import ROOT

LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
LINKED = {"a": "href", **LOADED}


class Page(HTMLParser):
    """What a page links to and loads, its anchors, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.linked: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.anchors.add(str(found["id"]))
        if target := found.get(LINKED.get(tag, "")):
            self.linked.append(target)
            if tag in LOADED and found.get("rel") != "canonical":
                self.loaded.append(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as CI and everybody else builds it."""
    pytest.importorskip("mkdocs")  # pip install '.[docs]'
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    return folder


def pages(site: Path) -> dict[Path, Page]:
    found = {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}
    assert len(found) > 100
    return found


def test_pages_lead_on_and_every_link_leads_somewhere(site: Path) -> None:
    found = pages(site)
    for path, page in found.items():
        assert "<strong>Next:</strong>" in page.text, path
        for link in page.linked:
            if re.match(r"[a-z]+:", link):
                continue
            place, _, anchor = link.partition("#")
            target = (path.parent / unquote(place)).resolve() if place else path
            assert target.is_file(), (path, link)
            if anchor and target in found:
                assert unquote(anchor) in found[target].anchors, (path, link)


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path, page in pages(site).items():
        assert not [link for link in page.loaded if re.match(r"(https?:)?//", link)], path
    for path in site.rglob("*.css"):
        outside = re.findall(r"url\(['\"]?https?:[^)]*", path.read_text(encoding="utf-8"))
        assert not outside, path


def test_every_public_name_has_a_place(site: Path) -> None:
    import keras_pde

    text = (site / "api" / "index.html").read_text(encoding="utf-8")
    for name in keras_pde.__all__:
        assert re.search(rf'<a [^>]*href="[^"]+"[^>]*><code>{name}</code>', text), name


def test_the_pictures_of_concepts_are_those_of_the_script() -> None:
    sys.path.insert(0, str(ROOT / "docs" / "pictures"))
    try:
        import diagrams
    finally:
        sys.path.pop(0)
    for name, drawn in diagrams.DIAGRAMS.items():
        assert (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8") == drawn


@pytest.mark.parametrize(
    ("repo_url", "shown"),
    [
        ("https://github.com/someone/keras_pde", True),
        ("https://github.com/someone/keras_pde.git", True),
        ("https://gitlab.com/someone/keras_pde", False),  # Colab reads GitHub
        (None, False),
    ],
)
def test_a_tutorial_opens_in_colab_where_the_repository_has_an_address(
    repo_url: str | None, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("latex2mathml")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "hooks"))
    import notebook_pages

    made = notebook_pages.pages(repo_url)
    stem = "02_denoise_with_the_zoo"
    place = f"github/someone/keras_pde/blob/main/tutorials/{stem}.ipynb"
    title, first, *_ = made[f"tutorials/{stem}.md"].split("\n\n")
    assert title.startswith("# ")
    assert (f"[Open in Colab](https://colab.research.google.com/{place})" in first) is shown
    assert "Colab" not in made["tutorials/index.md"]
    assert (ROOT / "tutorials" / f"{stem}.ipynb").is_file()


def test_search_finds_a_page_without_a_server(site: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto((site / "index.html").as_uri())
            for _ in range(60):  # the theme's script comes to life at a time of its own
                page.keyboard.press("Escape")
                page.keyboard.press("s")  # its key for search
                page.keyboard.type("diffusivity")
                page.wait_for_timeout(1_000)
                if page.locator(".md-search-result__link").count():
                    break
                page.locator("input[name=query]").evaluate("field => field.value = ''")
            assert "theorems" in page.locator(".md-search-result__list").inner_text()
            page.goto((site / "zoo.html").as_uri())
            page.locator("#zoo-filter").fill("classify certified")
            rows = page.locator(".md-content table tbody tr:visible")
            assert {"digits" in text or "fashion" in text for text in rows.all_inner_texts()} == {
                True
            }
        finally:
            browser.close()


@functools.cache
def chromium() -> str:
    import shutil

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and not os.environ.get("CI"):
        pytest.skip("the site's search needs Chromium")
    assert found is not None
    return found
