#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: the grid's certificate authority, and what it signs for hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_pki
short_description: Make and renew the grid's certificate authority and its hosts' certificates
description:
  - One step of three, each on the host where it belongs, by the command C(openssl) there.
  - Private keys are made on the host that uses them, are readable by root alone, and are kept when a certificate is
    renewed, so that a renewal replaces one file at once.
  - These are the certificates between Grille's own parts. Those of apps' domains are the routers'.
options:
  step:
    description:
      - V(authority) makes C(ca.key) and C(ca.crt), or renews the latter with the same key.
      - V(request) says whether a host's certificate must be made or renewed, makes its key where there is none, and
        returns the request for it.
      - V(sign) answers a request, on a host that has the authority's key. It changes nothing there.
    type: str
    choices: [authority, request, sign]
    required: true
  folder:
    description: Folder of keys and certificates; it must be there, but for check mode.
    type: path
    default: /etc/grille/pki
  name:
    description: Name of the certificate's files, without C(.crt) and C(.key); for O(step=request).
    type: str
  authority:
    description: The authority's certificate (PEM) that must have signed; for O(step=request).
    type: str
  names:
    description: Names that the certificate is good for, like V(IP:127.0.0.1) or V(DNS:localhost).
    type: list
    elements: str
    default: []
  usages:
    description: What the certificate is good for; for O(step=sign).
    type: list
    elements: str
    choices: [serverAuth, clientAuth]
    default: [clientAuth]
  subject:
    description: Whose the certificate is. No common name should be in it - etcd would take that for a user.
    type: str
    default: /O=grille
  request:
    description: The request (PEM); for O(step=sign).
    type: str
  days:
    description: Days that a new certificate holds.
    type: int
    default: 365
  renew_days:
    description: A certificate with fewer days left is renewed.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    description: Can run in check mode and tell what it would make, and why.
  diff_mode:
    support: full
    description: Shows until when certificates hold, never keys.
  idempotent:
    support: full
    description: A second run changes nothing until a certificate nears its end.
author:
  - Grille's contributors (@grille)
"""

EXAMPLES = r"""
- name: Make the authority, or renew it
  grille_pki:
    step: authority
    subject: /O=grille/CN=grille CA
    days: 3650
    renew_days: 365
  register: authority

- name: See whether this host needs a certificate
  grille_pki:
    step: request
    name: client
    authority: "{{ authority.certificate }}"
  register: wanted

- name: Sign it
  grille_pki:
    step: sign
    request: "{{ wanted.request }}"
  delegate_to: alpha
"""

RETURN = r"""
certificate:
  description: The authority's certificate, or the one that was signed; empty in check mode when it is not there yet.
  type: str
  returned: with O(step=authority) and O(step=sign)
reasons:
  description: Why a certificate must be made anew; empty when it need not.
  type: list
  elements: str
  returned: with O(step=authority) and O(step=request)
  sample: ["it ends in 12 days"]
request:
  description: The request; empty when the certificate will do, and in check mode.
  type: str
  returned: with O(step=request)
