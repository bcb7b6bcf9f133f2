"""Walls of a grid of cells: what holds at its faces, and the flux through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

# "dirichlet" is u = g a cell further; (α, β) is αu + βa∂ₙu = g at the edge of the cell
Wall = str | tuple[float, float]
Walls = tuple[tuple[Wall, Wall], ...]
NAMES = ("dirichlet", "neumann")


def checked_walls(walls: Any) -> Walls | None:
    """The walls before and behind each axis, each a name or (α, β).

    Raises:
        ValueError: no pair for each axis; an unknown name; α or β negative, or both 0.

    Example:
        >>> checked_walls([["dirichlet", [2, 1]]])
        (('dirichlet', (2.0, 1.0)),)
    """
    if walls is None:
        return None
    pairs = [_sequence(pair, 2, "the walls of an axis") for pair in _sequence(walls, None, "walls")]
    return tuple((_wall(before), _wall(behind)) for before, behind in pairs)


def _sequence(x: Any, length: int | None, name: str) -> list[Any]:
    wrong = not isinstance(x, list | tuple) or not 1 <= len(x) <= 3
    if wrong or (length is not None and len(x) != length):
        raise ValueError(
            "walls has a pair (before, behind) for each axis, each 'dirichlet', 'neumann' or"
            f" numbers (α, β). Received: {name} = {gate.said(x)}"
        )
    return list(x)


def _wall(wall: Any) -> Wall:
    if isinstance(wall, str):
        return gate.word(wall, "a wall", NAMES)
    alpha, beta = (
        gate.number(x, f"{name} of a wall", low=0)
        for x, name in zip(_sequence(wall, 2, "a wall"), "αβ", strict=True)
    )
    if not alpha and not beta:
        raise ValueError("A wall says αu + βa∂ₙu = g with α > 0 or β > 0. Received: (0, 0)")
    return alpha, beta


def closed(wall: Wall) -> bool:
    """Whether a constant u has no flux through the wall.

    Example:
        >>> closed("neumann"), closed((0.0, 2.0)), closed("dirichlet")
        (True, True, False)
    """
    return wall == "neumann" or (not isinstance(wall, str) and wall[0] == 0)


def conductance(wall: Wall, a: Tensor, h: float) -> tuple[Tensor | float, Tensor]:
    """w and s: the flux through the wall into the cell next to it is sg − wu.

    From αv + βa(v − u)/δ = g with v at the wall, δ = h/2: s = (a/δ)/(α + βa/δ), w = αs.

    Args:
        wall: what holds there.
        a: coefficient of the cells along it.
        h: spacing.
    """
    if wall == "dirichlet":
        return a / h, a / h
    alpha, beta = (0.0, 1.0) if isinstance(wall, str) else wall
    near = a / (h / 2)
    inflow = near / (alpha + beta * near)
    return alpha * inflow, inflow


def per_axis(walls: Walls | None, boundary: str, ndim: int) -> Sequence[tuple[Wall, Wall]]:
    """The walls of every axis, those of the boundary where none are given.

    Raises:
        ValueError: walls for another number of axes.
    """
    if walls is None:
        return [(boundary, boundary)] * ndim
    if len(walls) != ndim:
        raise ValueError(
            f"walls has a pair for each axis, of which there are {ndim}. Received: {len(walls)}"
        )
    return walls
