"""What the configuration of each class for time stepping may hold: a line for each class."""

from __future__ import annotations

from keras_pde.presets.values import Check

# name of a class: its keys, each with a check; LAYER and others are in schema_parts
EVOLUTION: dict[str, dict[str, Check]] = {}
