"""Multigrid: A u = b by smoothing on every grid of a hierarchy, at O(1) operations a point.

`problems` and `smoothers` are public. A `Grid` is a product of axes, a `Level` the operator on one
grid, a `Cycle` the recursion over levels, an `Iteration` the cycles until convergence.
"""
