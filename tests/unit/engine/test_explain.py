"""What is said of the router's choice: who is asked, who is not, and why."""

from __future__ import annotations

from typing import Any, get_args

from spark_lsp.config import BackendSettings, Config, PrivacySettings, RoutingSettings, WorkspaceSettings
from spark_lsp.engine.checkup import Checkup, Speed, State
from spark_lsp.engine.explain import USUAL, Outlook
from spark_lsp.engine.notebook import Notes
from spark_lsp.routing.measure import Measurements, Subject, size_of
from spark_lsp.routing.route import Entrant
from spark_lsp.routing.spend import Spent
from spark_lsp.values import Lane

TODAY = "2026-11-23"
NOTHING = Notes({}, 0.0, [])
LANES = get_args(Lane)


def found(
    name: str, ttft_ms: float | None = None, *, local: bool = True, state: State = "ok", **keys: Any
) -> Checkup:
    """A backend that said its first token after so long, or was not asked."""
    settings = BackendSettings(name, **keys)
    speed = None if ttft_ms is None else Speed(ttft_ms, 100.0, 96)
    entrant = Entrant(
        name,
        settings.lanes,
        server=name,
        model="m",
        local=local,
        metered=settings.metered,
        price_prompt=settings.price_prompt,
        price_completion=settings.price_completion,
    )
    return Checkup(
        settings, "", state, "m", speed=speed, problem="" if state == "ok" else "broken", entrant=entrant
    )


def check(
    *checkups: Checkup, about: str, order: list[str], why: list[str], notes: Notes = NOTHING, **routing: Any
) -> list[dict[str, Any]]:
    """One case's order, and the beginnings of what is said of each and then of those left out."""
    settings = RoutingSettings(**routing)
    config = Config(routing=settings, privacy=PrivacySettings(deny=("secret/",)))
    report = Outlook(config, checkups, notes, now=1000.0, day=TODAY).report()
    (case,) = [case for case in report["cases"] if case["about"] == about]
    assert case["order"] == order
    said = [f"{one['name']}: {one['why']}" for one in case["candidates"]]
    said += [f"{name} {words}" for name, words in case["left_out"].items()]
    assert len(said) == len(why), said
    for words, start in zip(said, why, strict=True):
        assert words.startswith(start)
    candidates: list[dict[str, Any]] = case["candidates"]
    return candidates


LAST = "workspace: answers where no other does"


def test_the_fastest() -> None:
    slow, fast, _ = check(
        found("slow", 90),
        found("fast", 10),
        about="instant",
        order=["fast", "slow", "workspace"],
        why=["fast: the fastest; a first line in", "slow: ", LAST],
    )
    assert slow["ttft_p50_ms"] < fast["ttft_p50_ms"] < fast["ttft_p90_ms"]
    for one in (slow, fast):
        assert one["ttft_p50_ms"] < one["first_line_ms"] < one["edit_ms"]
        assert 0 < one["observations"] < 2


def test_what_was_not_measured_is_a_guess() -> None:
    guess, *_ = check(found("x"), about="instant", order=["x", "workspace"], why=["x: the only one", LAST])
    assert guess["observations"] == 0


def test_what_is_remembered_counts() -> None:
    known = Measurements()
    for _ in range(20):
        known.meter(Subject("slow", "m", "instant", size_of(USUAL))).first_token(0.005, 0.0)
    one, *_ = check(
        found("fast", 10),
        found("slow", 90),
        notes=Notes(known.report(0.0), 60.0, []),
        about="instant",
        order=["slow", "fast", "workspace"],
        why=["slow: the fastest", "fast: ", LAST],
    )
    assert one["observations"] > 5


def test_in_the_order_of_the_settings() -> None:
    check(
        found("slow", 90),
        found("fast", 10),
        strategy="ordered",
        about="instant",
        order=["slow", "fast", "workspace"],
        why=["slow: first in the settings", "fast: comes later in the settings", LAST],
    )


def test_who_is_left_out() -> None:
    limits: dict[str, Any] = {
        "metered": True,
        "price_prompt": 1.0,
        "price_completion": 1.0,
        "spend_per_day": 2.0,
    }
    check(
        found("edits", 5, lanes=("interactive",)),
        found("down", state="unreachable"),
        found("spent", 5, **limits),
        found("other", 5),
        found("here", 50),
        notes=Notes({}, 0.0, [Spent(TODAY, "spent", 2_000_000, 0), Spent("2026-11-22", "here", 1, 0)]),
        languages={"go": ("here", "down", "spent", "edits")},
        about="instant in go",
        order=["here", "workspace"],
        why=[
            "here: the only one",
            LAST,
            "edits does not serve instant",
            "other is not listed",
            "down cannot be used: broken",
            "spent has reached its limit: 2.00 of 2.00 spent today",
        ],
    )


def test_what_may_not_leave_the_machine() -> None:
    check(
        found("far", 5, local=False),
        found("near", 50),
        about="instant of what privacy.deny lists",
        order=["near", "workspace"],
        why=["near: the only one", LAST, "far is not on this machine"],
    )


def test_the_cheapest_of_a_batch_and_a_price_that_is_not_known() -> None:
    prices: dict[str, Any] = {"metered": True, "price_prompt": 1.0, "price_completion": 1.0}
    free, dear = check(
        found("dear", 5, **prices),
        found("free", 50),
        about="batch",
        order=["free", "dear"],
        why=["free: the cheapest", "dear: costs 0.0016 more an edit", "workspace does not serve batch"],
    )
    assert (free["edit_cost"], round(dear["edit_cost"], 5)) == (0, 0.00165)
    unknown, _ = check(
        found("metered", 5, metered=True),
        about="instant",
        order=["metered", "workspace"],
        why=["metered: the only one", LAST],
    )
    assert unknown["edit_cost"] is None


def test_nobody() -> None:
    config = Config(workspace=WorkspaceSettings(enabled=False))
    broken = Checkup(BackendSettings("x"), "", "fault", problem="no such kind")
    report = Outlook(config, [broken], NOTHING, now=0.0, day=TODAY).report()
    assert [(case["about"], case["order"]) for case in report["cases"]] == [(lane, []) for lane in LANES]
    assert report["cases"][0]["left_out"] == {"x": "cannot be used: no such kind"}
    assert "nothing serves instant" in report["cases"][0]["reason"]
