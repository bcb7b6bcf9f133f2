"""Where pictures are drawn: axes of one's own, or new ones."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from keras_pde.runtime import gate

__all__ = ["check_installed", "checked", "grid", "panel", "panels"]


def check_installed() -> None:
    """Raise ImportError, with the line that installs it, where matplotlib is missing.

    Example:
        >>> from keras_pde.models.plotting.canvas import check_installed
        >>> check_installed()
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"Pictures need matplotlib ({error}): pip install 'keras-pde[plot]'"
        ) from None


def panels(rows: int, columns: int, width: float, height: float, ax: Any = None) -> np.ndarray:
    """The axes of a picture with so many panels, row by row.

    A new figure is one of pyplot where that is imported, as in a notebook, which shows it; else it
    belongs to nobody, needs no screen, and goes with its axes.

    Args:
        rows: of panels.
        columns: of panels.
        width: of a panel, in inches.
        height: of a panel, in inches.
        ax: axes of the caller's, as many or more, in a sequence or array; None makes a figure.

    Raises:
        ValueError: what is no axes, or too few of them.

    Example:
        >>> from keras_pde.models.plotting.canvas import panels
        >>> axes = panels(1, 3, 2.0, 2.0)
        >>> len(axes), axes[0].figure.get_size_inches().tolist()
        (3, [6.0, 2.0])
    """
    check_installed()
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    count = rows * columns
    if ax is not None:
        found = np.ravel(np.asarray(ax, dtype=object))
        if len(found) < count or not all(isinstance(one, Axes) for one in found):
            raise ValueError(
                f"ax must be {count} axes of matplotlib's, or None. Received: ax={gate.said(ax)}"
            )
        return found[:count]
    size = (width * columns, height * rows)
    pyplot = sys.modules.get("matplotlib.pyplot")
    make: Any = Figure if pyplot is None else pyplot.figure
    figure = make(figsize=size, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08)  # titles at the border are whole
    return np.ravel(figure.subplots(rows, columns, squeeze=False))


def panel(width: float, height: float, ax: Any = None) -> Any:
    """The axes of a picture with one panel.

    Example:
        >>> from keras_pde.models.plotting.canvas import panel
        >>> axes = panel(3.0, 2.0)
        >>> panel(3.0, 2.0, ax=axes) is axes
        True
    """
    return panels(1, 1, width, height, ax)[0]


def grid(count: int, columns: int, width: float, height: float, ax: Any = None) -> np.ndarray:
    """Axes for ``count`` panels in rows of at most ``columns``; those that are over are removed.

    Example:
        >>> from keras_pde.models.plotting.canvas import grid
        >>> axes = grid(5, 3, 1.0, 1.0)
        >>> len(axes), len(axes[0].figure.axes)
        (5, 5)
    """
    if ax is not None:
        return panels(1, count, width, height, ax)
    columns = min(count, columns)
    found = panels(math.ceil(count / columns), columns, width, height)
    for axis in found[count:]:
        axis.remove()
    return found[:count]


def checked(x: Any, name: str, kind: type) -> Any:
    """x, which is of a kind.

    Raises:
        ValueError: it is not.

    Example:
        >>> from keras_pde.models.plotting.canvas import checked
        >>> checked(3, "x", int)
        3
    """
    if not isinstance(x, kind):
        raise ValueError(f"{name} must be a {kind.__name__}. Received: {name}={gate.said(x)}")
    return x
