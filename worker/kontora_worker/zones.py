"""Where a model server is, as far as its address and the model's name tell."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from kontora_connectors.data_classes import Zone

#: Names that lead nowhere outside of a network of one's own (RFC 2606, RFC 6762, RFC 8375), and what is used like them.
_PRIVATE_NAMES = (".local", ".internal", ".lan", ".home.arpa", ".intranet", ".test")


def zone_of(url: str, model: str = "") -> Zone:
    """The zone of a model behind an address. In doubt it is external: a name that may be anybody's, most of all.

    Models of Ollama whose tag ends in `cloud` are run by somebody else, whoever is asked for them.
    """
    if model.rpartition(":")[2].endswith("cloud"):
        return "external"
    host = (urlsplit(url).hostname or "").rstrip(".").casefold()
    if host == "localhost" or host.endswith(".localhost"):
        return "local"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        alone = "." not in host and bool(host)  # a name of compose.yaml, or of the company's own DNS
        return "private" if alone or host.endswith(_PRIVATE_NAMES) else "external"
    if address.is_loopback:
        return "local"
    return "private" if address.is_private and not address.is_unspecified else "external"
