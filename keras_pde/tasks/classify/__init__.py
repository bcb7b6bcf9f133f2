"""Naming what an image shows, with a proved radius within which no perturbation changes it."""
