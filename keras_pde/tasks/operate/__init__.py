"""Learning the map from a coefficient, or a first state, to the solution of an equation."""
