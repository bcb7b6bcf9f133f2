"""Noise: adding it, and estimating its level and kind from an image."""

from keras_pde.data.noise.adding import add_noise
from keras_pde.data.noise.jpeg import compressed
from keras_pde.data.noise.sensor import Sensor, estimate_sensor
from keras_pde.data.noise.white import estimate

__all__ = ["Sensor", "add_noise", "compressed", "estimate", "estimate_sensor"]
