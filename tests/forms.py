"""Every form of secret that the detector knows, as lines of a program: made up, from a fixed seed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from rstr import Rstr

from spark_lsp.privacy.rules import Rule, rules

TRIES = 100
"""A random text that fits a rule's form may have too little entropy for it."""

BODY = "MIIEfakeFAKE0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n{}\n{}\nq8Zx==\n-----END RSA PRIVATE KEY-----\n".format(
    *(BODY[n:] + BODY[:n] for n in (1, 7, 23))
)


class Form(NamedTuple):
    """A line, and what of it is secret."""

    rule: str
    line: str
    secret: str


OURS = (
    Form("quoted", 'password = "hunter2Hunter2"', "hunter2Hunter2"),
    Form("annotated", "db_password: str = 'Tr0ub4dor&3x'", "Tr0ub4dor&3x"),
    Form("json", '  "client_secret": "f4k3S3cr3tV4lue",', "f4k3S3cr3tV4lue"),
    Form("subscript", 'os.environ["API_KEY"] = "q9w8e7r6t5y4u3"', "q9w8e7r6t5y4u3"),
    Form("call", 'client.set_password("zx81Spectrum48k")', "zx81Spectrum48k"),
    Form("compared", "if token == 'a1b2c3d4e5f6a7b8':", "a1b2c3d4e5f6a7b8"),
    Form("env", "export DB_PASSWORD=p4ssw0rdF4ke99", "p4ssw0rdF4ke99"),
    Form("env bare", "SECRET_KEY=django-1nsecure-f4k3", "django-1nsecure-f4k3"),
    Form("yaml", "    password: gr33nEggs4ndH4m", "gr33nEggs4ndH4m"),
    Form("xml", "<password>x7Yw9Zq2Lm4</password>", "x7Yw9Zq2Lm4"),
    Form("attribute", '<add name="apiKey" value="n0t" secret="v3ryF4keValue1"/>', "v3ryF4keValue1"),
    Form("option", "tool --password s3cr3tsauce42 --verbose", "s3cr3tsauce42"),
    Form("url", 'URL = "postgres://admin:pg5ecretpw@db.example.com/app"', "pg5ecretpw"),
    Form("short url", "redis://:abc12@localhost:6379/0", "abc12"),
    Form("basic", "Authorization: Basic ZmFrZTpmYWtlLXBhc3N3b3JkLTEyMw==", "ZmFrZTpmYWtlLXBhc3N3b3JkLTEyMw"),
    Form("bearer", '"Authorization": "Bearer f4k3T0k3nf4k3T0k3nXyZ"', "f4k3T0k3nf4k3T0k3nXyZ"),
    Form("open", 'api_key = "k3yTh4tIsTyped', "k3yTh4tIsTyped"),
    Form(
        "one line pem", 'KEY = "-----BEGIN PRIVATE KEY-----\\n' + BODY + '\\n-----END PRIVATE KEY-----"', BODY
    ),
)


def forms() -> list[Form]:
    """One for each rule of the detector, and ours."""
    return [*OURS, *map(_made, rules())]


def _made(rule: Rule) -> Form:
    makes = Rstr(Random(rule.name))
    # The generator makes 100 of a character at most, where a rule wants hundreds.
    form = re.sub(r"(\[[^\]]*\]|\\w)\{(\d{3,})(?:,\d*)?\}", _in_parts, rule.regex)
    for line in _lines(makes, form):
        for span in rule.spans(line):
            if span.end - span.start >= 8:
                told = any(word in line.lower() for word in rule.keywords)
                # Some forms are a secret's beside the vendor's name only.
                shown = line if told else f"{line} # {rule.keywords[0]}"
                return Form(rule.name, shown, line[span.start : span.end])
    raise AssertionError(f"no text of the form of {rule.name} in {TRIES} tries")


def _in_parts(many: re.Match[str]) -> str:
    hundreds, rest = divmod(int(many[2]), 100)
    return f"{many[1]}{{100}}" * hundreds + f"{many[1]}{{{rest}}}"


def _lines(makes: Rstr, form: str) -> Iterator[str]:
    for _ in range(TRIES):
        yield re.sub(r"\s", " ", makes.xeger(form))
