"""Where a payer comes back to: what counts as an address (contract section 1.3)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

LONGEST = 2_000

# RFC 3986, as far as the original takes it: host names with or without dots, IPv4, IPv6 in brackets, no white space
_url = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+(?::[A-Za-z0-9._~!$&'()*+,;=%-]*)?@)?"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s/?#:\[\]@]+))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9_:@&?=+,.!/~*'%$;()-]*)?"
    r"(?:\?[^\s#]*)?(?:\#\S*)?",
    re.IGNORECASE,
)
_label = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_top_level = re.compile(r"[^\W\d_]{2,63}|xn--[a-z0-9-]+", re.IGNORECASE)
_four = re.compile(r"[0-9]+(?:\.[0-9]+){3}")


def is_return_url(text: str) -> bool:
    """Whether a payer can be sent to this address: http or https, with a host that could exist."""
    found = _url.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65_535:
        return False
    if not _climbs_out(found["path"] or "") and (found["six"] or found["host"]):
        return _is_six(found["six"]) if found["six"] else _is_host(found["host"])
    return False


def _is_host(host: str) -> bool:
    if _four.fullmatch(host):
        return _is_four(host)
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(len(label) <= 63 and _label.fullmatch(label) for label in labels):
        return False
    # a name without dots is a machine of the service's own network, which test accounts may use
    return len(labels) == 1 or _top_level.fullmatch(labels[-1]) is not None


def _is_four(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_six(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _climbs_out(path: str) -> bool:
    """Whether `..` leads above the root."""
    depth = 0
    for step in path.split("/"):
        depth += -1 if step == ".." else int(step not in ("", "."))
        if depth < 0:
            return True
    return False
