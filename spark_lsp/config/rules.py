"""Rules: what values a setting takes, said once for the reader, the parser and the JSON schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from spark_lsp.config.patterns import pattern


class Rule(NamedTuple):
    """What a setting accepts.

    `expected` completes "must be ..."; `read` returns the value as the
    dataclass holds it and raises ValueError for anything else, whatever it is
    given; `schema` is the same in JSON schema. A rule with `entry` is a table
    whose entries follow that rule one by one: their keys match `key`, and one
    that is not there counts as `absent`.
    """

    expected: str
    read: Callable[[object], Any]
    schema: Mapping[str, Any]
    entry: Rule | None = None
    key: str = ""
    absent: object = None


def flag() -> Rule:
    def read(value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError

    return Rule("true or false", read, {"type": "boolean"})


def whole(minimum: int, maximum: int) -> Rule:
    def read(value: object) -> int:
        # Lua and JavaScript clients write 400 as 400.0; to Python, True is a number.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise ValueError
        return value

    return Rule(
        f"a whole number from {minimum} to {maximum}",
        read,
        {"type": "integer", "minimum": minimum, "maximum": maximum},
    )


def number(minimum: float, maximum: float) -> Rule:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise ValueError
        return float(value)

    return Rule(
        f"a number from {minimum} to {maximum}",
        read,
        {"type": "number", "minimum": minimum, "maximum": maximum},
    )


def choice(*names: str) -> Rule:
    def read(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        raise ValueError

    return Rule(f"one of {', '.join(map(spell, names))}", read, {"enum": list(names)})


def either(word: str, rule: Rule) -> Rule:
    """The word, or what the rule takes."""

    def read(value: object) -> Any:
        return word if value == word else rule.read(value)

    return Rule(f"{spell(word)} or {rule.expected}", read, {"anyOf": [{"const": word}, rule.schema]})


def text(expected: str = "a text", pattern: str = r"[^\x00-\x1f\x7f]*") -> Rule:
    """A string that the pattern matches whole; one without control characters where none is given."""

    def read(value: object) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ValueError

    return Rule(expected, read, {"type": "string", "pattern": f"^(?:{pattern})$"})


def several(rule: Rule, expected: str) -> Rule:
    """A list, each item once, all of them as the rule has it."""

    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError
        return tuple(dict.fromkeys(map(rule.read, value)))

    return Rule(expected, read, {"type": "array", "items": rule.schema})


def sequence(rule: Rule, expected: str) -> Rule:
    """A list in which an item may come twice, as the words of a command may."""

    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError
        return tuple(map(rule.read, value))

    return Rule(expected, read, {"type": "array", "items": rule.schema})


def patterns() -> Rule:
    """A list of patterns of files. Their order counts, so one may come twice."""
    line = text("a pattern", r"[^\x00-\x1f\x7f]+")

    def read(value: object) -> str:
        if pattern(line.read(value)) is None:
            raise ValueError
        return str(value)

    return sequence(line._replace(read=read), "a list of patterns in the syntax of .gitignore")


def table(entry: Rule, expected: str, *, key: str = ".+", absent: object = None) -> Rule:
    """A table. `read` looks at the whole only: a wrong entry costs that entry and no other."""

    def read(value: object) -> Mapping[object, object]:
        if isinstance(value, Mapping):
            return value
        raise ValueError

    schema = {
        "type": "object",
        "propertyNames": {"pattern": f"^(?:{key})$"},
        "additionalProperties": entry.schema,
    }
    return Rule(expected, read, schema, entry, key, absent)


def record(entries: Mapping[str, Rule], expected: str, *, needed: tuple[str, ...] = ()) -> Rule:
    """A table of these keys, all of it right or none."""

    def read(value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not set(needed) <= value.keys() <= entries.keys():
            raise ValueError
        return {key: entries[key].read(item) for key, item in value.items()}

    schema = {
        "type": "object",
        "properties": {key: entry.schema for key, entry in entries.items()},
        "required": list(needed),
        "additionalProperties": False,
    }
    return Rule(expected, read, schema)


def anything(depth: int = 8) -> Rule:
    """What JSON can say, nested up to `depth` deep."""

    def read(value: object) -> Any:
        _check_json(value, depth)
        return value

    return Rule("a text, number, list or table", read, {})


def _check_json(value: object, depth: int) -> None:
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return
    if depth and isinstance(value, list | tuple):
        for item in value:
            _check_json(item, depth - 1)
    elif depth and isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        for item in value.values():
            _check_json(item, depth - 1)
    else:
        raise ValueError


def spell(value: object) -> str:
    """A value as TOML writes it. Strings that would not print are escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(spell, value))}]"
    if isinstance(value, Mapping):
        entries = ", ".join(f"{key_name(key)} = {spell(item)}" for key, item in value.items())
        return f"{{ {entries} }}" if entries else "{}"
    return str(value)


def key_name(key: object) -> str:
    """A key as TOML writes it, shortened: quoted where it is more than letters, digits, - and _."""
    name = key if isinstance(key, str) else type(key).__name__
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) else spell(name[:60])


def mention(value: object) -> str:
    """A wrong value for a message: short, and without its insides, which may be nested without end."""
    if isinstance(value, str):
        return spell(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, bool):
        return spell(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else "a number of that size"
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else "a number without end"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    return f"a {type(value).__name__}"
