#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: where the grid orders certificates by ACME."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_acme
short_description: Say where the grid orders certificates by ACME
description:
  - One router at a time orders and renews, for all. It makes the account at the server when the first certificate is
    asked for with M(grille.grille.grille_certificate).
options:
  directory:
    description: URL of the ACME server's directory.
    type: str
    required: true
  email:
    description: Where the server may write to.
    type: str
    default: ""
  ca:
    description: Certificates, in PEM, of who signed the server's own; by default who is usually trusted.
    type: str
  ca_file:
    description: File on the target host with the same.
    type: path
  dns_hook:
    description:
      - URL of an HTTP service that makes DNS records, needed for V(dns-01). It gets C(POST) with JSON, C(do) being
        C(present) or C(cleanup), C(name) and C(value), and answers 2xx when the name servers have (or no more have)
        that TXT record.
    type: str
    default: ""
  terms_agreed:
    description: Whether you agree to the server's terms of service, without which nothing is ordered.
    type: bool
    required: true
  token_file:
    description: File on the target host with the token, which must be an admin's.
    type: path
    default: /etc/grille/tokens/admin
attributes:
  check_mode:
    support: full
    description: The controller checks and compares, and changes nothing.
  diff_mode:
    support: full
    description: Shows the settings before and after; of O(dns_hook) that it is set.
  idempotent:
    support: full
    description: Does nothing when the settings are those asked for.
  action:
    support: none
    description: Takes the admin's token on the target host.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_certificate
"""

EXAMPLES = r"""
- name: Order certificates from Let's Encrypt
  grille_acme:
    directory: https://acme-v02.api.letsencrypt.org/directory
    email: ops@example.org
    terms_agreed: true
"""

RETURN = r"""
acme:
  description: The settings, without the hook's URL.
  type: dict
  returned: success
account:
  description: The account at the server; empty until a certificate was ordered.
  type: dict
  returned: success
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.errors import InvalidValue
from ..module_utils.grille_module import Result, arguments, client, run

ARGUMENTS = arguments(
    directory={"type": "str", "required": True},
    email={"type": "str", "default": ""},
    ca={"type": "str"},
    ca_file={"type": "path"},
    dns_hook={"type": "str", "default": "", "no_log": True},
    terms_agreed={"type": "bool", "required": True},
)
ARGUMENTS["token_file"] = {"type": "path", "default": "/etc/grille/tokens/admin", "no_log": False}


def ensure(module: AnsibleModule) -> Result:
    """Bring the settings to what is asked for."""
    params: dict[str, Any] = module.params
    api = client(params)
    found = api.get("/acme")
    before = found["settings"] or {}
    wish = {name: params[name] for name in ("directory", "email", "dns_hook", "terms_agreed")} | {"ca": _ca(params)}
    planned = api.put("/acme", {**wish, "dry_run": True})
    if planned["changed"] and not module.check_mode:
        api.put("/acme", wish)
    after = planned["settings"]
    diff = {"before": shown(before, {}), "after": shown(after, before)}
    result = {"changed": planned["changed"], "acme": shown(after, {}), "account": found["account"] or {}}
    return {**result, "diff": diff}


def _ca(params: dict[str, Any]) -> str:
    if params["ca_file"] is None:
        return params["ca"] or ""
    try:
        return Path(params["ca_file"]).read_text(encoding="ascii")
    except OSError as error:
        raise InvalidValue(f"ca_file {params['ca_file']}: {error.strerror}", remedy="it is read there") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"ca_file {params['ca_file']} is not PEM", code="not_pem") from None


def shown(settings: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Settings as a difference shows them."""
    side = dict(settings)
    if side.get("dns_hook"):
        old = before.get("dns_hook")
        side["dns_hook"] = "(set)" if old in (None, "", side["dns_hook"]) else "(another one)"
    return side


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, mutually_exclusive=[("ca", "ca_file")])
    run(module, ensure)


if __name__ == "__main__":
    main()
