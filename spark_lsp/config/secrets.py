"""Files that usually hold keys or passwords, by their names: neither read, completed in, nor sent."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"""
    \.env(rc|\..+)? | .+\.env | \.netrc | _netrc | \.pgpass | \.npmrc | \.pypirc | \.htpasswd
    | \.git-credentials
    | id_(rsa|dsa|ecdsa|ed25519)(_sk)? | .+\.(pem|key|p8|p12|pfx|jks|keystore|kdbx|ppk|ovpn|gpg)
    | \.?(credentials|secrets?|service[-_]?account)([-_.].*)?\.(json|ya?ml|toml|ini|cfg|properties|txt)
    | \.?credentials | .+\.(tfvars|tfstate)(\.backup)? | \.my\.cnf | kubeconfig | \.vault[-_]pass(word)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SAMPLE = re.compile(r".*\.(example|sample|template|dist)", re.IGNORECASE)  # .env.example holds no secrets


def looks_secret(name: str) -> bool:
    """Whether a file of this name usually holds keys or passwords."""
    return _SECRET.fullmatch(name) is not None and _SAMPLE.fullmatch(name) is None
