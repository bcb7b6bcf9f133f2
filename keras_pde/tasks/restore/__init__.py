"""Restoration: blurred, masked and shrunken images, by a certified denoiser as the prior."""

from keras_pde.tasks.restore.restoration import restore
from keras_pde.tasks.restore.restored import Restored
from keras_pde.tasks.restore.theorem import Conclusion

__all__ = ["Conclusion", "Restored", "restore"]
