"""A model check of the posting protocol: it visits every state that messages, faults and crashes can lead to.

The model has one payment with one key, which two instances may get at the same time. Each sends an order with its own
id, the ledger decides, and each instance has a projection, which loses unsynced rows in a power cut. Messages may be
delayed, duplicated or lost, and an instance may die at any point. Then each safety rule is switched off in turn, to
show that the check finds the broken promise.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

MAX_SENT, MAX_IN_FLIGHT = 2, 3
ORDERS = ("a", "b")  # the instances, and the ids of their orders


@dataclass(frozen=True)
class Rules:
    """The safety rules of the protocol, each of which can be switched off."""

    postings_are_stored: bool = True
    rejections_are_stored: bool = True
    a_key_is_decided_once: bool = True
    voids_are_stored: bool = True
    a_void_respects_the_decision: bool = True
    a_timeout_is_not_a_failure: bool = True
    pending_is_stored_before_the_response: bool = True
    pending_is_synced: bool = True
    the_projection_is_stored_before_the_response: bool = True
    a_repeated_projection_counts_once: bool = True
    missed_postings_are_read: bool = True
    a_pending_id_becomes_an_alias: bool = True


@dataclass(frozen=True)
class Instance:
    """The state of one instance: its projection, how often it has counted the order, and what it has answered."""

    status: str = ""
    counted: int = 0
    answered: str = ""
    is_waiting: bool = False
    sent: int = 0


@dataclass(frozen=True)
class State:
    """The state of the model: the ledger, the messages on their way, both instances, and the funds of the account."""

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
    """Yield all states that can follow."""
    yield replace(state, funds=not state.funds)
    for name in ORDERS:
        yield from steps(state, name, rules)
    for message in set(state.wire):
        yield state.take(message)  # lost
        yield received(state.take(message), message, rules)
        if len(state.wire) < MAX_IN_FLIGHT:
            yield received(state, message, rules)  # a copy is still on its way


def steps(state: State, name: str, rules: Rules) -> Iterator[State]:
    """Yield the states after each step that an instance can take, and after each fault."""
    instance = state.instance(name)
    may_send = instance.sent < MAX_SENT and len(state.wire) < MAX_IN_FLIGHT
    if not instance.is_waiting and not instance.status and not instance.answered:
        yield state.having(name, is_waiting=True)
    if may_send and (instance.is_waiting or instance.status == "pending"):
        yield state.having(name, sent=instance.sent + 1).send(f"post {name}")
    if may_send and instance.status == "pending":
        yield state.having(name, sent=instance.sent + 1).send(f"void {name}")
    if instance.is_waiting and instance.sent:
        yield from timed_out(state, name, rules)
    if state.decision and rules.missed_postings_are_read:
        yield projected(state, name, rules)
    if instance.is_waiting:
        yield state.having(name, is_waiting=False)  # it dies without answering
    yield from power_cut(state, name, rules)


def timed_out(state: State, name: str, rules: Rules) -> Iterator[State]:
    """Yield the states after a call of an instance has timed out."""
    if not rules.a_timeout_is_not_a_failure:
        yield state.having(name, is_waiting=False, answered="failed")
    status = state.instance(name).status or "pending"
    if not rules.pending_is_stored_before_the_response:
        yield state.having(name, is_waiting=False, answered="pending")
    else:
        yield state.having(name, is_waiting=False, status=status, answered="pending")


def power_cut(state: State, name: str, rules: Rules) -> Iterator[State]:
    """Yield the states after a power cut: unsynced rows are lost, pending ones are synced."""
    instance = state.instance(name)
    if instance.status in ("completed", "failed"):
        before = "pending" if instance.answered == "pending" and rules.pending_is_synced else ""
        yield state.having(name, status=before, counted=0, is_waiting=False)
    if instance.status == "pending" and not rules.pending_is_synced:
        yield state.having(name, status="", is_waiting=False)


def received(state: State, message: str, rules: Rules) -> State:
    """Return the state after a message has arrived."""
    kind, _, name = message.partition(" ")
    if kind == "post":
        return decided(state, name, rules)
    if kind == "void":
        return voided(state, name, rules)
    instance = state.instance(name)
    if not instance.is_waiting and instance.status != "pending":
        return state  # the call has timed out
    if rules.the_projection_is_stored_before_the_response:
        state = projected(state, name, rules)
    if not instance.is_waiting:
        return projected(state, name, rules)
    outcome = "completed" if kind == "it-is-posted" else "failed"
    seen = "" if state.instance(name).status == outcome else ", not readable"
    return state.having(name, is_waiting=False, answered=outcome + seen)


def is_known(state: State, name: str, rules: Rules) -> bool:
    """Return whether the ledger finds its decision by id or by key."""
    is_stored = {
        "posted": rules.postings_are_stored,
        "rejected": rules.rejections_are_stored,
        "void": True,
        "": False,
    }
    return is_stored[state.decision] and (state.decided_id == name or rules.a_key_is_decided_once)


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
    if rules.voids_are_stored:
        state = replace(state, decision="void", decided_id=name)
    return state.send(f"it-is-void {name}")


def projected(state: State, name: str, rules: Rules) -> State:
    """Return the state after an instance has projected the decision; a pending id becomes an alias by its key."""
    instance = state.instance(name)
    if not state.decision:
        return state.having(name, status="failed") if not rules.voids_are_stored else state
    if instance.status in ("completed", "failed"):
        again = 0 if rules.a_repeated_projection_counts_once else int(state.decision == "posted")
        return state.having(name, counted=min(instance.counted + again, 2))
    if instance.status == "pending" and state.decided_id != name and not rules.a_pending_id_becomes_an_alias:
        return state.having(name, status="gone", counted=int(state.decision == "posted"))
    outcome = "completed" if state.decision == "posted" else "failed"
    return state.having(name, status=outcome, counted=int(state.decision == "posted"))


def broken_promise(state: State) -> str | None:
    """Return the promise to the customer that this state breaks, or None."""
    if state.times_moved > 1:
        return "the money moved twice"
    for instance in (state.a, state.b):
        if (instance.answered == "completed" or instance.status == "completed") and state.times_moved != 1:
            return "completed, and no money moved"
        if (instance.answered == "failed" or instance.status == "failed") and state.times_moved:
            return "failed, and the money moved"
        if "not readable" in instance.answered:
            return "answered and not readable"
        if instance.counted > 1:
            return "counted twice"
        if instance.status == "gone":
            return "an answered id is not found"
    return None


def broken_end(state: State, rules: Rules) -> str | None:
    """Return the promise that is broken when no message is on its way and each instance has caught up, or None."""
    for name in ORDERS:
        instance = state.instance(name)
        if rules.missed_postings_are_read and state.decision:
            instance = projected(state, name, rules).instance(name)
        if instance.answered and not instance.status:
            return "an answered id is not found"
        if instance.answered == "completed" and instance.status != "completed":
            return "an answered id is not found"
    return None


def check(rules: Rules, *, until: str = "") -> tuple[int, set[str]]:
    """Return the number of reachable states and the promises that any of them breaks; stop at `until`."""
    seen, todo, broken = {State()}, deque([State()]), set[str]()
    while todo:
        state = todo.popleft()
        if promise := broken_promise(state) or broken_end(state, rules):
            broken.add(promise)
            if promise == until:
                break
            continue
        for following in next_states(state, rules):
            if len(following.wire) <= MAX_IN_FLIGHT and following not in seen:
                seen.add(following)
                todo.append(following)
    return len(seen), broken


def test_no_order_of_events_breaks_a_promise() -> None:
    states, broken = check(Rules())
    assert broken == set()
    assert states > 10_000


def test_a_pending_transaction_can_always_be_settled() -> None:
    """From any decision, under either id, one more call with a response is enough."""
    for decision in ("", "posted", "rejected", "void"):
        for decided_id in ORDERS:
            state = State(decision=decision, decided_id=decided_id, times_moved=int(decision == "posted"))
            state = state.having("a", status="pending", answered="pending")
            replied = received(state.send("void a").take("void a"), "void a", Rules())
            (reply,) = replied.wire
            assert received(replied.take(reply), reply, Rules()).a.status in ("completed", "failed")


@pytest.mark.parametrize(
    ("rule", "promise"),
    [
        ("postings_are_stored", "the money moved twice"),
        ("rejections_are_stored", "failed, and the money moved"),
        ("a_key_is_decided_once", "the money moved twice"),
        ("voids_are_stored", "failed, and the money moved"),
        ("a_void_respects_the_decision", "failed, and the money moved"),
        ("a_timeout_is_not_a_failure", "failed, and the money moved"),
        ("pending_is_stored_before_the_response", "an answered id is not found"),
        ("pending_is_synced", "an answered id is not found"),
        ("the_projection_is_stored_before_the_response", "answered and not readable"),
        ("a_repeated_projection_counts_once", "counted twice"),
        ("missed_postings_are_read", "an answered id is not found"),
        ("a_pending_id_becomes_an_alias", "an answered id is not found"),
    ],
)
def test_each_rule_of_the_protocol_is_needed(rule: str, promise: str) -> None:
    _, broken = check(replace(Rules(), **{rule: False}), until=promise)
    assert promise in broken
