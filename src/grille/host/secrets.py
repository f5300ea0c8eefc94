"""What a job's container is told that the store has sealed, or not at all: secrets, and where its configuration is."""

from __future__ import annotations

import json
import time
from pathlib import Path

from ..service.sealing import Keyring
from ..wire.signing import sign
from ..wire.specs import JobSpec

URL_LIFE = 10 * 365 * 86400.0  # seconds: a job may run for long, and is told once


class Secrets:
    """Opens jobs' secrets.

    Args:
        discoverd: URL of this host's discoverd, which lets jobs read and watch their configuration.
        signing_key: file with the grid's key of signed URLs; read at each use.
    """

    def __init__(self, keyring: Keyring, *, discoverd: str, signing_key: str) -> None:
        self._keyring, self._discoverd, self._key = keyring, discoverd.rstrip("/"), Path(signing_key)

    def environment(self, spec: JobSpec) -> dict[str, str]:
        """The variables to add to the job's environment. A build gets its secrets where the builder looks for them.

        Raises:
            Unavailable: a secret's key is not on this host. Unprocessable: a secret was tampered with.
        """
        opened = {name: self._keyring.open(name, token) for name, token in spec.secrets.items()}
        if spec.kind == "build":
            given = json.loads(spec.env.get("GRILLE_BUILD_ENV") or "{}")
            return {"GRILLE_BUILD_ENV": json.dumps({**given, **opened})} if opened else {}
        return {**opened, **({} if spec.critical else self._configuration(spec.app))}

    def _configuration(self, app: str) -> dict[str, str]:
        """GRILLE_CONFIG_URL: reads the configuration of ``app`` and nothing else (docs/bricks/configuration.md)."""
        try:
            key = self._key.read_bytes().strip()
        except OSError:
            return {}
        url = f"{self._discoverd}/configuration/apps/{app}"
        return {"GRILLE_CONFIG_URL": sign(key, "GET", url, time.time() + URL_LIFE)}
