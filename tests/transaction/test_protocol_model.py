"""The posting protocol as a model: every order of messages, delays, doubles, losses, crashes and restores is walked.

One wish is followed, which two instances may be asked for at once with the same key: each sends an order under an id
of its own. The ledger decides the wish; each instance has a projection, which forgets what was not synced when the
power is cut. Messages may be late, doubled or lost, and an instance may die at any point. Then each safety rule is
taken away in turn, to show that the walk finds what goes wrong without it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

MOST_SENT, MOST_IN_FLIGHT = 2, 3
ORDERS = ("a", "b")  # by which instance, and under which id


@dataclass(frozen=True)
class Rules:
    """The safety rules of the protocol."""

    postings_are_remembered: bool = True
    rejections_are_remembered: bool = True
    a_key_is_decided_once: bool = True
    a_void_is_written_down: bool = True
    a_void_respects_the_decision: bool = True
    silence_is_not_failure: bool = True
    pending_is_written_before_it_is_told: bool = True
    pending_is_synced: bool = True
    the_projection_is_written_before_it_is_told: bool = True
    what_is_projected_twice_counts_once: bool = True
    what_was_missed_is_read: bool = True
    a_key_finds_the_id_that_was_told: bool = True


@dataclass(frozen=True)
class Instance:
    """What one instance has: its projection, how often it has counted the wish, and what it has told its customer."""

    status: str = ""
    counted: int = 0
    told: str = ""
    asks: bool = False
    sent: int = 0


@dataclass(frozen=True)
class State:
    """The ledger, the wire, both instances, and whether there is money in the account just now."""

    decision: str = ""
    decided_id: str = ""
    times_moved: int = 0
    funds: bool = True
    wire: tuple[str, ...] = ()
    a: Instance = Instance()
    b: Instance = Instance()

    def send(self, message: str) -> "State":
        return replace(self, wire=tuple(sorted((*self.wire, message))))

    def take(self, message: str) -> "State":
        wire = list(self.wire)
        wire.remove(message)
        return replace(self, wire=tuple(wire))

    def instance(self, name: str) -> Instance:
        return self.a if name == "a" else self.b

    def having(self, name: str, **changes: object) -> "State":
        changed = replace(self.instance(name), **changes)  # type: ignore[arg-type]  # its own fields
        return replace(self, **{name: changed})  # type: ignore[arg-type]  # a or b


def next_states(state: State, rules: Rules) -> Iterator[State]:
    """All that can happen next."""
    yield replace(state, funds=not state.funds)
    for name in ORDERS:
        yield from steps(state, name, rules)
    for message in set(state.wire):
        yield state.take(message)  # lost
        yield received(state.take(message), message, rules)
        if len(state.wire) < MOST_IN_FLIGHT:
            yield received(state, message, rules)  # a double is still on its way


def steps(state: State, name: str, rules: Rules) -> Iterator[State]:
    """What an instance may do by itself, and what may be done to it."""
    instance = state.instance(name)
    may_send = instance.sent < MOST_SENT and len(state.wire) < MOST_IN_FLIGHT
    if not instance.asks and not instance.status and not instance.told:
        yield state.having(name, asks=True)
    if may_send and (instance.asks or instance.status == "pending"):
        yield state.having(name, sent=instance.sent + 1).send(f"post {name}")
    if may_send and instance.status == "pending":
        yield state.having(name, sent=instance.sent + 1).send(f"void {name}")
    if instance.asks and instance.sent:
        yield from silence(state, name, rules)
    if state.decision and rules.what_was_missed_is_read:
        yield projected(state, name, rules)
    if instance.asks:
        yield state.having(name, asks=False)  # it dies, and its customer hears nothing
    yield from losses(state, name, rules)


def silence(state: State, name: str, rules: Rules) -> Iterator[State]:
    """The instance has waited long enough."""
    if not rules.silence_is_not_failure:
        yield state.having(name, asks=False, told="failed")
    status = state.instance(name).status or "pending"
    if not rules.pending_is_written_before_it_is_told:
        yield state.having(name, asks=False, told="pending")
    else:
        yield state.having(name, asks=False, status=status, told="pending")


def losses(state: State, name: str, rules: Rules) -> Iterator[State]:
    """A power cut takes what was not synced: what is decided can be read again, what is pending was synced."""
    instance = state.instance(name)
    if instance.status in ("completed", "failed"):
        before = "pending" if instance.told == "pending" and rules.pending_is_synced else ""
        yield state.having(name, status=before, counted=0, asks=False)
    if instance.status == "pending" and not rules.pending_is_synced:
        yield state.having(name, status="", asks=False)


def received(state: State, message: str, rules: Rules) -> State:
    """What one message does where it arrives."""
    kind, _, name = message.partition(" ")
    if kind == "post":
        return decided(state, name, rules)
    if kind == "void":
        return voided(state, name, rules)
    instance = state.instance(name)
    if not instance.asks and instance.status != "pending":
        return state  # nobody waits for it any more
    if rules.the_projection_is_written_before_it_is_told:
        state = projected(state, name, rules)
    if not instance.asks:
        return projected(state, name, rules)
    outcome = "completed" if kind == "it-is-posted" else "failed"
    seen = "" if state.instance(name).status == outcome else ", and it could not be seen"
    return state.having(name, asks=False, told=outcome + seen)


def is_known(state: State, name: str, rules: Rules) -> bool:
    """Whether the ledger finds its decision again, by id or by key."""
    remembered = {
        "posted": rules.postings_are_remembered,
        "rejected": rules.rejections_are_remembered,
        "void": True,
        "": False,
    }
    return remembered[state.decision] and (state.decided_id == name or rules.a_key_is_decided_once)


def decided(state: State, name: str, rules: Rules) -> State:
    if not is_known(state, name, rules):
        if state.funds:
            state = replace(state, decision="posted", decided_id=name, times_moved=state.times_moved + 1)
        else:
            state = replace(state, decision="rejected", decided_id=name)
    return state.send(f"it-is-{state.decision} {name}")


def voided(state: State, name: str, rules: Rules) -> State:
    if is_known(state, name, rules) and rules.a_void_respects_the_decision:
        return state.send(f"it-is-{state.decision} {name}")
    if rules.a_void_is_written_down:
        state = replace(state, decision="void", decided_id=name)
    return state.send(f"it-is-void {name}")


def projected(state: State, name: str, rules: Rules) -> State:
    """What is read from the ledger, or was answered by it; an id that was told is found by the key."""
    instance = state.instance(name)
    if not state.decision:
        return state.having(name, status="failed") if not rules.a_void_is_written_down else state
    if instance.status in ("completed", "failed"):
        again = 0 if rules.what_is_projected_twice_counts_once else int(state.decision == "posted")
        return state.having(name, counted=min(instance.counted + again, 2))
    if instance.status == "pending" and state.decided_id != name and not rules.a_key_finds_the_id_that_was_told:
        return state.having(name, status="gone", counted=int(state.decision == "posted"))
    outcome = "completed" if state.decision == "posted" else "failed"
    return state.having(name, status=outcome, counted=int(state.decision == "posted"))


def broken_promise(state: State) -> str | None:
    """What a customer could hold against the bank in this state."""
    if state.times_moved > 1:
        return "the money moved twice"
    for instance in (state.a, state.b):
        if (instance.told == "completed" or instance.status == "completed") and state.times_moved != 1:
            return "completed, and no money moved"
        if (instance.told == "failed" or instance.status == "failed") and state.times_moved:
            return "failed, and the money moved"
        if "could not be seen" in instance.told:
            return "told, and not there"
        if instance.counted > 1:
            return "counted twice"
        if instance.status == "gone":
            return "what was told can't be found"
    return None


def broken_end(state: State, rules: Rules) -> str | None:
    """What is wrong when all has come to rest: nothing is on its way, and each instance has caught up."""
    for name in ORDERS:
        instance = state.instance(name)
        if rules.what_was_missed_is_read and state.decision:
            instance = projected(state, name, rules).instance(name)
        if instance.told and not instance.status:
            return "what was told can't be found"
        if instance.told == "completed" and instance.status != "completed":
            return "what was told can't be found"
    return None


def walk(rules: Rules, *, until: str = "") -> tuple[int, set[str]]:
    """How many states can be reached, and which promises are broken in any of them; `until` one that is looked for."""
    seen, todo, broken = {State()}, deque([State()]), set[str]()
    while todo:
        state = todo.popleft()
        if promise := broken_promise(state) or broken_end(state, rules):
            broken.add(promise)
            if promise == until:
                break
            continue
        for following in next_states(state, rules):
            if len(following.wire) <= MOST_IN_FLIGHT and following not in seen:
                seen.add(following)
                todo.append(following)
    return len(seen), broken


def test_no_order_of_events_breaks_a_promise() -> None:
    states, broken = walk(Rules())
    assert broken == set()
    assert states > 10_000


def test_a_pending_transaction_can_always_be_settled() -> None:
    """From any decision, under whichever id, one more question with one answer is enough."""
    for decision in ("", "posted", "rejected", "void"):
        for decided_id in ORDERS:
            state = State(decision=decision, decided_id=decided_id, times_moved=int(decision == "posted"))
            state = state.having("a", status="pending", told="pending")
            asked = received(state.send("void a").take("void a"), "void a", Rules())
            (answer,) = asked.wire
            assert received(asked.take(answer), answer, Rules()).a.status in ("completed", "failed")


@pytest.mark.parametrize(
    ("rule", "promise"),
    [
        ("postings_are_remembered", "the money moved twice"),
        ("rejections_are_remembered", "failed, and the money moved"),
        ("a_key_is_decided_once", "the money moved twice"),
        ("a_void_is_written_down", "failed, and the money moved"),
        ("a_void_respects_the_decision", "failed, and the money moved"),
        ("silence_is_not_failure", "failed, and the money moved"),
        ("pending_is_written_before_it_is_told", "what was told can't be found"),
        ("pending_is_synced", "what was told can't be found"),
        ("the_projection_is_written_before_it_is_told", "told, and not there"),
        ("what_is_projected_twice_counts_once", "counted twice"),
        ("what_was_missed_is_read", "what was told can't be found"),
        ("a_key_finds_the_id_that_was_told", "what was told can't be found"),
    ],
)
def test_each_rule_matters(rule: str, promise: str) -> None:
    _, broken = walk(replace(Rules(), **{rule: False}), until=promise)
    assert promise in broken
