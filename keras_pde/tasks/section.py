"""Section: a part of a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Section", "certificate_section", "network_section", "sentence", "table"]


@dataclass(frozen=True)
class Section:
    """A part of a card: its title, "" for none, and its text in Markdown.

    Example:
        >>> from keras_pde.tasks.section import Section
        >>> print(Section("Results", "| method | PSNR |"))
        ## Results
        <BLANKLINE>
        | method | PSNR |
    """

    title: str
    text: str

    def __str__(self) -> str:
        return f"## {self.title}\n\n{self.text}" if self.title else self.text


def sentence(text: str) -> str:
    """A text that begins with a capital letter.

    Example:
        >>> from keras_pde.tasks.section import sentence
        >>> sentence("total variation flow")
        'Total variation flow'
    """
    return text[:1].upper() + text[1:]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in Markdown, of which the first is the head.

    Example:
        >>> from keras_pde.tasks.section import table
        >>> print(table([("preset", "PSNR"), ("`a`", "30 dB")]))
        | preset | PSNR |
        | --- | --- |
        | `a` | 30 dB |
    """
    head, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rest))


def network_section(network: Any) -> Section:
    """A network as it is printed.

    Example:
        >>> from keras_pde import from_preset
        >>> from keras_pde.tasks.section import network_section
        >>> network_section(from_preset("linear_2d")).title
        'Network'
    """
    return Section("Network", f"```\n{network}\n```")


def certificate_section(network: Any) -> Section:
    """The certificate of a preset, and the command that prints it.

    Example:
        >>> from keras_pde import from_preset
        >>> from keras_pde.tasks.section import certificate_section
        >>> certificate_section(from_preset("linear_2d")).text.splitlines()[0]
        '`keras-pde certify linear_2d` computes it from the weights:'
    """
    return Section(
        "Certificate",
        f"`keras-pde certify {network.name}` computes it from the weights:\n\n```\n"
        f"{network.certificate()}\n```",
    )
