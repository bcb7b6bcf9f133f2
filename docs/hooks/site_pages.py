"""The pages that MkDocs shows beside those in docs/: the zoo, tutorials, API, files linked to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import api_pages as api
import notebook_pages as notebooks
import zoo_pages as zoo
from mkdocs.structure.files import File, Files
from repository import PAGES, PICTURES, ROOT, for_site, site_path, targets

NEXT = {  # where a page that does not say it itself leads to
    "zoo/": "**Next:** [choose among all presets](../zoo.md), or [train one](../how-to/train.md).",
    "tutorials/": "**Next:** [the other tutorials](index.md), or [a how-to](../how-to/index.md).",
    "api/": "**Next:** [all public names](index.md), or [what they stand for](../concepts.md).",
    "source/": "",
    "": "**Next:** [back to the start](index.md), or [a how-to](how-to/index.md).",
}


def on_files(files: Files, config: Any) -> Files:
    """Add what is generated, and every file of the repository that a page links to."""
    tutorials = notebooks.pages(config.repo_url)
    made: dict[str, str | bytes | Path] = {**zoo.pages(), **tutorials, **api.pages()}
    made |= {site: ROOT / path for path, site in PAGES.items() if path.endswith(".md")}
    del made["index.md"]  # the README is for hosts of repositories; the site has its own
    linked = notebooks.linked()
    for file in files.documentation_pages():
        linked |= targets(file.content_string, f"docs/{file.src_uri}")
    for content in made.values():
        if isinstance(content, Path) and content.suffix == ".md":
            path = content.relative_to(ROOT).as_posix()
            linked |= targets(content.read_text(encoding="utf-8"), path)
    for path in sorted(linked):
        site = site_path(path)
        if site in made or files.get_file_from_path(site) or not (ROOT / path).is_file():
            continue  # a link to what is not there is found by the strict build
        made[site] = ROOT / path if path.endswith(PICTURES) else source(ROOT / path)
    for site, content in made.items():
        key = "abs_src_path" if isinstance(content, Path) else "content"
        given = str(content) if isinstance(content, Path) else content
        files.append(File.generated(config, site, **{key: given}))
    return files


def source(path: Path) -> str:
    """A page that shows a file."""
    name, language = path.relative_to(ROOT).as_posix(), path.suffix.lstrip(".") or "text"
    text = path.read_text(encoding="utf-8").rstrip()
    up = "../" * (name.count("/") + 1)
    return (
        f"---\nsearch:\n  exclude: true\ntitle: {path.name}\n---\n# {name}\n\n"
        f"````{language}\n{text}\n````\n\n**Next:** [back to the start]({up}index.md)\n"
    )


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of the site, the zoo's tables, and a next step."""
    shown = page.file.src_uri
    if page.file.abs_src_path and not shown.startswith(("source/", "api/", "tutorials/")):
        path = Path(page.file.abs_src_path).relative_to(ROOT).as_posix()
        markdown = for_site(markdown, path, shown)
    if shown == "zoo.md":
        markdown = markdown.replace(zoo.MARK, zoo.tables())
    if shown.startswith("zoo/"):
        markdown = zoo.drawn(markdown)
    if "**Next:**" not in markdown:
        lead = next(text for start, text in NEXT.items() if shown.startswith(start))
        markdown += f"\n\n{lead}\n"
    return markdown
