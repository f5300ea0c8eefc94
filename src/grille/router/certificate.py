"""The default certificate: self-signed, for names that have none of their own, made once by the openssl tool."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..wire.errors import Unavailable

DAYS = 3650


def ensure(folder: Path) -> Path:
    """The certificate and key in one file in ``folder``, made when there is none; raises Unavailable."""
    path = folder / "default.pem"
    if path.exists() and path.stat().st_size:
        return path
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key, crt = folder / ".key", folder / ".crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", str(DAYS), "-subj", "/CN=grille default certificate", "-keyout", str(key), "-out", str(crt)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        raise Unavailable("no default certificate: openssl is not installed", remedy="install openssl") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Unavailable(f"no default certificate: openssl failed: {' '.join(last)}") from None
    fresh = folder / ".default.pem.new"
    fresh.touch(mode=0o600)
    fresh.write_bytes(crt.read_bytes() + key.read_bytes())
    os.replace(fresh, path)
    key.unlink()
    crt.unlink()
    return path
