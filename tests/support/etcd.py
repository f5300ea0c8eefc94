"""Real etcd members for tests: one on loopback, or a cluster whose members can be killed, frozen and cut off."""

from __future__ import annotations

import base64
import contextlib
import json
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support.authority import Authority
from tests.support.network import Network
from tests.support.ports import free_port

# A member is given up by the others after 0.7 to 1.4 s; its return does not depose a leader that they hear.
TIMING = ["--heartbeat-interval=100", "--election-timeout=700", "--pre-vote=true"]
Change = tuple[str, str, int]


class EtcdServer:
    """One member with its own data folder, kept over ``stop`` and ``start``: by default alone, on loopback.

    Args:
        name, address, ports: the member's name, and where it listens for clients and for other members.
        authority: issues its certificate; clients need one too then. None: plain.
        inside: words before its command, which say where it runs.
    """

    def __init__(
        self,
        name: str = "default",
        address: str = "127.0.0.1",
        ports: tuple[int, int] | None = None,
        *,
        authority: Authority | None = None,
        inside: list[str] | None = None,
    ) -> None:
        client, peer = ports or (free_port(), free_port())
        scheme = "https" if authority else "http"
        self.name, self._inside, self._authority = name, inside or [], authority
        self.url, self.peer = f"{scheme}://{address}:{client}", f"{scheme}://{address}:{peer}"
        self._certificate = authority.issue(name, address) if authority else ("", "")
        self._folder = tempfile.TemporaryDirectory(prefix="grille-etcd-")
        self._process: subprocess.Popen[bytes] | None = None
        self.members = f"{name}={self.peer}"
        self.frozen = False

    @property
    def runs(self) -> bool:
        """Whether its process is there, frozen or not."""
        return self._process is not None

    def start(self) -> EtcdServer:
        """Start the member and wait until it answers, which in a cluster takes a quorum."""
        command = [*self._inside, "etcd", "--name", self.name, "--data-dir", str(Path(self._folder.name) / "data")]
        command += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url, "--log-level", "error"]
        command += ["--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer]
        command += ["--initial-cluster", self.members, *TIMING, *self._tls()]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()
        return self

    def _tls(self) -> list[str]:
        if self._authority is None:
            return []
        cert, key, ca = *self._certificate, self._authority.ca
        own = [f"--cert-file={cert}", f"--key-file={key}", "--client-cert-auth", f"--trusted-ca-file={ca}"]
        peer = [f"--peer-cert-file={cert}", f"--peer-key-file={key}", f"--peer-trusted-ca-file={ca}"]
        return [*own, *peer, "--peer-client-cert-auth"]

    def _wait(self) -> None:
        for _ in range(300):
            try:
                with self.open("/health", timeout=1) as answer:
                    if b"true" in answer.read():
                        return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"etcd at {self.url} did not start within 15 s")

    def open(self, path: str, body: object = None, timeout: float = 5) -> Any:
        """A raw request to this member, a POST if there is a body; the open answer."""
        data = None if body is None else json.dumps(body).encode()
        context = None
        if self._authority is not None:
            context = ssl.create_default_context(cafile=self._authority.ca)
            context.load_cert_chain(*self._certificate)
        return urllib.request.urlopen(self.url + path, data, timeout=timeout, context=context)

    def ask(self, path: str, body: object) -> Any:
        """The document that this member answers to a raw request."""
        with self.open(path, body) as answer:
            return json.load(answer)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the member at once; its data stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process, self.frozen = None, False

    def end(self) -> None:
        """Ask the member to end, as one does before an update; a leader hands over first."""
        if self._process is not None and not self.frozen:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        self.kill()

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing."""
        self._signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self._signal(signal.SIGCONT)
        self.frozen = False

    def stop(self) -> None:
        """End the member and delete its data."""
        self.kill()
        self._folder.cleanup()


class EtcdCluster:
    """``size`` members, each in a network namespace of its own; ``members[i]`` are ``EtcdServer``.

    Args:
        tls: whether they want certificates; ``authority`` issues them then.
    """

    def __init__(self, size: int = 3, *, tls: bool = False) -> None:
        self._network = Network(size)
        self._folder = tempfile.TemporaryDirectory(prefix="grille-ca-")
        self.authority = Authority(Path(self._folder.name)) if tls else None
        self._severed: set[int] = set()
        self.members = [
            EtcdServer(
                f"m{number}",
                address,
                (2379, 2380),
                authority=self.authority,
                inside=self._network.inside(number),
            )
            for number, address in enumerate(self._network.addresses)
        ]
        for member in self.members:
            member.members = ",".join(f"{other.name}={other.peer}" for other in self.members)

    @property
    def urls(self) -> list[str]:
        """The client URLs of all members."""
        return [member.url for member in self.members]

    def start(self) -> EtcdCluster:
        """Start all members and wait until they have a leader."""
        self._network.up()
        with ThreadPoolExecutor(len(self.members)) as pool:
            list(pool.map(EtcdServer.start, self.members))
        return self

    def kill(self, number: int) -> None:
        """End one member at once."""
        self.members[number].kill()

    def freeze(self, number: int) -> None:
        """Freeze one member."""
        self.members[number].freeze()

    def thaw(self, number: int) -> None:
        """Let one member go on."""
        self.members[number].thaw()

    def restart(self, number: int) -> None:
        """Start a member that was killed; or end and start one that runs."""
        self.members[number].end()
        self.members[number].start()

    def cut(self, number: int) -> None:
        """Part one member from the others and from clients: packets are lost without a word."""
        self._network.cut(number)
        self._severed.add(number)

    def mend(self, number: int) -> None:
        """Undo ``cut``."""
        self._network.mend(number)
        self._severed.discard(number)

    def leader(self, timeout: float = 10.0) -> int:
        """The number of the member that leads; waits for one."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for number in self._live():
                status = self._status(number)
                if status and status["header"]["member_id"] == status.get("leader"):
                    return number
            time.sleep(0.05)
        raise RuntimeError(f"no leader among the etcd members within {timeout:g} s")

    def _live(self) -> list[int]:
        return [
            number
            for number, member in enumerate(self.members)
            if member.runs and not member.frozen and number not in self._severed
        ]

    def _status(self, number: int) -> Any:
        try:
            with self.members[number].open("/v3/maintenance/status", {}, timeout=1) as answer:
                return json.load(answer)
        except OSError:
            return None

    def history(self, prefix: str, root: str = "/grille/") -> list[Change]:
        """(kind, key, revision) of every change below ``prefix`` since the first, as the store itself tells it.

        Nothing may have been compacted.
        """
        for _ in range(50):
            member = self.members[self.leader()]
            with contextlib.suppress(OSError):  # it leads no more
                last = int(member.ask("/v3/kv/range", {"key": "AA=="})["header"]["revision"])
                return [change for change in _changes(member, last, root) if change[1].startswith(prefix)]
            time.sleep(0.1)
        raise RuntimeError("the etcd members do not tell their history")

    def stop(self) -> None:
        """End all members, and take their network and files away."""
        for member in self.members:
            member.stop()
        self._network.down()
        self._folder.cleanup()


def _changes(member: EtcdServer, last: int, root: str) -> list[Change]:
    """All changes up to revision ``last``: each revision is a change of some key."""
    request = {"key": "AA==", "range_end": "AA==", "start_revision": "1"}
    changes: list[Change] = []
    with member.open("/v3/watch", {"create_request": request}) as lines:
        while last > 1 and (not changes or changes[-1][2] < last):
            for event in json.loads(lines.readline())["result"].get("events", ()):
                key = base64.b64decode(event["kv"]["key"]).decode().removeprefix(root)
                kind = "delete" if event.get("type") == "DELETE" else "put"
                changes.append((kind, key, int(event["kv"]["mod_revision"])))
    return changes
