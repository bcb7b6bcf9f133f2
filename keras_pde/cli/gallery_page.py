"""The page of keras-pde gallery: pictures within it, a slider between two of them, no network."""

from __future__ import annotations

import base64
import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_pde.cli.denoise_report import Report

if TYPE_CHECKING:
    from keras_pde.tasks.quality import Quality


@dataclass(frozen=True)
class Shown:
    """A preset's result on the page.

    Args:
        name: of the preset.
        report: what is said of it; None where there is no result.
        seconds: that it took, loading and compiling included.
        error: why there is no result.
    """

    name: str
    report: Report | None = None
    seconds: float = 0.0
    error: str = ""

    @property
    def quality(self) -> Quality | None:
        """PSNR and SSIM, where the clean image is known."""
        return None if self.report is None else self.report.measured.get("denoised")

    @property
    def psnr(self) -> float:
        """PSNR, −∞ where it is not known."""
        return -math.inf if self.quality is None else self.quality.psnr


def page(source: str, results: list[Shown]) -> str:
    """The page as HTML, the best PSNR first where it is known.

    Args:
        source: name of the image.
        results: of the presets; one at least has a report.
    """
    first = next(shown.report for shown in results if shown.report is not None)
    cards = [_card(shown) for shown in sorted(results, key=lambda s: -s.psnr)]
    noisy = first.measured.get("noisy")
    about = html.escape(first.about) + (f"; noisy: {noisy.psnr:.2f} dB" if noisy else "")
    return PAGE.format(
        title=html.escape(source),
        about=about,
        noisy=_data(first.seen["noisy"]),
        cards="".join(cards),
    )


def _card(shown: Shown) -> str:
    name = html.escape(shown.name)
    if shown.report is None:
        return (
            f'<div class="card"><h2>{name}</h2><p>No result: {html.escape(shown.error)}</p></div>'
        )
    facts = [html.escape(line.removeprefix(f"{shown.name}: ")) for line in shown.report.network]
    if shown.quality is not None:
        ssim = "" if shown.quality.ssim is None else f", SSIM {shown.quality.ssim:.4f}"
        facts.insert(0, f"<strong>{shown.psnr:.2f} dB</strong>{ssim}")
    facts.append(f"{shown.seconds:.1f} s with loading and compiling")
    lines = "".join(f"<p>{fact}</p>" for fact in facts)
    picture = f'<img alt="result of {name}" src="{_data(shown.report.seen["denoised"])}">'
    return f'<button class="card" data-name="{name}">{picture}<h2>{name}</h2>{lines}</button>'


def _data(picture: np.ndarray) -> str:
    """A picture in [0, 1] as a PNG in an address."""
    from keras_pde.data.side_by_side import comparison_png

    pixels = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    wide = np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if pixels.shape[-1] == 1 else pixels
    return "data:image/png;base64," + base64.b64encode(comparison_png(wide)).decode()


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}, denoised by keras_pde</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif }}
body {{ max-width: 1400px; margin: auto; padding: 1rem }}
h1 {{ font-size: 1.4rem; margin: 0 }}
h2 {{ font-size: 1rem; margin: .5rem 0 .2rem; overflow-wrap: anywhere }}
p {{ margin: .1rem 0; font-size: .85rem; overflow-wrap: anywhere }}
.both {{ position: relative; display: inline-block; max-width: 100%; margin: .8rem 0 0 }}
.both img {{ display: block; max-width: 100%; height: auto }}
#over {{ position: absolute; inset: 0; clip-path: inset(0 0 0 var(--at, 50%)) }}
#slide {{ width: 100%; max-width: 40rem; display: block }}
.cards {{ display: grid; gap: 1rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(240px, 100%), 1fr)) }}
.card {{ font: inherit; color: inherit; text-align: left; background: none; padding: .6rem;
  border: 1px solid #8888; border-radius: 8px; display: flex; flex-direction: column }}
label {{ display: block }}
button.card {{ cursor: pointer }}
.card.on {{ outline: 3px solid #2b78d0 }}
.card img {{ width: 100%; height: auto; display: block }}
</style>
<h1>{title}</h1>
<p>{about}</p>
<div class="both"><img id="under" alt="noisy image" src="{noisy}"><img id="over" alt=""></div>
<label><span id="said"></span>
<input id="slide" type="range" min="0" max="100" value="50"
 aria-label="where the noisy image ends and the result begins"></label>
<div class="cards">{cards}</div>
<script>
const over = document.getElementById("over"), slide = document.getElementById("slide");
const cards = [...document.querySelectorAll("button.card")];
function show(card) {{
  cards.forEach(other => other.classList.toggle("on", other === card));
  over.src = card.querySelector("img").src;
  over.alt = "result of " + card.dataset.name;
  document.getElementById("said").textContent = "noisy | " + card.dataset.name;
}}
cards.forEach(card => card.addEventListener("click", () => {{ show(card); scrollTo(0, 0); }}));
slide.addEventListener("input", () => over.style.setProperty("--at", slide.value + "%"));
if (cards.length) show(cards[0]);
</script>
</html>
"""
