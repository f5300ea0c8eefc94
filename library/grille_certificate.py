#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: a TLS certificate that the routers serve, given or ordered by ACME."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_certificate
short_description: Have the routers serve a TLS certificate
description:
  - A certificate is chosen by the host name that a client asks for. It is added, replaced and removed while requests
    go on.
  - It is given with its key, or ordered and renewed by ACME where M(grille.grille.grille_acme) has set that up.
  - The key is checked against the certificate, encrypted before it is stored, and shown to nobody.
options:
  id:
    description: The certificate's id, a DNS label.
    type: str
    required: true
  domains:
    description:
      - The host names that it is served for; the first label may be C(*). By default all that the certificate is for.
      - Needed with O(source=acme).
    type: list
    elements: str
  source:
    description: Whether the certificate is given here, or ordered by ACME.
    type: str
    choices: [given, acme]
    default: given
  chain:
    description: The certificate and its intermediates, in PEM, the certificate first.
    type: str
  chain_file:
    description: File on the target host with the same.
    type: path
  key:
    description: The certificate's private key, in PEM; ECDSA, or RSA of at least 2048 bits.
    type: str
  key_file:
    description: File on the target host with the same.
    type: path
  client_ca:
    description:
      - Certificates, in PEM, of who may sign those of clients. Clients are then asked for one. Whether one is required
        is the route's affair.
    type: str
  client_ca_file:
    description: File on the target host with the same.
    type: path
  challenge:
    description: How the ACME server is shown that the domains are ours. Wildcards need V(dns-01).
    type: str
    choices: [http-01, dns-01]
    default: http-01
  state:
    description: Whether the certificate exists.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Whether to wait until it is ordered, and served by every router.
    type: bool
    default: true
  wait_timeout:
    description: Seconds that this may take.
    type: float
    default: 300.0
attributes:
  check_mode:
    support: full
    description: The controller checks and compares, keys too, and changes nothing.
  diff_mode:
    support: full
    description: Shows domains, fingerprint and validity before and after; never the key.
  idempotent:
    support: full
    description: Does nothing when certificate, key and domains are those asked for. A failed order is tried again.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_certificate_info
  - module: grille.grille.grille_acme
"""

EXAMPLES = r"""
- name: Serve the shop's certificate, which lies on the controller's host
  grille_certificate:
    id: shop
    chain_file: /etc/ssl/shop/fullchain.pem
    key_file: /etc/ssl/shop/privkey.pem

- name: The same from the control node, the key from a vault
  grille_certificate:
    id: shop
    chain: "{{ lookup('ansible.builtin.file', 'shop.pem') }}"
    key: "{{ vault_shop_key }}"

- name: Have one ordered and renewed
  grille_certificate:
    id: blog
    source: acme
    domains: [blog.example.org, www.blog.example.org]
"""

RETURN = r"""
certificate:
  description: The certificate, without its key; empty when it is absent.
  type: dict
  returned: success
"""

import hashlib
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import Failed, InvalidValue
from ..module_utils.grille.names import check_label
from ..module_utils.grille_module import Result, arguments, client, find, run, until

ARGUMENTS = arguments(
    id={"type": "str", "required": True},
    domains={"type": "list", "elements": "str"},
    source={"type": "str", "choices": ["given", "acme"], "default": "given"},
    chain={"type": "str"},
    chain_file={"type": "path"},
    key={"type": "str", "no_log": True},
    key_file={"type": "path", "no_log": False},
    client_ca={"type": "str"},
    client_ca_file={"type": "path"},
    challenge={"type": "str", "choices": ["http-01", "dns-01"], "default": "http-01"},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "float", "default": 300.0},
)
SHOWN = ("domains", "source", "fingerprint", "not_after")


def ensure(module: AnsibleModule) -> Result:
    """Bring the certificate to the state asked for."""
    params: dict[str, Any] = module.params
    api, path = client(params), f"/certificates/{check_label('certificate', params['id'])}"
    before = find(api, path) or {}
    if params["state"] == "absent":
        if before and not module.check_mode:
            api.delete(path)
        return {"changed": bool(before), "certificate": {}, "diff": {"before": shown(before), "after": {}}}
    wish = wished(params)
    planned = api.put(path, {**wish, "dry_run": True})
    if planned["changed"] and not module.check_mode:
        api.put(path, wish)
    after = planned["certificate"]
    if params["wait"] and not module.check_mode:
        after = served(api, path, params["wait_timeout"])
    diff = {"before": shown(before), "after": shown(planned["certificate"])}
    return {"changed": planned["changed"], "certificate": after, "diff": diff}


def wished(params: dict[str, Any]) -> dict[str, Any]:
    """The request that the parameters make; raises InvalidValue."""
    wish = {"source": params["source"], "client_ca": text(params, "client_ca")}
    if params["domains"] is not None:
        wish["domains"] = params["domains"]
    names = ("chain", "key")
    if params["source"] == "acme":
        return {**wish, "challenge": params["challenge"]}
    return {**wish, **{name: text(params, name) for name in names}}


def text(params: dict[str, Any], name: str) -> str:
    """The option ``name``, or what is in the file that ``<name>_file`` names; raises InvalidValue."""
    path = params[f"{name}_file"]
    if path is None:
        return params[name] or ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidValue(f"{name}_file {path}: {error.strerror}", remedy="it is read on the target host") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"{name}_file {path} is not PEM", remedy="convert it with openssl", code="not_pem") from None


def served(api: Client, path: str, seconds: float) -> dict[str, Any]:
    """The certificate once all routers serve it; raises Failed, TimedOut."""
    found: dict[str, Any] = {}

    def left() -> list[str]:
        nonlocal found
        found = api.get(path)
        if found["state"] == "failed":
            again = max(0.0, found["next_try"] - time.time())
            raise Failed(found["reason"], remedy=f"it is tried again in {again:.0f} s", code="acme_failed")
        refused = {name: one["reason"] for name, one in found["routers"].items() if one["state"] == "refused"}
        for name, reason in refused.items():
            raise Failed(f"router {name} leaves it out: {reason}", code="certificate_refused")
        waiting = [f"router {name} is {one['state']}" for name, one in found["routers"].items()]
        waiting = [one for one in waiting if not one.endswith("serving")]
        return ["it is being ordered"] if found["state"] == "pending" else waiting

    until(left, f"certificate {found.get('id', path.rpartition('/')[2])}", seconds)
    return found


def shown(certificate: dict[str, Any]) -> dict[str, Any]:
    """What a difference shows of a certificate."""
    if not certificate:
        return {}
    side = {name: certificate[name] for name in SHOWN}
    if certificate["source"] == "acme":
        side["challenge"] = certificate["challenge"]
    if certificate["client_ca"]:
        side["client_ca"] = hashlib.sha256(certificate["client_ca"].encode()).hexdigest()
    return side


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("chain", "chain_file"), ("key", "key_file"), ("client_ca", "client_ca_file")],
    )
    if module.params["state"] == "present" and module.params["source"] == "given":
        for name in ("chain", "key"):
            if module.params[name] is None and module.params[f"{name}_file"] is None:
                module.fail_json(msg=f"one of {name} and {name}_file is needed", code="invalid")
    run(module, ensure)


if __name__ == "__main__":
    main()
