"""The lists of models on disk: kept for a day, shared by several servers, and never in the way."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.backends.listings import DAY, ENTRIES, FILE_BYTES, cache_file, recall, remember

NOW = 1_800_000_000.0
PLACE = "https://api.example.com/v1 EXAMPLE_API_KEY"
MODELS = ("a", "b")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "models.json"


@pytest.mark.parametrize(
    ("place", "later", "expected"),
    [
        (PLACE, 0, MODELS),
        (PLACE, DAY - 1, MODELS),
        (PLACE, DAY, None),
        (PLACE, -1, None),  # the clock was set back: nobody knows how old it is
        ("https://api.example.com/v1 ANOTHER_KEY", 0, None),
    ],
)
def test_a_list_is_known_for_a_day(
    file: Path, place: str, later: float, expected: tuple[str, ...] | None
) -> None:
    assert recall(file, PLACE, NOW) is None
    remember(file, PLACE, MODELS, NOW)
    assert recall(file, place, NOW + later) == expected


def test_a_list_is_replaced_and_forgotten_and_the_others_stay(file: Path) -> None:
    remember(file, "other", ("x",), NOW)
    remember(file, PLACE, MODELS, NOW)
    remember(file, PLACE, ("c",), NOW)
    assert recall(file, PLACE, NOW) == ("c",)
    remember(file, PLACE, None, NOW)
    assert recall(file, PLACE, NOW) is None
    assert recall(file, "other", NOW) == ("x",)


def test_only_its_owner_reads_it_and_nothing_is_left_beside_it(file: Path) -> None:
    remember(file, PLACE, MODELS, NOW)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0


def test_the_oldest_make_room(file: Path) -> None:
    for number in range(ENTRIES + 1):
        remember(file, str(number), MODELS, NOW)
    assert recall(file, "0", NOW) is None
    assert recall(file, "1", NOW) == recall(file, str(ENTRIES), NOW) == MODELS


def test_a_list_that_is_too_long_does_not_cost_the_others_theirs(file: Path) -> None:
    remember(file, PLACE, MODELS, NOW)
    remember(file, "endless", ("x" * FILE_BYTES,), NOW)
    assert recall(file, "endless", NOW) is None
    assert recall(file, PLACE, NOW) == MODELS


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
entries = st.fixed_dictionaries({}, optional={"at": json, "models": json}) | json


@given(st.dictionaries(st.sampled_from([PLACE, "other"]), entries).map(orjson.dumps) | st.binary())
@example(b"")
@example(b'{"other": ' + b'{"a":' * 400 + b"1" + b"}" * 401)  # read by orjson, and not written again
@example(b"\xff" * 10)
def test_a_damaged_file_is_as_good_as_none(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "models.json"
        file.write_bytes(content)
        known: Any = recall(file, PLACE, NOW)
        assert known is None or all(isinstance(model, str) for model in known)
        remember(file, PLACE, MODELS, NOW)
        assert recall(file, PLACE, NOW) == MODELS


def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    file.parent.mkdir()
    entry = {PLACE: {"at": NOW, "models": MODELS}}
    file.write_bytes(orjson.dumps(entry) + b" " * FILE_BYTES)
    assert recall(file, PLACE, NOW) is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    obstacle = tmp_path / "file"
    obstacle.write_text("")
    folder = tmp_path / "folder"
    folder.mkdir()
    for place in (obstacle / "models.json", folder):
        remember(place, PLACE, MODELS, NOW)
        assert recall(place, PLACE, NOW) is None
    assert obstacle.read_text() == ""
    assert list(tmp_path.iterdir()) in ([obstacle, folder], [folder, obstacle])


def test_writers_at_the_same_time_leave_a_whole_file(file: Path) -> None:
    places = [f"place {number}" for number in range(8)]

    def write(place: str) -> None:
        for _ in range(25):
            remember(file, place, MODELS, NOW)
            assert recall(file, place, NOW) in (MODELS, None)  # None: another has just read what was before

    with ThreadPoolExecutor(len(places)) as threads:
        list(threads.map(write, places))
    assert any(recall(file, place, NOW) == MODELS for place in places)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_it_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file().name == "models.json"
