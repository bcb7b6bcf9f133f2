"""The noise levels, in grey levels of 255, that single precision can scale by."""

QUIETEST, LOUDEST = 1e-6, 1e6
