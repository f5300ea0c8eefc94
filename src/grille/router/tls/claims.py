"""Which certificate serves which domain, when several are for the same one: pure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from .material import Material


@dataclass
class Claims:
    """``domains``: the domains that each certificate serves, by its key. ``reasons``: what is amiss, by key."""

    domains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def settle(materials: Iterable[Material], now: float) -> Claims:
    """Who serves what at ``now``.

    Of two certificates for a domain one that is valid goes before one that is expired (or to come), then the older
    record. An expired one is served as long as it is the only one: its domain's clients then see what is the matter.
    """
    made, owners = Claims(), dict[str, Material]()
    for each in sorted(materials, key=lambda one: (not valid(one, now), one.created, one.ident)):
        mine = [domain for domain in each.domains if owners.setdefault(domain, each) is each]
        made.domains[each.key] = tuple(mine)
        if reason := _reason(each, owners, now):
            made.reasons[each.key] = reason
    return made


def valid(material: Material, now: float) -> bool:
    """Whether ``now`` is within the certificate's time."""
    return material.not_before <= now < material.not_after


def _reason(each: Material, owners: dict[str, Material], now: float) -> str:
    said = [f"the certificate is not for {domain}" for domain in each.uncovered]
    others = [(domain, owners[domain].ident) for domain in each.domains if owners[domain] is not each]
    said += [f"{domain} is served by certificate {ident!r}" for domain, ident in others]
    if now >= each.not_after:
        said.append(f"expired on {time.strftime('%Y-%m-%d', time.gmtime(each.not_after))}")
    elif now < each.not_before:
        said.append(f"not valid before {time.strftime('%Y-%m-%d', time.gmtime(each.not_before))}")
    return "; ".join(said)
