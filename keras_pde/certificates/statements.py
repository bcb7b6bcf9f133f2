"""Statements: a list of guarantees about a map, and how it is said in words."""

from __future__ import annotations

from dataclasses import dataclass

from keras_pde.certificates.guarantee import Guarantee


@dataclass(frozen=True, repr=False)
class Statements:
    """Guarantees of a map u ↦ N(u), found by key and said in words.

    Args:
        subject: the map.
        guarantees: what is stated.
        assumptions: what the reader must grant, in words.

    Example:
        >>> from keras_pde.certificates.statements import Statements
        >>> from keras_pde.certificates.norm_stability import NormStability
        >>> Statements("a net", (NormStability(1.0),), ()).summary()
        'norm stable'
    """

    subject: str
    guarantees: tuple[Guarantee, ...]
    assumptions: tuple[str, ...]

    @property
    def tolerance(self) -> float:
        """δ: what is computed may miss the statements by δ‖u‖, for solves stop; 0 without any."""
        return max((guarantee.tolerance for guarantee in self.guarantees), default=0.0)

    def get(self, key: str) -> Guarantee | None:
        """The guarantee of a kind, or None where the certificate does not state it."""
        return next((g for g in self.guarantees if g.key == key), None)

    def __getitem__(self, key: str) -> Guarantee:
        found = self.get(key)
        if found is None:
            stated = ", ".join(guarantee.key for guarantee in self.guarantees)
            raise KeyError(f"No guarantee {key!r} is stated about {self.subject}, but {stated}")
        return found

    def summary(self, *, assuming: bool = True) -> str:
        """What is proved in a few words with the constants, and what it assumes.

        Args:
            assuming: whether to say the assumptions, and the guarantees that a card has no room
                for.

        Example:
            >>> from keras_pde import Certificate
            >>> net = Certificate("a net", 1.0, 2.0, assumptions=("exact arithmetic",))
            >>> net.summary()
            'norm stable, Lipschitz constant 2; assuming exact arithmetic'
            >>> net.summary(assuming=False)
            'norm stable, Lipschitz constant 2'
        """
        ordered = sorted(self.guarantees, key=lambda guarantee: guarantee.place)
        said = [g for g in ordered if g.words and (g.on_cards or assuming)]
        words = ", ".join(g.with_margin(g.words) for g in said) or "none"
        granted = ", ".join(self.assumptions) if assuming and words != "none" else ""
        return f"{words}; assuming {granted}" if granted else words

    def claims(self) -> list[str]:
        """What is proved, a claim each, without numbers.

        Example:
            >>> from keras_pde import Certificate
            >>> Certificate("a net", norm_gain=1.0, lipschitz=2.0, energy_descent=True).claims()
            ['‖N(u)‖ ≤ ‖u‖', 'energy descent']
        """
        return [g.with_margin(g.claim or g.title) for g in self.guarantees if g.proved]

    def best(self) -> Guarantee | None:
        """The strongest of the guarantees that are proved, None where none is."""
        named = [g for g in self.guarantees if g.proved and g.word]
        return max(named, key=lambda guarantee: guarantee.rank, default=None)

    def strongest(self) -> str:
        """The strongest of the guarantees that are proved, in a word; "no" where none is.

        Example:
            >>> from keras_pde import Certificate
            >>> Certificate("a net", norm_gain=1.0, lipschitz=1.0).strongest()
            'nonexpansive'
        """
        best = self.best()
        return "no" if best is None else best.with_margin(best.word)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.subject}: {self.summary()}>"

    def __str__(self) -> str:
        wide = max([17, *(len(guarantee.title) for guarantee in self.guarantees)])
        formulas = [guarantee.with_margin(guarantee.formula) for guarantee in self.guarantees]
        column = max([30, *map(len, formulas)])
        lines = [f"Certificate of {self.subject}"]
        for guarantee, formula in zip(self.guarantees, formulas, strict=True):
            mark = "proved    " if guarantee.proved else "not proved"
            said = f"{formula:<{column}} {guarantee.why}".rstrip()
            lines.append(f"  {guarantee.title:<{wide}} {mark}  {said}".rstrip())
        lines += [f"  assuming {a}" for a in self.assumptions]
        return "\n".join(lines)