"""

import os
import tempfile
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille_openssl import OpenSSL, OpenSSLError, authority_reasons, leaf_reasons

ARGUMENTS: dict[str, Any] = {
    "step": {"type": "str", "choices": ["authority", "request", "sign"], "required": True},
    "folder": {"type": "path", "default": "/etc/grille/pki"},
    "name": {"type": "str"},
    "authority": {"type": "str"},
    "names": {"type": "list", "elements": "str", "default": []},
    "usages": {"type": "list", "elements": "str", "choices": ["serverAuth", "clientAuth"], "default": ["clientAuth"]},
    "subject": {"type": "str", "default": "/O=grille"},
    "request": {"type": "str"},
    "days": {"type": "int", "default": 365},
    "renew_days": {"type": "int", "default": 30},
}


class Pki:
    """The steps, on this host."""

    def __init__(self, module: AnsibleModule, openssl: OpenSSL) -> None:
        self._module, self._openssl = module, openssl
        self._folder = module.params["folder"]

    def path(self, name: str) -> str:
        """The path of the file ``name``."""
        return os.path.join(self._folder, name)

    def authority(self) -> dict[str, Any]:
        """Make or renew the authority."""
        params, key, path = self._module.params, self.path("ca.key"), self.path("ca.crt")
        self._refuse_lost_key(key, path)
        reasons = authority_reasons(self._openssl, key, path, params["renew_days"], time.time())
        before = self._told(path)
        if reasons and not self._module.check_mode:
            if not os.path.exists(key):
                self._write(key, self._openssl.key(), "0600")
            self._write(path, self._openssl.certify(key, params["subject"], params["days"]), "0644")
        after = self._after(path, reasons)
        return {"certificate": _read(path), "reasons": reasons, **_outcome(bool(reasons), "ca.crt", before, after)}

    def request(self) -> dict[str, Any]:
        """Say whether a certificate must be made, and ask for it."""
        params = self._module.params
        key, path = self.path(f"{params['name']}.key"), self.path(f"{params['name']}.crt")
        reasons = self._leaf_reasons(key, path)
        wish, changed = "", bool(reasons) and self._module.check_mode
        if reasons and not self._module.check_mode:
            changed = self._make_key(key)
            wish = self._openssl.request(key, params["subject"])
        before, after = self._told(path), self._after(path, reasons)
        return {"request": wish, "reasons": reasons, **_outcome(changed, f"{params['name']}.crt", before, after)}

    def sign(self) -> dict[str, Any]:
        """Answer a request."""
        params = self._module.params
        if self._module.check_mode:
            return {"certificate": "", "changed": False}
        certificate = self._openssl.sign(
            params["request"],
            (self.path("ca.crt"), self.path("ca.key")),
            params["subject"],
            (params["usages"], params["names"]),
            params["days"],
        )
        return {"certificate": certificate, "changed": False}

    def _refuse_lost_key(self, key: str, path: str) -> None:
        if os.path.exists(path) and not os.path.exists(key):
            self._module.fail_json(
                msg=f"{path} is there and its key {key} is not, on no host of group etcd; bring the key back from a"
                " backup, or stop the grid, remove the folder on all hosts and begin with a new authority"
            )

    def _leaf_reasons(self, key: str, path: str) -> list[str]:
        params = self._module.params
        if not params["authority"]:
            return ["there is no authority yet"]
        with tempfile.NamedTemporaryFile("w", prefix="grille-ca-", encoding="utf-8") as file:
            file.write(params["authority"])
            file.flush()
            paths = (key, path, file.name)
            return leaf_reasons(self._openssl, paths, frozenset(params["names"]), params["renew_days"], time.time())

    def _make_key(self, path: str) -> bool:
        """Make a private key unless there is a usable one; whether it was made."""
        try:
            self._openssl.public(path)
        except OpenSSLError:
            self._write(path, self._openssl.key(), "0600")
            return True
        return False

    def _write(self, path: str, text: str, mode: str) -> None:
        handle, fresh = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(fresh, int(mode, 8))
        os.replace(fresh, path)

    def _told(self, path: str) -> str:
        try:
            end = time.gmtime(self._openssl.found(path).expires)
        except OpenSSLError:
            return ""
        return f"holds until {time.strftime('%Y-%m-%d', end)}\n"

    def _after(self, path: str, reasons: list[str]) -> str:
        return f"made anew: {'; '.join(reasons)}\n" if reasons else self._told(path)


def _outcome(changed: bool, name: str, before: str, after: str) -> dict[str, Any]:
    diff = {"before_header": name, "after_header": name, "before": before, "after": after}
    return {"changed": changed, "diff": diff}


def _read(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def main() -> None:
    """The module's entry point."""
    required = [("step", "request", ("name", "authority")), ("step", "sign", ("request",))]
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=required, supports_check_mode=True)
    program = module.get_bin_path("openssl")
    if program is None and not module.check_mode:
        module.fail_json(msg="openssl is not on this host; install it: apt-get install openssl")
    pki = Pki(module, OpenSSL(program or "/bin/false"))
    steps = {"authority": pki.authority, "request": pki.request, "sign": pki.sign}
    try:
        result = steps[module.params["step"]]()
    except OpenSSLError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
