"""Large collections of images, by many workers."""
