"""Certificates and proxies, with real TLS and a real tunnel on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from spark_lsp.backends.trust import Proxy, proxy_for
from spark_lsp.errors import BackendError, BrokenStream, Unreachable
from tests.unit.backends.broken_servers import HangsUp, RawServer, RefusesToTunnel, Tunnel
from tests.unit.backends.test_http import backend, closed_port, receive

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
VENDOR = "api.vendor.invalid"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The paths of what settings may name."""
    folder = tmp_path_factory.mktemp("certificates")
    client = authority.issue_cert("client@example.invalid")
    parts = {
        "ca": authority.cert_pem.bytes(),
        "client": client.private_key_and_cert_chain_pem.bytes(),
        "certificate": client.cert_chain_pems[0].bytes(),
        "key": client.private_key_pem.bytes(),
        "garbage": b"not a certificate",
    }
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    return {name: str(folder / name) for name in (*parts, "missing")}


def serving(authority: trustme.CA, *names: str, expired: bool = False, asks: bool = False) -> ssl.SSLContext:
    """A server's side of TLS. `asks`: for a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = datetime(2001, 1, 1, tzinfo=UTC) if expired else None
    authority.issue_cert(*(names or ("127.0.0.1",)), not_after=until).configure_cert(context)
    if asks:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def check(tls: ssl.SSLContext, settings: Mapping[str, Any], says: str) -> None:
    """`says` is a part of the error, "" for an answer."""
    async with RawServer().listen(tls) as url, backend(url, **settings) as client:
        text, error = await receive(client)
    if not says:
        assert (text, error) == ("pass", None)
        return
    assert isinstance(error, Unreachable)
    assert says in error.message
    assert error.advice


@pytest.mark.parametrize(
    ("server", "settings", "says"),
    [
        ({}, {}, "not trusted"),
        ({}, {"ca_file": "ca"}, ""),
        ({}, {"verify": False}, ""),
        ({"expired": True}, {"ca_file": "ca"}, "expired"),
        ({"expired": True}, {"verify": False}, ""),
        ({"asks": True}, {"ca_file": "ca", "client_cert": "client"}, ""),
        ({"asks": True}, {"ca_file": "ca", "client_cert": "certificate", "client_key": "key"}, ""),
        ({}, {"ca_file": "missing"}, "holds no certificate"),
        ({}, {"ca_file": "garbage"}, "holds no certificate"),
        ({}, {"client_cert": "missing"}, "cannot be used"),
        ({}, {"client_cert": "certificate"}, "cannot be used"),
        ({}, {"client_cert": "garbage"}, "cannot be used"),
    ],
)
async def test_certificates(
    server: dict[str, bool],
    settings: dict[str, Any],
    says: str,
    authority: trustme.CA,
    files: Mapping[str, str],
) -> None:
    named = {name: files.get(value, value) if value in files else value for name, value in settings.items()}
    await check(serving(authority, **server), named, says)


async def test_a_client_without_the_certificate_that_is_asked_for(
    authority: trustme.CA, files: Mapping[str, str]
) -> None:
    # The server's alert or its reset arrives, whichever is faster: only the advice is the same.
    tls = serving(authority, asks=True)
    async with RawServer().listen(tls) as url, backend(url, ca_file=files["ca"]) as client:
        text, error = await receive(client)
    assert text == ""
    assert isinstance(error, Unreachable | BrokenStream)
    assert "client_cert" in error.advice


async def test_a_certificate_for_another_host(authority: trustme.CA, files: Mapping[str, str]) -> None:
    tls = serving(authority, "elsewhere.invalid")
    await check(tls, {"ca_file": files["ca"]}, "not trusted")


async def test_the_variable_counts_as_it_is_when_a_backend_is_made(
    authority: trustme.CA, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = serving(authority)
    await check(tls, {}, "not trusted")
    monkeypatch.setenv("SSL_CERT_FILE", files["ca"])
    await check(tls, {}, "")
    monkeypatch.delenv("SSL_CERT_FILE")
    await check(tls, {}, "not trusted")


async def test_a_file_that_is_mended_is_read_again(authority: trustme.CA, tmp_path: Path) -> None:
    file = tmp_path / "ca"
    async with RawServer().listen(serving(authority)) as url, backend(url, ca_file=str(file)) as client:
        _, error = await receive(client)
        assert isinstance(error, Unreachable)
        file.write_bytes(authority.cert_pem.bytes())
        assert await receive(client) == ("pass", None)


async def through(
    proxy: Callable[[int], RawServer], login: str, authority: trustme.CA, files: Mapping[str, str]
) -> tuple[str, BackendError | None, list[str], list[str]]:
    """Ask the vendor by way of a proxy: the text, the error, what the proxy was told, and the vendor."""
    vendor = RawServer()
    with pytest.MonkeyPatch.context() as environment:
        async with vendor.listen(serving(authority, VENDOR)) as target:
            way = proxy(urlsplit(target).port or 0)
            async with way.listen() as url:
                environment.setenv(
                    "HTTPS_PROXY", url.replace("http://", f"http://{login}").removesuffix("/v1")
                )
                environment.setenv("TEST_KEY", "sk-canary-7f3a9c5e1b")
                settings = {"ca_file": files["ca"], "api_key_env": "TEST_KEY"}
                async with backend(f"https://{VENDOR}/v1", **settings) as client:
                    text, error = await receive(client)
    return text, error, way.requests, vendor.requests


LOGIN = "Basic dXNlcjpwQHNz"  # user:p@ss


@pytest.mark.parametrize("login", ["", "user:p%40ss@"])
async def test_a_tunnel(login: str, authority: trustme.CA, files: Mapping[str, str]) -> None:
    def way(port: int) -> RawServer:
        return Tunnel(port, LOGIN if login else "")

    text, error, proxy, vendor = await through(way, login, authority, files)
    assert (text, error) == ("pass", None)
    assert proxy[0].startswith(f"CONNECT {VENDOR}:443 ")
    assert "sk-canary" not in "".join(proxy)
    assert "Bearer sk-canary" in vendor[-1]
    assert LOGIN not in "".join(vendor)


@pytest.mark.parametrize(
    ("way", "login", "says"),
    [
        (lambda port: Tunnel(port, LOGIN), "", "407"),
        (lambda port: Tunnel(port, LOGIN), "user:wrong@", "407"),
        (lambda port: RefusesToTunnel(), "", "HTTP 502"),
        (lambda port: HangsUp(), "", "proxy"),
    ],
)
async def test_a_proxy_that_fails(
    way: Callable[[int], RawServer],
    login: str,
    says: str,
    authority: trustme.CA,
    files: Mapping[str, str],
) -> None:
    text, error, _, vendor = await through(way, login, authority, files)
    assert (text, vendor) == ("", [])
    assert isinstance(error, Unreachable)
    assert says in error.message
    assert "PROXY" in error.advice
    assert "wrong" not in str(error)


HERE = f"http://127.0.0.1:{closed_port()}"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://a.invalid/v1", {}, None),
        ("https://a.invalid/v1", {"HTTPS_PROXY": HERE}, HERE),
        ("https://a.invalid/v1", {"https_proxy": HERE}, HERE),
        ("https://a.invalid/v1", {"HTTPS_PROXY": HERE.removeprefix("http://")}, HERE),
        ("https://a.invalid/v1", {"ALL_PROXY": HERE}, HERE),
        ("https://a.invalid/v1", {"HTTP_PROXY": HERE}, None),
        ("http://a.invalid/v1", {"http_proxy": HERE}, HERE),
        ("https://a.invalid/v1", {"HTTPS_PROXY": HERE, "NO_PROXY": "a.invalid"}, None),
        ("https://b.a.invalid/v1", {"HTTPS_PROXY": HERE, "NO_PROXY": "x,.a.invalid"}, None),
        ("https://a.invalid:8443/v1", {"HTTPS_PROXY": HERE, "NO_PROXY": "a.invalid:8443"}, None),
        ("https://a.invalid/v1", {"HTTPS_PROXY": HERE, "NO_PROXY": "*"}, None),
        ("http://localhost:1/v1", {"http_proxy": HERE}, None),
        ("http://127.0.0.1:1/v1", {"http_proxy": HERE}, None),
        ("http://[::1]:1/v1", {"http_proxy": HERE}, None),
    ],
    ids=map(str, range(14)),  # the port is another one each time
)
def test_which_proxy(
    url: str, environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == Proxy(proxy)


def test_a_proxy_that_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@127.0.0.1:1080")
    with pytest.raises(Unreachable, match="socks5") as caught:
        proxy_for("https://a.invalid/v1")
    assert "secret" not in f"{caught.value} {caught.value.advice}"
