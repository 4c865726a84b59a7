"""Run a command and write its wall time, CPU time and peak memory as JSON: `python peak.py OUTPUT COMMAND...`.

Small on purpose: a process forked from a large one would count that one's memory as its own.
"""

import json
import os
import subprocess
import sys
import time

started = time.monotonic()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
measured = {
    "wall": time.monotonic() - started,
    "cpu": usage.ru_utime + usage.ru_stime,
    "megabytes": usage.ru_maxrss / 1024,
}
with open(sys.argv[1], "w") as file:
    json.dump(measured, file)
sys.exit(os.waitstatus_to_exitcode(status))
