"""Execution: devices, GPU leases and locks of this machine; what is computed on them is in `training`."""
