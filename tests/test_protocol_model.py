"""The posting protocol as a model: every order of messages, delays, doubles, losses and crashes is walked through.

One transaction is followed, with messages that may be late, doubled or lost, and a sender that may die at any point.
Then each safety rule is taken away in turn, to show that the walk finds what goes wrong without it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

MAX_POSTS, MAX_VOIDS, MAX_IN_FLIGHT = 3, 2, 4


@dataclass(frozen=True)
class Rules:
    """The safety rules of the protocol."""

    postings_are_remembered: bool = True
    rejections_are_remembered: bool = True
    a_void_is_written_down: bool = True
    a_void_respects_the_decision: bool = True
    silence_is_not_failure: bool = True


@dataclass(frozen=True)
class State:
    """Both databases, the wire, and whether there is money in the account just now."""

    status: str = "unasked"
    decision: str = ""
    times_moved: int = 0
    funds: bool = True
    posts: int = 0
    voids: int = 0
    wire: tuple[str, ...] = ()

    def send(self, message: str) -> "State":
        return replace(self, wire=tuple(sorted((*self.wire, message))))

    def take(self, message: str) -> "State":
        wire = list(self.wire)
        wire.remove(message)
        return replace(self, wire=tuple(wire))


def next_states(state: State, rules: Rules) -> Iterator[State]:
    """All that can happen next."""
    yield replace(state, funds=not state.funds)
    if state.status == "unasked":
        yield replace(state, status="pending")
    if state.status == "pending" and len(state.wire) < MAX_IN_FLIGHT:
        if state.posts < MAX_POSTS:
            yield replace(state, posts=state.posts + 1).send("post")
        if state.voids < MAX_VOIDS:
            yield replace(state, voids=state.voids + 1).send("void")
    if state.status == "pending" and state.posts and not rules.silence_is_not_failure:
        yield replace(state, status="failed")
    for message in set(state.wire):
        yield state.take(message)  # lost
        yield received(state.take(message), message, rules)
        if len(state.wire) < MAX_IN_FLIGHT:
            yield received(state, message, rules)  # a double is still on its way


def received(state: State, message: str, rules: Rules) -> State:
    """What one message does where it arrives."""
    if message == "post":
        return decided(state, rules)
    if message == "void":
        return voided(state, rules)
    if state.status != "pending":
        return state
    return replace(state, status="completed" if message == "it is posted" else "failed")


def decided(state: State, rules: Rules) -> State:
    remembered = {
        "posted": rules.postings_are_remembered,
        "rejected": rules.rejections_are_remembered,
        "void": True,
    }
    if state.decision and remembered[state.decision]:
        return answer(state)
    if state.funds:
        return answer(replace(state, decision="posted", times_moved=state.times_moved + 1))
    return answer(replace(state, decision="rejected"))


def voided(state: State, rules: Rules) -> State:
    if state.decision and rules.a_void_respects_the_decision:
        return answer(state)
    if rules.a_void_is_written_down:
        state = replace(state, decision="void")
    return state.send("it is void")


def answer(state: State) -> State:
    return state.send(f"it is {state.decision}")


def broken_promise(state: State) -> str | None:
    """What a customer could hold against the bank in this state."""
    if state.times_moved > 1:
        return "the money moved twice"
    if state.status == "completed" and state.times_moved != 1:
        return "completed, and no money moved"
    if state.status == "failed" and state.times_moved:
        return "failed, and the money moved"
    return None


def walk(rules: Rules) -> tuple[int, set[str]]:
    """How many states can be reached, and which promises are broken in any of them."""
    seen, todo, broken = {State()}, deque([State()]), set[str]()
    while todo:
        state = todo.popleft()
        if promise := broken_promise(state):
            broken.add(promise)
            continue
        for following in next_states(state, rules):
            if len(following.wire) <= MAX_IN_FLIGHT and following not in seen:
                seen.add(following)
                todo.append(following)
    return len(seen), broken


def test_no_order_of_events_breaks_a_promise() -> None:
    states, broken = walk(Rules())
    assert broken == set()
    assert states > 1_000


def test_a_pending_transaction_can_always_be_settled() -> None:
    """From any decision, one more question with one answer is enough."""
    for decision in ("", "posted", "rejected", "void"):
        state = State(status="pending", decision=decision, times_moved=int(decision == "posted"))
        asked = received(state.send("void").take("void"), "void", Rules())
        (answer,) = asked.wire
        assert received(asked.take(answer), answer, Rules()).status in ("completed", "failed")


@pytest.mark.parametrize(
    ("rule", "promise"),
    [
        ("postings_are_remembered", "the money moved twice"),
        ("rejections_are_remembered", "failed, and the money moved"),
        ("a_void_is_written_down", "failed, and the money moved"),
        ("a_void_respects_the_decision", "failed, and the money moved"),
        ("silence_is_not_failure", "failed, and the money moved"),
    ],
)
def test_each_rule_matters(rule: str, promise: str) -> None:
    _, broken = walk(replace(Rules(), **{rule: False}))
    assert promise in broken
