"""A grid of real daemons in processes of their own, without a router, for Ansible to work on."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from grille.codec import encode
from grille.store.blocking import BlockingStore
from grille.wire import keys
from grille.wire.specs import Instance
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer
from tests.support.grid import Result, command
from tests.support.images import images
from tests.support.keys import lay_keys, new_key


def docker(*words: str) -> str:
    """The output of a docker command that must succeed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Grid:
    """etcd, shelf, controller, discoverd and an agent on this machine, and an inventory for them."""

    def __init__(self, folder: Path) -> None:
        self.name, self.folder = f"t-mod-{secrets.token_hex(3)}", folder
        docker("network", "create", self.name)
        gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", self.name)
        self.etcd = EtcdServer().start()
        key = folder / "shelf.key"
        key.write_text("a key for tests\n", encoding="utf-8")
        shared = {"ETCD": self.etcd.url, "HOST": self.name, "SHELF_KEY": str(key), "NETWORK": self.name}
        shared["CONFIG_KEYS"] = str(lay_keys(folder / "config.keys", new_key(f"k{'1' * 20}")))
        names = {"RUN_IMAGE": images()["run"], "BUILD_IMAGE": images()["build"], "DOMAIN": "grille.test"}
        own = {"DATA": str(folder / "agent"), "GUARD_LABEL": f"{self.name}.layer=0", "LEASE_TTL": "5"}
        own["TAGS"] = "disk=ssd,rack=r-1.a"
        self.shelf = Daemon(
            "grille.shelf", "SHELF_PORT", folder, **shared, ADDRESS="0.0.0.0", DATA=str(folder / "shelf")
        )
        self.controller = Daemon("grille.controller", "CONTROLLER_PORT", folder, **shared, **names)
        self.discoverd = Daemon("grille.discovery", "DISCOVERD_PORT", folder, **shared)
        self.agent = Daemon("grille.host", "AGENT_PORT", folder, **shared, **own)
        here = Instance(id="s1", service="shelf", address=gateway, port=self.shelf.port, created=time.time())
        BlockingStore([self.etcd.url]).put(keys.instance("shelf", "s1"), encode(here))

    @property
    def daemons(self) -> dict[str, Daemon]:
        """The daemons by the names that client.json has for them."""
        return {
            "shelf": self.shelf,
            "controller": self.controller,
            "discoverd": self.discoverd,
            "agent": self.agent,
        }

    def start(self) -> Grid:
        """Start everything and wait until a controller leads."""
        for daemon in self.daemons.values():
            daemon.start()
        urls = {name: f"http://127.0.0.1:{daemon.port}" for name, daemon in self.daemons.items()}
        (self.folder / "client.json").write_text(json.dumps(urls), encoding="utf-8")
        hosts = f"[controller]\n{self.name} ansible_connection=local\n"
        (self.folder / "inventory.ini").write_text(hosts, encoding="utf-8")
        end = time.monotonic() + 20
        while not (self.get("/status").get("leads") and self.get("/hosts")):
            assert time.monotonic() < end, self.controller.log[-3000:]
            time.sleep(0.1)
        return self

    def get(self, path: str) -> Any:
        """What the controller answers to a GET."""
        answer = self.controller.call("GET", path)
        return answer.json if answer.status == 200 else {"status": answer.status}

    @property
    def environ(self) -> dict[str, str]:
        """The environment for Ansible: this grid's client settings and a deploy token."""
        who = {"GRILLE_TOKEN": "deploy-token", "GRILLE_CLIENT_FILE": str(self.folder / "client.json")}
        return {**os.environ, **who, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def play(self, name: str, *flags: str, **extra: object) -> Result:
        """Run ``playbooks/<name>.yml``, or the playbook at a path, on this grid."""
        path = name if name.endswith(".yml") else f"playbooks/{name}.yml"
        words = ["ansible-playbook", "-i", str(self.folder / "inventory.ini"), path, *flags]
        return command(*words, "-e", json.dumps(extra), timeout=300, env=self.environ)

    def task(self, module: str, *, check: bool = False, **options: object) -> dict[str, Any]:
        """The result of one task."""
        return self.tasks((module, check, options))[0]

    def tasks(self, *wanted: tuple[str, bool, dict[str, Any]]) -> list[dict[str, Any]]:
        """The results of tasks in one play: module, whether in check mode, options."""
        tasks: list[dict[str, Any]] = []
        for number, (module, check, options) in enumerate(wanted):
            kept = {"register": f"done{number}", "failed_when": False, "check_mode": check, "diff": True}
            tasks.append({"name": "Do it", module: options, **kept})
        show = "{{ [" + ", ".join(f"done{number}" for number in range(len(wanted))) + "] | to_json }}"
        copy = {"content": show, "dest": f"{self.folder}/results.json", "mode": "0600"}
        tasks.append({"name": "Keep the results", "ansible.builtin.copy": copy, "diff": False})
        book = self.folder / "tasks.yml"
        book.write_text(json.dumps([{"hosts": "controller", "tasks": tasks}]), encoding="utf-8")
        self.play(str(book)).ok()
        return list(json.loads((self.folder / "results.json").read_text(encoding="utf-8")))

    def stop(self) -> None:
        """End all of it."""
        for daemon in self.daemons.values():
            daemon.kill()
        found = docker("ps", "-aq", "--filter", f"label=grille.host={self.name}").split()
        if found:
            docker("rm", "--force", "--volumes", *found)
        if volumes := docker("volume", "ls", "-q", "--filter", f"label=grille.host={self.name}").split():
            docker("volume", "rm", *volumes)
        docker("network", "rm", self.name)
        for slug in (self.folder / "agent" / "slugs").glob("*/"):
            subprocess.run(["umount", str(slug)], check=False, capture_output=True)
        self.etcd.stop()
