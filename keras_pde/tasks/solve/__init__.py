"""Solving equations by iterated networks."""
