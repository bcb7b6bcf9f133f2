"""Naming the class of each pixel, with proved radii within which no perturbation changes it."""
