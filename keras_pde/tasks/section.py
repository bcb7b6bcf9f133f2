"""Section: a part of a card."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Section", "sentence"]


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
