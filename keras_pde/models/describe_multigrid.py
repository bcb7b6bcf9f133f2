"""What a MultigridUNet says when printed: its problem, cycle, and a table of its levels."""

from __future__ import annotations

from keras_pde.layers.learned_level import KERNEL_SIZE
from keras_pde.models.multigrid_solver import MultigridSolver
from keras_pde.runtime.printed import counted
from keras_pde.schemes.multigrid.grid import Grid
from keras_pde.schemes.multigrid.smoothers import damping

EXAMPLE = {1: (255,), 2: (255, 255), 3: (63, 63, 63)}


def describe(model: MultigridSolver, outputs: int | None) -> str:
    """The lines of ``print(model)``."""
    ndim = model.ndim if model.built else 2
    known = model.sizes is not None
    sizes = model.sizes or EXAMPLE[ndim]
    grids = model.grids(sizes)
    scheme = "full approximation scheme" if model.fas else "correction scheme"
    lines = [
        f"{type(model).__name__} {model.name!r}",
        f"  problem    {model.problem.equation}, {model.problem.boundary} boundary",
        f"  cycle      {model.cycle_type}, {scheme}, {len(grids)} levels",
        f"  smoother   {model.smoother!r}{_damping(model, ndim)}",
    ]
    if model.channels is not None:
        lines.append(
            f"  learned    {model.channels} state channels, kernels of width {KERNEL_SIZE},"
            f" {outputs or 'as many'} output channels"
        )
        lines.append(f"  parameters {counted(model)}")
    points = [g.points for g in grids]
    entries = [_nonzeros(model, g, i) for i, g in enumerate(grids)]
    lines.append(
        "" if known else f"\n  sizes come with the first input; for {' × '.join(map(str, sizes))}:"
    )
    rows = [("level", "size", "points", "", "non-zeros", "")]
    for i, (grid, p, e) in enumerate(zip(grids, points, entries, strict=True)):
        rows.append(
            (
                str(i),
                " × ".join(map(str, grid.sizes)),
                f"{p:,}",
                f"{100 * p / sum(points):.1f}%",
                f"{e:,}",
                f"{100 * e / sum(entries):.1f}%",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines += [
        "  " + "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows
    ]
    lines.append(
        f"  grid complexity {sum(points) / points[0]:.3f}, operator complexity"
        f" {sum(entries) / entries[0]:.3f}"
    )
    return "\n".join(lines)


def _damping(model: MultigridSolver, ndim: int) -> str:
    smoother, problem = model.smoother, model.problem
    varies = problem.galerkin and not problem.masked  # from point to point
    if smoother.learned or smoother.needs_colours or problem.screening or varies:
        return ""
    bounds = (1 / ndim ** (model.problem.order // 2), 2.0 ** (model.problem.order // 2))
    before, after = model.smoother.steps(
        model.cycle_type.before, model.cycle_type.after, bounds, ndim
    )
    return (
        f", damps the rough part of the error by {damping([*before, *after], bounds):.3f} a cycle"
    )


def _nonzeros(model: MultigridSolver, grid: Grid, level: int) -> int:
    """Entries of the level's matrix, counted in the interior."""
    d, radius = len(grid.axes), model.problem.order // 2
    if model.problem.galerkin and level > 0:
        return int(grid.points * (2 * radius + 1) ** d)
    return int(grid.points * {2: 2 * d + 1, 4: 2 * d * d + 2 * d + 1}[model.problem.order])
