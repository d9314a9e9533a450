"""From votes to lines: the most probable ends of the cursor's line, best first."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, nlargest

from spark_lsp.workspace.scene import MATCHED, NEAREST_FOLDER, Member, Scene
from spark_lsp.workspace.tokens import BLANK, STARTS, UNKNOWN
from spark_lsp.workspace.weights import INSIDE, OPENING, Kernel

RENAMED, STALE = 6, 7
"""Kinds of a voted name beside those of `Scene.kind`: renamed as its context is, or as it stood there."""

END = "\x01"
"""Stands for every line start in a vote: the line ends, whatever the next one's indentation."""

UNSEEN = 0.05
"""How far, from 0 to 1, a typed word is trusted to be complete when it stands nowhere else."""

FAINT = 0.05
"""What is less probable than this part of the most probable line is not considered."""

_WIDTH = 5  # tokens followed from one state
_LINES = 6  # finished lines wanted
_EXPANSIONS = 60
_LONGEST = 60  # tokens
_HOPELESS = 0.1  # the probability below which a later line is not followed further
_AT_ONCE = 8  # expansions between two yields: well below a millisecond


@dataclass(frozen=True, slots=True)
class Root:
    """Where a search begins: a context and the places that look like it.

    With a `stem`, the first token begins with it and is longer.
    """

    context: str
    members: Sequence[Member]
    stem: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A possible rest of the line: its tokens, their probability, and the places that agree to the end."""

    root: Root
    codes: str
    probability: float
    members: Sequence[Member]


@dataclass(slots=True)
class Ballot:
    """Votes on the next token: weights and who cast them. `silence` is the weight of what no place knows."""

    silence: float
    votes: dict[str, float]
    voters: dict[str, list[Member]]

    @property
    def total(self) -> float:
        return sum(self.votes.values()) + self.silence


def ballot(
    scene: Scene, kernel: Kernel, members: Sequence[Member], depth: int, *, starts: bool = False
) -> Ballot:
    """Ask what follows `depth` tokens after each place; with `starts`, how the line after this one begins."""
    votes: dict[str, float] = {}
    voters: dict[str, list[Member]] = {}
    longest = 0
    for member in members:
        at = member.at + depth
        if at >= len(member.codes):
            continue
        exact = min(member.exact + depth, MATCHED)
        longest = max(longest, exact)
        matched = kernel.exact if member.tier < NEAREST_FOLDER else kernel.exact_elsewhere
        weight = (
            matched[exact]
            * kernel.same[member.same]
            * kernel.renamed[member.renamed]
            * kernel.tier[member.tier]
            * kernel.agree[member.agree]
        )
        said = ((member.codes[at], 0),) if starts else choices(scene, member, member.codes[at])
        for token, kind in said:
            votes[token] = votes.get(token, 0.0) + weight * kernel.kind[kind]
            voters.setdefault(token, []).append(member)
    silence = kernel.silence[min(longest, len(kernel.silence) - 1)]
    return Ballot(silence, votes, voters)


def choices(scene: Scene, member: Member, token: str) -> tuple[tuple[str, int], ...]:
    """What a place says when `token` stands there: itself, and what its name is called here."""
    code = ord(token)
    if code < STARTS:
        return () if code == UNKNOWN else ((END, 0),)
    if not scene.vocabulary.is_word(code):
        return ((token, 0),)
    name = member.names.get(code & ~1) if member.names else None
    if name is None:
        return ((token, scene.kind(token)),)
    return (token, STALE), (chr(name | (code & 1)), RENAMED)


def lines(scene: Scene, roots: Sequence[Root]) -> Generator[None, None, list[Line]]:
    """The most probable ends of the line, best first, none of them empty."""
    # Ties go to what was found first: members cannot be compared.
    queue: list[tuple[float, int, Root, str, list[Member]]] = []
    for root, share, votes in _openings(scene, roots):
        scale = share / votes.total
        for token, weight in votes.votes.items():
            if token != END:
                queue.append((-scale * weight, len(queue), root, token, votes.voters[token]))
    heapify(queue)
    number = len(queue)
    found: list[Line] = []
    for expansion in range(_EXPANSIONS):
        if not queue or len(found) == _LINES:
            break
        score, _, root, codes, members = heappop(queue)
        if found and -score < FAINT * found[0].probability:
            break
        if codes[-1] == END:
            found.append(Line(root, codes[:-1], -score, members))
            continue
        if len(codes) >= _LONGEST:
            continue
        votes = ballot(scene, INSIDE, members, len(codes))
        total = votes.total
        for token, weight in nlargest(_WIDTH, votes.votes.items(), key=_weight):
            number += 1
            heappush(queue, (score * weight / total, number, root, codes + token, votes.voters[token]))
        if expansion % _AT_ONCE == 0:
            yield
    return found


def _weight(vote: tuple[str, float]) -> float:
    return vote[1]


def _openings(scene: Scene, roots: Sequence[Root]) -> list[tuple[Root, float, Ballot]]:
    """The votes on the first token from each root, and the root's share of the probability."""
    openings = [(root, _opening(root, scene)) for root in roots]
    if len(openings) == 1:
        return [(root, 1.0, votes) for root, votes in openings]
    # The typed word is a token of its own, or the beginning of a longer one.
    (whole, behind), (partial, grown) = openings
    complete = grown.votes.pop(chr(scene.vocabulary.find(partial.stem)), 0.0)
    stands_elsewhere = any(member.exact for member in whole.members)
    complete += grown.silence * (1.0 if stands_elsewhere else UNSEEN)
    longer = sum(grown.votes.values())
    if not longer:
        return [(whole, 1.0, behind)]
    share = complete / (complete + longer)
    return [(whole, share, behind), (partial, 1 - share, Ballot(0.0, grown.votes, grown.voters))]


