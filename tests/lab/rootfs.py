"""The root file system that all hosts share, made once from Debian packages and kept."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from .shell import FOLDER, LabError, sh

CACHE = Path("/var/cache/grille/lab")
SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def packages() -> list[str]:
    """The packages of a host."""
    lines = (FOLDER / "packages").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def rootfs() -> Path:
    """The folder of the root file system; makes it (a minute) when it is not there, or something of it changed."""
    parts = [SUITE, *packages(), hashlib.sha256(BUNDLE.read_bytes()).hexdigest()]
    target = CACHE / f"root-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:12]}"
    if not target.exists():
        _make(target)
    return target


def _make(target: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise LabError("mmdebstrap is not installed: apt-get install mmdebstrap debian-archive-keyring")
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.glob("root-*"):
        shutil.rmtree(old)
    partial = CACHE / "root-partial"
    sh(*_command(partial), timeout=1200)
    partial.rename(target)


def _command(target: Path) -> list[str | Path]:
    """mmdebstrap's command line; the machine's certificate authorities go in, so that images get the same names."""
    words: list[str | Path] = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages())}"]
    words += ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"']
    words += ["--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/man/*"]
    words += ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]
    if KEYRING.exists():
        words.append(f"--keyring={KEYRING}")
    words.append('--essential-hook=printf "#!/bin/sh\\nexit 101\\n" >"$1/usr/sbin/policy-rc.d"')
    words.append('--essential-hook=chmod 755 "$1/usr/sbin/policy-rc.d"')
    words.append(f'--customize-hook=cat {BUNDLE} >"$1/etc/ssl/certs/ca-certificates.crt"')
    return [*words, SUITE, target]
