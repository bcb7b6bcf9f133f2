"""Cards, zoo/<task>/<preset>/README.md: what a preset is, for whom, its guarantee and number.

    python -m keras_pde.tasks.cards [PRESET ...]     # the cards again, of all presets by default

A card is a list of sections that the preset's task writes, from the weights, the recipe and the
index. Nothing in it is typed by hand, and nothing is measured again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from keras_pde import presets
from keras_pde.runtime.writing import write_bytes
from keras_pde.tasks import registry as tasks
from keras_pde.tasks.section import Section

CARD = "README.md"


def card(name: str, sections: Iterable[Section]) -> str:
    """A card's Markdown.

    Example:
        >>> from keras_pde.tasks.cards import card
        >>> from keras_pde.tasks.section import Section
        >>> print(card("a_preset", [Section("", "What it is."), Section("Results", "28 dB")]))
        # a_preset
        <BLANKLINE>
        What it is.
        <BLANKLINE>
        ## Results
        <BLANKLINE>
        28 dB
        <BLANKLINE>
    """
    return "\n\n".join([f"# {name}", *map(str, sections)]) + "\n"


def card_of(folder: Path, entry: dict[str, Any]) -> str:
    """The card of a preset, from its folder and its entry of the index."""
    # of the preset as it is loaded: a multigrid network in use describes its last image's grids
    network = presets.from_preset(folder)
    return card(network.name, tasks.get(entry["task"]).sections(folder, network, entry))


def write_card(folder: Path, entry: dict[str, Any]) -> None:
    """Write a preset's card into its folder."""
    write_bytes(folder / CARD, card_of(folder, entry).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="*")
    index = presets.index()
    for name in parser.parse_args(arguments).preset or sorted(index):
        write_card(presets.folder_of(name), index[name])


if __name__ == "__main__":
    main()
