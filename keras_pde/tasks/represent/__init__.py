"""Representing a picture, a signal or a distance as a function of coordinates."""
