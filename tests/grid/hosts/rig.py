"""A grid of three hosts as its users and operators reach it, and the ways to break it that need its inside."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from typing import Any

from tests.lab import Lab
from tests.lab.inventory import DOMAIN
from tests.support.grid import Result, command
from tests.support.load import Load

HOSTS = (1, 2, 3)
HEALTH = "http://127.0.0.1:2381/health"  # of a member, for its own host alone


class Grid:
    """The grid on the hosts of ``lab``."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._token = ""

    def playbook(self, name: str, timeout: float = 900, **extra: object) -> Result:
        """Run ``playbooks/<name>.yml`` on the lab's inventory with extra variables."""
        words = ["ansible-playbook", "-i", str(self.lab.inventory), f"playbooks/{name}.yml"]
        return command(*words, *(["-e", json.dumps(extra)] if extra else []), timeout=timeout)

    def sh(self, number: int, script: str, check: bool = True) -> str:
        """The output of a shell script on host ``number``."""
        return self.lab.host(number).run("sh", "-c", script, check=check).stdout.strip()

    def call(self, url: str, method: str = "GET", body: object = None, timeout: float = 5) -> tuple[int, Any]:
        """Status and decoded body of one call of a brick's API with the deploy token; 0 when nothing answered."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError as error:
            return 0, str(error)

    @property
    def token(self) -> str:
        """The grid's deploy token."""
        self._token = self._token or self.sh(1, "cat /etc/grille/tokens/deploy")
        return self._token

    def discoverd(self, number: int) -> str:
        """The URL of discoverd on a host."""
        return f"http://{self.lab.host(number).address}:7412"

    def get(self, number: int, app: str, timeout: float = 5) -> tuple[int, str]:
        """Status and body of a GET of ``app`` through the router of host ``number``; 0 when nothing answered."""
        url, host = f"http://{self.lab.host(number).address}/", f"{app}.{DOMAIN}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": host}), timeout=timeout) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def containers(self, app: str, hosts: tuple[int, ...] = HOSTS) -> dict[str, str]:
        """The web containers of ``app`` that run on ``hosts``: name → when it was started."""
        shown = f"docker ps -q --filter label=grille.app={app} --filter label=grille.process=web"
        inspect = f"docker inspect --format '{{{{.Name}}}} {{{{.State.StartedAt}}}}' $({shown}) 2>/dev/null || :"
        lines = [line for number in hosts for line in self.sh(number, inspect).splitlines()]
        return {name.lstrip("/"): started for name, started in (line.split() for line in lines)}

    def spread(self, app: str) -> Counter[int]:
        """How many web containers of ``app`` run on each host."""
        return Counter({number: len(self.containers(app, (number,))) for number in HOSTS})

    def control(self, path: str, method: str = "GET", body: object = None) -> Any:
        """What the first controller that answers says to one call."""
        for number in HOSTS:
            status, answer = self.call(f"http://{self.lab.host(number).address}:7411{path}", method, body)
            if status:
                assert status < 400, answer
                return answer
        raise AssertionError(f"no controller answers {method} {path}")

    def scale(self, app: str, count: int) -> None:
        """Have ``count`` web instances of ``app``."""
        self.control(f"/apps/{app}/formation", "PUT", {"processes": {"web": count}})

    def find(self, number: int, service: str) -> dict[str, Any]:
        """What discoverd on a host finds of ``service``; empty while it does not answer."""
        status, found = self.call(f"{self.discoverd(number)}/services/{service}/instances")
        return dict(found) if status == 200 else {}

    def instances(self, app: str, number: int) -> set[str]:
        """The web instances of ``app`` that discoverd on a host finds; none while it does not answer."""
        return {one["id"] for one in self.find(number, f"{app}-web").get("instances", [])}

    def resolve(self, number: int, name: str) -> set[str]:
        """The addresses that the DNS server on a host gives for ``name``."""
        server = self.lab.host(number).address
        words = ("dig", "+short", "+tries=1", "+time=2", f"@{server}", f"{name}.grille")
        return set(command(*words).ok().out.split())

    def member_is_well(self, number: int) -> bool:
        """Whether the etcd member of a host says so itself."""
        said = self.sh(number, f"curl -s -m 2 {HEALTH} || :", check=False)
        return '"true"' in said

    @contextmanager
    def load(self, app: str, *numbers: int, rate: float = 20) -> Iterator[dict[int, Load]]:
        """``rate`` requests a second at ``app`` through each of the routers; read the results after it."""
        with ExitStack() as stack:
            loads = {
                number: Load(f"{app}.{DOMAIN}", rate=rate, timeout=10, address=self.lab.host(number).address)
                for number in numbers
            }
            for load in loads.values():
                stack.enter_context(load)
            yield loads


def report(what: str, loads: dict[int, Load]) -> None:
    """Print what the routers did with the requests."""
    print(what)
    for number, load in loads.items():
        slowest = max((seconds for _, seconds, _ in load.answered), default=0.0)
        kinds = dict(Counter(said for _, said in load.failed))
        print(
            f"  router {number}: {load.sent} requests, slowest {slowest:.2f} s, {len(load.failed)} failed {kinds or ''}"
        )


def failures(loads: dict[int, Load], begin: float = 0.0, end: float = inf) -> int:
    """How many requests failed of those that were sent between ``begin`` and ``end`` (monotonic seconds)."""
    return sum(begin <= at < end for load in loads.values() for at, _ in load.failed)


def until(what: str, holds: Callable[[], Any], timeout: float = 30) -> float:
    """Wait for ``holds()``; the seconds that it took. Fails naming ``what``."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() < start + timeout, f"not within {timeout} s: {what}"
        time.sleep(0.2)
    return time.monotonic() - start
