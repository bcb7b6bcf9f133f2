"""Multigrid: problems, grids, level operators, smoothers, cycles and the iteration of them."""
