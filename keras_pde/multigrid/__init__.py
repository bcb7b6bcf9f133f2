"""The parts of multigrid: grids, level operators, cycles and the iteration of them."""
