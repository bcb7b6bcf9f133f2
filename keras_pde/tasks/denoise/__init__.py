"""Denoising images: Gaussian noise of a known or an estimated level."""
