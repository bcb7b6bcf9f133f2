"""Inpainting: images from few of their pixels, and holes filled."""

from keras_pde.tasks.inpaint.image import Inpainted, inpaint, random_mask, solve

__all__ = ["Inpainted", "inpaint", "random_mask", "solve"]
