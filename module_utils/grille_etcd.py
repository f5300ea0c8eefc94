# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""etcd's members and what is asked of them, over the JSON gateway of its API v3 (etcd's rpc.proto), by nothing but
the standard library: for modules on hosts."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

LIST, ADD, REMOVE = "/v3/cluster/member/list", "/v3/cluster/member/add", "/v3/cluster/member/remove"
UPDATE, PROMOTE = "/v3/cluster/member/update", "/v3/cluster/member/promote"
STATUS, DEFRAGMENT = "/v3/maintenance/status", "/v3/maintenance/defragment"
LOOK_TIMEOUT = 3.0
FILES = {"ca": "/etc/grille/pki/ca.crt", "cert": "/etc/grille/pki/client.crt", "key": "/etc/grille/pki/client.key"}

ARGUMENTS: dict[str, Any] = {
    "endpoints": {"type": "list", "elements": "str", "required": True},
    **{name: {"type": "path", "default": path} for name, path in FILES.items()},
}


class EtcdError(Exception):
    """A member refused a request, or does not answer; the message is one line."""


@dataclass(frozen=True)
class Member:
    """One member as the cluster lists it, and as it answers itself: ``url`` is empty when it does not.

    ``name`` is empty until it has started for the first time. Sizes are bytes; ``db_used`` is what of ``db_size``
    is in use.
    """

    id: str
    name: str
    peer_urls: list[str]
    client_urls: list[str] = field(default_factory=list)
    learner: bool = False
    url: str = ""
    healthy: bool = False
    leader: bool = False
    version: str = ""
    revision: int = 0
    db_size: int = 0
    db_used: int = 0

    def plain(self) -> dict[str, Any]:
        """As a dictionary, for a module's result."""
        return asdict(self)

    def goes_by(self, name: str, peer_url: str = "") -> bool:
        """Whether this is the member ``name``, or the one at ``peer_url`` that has no name yet."""
        return self.name == name or (not self.name and bool(peer_url) and peer_url in self.peer_urls)


class Gate:
    """Requests to members.

    Args:
        ca, cert, key: paths; while they are not there, only members without TLS can be asked.
    """

    def __init__(self, ca: str = FILES["ca"], cert: str = FILES["cert"], key: str = FILES["key"]) -> None:
        self._paths, self._context = (ca, cert, key), None
        if all(os.path.exists(path) for path in self._paths):
            self._context = self._load()

    def _load(self) -> ssl.SSLContext:
        ca, cert, key = self._paths
        try:
            context = ssl.create_default_context(cafile=ca)
            context.load_cert_chain(cert, key)
        except OSError as error:  # ssl.SSLError is one
            raise EtcdError(f"{ca}, {cert} and {key} cannot be used: {error}; run playbooks/site.yml") from None
        return context

    def ask(self, url: str, path: str, body: object, timeout: float = LOOK_TIMEOUT) -> dict[str, Any]:
        """The document that the member at ``url`` answers.

        Raises:
            EtcdError: with the member's own words, or why it does not answer.
        """
        request = urllib.request.Request(url + path, json.dumps(body).encode())
        try:
            with self._open(request, timeout) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise EtcdError(_says(error)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EtcdError(f"{url} does not answer: {getattr(error, 'reason', error)}") from None

    def healthy(self, url: str) -> bool:
        """Whether the member at ``url`` has a leader and can read."""
        try:
            with self._open(urllib.request.Request(url + "/health"), LOOK_TIMEOUT) as answer:
                return json.load(answer).get("health") in (True, "true")
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def _open(self, request: urllib.request.Request, timeout: float) -> Any:
        if self._context is None and request.type == "https":
            raise OSError("it wants a certificate, and this host has none yet")
        return urllib.request.urlopen(request, timeout=timeout, context=self._context)


def _says(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        return str(json.loads(text).get("error", text))
    except (ValueError, AttributeError):
        return text.strip() or str(error)


def either(endpoint: str) -> list[str]:
    """The URLs that an ``endpoint`` may mean: itself, or with TLS first and without, when it says neither."""
    return [endpoint] if "://" in endpoint else [f"https://{endpoint}", f"http://{endpoint}"]


def _status(gate: Gate, endpoints: list[str]) -> tuple[str, dict[str, Any]] | str:
    """The first of ``endpoints`` that answers, and its status; why, when none does."""
    why = ""
    for url in (url for endpoint in endpoints for url in either(endpoint)):
        try:
            return url, gate.ask(url, STATUS, {})
        except EtcdError as error:
            why = why or str(error)
    return why


def _complete(gate: Gate, member: Member, seen: dict[str, tuple[str, dict[str, Any]]]) -> Member:
    found = seen.get(member.id) or _status(gate, member.client_urls)
    if not isinstance(found, tuple):
        return member
    url, status = found
    size, used = int(status.get("dbSize", 0)), int(status.get("dbSizeInUse", 0))
    return replace(
        member,
        url=url,
        healthy=gate.healthy(url),
        leader=status.get("leader") == member.id,
        version=str(status.get("version", "")),
        revision=int(status["header"].get("revision", 0)),
        db_size=size,
        db_used=used or size,
    )


def look(gate: Gate, endpoints: list[str]) -> tuple[list[Member], dict[str, str]]:
    """The members of the cluster that answers at ``endpoints``; and why endpoints do not answer.

    Args:
        endpoints: URLs, or ``address:port`` where it is not known whether TLS is on.
    """
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda endpoint: _status(gate, [endpoint]), endpoints))
        silent = {where: answer for where, answer in zip(endpoints, answers, strict=True) if isinstance(answer, str)}
        spoken = [answer for answer in answers if not isinstance(answer, str)]
        seen = {str(status["header"]["member_id"]): (url, status) for url, status in spoken}
        members = _listed(gate, [url for url, _ in seen.values()])
        return list(pool.map(lambda member: _complete(gate, member, seen), members)), silent


def _listed(gate: Gate, urls: list[str]) -> list[Member]:
    """The members, asked of one that is well if any is: one that is cut off may not know of changes."""
    for url in sorted(urls, key=gate.healthy, reverse=True):
        try:
            return [_member(one) for one in gate.ask(url, LIST, {}).get("members", ())]
        except EtcdError:
            continue
    return []


def _member(listed: dict[str, Any]) -> Member:
    return Member(
        str(listed["ID"]),
        str(listed.get("name", "")),
        list(listed.get("peerURLs", ())),
        list(listed.get("clientURLs", ())),
        bool(listed.get("isLearner", False)),
    )


def lacking(members: list[Member], without: str) -> int:
    """How many voters are missing for a majority among those that stay when the member with the id ``without`` goes."""
    rest = [member for member in members if not member.learner and member.id != without]
    return max(0, len(rest) // 2 + 1 - sum(member.healthy for member in rest))
