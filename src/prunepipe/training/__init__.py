"""Training: the loop, its step, images on the device, checkpoints; `execution` chooses the device."""
