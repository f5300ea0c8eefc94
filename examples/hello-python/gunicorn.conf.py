"""Gunicorn's settings: threads, because requests here wait more than they compute."""

import os

bind = f"0.0.0.0:{os.environ.get('PORT', '5000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 8
keepalive = 75  # longer than the router's: it is the router that closes idle connections, so no request is lost
timeout = 60
graceful_timeout = 25  # below the platform's 30 s between SIGTERM and SIGKILL
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
