"""A background process: a heartbeat on stdout until SIGTERM."""

from __future__ import annotations

import os
import signal
import threading

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
beat = 0
while not stop.wait(float(os.environ.get("HEARTBEAT_SECONDS", "5"))):
    beat += 1
    print(f"heartbeat {beat} of {os.environ.get('GRILLE_JOB', 'none')}", flush=True)
print("worker ends", flush=True)
