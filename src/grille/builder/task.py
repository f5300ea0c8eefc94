"""What one build is asked to do, read from the environment (docs/contracts.md, "Builds"), and where it works."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..wire.errors import InvalidValue
from ..wire.names import check_env

OWN_VARIABLES = ("BUILDPACK_URL", "SOURCE_VERSION", "GIT_DIR", "PYTHONPATH")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One build. URLs are signed; an empty cache URL means no cache.

    ``app`` is where the source is unpacked and compiled: the same path as at run time, so that what a buildpack
    writes down stays true. ``base`` is the environment that buildpacks start from.
    """

    source_url: str
    slug_url: str
    result_url: str
    cache_get_url: str = ""
    cache_put_url: str = ""
    env: dict[str, str] = field(default_factory=dict)
    buildpack_url: str = ""
    source_version: str = ""
    request_id: str = ""
    base: dict[str, str] = field(default_factory=dict)
    app: Path = Path("/app")
    scratch: Path = Path("/tmp/grille-build")
    buildpacks: Path = Path("/opt/grille/buildpacks")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Task:
        """The task that ``environ`` describes; raises InvalidValue naming the variable that is missing or wrong."""
        env = _app_env(environ.get("GRILLE_BUILD_ENV", ""))
        return cls(
            source_url=_needed(environ, "GRILLE_SOURCE_URL"),
            slug_url=_needed(environ, "GRILLE_SLUG_URL"),
            result_url=_needed(environ, "GRILLE_RESULT_URL"),
            cache_get_url=environ.get("GRILLE_CACHE_GET_URL", ""),
            cache_put_url=environ.get("GRILLE_CACHE_PUT_URL", ""),
            env=env,
            buildpack_url=environ.get("BUILDPACK_URL", "") or env.get("BUILDPACK_URL", ""),
            source_version=environ.get("SOURCE_VERSION", ""),
            request_id=environ.get("GRILLE_JOB", ""),
            base=buildpack_base(environ),
        )


def buildpack_base(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what is the builder's own: a buildpack must not see signed URLs."""
    return {
        name: value for name, value in environ.items() if not name.startswith("GRILLE_") and name not in OWN_VARIABLES
    }


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise InvalidValue(f"{name} is not set", remedy="builds are started by the controller, which sets it")
    return value


def _app_env(raw: str) -> dict[str, str]:
    try:
        return check_env(json.loads(raw or "{}"))
    except ValueError:
        raise InvalidValue("GRILLE_BUILD_ENV is not JSON", remedy='use a JSON object: {"NAME": "value"}') from None
