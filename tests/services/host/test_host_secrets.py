"""Secrets and the address of a job's configuration, from sealed in the store to open in a real container."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

from grille.service.sealing import Keyring
from grille.wire.signing import verify
from tests.services.host.rig import Rig, docker, until
from tests.support.keys import lay_keys, new_key

SECRET = "hunter2-and-more"


def environment(job: str) -> dict[str, str]:
    """What the container was given."""
    pairs = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", job))
    return dict(pair.split("=", 1) for pair in pairs)


def test_a_job_gets_its_secrets_and_where_its_configuration_is(rig: Rig) -> None:
    keyring = Keyring(str(lay_keys(rig.folder / "config.keys", new_key("k1"))))
    (rig.folder / "shelf.key").write_text("a key\n")
    spec = rig.spec(env={"GREETING": "hello"}, secrets={"PASSWORD": keyring.seal("PASSWORD", SECRET)})
    rig.wait(rig.put(spec), "up")
    found = environment(spec.id)
    assert (found["GREETING"], found["PASSWORD"]) == ("hello", SECRET)
    url = urlsplit(found["GRILLE_CONFIG_URL"])
    assert (url.netloc, url.path) == ("127.0.0.1:7412", f"/configuration/apps/{rig.app}")
    assert verify(b"a key", "GET", url.path, url.query, time.time())
    assert SECRET not in json.dumps(rig.call("GET", f"/jobs/{spec.id}"))
    assert SECRET not in (rig.folder / "data/specs.json").read_text() + rig.agent.log


def test_a_job_waits_for_the_key_of_its_secret_and_says_which(rig: Rig) -> None:
    line, other = new_key("k7"), new_key("k1")
    keyring = Keyring(str(lay_keys(rig.folder / "elsewhere.keys", line)))
    lay_keys(rig.folder / "config.keys", other)
    spec = rig.spec(secrets={"PASSWORD": keyring.seal("PASSWORD", SECRET)})
    rig.put(spec)
    status = until("a reason", lambda: (s := rig.status(spec.id)) and s.reason and s)
    assert status.reason.startswith("secret PASSWORD is sealed under key 'k7', which ")
    assert status.reason.endswith("on this host lacks: give it the grid's keys with playbooks/site.yml")
    lay_keys(rig.folder / "config.keys", other, line)
    rig.wait(spec.id, "up")
    assert environment(spec.id)["PASSWORD"] == SECRET


def test_a_secret_under_another_name_is_refused_for_good(rig: Rig) -> None:
    keyring = Keyring(str(lay_keys(rig.folder / "config.keys", new_key("k1"))))
    spec = rig.spec(secrets={"PASSWORD": keyring.seal("OTHER", SECRET)})
    status = rig.wait(rig.put(spec), "failed")
    assert status.reason == (
        "secret PASSWORD cannot be opened: it was changed, or sealed for another name: set it again"
    )


def test_a_build_gets_secrets_where_the_builder_looks(rig: Rig) -> None:
    keyring = Keyring(str(lay_keys(rig.folder / "config.keys", new_key("k1"))))
    given = {"GRILLE_BUILD_ENV": json.dumps({"A": "1"})}
    spec = rig.spec(
        process="build",
        kind="build",
        command="sleep 60",
        env=given,
        secrets={"PASSWORD": keyring.seal("PASSWORD", SECRET)},
        restart="never",
        port=0,
        service="",
    )
    rig.wait(rig.put(spec), "running")
    found = environment(spec.id)
    assert json.loads(found["GRILLE_BUILD_ENV"]) == {"A": "1", "PASSWORD": SECRET}
    assert "PASSWORD" not in found
