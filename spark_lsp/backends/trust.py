"""Whom a connection trusts, and through whom it goes: certificates and proxies."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from spark_lsp.errors import Unreachable


class Trust(NamedTuple):
    """Whom we believe, and who we say we are: a file of authorities, a client's certificate and its key."""

    verify: bool = True
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""


def context(trust: Trust) -> ssl.SSLContext:
    """What TLS goes by. Slow, 20 ms, when it is new. Raises Unreachable for a file that is none.

    The authorities are those of $SSL_CERT_FILE and $SSL_CERT_DIR, else the system's and Mozilla's.
    """
    return _context(trust, os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@cache
def _context(trust: Trust, file: str, folder: str) -> ssl.SSLContext:
    """One for all that trust the same, as long as the variables say the same."""
    import certifi

    context = ssl.create_default_context()  # OpenSSL reads the two variables by itself
    if not (file or folder):
        context.load_verify_locations(certifi.where())
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if trust.ca_file:
            context.load_verify_locations(os.path.expanduser(trust.ca_file))
    except OSError as error:
        raise Unreachable(f"{trust.ca_file} holds no certificate", advice="correct `ca_file`") from error
    try:
        if trust.client_cert:
            key = os.path.expanduser(trust.client_key) or None
            # A passphrase would be asked for on the terminal, and stdin is the editor's.
            context.load_cert_chain(os.path.expanduser(trust.client_cert), key, password="")
    except OSError as error:
        advice = "correct `client_cert` and `client_key`: PEM files, without a passphrase"
        raise Unreachable(f"{trust.client_cert} cannot be used as a certificate", advice=advice) from error
    return context


class Proxy(NamedTuple):
    """Where requests go through, and who we say we are there."""

    url: str | None = None
    headers: Mapping[str, str] | None = None


def proxy_for(base_url: str) -> Proxy:
    """The proxy that the environment names for this URL. A local server needs none. Raises Unreachable."""
    from urllib.request import getproxies, proxy_bypass

    url = urlsplit(base_url)
    host = url.hostname or ""
    if is_loopback(host) or proxy_bypass(url.netloc):
        return Proxy()
    proxies = getproxies()
    named = proxies.get(url.scheme) or proxies.get("all") or ""
    if not named:
        return Proxy()
    through = urlsplit(named if "://" in named else f"http://{named}")
    if through.scheme not in ("http", "https"):
        advice = f"set ${url.scheme.upper()}_PROXY to one, or list {host} in $NO_PROXY"
        raise Unreachable(f"a proxy by {through.scheme} is not known, only by http and https", advice=advice)
    who, _, where = through.netloc.rpartition("@")
    headers = None
    if who:
        basic = base64.b64encode(unquote(who).encode()).decode()
        headers = {"proxy-authorization": f"Basic {basic}"}
    return Proxy(f"{through.scheme}://{where}", headers)


def is_loopback(host: str) -> bool:
    """Whether a host's name, lower case, is this machine's wherever it is looked up."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # any other name may lead anywhere, also one that begins with "127."
        return False
