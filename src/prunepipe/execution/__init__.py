"""Execution: devices, GPU leases and locks of this machine; the computation itself is in `training`."""
