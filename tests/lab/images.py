"""The images that the hosts' Docker starts with: loaded once, then linked into each host's disk."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .host import Host, link_images
from .rootfs import CACHE
from .shell import LabError


def docker_folder(images: Sequence[str], host: Host, key: str) -> Path | None:
    """Docker's folder with ``images`` of this machine in it, made by ``host`` (which is off before and after)."""
    if not images:
        return None
    target = CACHE / f"docker-{hashlib.sha256(' '.join(sorted(images)).encode()).hexdigest()[:12]}"
    if not target.exists():
        _make(target, images, host, key)
    return target


def _make(target: Path, images: Sequence[str], host: Host, key: str) -> None:
    former = next(CACHE.glob("docker-*"), None)
    host.make_disk(former, key)
    host.start()
    try:
        have = set(host.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split())
        load(host, [name for name in images if name not in have])
        for name in sorted(have - set(images)):
            host.run("docker", "rmi", name, check=False)
        host.stop_docker()
    finally:
        host.kill()
    partial = CACHE / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    link_images(host.disk / "lib" / "docker", partial)
    partial.rename(target)
    shutil.rmtree(host.disk)
    if former is not None:
        shutil.rmtree(former)


def load(host: Host, images: Sequence[str]) -> None:
    """Give ``images`` of this machine's Docker to the Docker of ``host``; raises LabError."""
    if not images:
        return
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
        assert saved.stdout is not None
        host.run("docker", "load", "--quiet", stdin=saved.stdout.fileno(), timeout=600)
    if saved.returncode:
        raise LabError(f"docker save {' '.join(images)} exited with {saved.returncode}: are the images made?")