def _opening(root: Root, scene: Scene) -> Ballot:
    kernel = OPENING if ord(root.context[-1]) < STARTS else INSIDE
    votes = ballot(scene, kernel, root.members, 0)
    if root.stem:
        votes.votes = {token: vote for token, vote in votes.votes.items() if scene.grows(token, root.stem)}
    return votes


def continuation(
    scene: Scene, line: Line, *, max_lines: int, floor: float, below: str
) -> Generator[None, None, str]:
    """The lines after `line`, as far as the places that agree with it agree with each other.

    Ends where all of them together would be less probable than `floor`, and before
    `below`, the line that stands there anyway. Begins with a line end, or is empty.
    """
    text, kept = "", ""
    members, depth, indent, probability = line.members, len(line.codes), scene.indent, 1.0
    for _ in range(max_lines):
        yield
        codes, share, members = _next_line(scene, members, depth)
        probability *= share
        added = scene.vocabulary.decode(codes, indent)
        if not codes or probability < floor or (below and added[1:] == below):
            break
        depth += len(codes)
        text += added
        if codes != chr(BLANK):
            indent = scene.vocabulary.indent(ord(codes[0]), indent)
            kept = text
    return kept


def _next_line(scene: Scene, members: Sequence[Member], depth: int) -> tuple[str, float, Sequence[Member]]:
    """One line by majority, its probability, and who voted for all of it."""
    codes, probability = "", 1.0
    while len(codes) < _LONGEST:
        votes = ballot(scene, INSIDE, members, depth + len(codes), starts=not codes)
        if not votes.votes:
            return "", 0.0, ()
        token, weight = max(votes.votes.items(), key=_weight)
        if codes and (token == END or codes == chr(BLANK)):
            return codes, probability, members
        probability *= weight / votes.total
        if probability < _HOPELESS:
            return "", 0.0, ()
        codes += token
        members = votes.voters[token]
    return "", 0.0, ()
