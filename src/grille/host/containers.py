"""From a JobSpec to what Docker's create call wants, and its digest: pure."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..codec import plain
from ..wire.errors import InvalidValue
from ..wire.specs import JobSpec, Resources

USER = "1000:1000"
MIB = 1024 * 1024
USUAL_SHARES = 1024  # what Docker gives a container that asks for none (docker run, --cpu-shares)
# What shapes the container; a change of anything else (health, graces, cpu_weight) needs no new one. Secrets are not in
# it: they are sealed anew when keys rotate.
SHAPE = (
    *("app", "process", "release", "kind", "image", "command", "slug", "env", "port"),
    *("resources", "critical", "network", "mounts", "capabilities"),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the agent runs: what all its containers have in common."""

    host: str
    address: str
    network: str
    runtime: str = ""
    resolvers: tuple[str, ...] = ()  # DNS servers of jobs; empty: the host's


def resolvers(addresses: list[str]) -> tuple[str, ...]:
    """``addresses`` if Docker can take them as a job's DNS servers; raises InvalidValue."""
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise InvalidValue(f"GRILLE_DNS names {address!r}", remedy="use IP addresses, like 10.213.0.1") from None
    return tuple(addresses)


def digest(spec: JobSpec) -> str:
    """A short digest of what shapes the container; fields that a later version adds do not change it."""
    document = plain(spec)
    shape = {name: document[name] for name in SHAPE if document[name] not in (None, "", 0, [], {}, False)}
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]


def labels(spec: JobSpec, host: str) -> dict[str, str]:
    """The labels of a job's container and volume."""
    return {
        "grille.app": spec.app,
        "grille.process": spec.process,
        "grille.job": spec.id,
        "grille.release": str(spec.release),
        "grille.kind": spec.kind,
        "grille.host": host,
        "grille.spec": digest(spec),
    }


def environment(spec: JobSpec, private: Mapping[str, str]) -> dict[str, str]:
    """The container's environment: the release's, what is ``private`` to the job, what Grille tells all."""
    env = {
        **spec.env,
        **private,
        "GRILLE_APP": spec.app,
        "GRILLE_PROCESS": spec.process,
        "GRILLE_RELEASE": str(spec.release),
        "GRILLE_JOB": spec.id,
    }
    return {**env, "PORT": str(spec.port)} if spec.port and not spec.critical else env


def creation(spec: JobSpec, place: Place, private: Mapping[str, str]) -> dict[str, Any]:
    """The body of ``POST /containers/create`` (Docker Engine API, 1.41 and later) for a job.

    Args:
        private: variables that the store has sealed or not at all, see ``secrets``.
    """
    stdin = spec.env.get("GRILLE_STDIN") == "1"
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in environment(spec, private).items()],
        "Labels": labels(spec, place.host),
        "OpenStdin": stdin,
        "StdinOnce": stdin,
        "HostConfig": _host_config(spec, place),
    }
    if spec.network == "bridge":
        body["Hostname"] = spec.id[:63]
    if spec.command:
        body["Cmd"] = list(spec.command)
    if spec.critical:
        body["User"] = "0:0"
    elif spec.slug is not None:
        body["User"] = USER
    return body


def _host_config(spec: JobSpec, place: Place) -> dict[str, Any]:
    config: dict[str, Any] = {
        "NetworkMode": "host" if spec.network == "host" else place.network,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "CapAdd": list(spec.capabilities),
        "Mounts": _mounts(spec),
        **_limits(spec.resources),
    }
    if spec.cpu_weight:
        config["CpuShares"] = spec.cpu_weight * USUAL_SHARES
    if not spec.critical:
        config["CapDrop"] = ["ALL"]
        config["SecurityOpt"] = ["no-new-privileges"]
        if spec.kind != "build":  # a build may need more temporary space than memory
            size = max(64, spec.resources.memory // 2)
            config["Tmpfs"] = {"/tmp": f"rw,nosuid,nodev,exec,mode=1777,size={size}m"}
    if place.resolvers and spec.network == "bridge":
        config["Dns"] = list(place.resolvers)
        config["DnsSearch"] = ["."]  # none: the host's own list is nothing to jobs
    if place.runtime:
        config["Runtime"] = place.runtime
    return config


def _limits(resources: Resources) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if resources.memory:
        limits["Memory"] = resources.memory * MIB
    if resources.cpu:
        limits["NanoCpus"] = int(resources.cpu * 1e9)
    if resources.pids:
        limits["PidsLimit"] = resources.pids
    return limits


def _mounts(spec: JobSpec) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}
        for mount in spec.mounts
    ]
    if spec.slug is not None:
        options = {"NoCopy": True}
        mounts.append({"Type": "volume", "Source": spec.id, "Target": "/app", "VolumeOptions": options})
    return mounts
