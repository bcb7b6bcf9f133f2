"""The version of the package: setup.py, presets and exports read it here."""

__version__ = "0.1.0"
