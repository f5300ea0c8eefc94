"""A small web app that says who answers, so that deployments, scaling and crashes can be watched."""

from __future__ import annotations

import os
import time

from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.get("/")
def index() -> Response:
    """Who answers: the app, its release, this instance."""
    return jsonify(
        greeting=os.environ.get("GREETING", "Hello"),
        app=os.environ.get("GRILLE_APP", "hello-python"),
        release=os.environ.get("GRILLE_RELEASE", "0"),
        instance=os.environ.get("GRILLE_JOB", "none"),
    )


@app.get("/healthz")
def healthz() -> str:
    """Whether the app is well."""
    return "ok\n"


@app.get("/slow")
def slow() -> str:
    """Answers after ``seconds`` (at most 60), to see requests outlive a deployment."""
    seconds = min(max(request.args.get("seconds", 1.0, type=float), 0.0), 60.0)
    time.sleep(seconds)
    return f"slept {seconds:g} s in {os.environ.get('GRILLE_JOB', 'none')}\n"


@app.get("/crash")
def crash() -> str:
    """Ends the instance the hard way: this worker and gunicorn with it."""
    os.kill(os.getppid(), 9)
    os._exit(13)
