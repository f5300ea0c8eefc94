# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that describe a route."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of what a route can do."""

    DOCUMENTATION = r"""
options:
  kind:
    description:
      - V(http), the default, routes requests by O(host) and O(path).
      - V(tcp) routes connections to O(port) of the routers.
      - V(tls) passes connections through, without opening them, by the name (SNI) that the client asks for, O(host).
    type: str
    choices: [http, tcp, tls]
  host:
    description:
      - Host name of the requests. V(*.example.org) is every name below C(example.org), V(*) whatever no other route
        takes.
      - Names with other letters than ASCII's are given in punycode (C(xn--…)).
    type: str
  path:
    description: Path that the requests begin with, by whole segments; the longest wins. The default is V(/).
    type: str
  port:
    description:
      - Port of a V(tcp) route, one of the routers' range. Without it, the lowest that is free is chosen, and kept.
    type: int
  app:
    description: Name of the app that owns the route, needed when the route is to exist.
    type: str
  process:
    description: The app's process type that answers. The default is V(web).
    type: str
  strip:
    description: Whether to take O(path) off before the instance sees the request. The default is V(false).
    type: bool
  weight:
    description: The share of O(process) in the requests where there are O(targets), 0 to 1000. The default is V(100).
    type: int
  targets:
    description: Other services that get a share of the requests, four at most; the default is none.
    type: list
    elements: dict
    suboptions:
      app:
        description: Name of the app; the default is O(app).
        type: str
      process:
        description: Its process type; the default is V(web).
        type: str
      weight:
        description: Its share, 0 to 1000, beside the weights of the others.
        type: int
        required: true
  leader:
    description: Whether only the service's leader answers. The default is V(false).
    type: bool
  sticky:
    description: Whether a client stays at one instance, by a cookie, as long as that lives. The default is V(false).
    type: bool
  protocol:
    description: What instances speak; V(h2c) is HTTP/2 without TLS, as for gRPC. The default is V(http).
    type: str
    choices: [http, h2c]
  proxy_protocol:
    description: Whether instances are told the client's address by PROXY protocol version 2. The default is V(false).
    type: bool
  compress:
    description: Whether to compress answers for clients that accept it. The default is V(false).
    type: bool
  https_only:
    description: Whether to send clients that come without TLS to HTTPS. The default is V(false).
    type: bool
  redirect:
    description: Send clients elsewhere; no instance is asked. The default is none.
    type: dict
    suboptions:
      to:
        description: Start of the address; the request's path and query follow it.
        type: str
        required: true
      code:
        description: V(301), V(302), V(303), V(307) or V(308), the default.
        type: int
  headers:
    description: Headers that are set on the way; an empty value removes the header.
    type: dict
    suboptions:
      request:
        description: What the instance sees.
        type: dict
      response:
        description: What the client sees.
        type: dict
  hsts:
    description:
      - Seconds for which browsers are told to use HTTPS alone (C(Strict-Transport-Security)).
      - The default is 0, for none.
    type: int
  first_byte_timeout:
    description: Seconds until the first byte of an answer. The default is 30.
    type: float
  idle_timeout:
    description:
      - Seconds that an answer that streams may be silent. The default is 55.
      - Of a V(tcp) or V(tls) route 300, 3600 (the default) or 86400.
    type: float
  limits:
    description: What the route lets through; 0, the default of each, is no limit.
    type: dict
    suboptions:
      body:
        description: Bytes of a request's body.
        type: int
      rate:
        description: Requests a second of one client, over ten seconds.
        type: float
      concurrency:
        description: Requests at a time in one instance; others wait.
        type: int
  resend:
    description:
      - Whether an idempotent request (GET, HEAD, OPTIONS, PUT, DELETE, TRACE) that an instance dropped without an
        answer is sent to another instance. What could not be sent at all always is.
      - The default is V(true).
    type: bool
  client_certificate:
    description:
      - Whether clients are asked for a certificate, which is checked against the CA of the host's certificate.
      - The default is V(none).
    type: str
    choices: [none, optional, required]
"""
