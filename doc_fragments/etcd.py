# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the modules that ask etcd's members."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of what ``module_utils.grille_etcd.ARGUMENTS`` adds to a module."""

    DOCUMENTATION = r"""
options:
  endpoints:
    description: Where members listen for clients, as URLs, or as C(address:port) when TLS may be on or not.
    type: list
    elements: str
    required: true
  ca:
    description: The certificate authority that signed the members' certificates.
    type: path
    default: /etc/grille/pki/ca.crt
  cert:
    description: This host's certificate.
    type: path
    default: /etc/grille/pki/client.crt
  key:
    description: Its private key.
    type: path
    default: /etc/grille/pki/client.key
author:
  - Grille's contributors (@grille)
"""
