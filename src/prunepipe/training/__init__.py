"""Training: the loop, its step, images on the device, checkpoints; which device that is, is in `execution`."""
