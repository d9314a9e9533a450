"""The index: what it holds follows the files and the documents, within its bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.workspace.index import MARGIN, PART_TOKENS, Index
from spark_lsp.workspace.shard import LONG, ORDERS, SHAPE, SHORT, context_hash, context_hashes

ROOM = 64 << 20
PATH = "/project/open.py"

line = st.sampled_from(
    ["", "    ", "a = 1", "    b()", "        c", "\td", "if a:", "    else:", "x  # y"]
).map(lambda text: text + "\n")
edit = st.tuples(st.integers(0, 12), st.integers(0, 4), st.lists(line, max_size=4), st.booleans())


def settled(index: Index, path: str) -> None:
    for _ in index.settle(path):
        pass


def places(index: Index, text: str, kind: int = SHORT) -> list[tuple[str, str]]:
    """(path, what follows there) of the places behind the last tokens of `text`."""
    context = index.vocabulary.body(text)[-ORDERS[kind] :]
    points = list(map(ord, context))
    if kind == SHAPE:
        points, context = list(map(index.vocabulary.shape, points)), ""
    found = index.places(index.near(PATH), kind, points, context, 100)
    return [(path, index.vocabulary.text(ord(codes[at]))) for codes, at, path in found]


@given(st.lists(line, min_size=1, max_size=10), st.lists(edit, max_size=8))
def test_edits_leave_what_a_fresh_document_has(
    lines: list[str], edits: list[tuple[int, int, list[str], bool]]
) -> None:
    index = Index(ROOM)
    index.open(PATH, lines)
    now = list(lines)
    for first, removed, added, look in edits:
        first, removed = min(first, len(now) - 1), max(removed, 1)
        now[first : first + removed] = added
        now = now or [""]
        index.edit(PATH, first, removed, added)
        if look:  # a prediction between two edits reads what there is
            settled(index, PATH)
    settled(index, PATH)
    live = index.live(PATH)
    assert live is not None
    assert list(live.lines) == now
    assert list(live.codes) == index.vocabulary.lines(now)


def test_an_insertion_removes_nothing() -> None:
    index = Index(ROOM)
    index.open(PATH, ["a\n", "b\n"])
    index.edit(PATH, 1, 0, ["new\n"])
    live = index.live(PATH)
    assert live is not None
    assert list(live.lines) == ["a\n", "new\n", "b\n"]


def test_a_file_is_found_by_each_kind_of_context() -> None:
    index = Index(ROOM)
    index.install(index.prepare("/project/a.py", "total = price * amount + shipping\n"))
    assert places(index, "= price * amount") == [("/project/a.py", " +")]
    assert places(index, "tax + price * amount +", LONG) == []
    assert places(index, "total = price * amount +", LONG) == [("/project/a.py", " shipping")]
    assert places(index, "other * thing +", SHAPE) == [("/project/a.py", " shipping")]


def test_what_is_dropped_is_gone() -> None:
    index = Index(ROOM)
    for name in "ab":
        index.install(index.prepare(f"/project/{name}.py", "one two three four\n"))
    index.drop("/project/a.py")
    assert places(index, "one two three") == [("/project/b.py", " four")]
    index.drop("/project/b.py")
    index.drop("/project/never.py")
    assert (places(index, "one two three"), index.files, index.tokens) == ([], 0, 0)


def test_a_file_installed_again_is_there_once() -> None:
    index = Index(ROOM)
    for number in range(3):
        index.install(index.prepare("/project/a.py", f"one two three {number}\n"))
    assert places(index, "one two three") == [("/project/a.py", " 2")]


def test_saving_a_file_again_and_again_costs_no_memory() -> None:
    index = Index(ROOM)
    text = "\n".join(f"value = compute({number}, offset)" for number in range(1000))
    index.install(index.prepare("/project/kept.py", "the one that stays\n"))
    sizes = []
    for _ in range(100):
        index.install(index.prepare("/project/a.py", text))
        sizes.append(index.size_bytes)
    assert max(sizes[50:]) <= max(sizes[:50])
    assert places(index, "the one that") == [("/project/kept.py", " stays")]


def test_memory_stays_below_the_bound_and_the_latest_stay() -> None:
    bound = 4 << 20
    index = Index(bound)
    for number in range(80):
        words = (f"w{number}x{word % 500}" for word in range(PART_TOKENS))
        index.install(index.prepare(f"/project/{number}.py", " ".join(words) + f"\nthe last is {number}\n"))
    assert index.size_bytes < bound + (1 << 20)
    assert index.files < 80
    assert ("/project/79.py" in {path for path, _ in places(index, "the last is")}) is True


def test_a_long_file_is_cut_and_complete() -> None:
    index = Index(ROOM)
    text = "\n".join(f"row_{number} = {number}" for number in range(40_000))
    steps = sum(1 for _ in index.installing(index.prepare("/project/long.py", text)))
    assert steps == -(-index.tokens // PART_TOKENS)
    assert index.tokens == 4 * 40_000 + 1 + len(MARGIN)
    index.install(index.prepare("/project/long.py", text + "\none two three four\n"))
    assert places(index, "one two three") == [("/project/long.py", " four")]


def test_what_was_edited_in_one_document_is_known_in_another() -> None:
    index = Index(ROOM)
    index.open("/project/a.py", ["one two three four\n"])
    index.open(PATH, ["pass\n"])
    settled(index, PATH)
    assert places(index, "one two three") == [("/project/a.py", " four")]
    index.edit("/project/a.py", 0, 1, ["one two three five\n"])
    settled(index, PATH)
    assert places(index, "one two three") == [("/project/a.py", " five")]


def test_the_shards_of_the_folder_come_first() -> None:
    index = Index(ROOM)
    filler = "\n".join(f"f{number} = g({number})" for number in range(12_000))
    index.install(index.prepare("/project/near.py", "one two three near\n"))
    index.install(index.prepare("/filler/f.py", filler))
    index.install(index.prepare("/far/far.py", "one two three far\n"))
    assert [path for path, _ in places(index, "one two three")] == ["/project/near.py", "/far/far.py"]


@given(st.lists(st.integers(0, 0x10FFFF), max_size=30), st.sampled_from(ORDERS))
def test_hashes_in_a_row_are_the_hashes_one_by_one(codes: list[int], order: int) -> None:
    one_by_one = [context_hash(codes[at - order : at]) for at in range(order, len(codes) + 1)]
    assert list(context_hashes(codes, order)) == one_by_one
