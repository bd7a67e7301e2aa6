"""The check of histories: for each rule, a history that breaks it is detected."""

from dataclasses import replace

import pytest

from tests.faults.history import Booked, History, Operation, Silence, TotalRead, judge

TRANSFER = Operation("m1", 40, "a", "b", "acknowledged", 1.0, 2.0, frozenset({"t1"}), "acknowledged")
DEPOSIT = Operation("m2", 7, None, "a", "acknowledged", 3.0, 4.0, frozenset({"t2"}))
REFUSED = Operation("m3", 999, "a", None, "refused", 3.0, 4.0, repeated_answer="refused")
UNKNOWN = Operation("m4", 5, "b", None, "unknown", 5.0, 6.0)
ROWS = [
    Booked("t1", "m1", 40, "a", "b", "completed"),
    Booked("t2", "m2", 7, None, "a", "completed"),
    Booked("t3", "m3", 999, "a", None, "failed"),
]


def history() -> History:
    return History(
        opening={"a": 100, "b": 0},
        operations=[TRANSFER, DEPOSIT, REFUSED, UNKNOWN],
        reads=[TotalRead(100, 0.0, 1.0), TotalRead(107, 4.5, 4.6), TotalRead(102, 7.0, 7.1)],
        booked=list(ROWS),
        balances={"a": 67, "b": 40},
        sums_of_entries={"a": 67, "b": 40},
    )


def test_a_good_history_is_valid() -> None:
    assert judge(history()) == ("VALID", [])


def test_an_unknown_operation_may_have_been_executed() -> None:
    good = history()
    good.booked = [*ROWS, Booked("t4", "m4", 5, "b", None, "completed")]
    good.balances = good.sums_of_entries = {"a": 67, "b": 35}
    assert judge(good)[0] == "VALID"


def test_requests_that_overlap_a_silence_may_be_acknowledged() -> None:
    good = history()
    good.silences = [Silence(1.5, 2.5), Silence(2.5, 3.5)]
    assert judge(good) == ("VALID", [])


def test_a_final_state_that_could_not_be_read_is_unknown() -> None:
    unread = history()
    unread.balances = None
    assert judge(unread)[0] == "UNKNOWN"


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("lost", "happened 0 times"),
        ("doubled", "happened 2 times"),
        ("refused but done", "m3 was refused"),
        ("unknown twice", "m4 was unknown"),
        ("pending", "still pending"),
        ("other amount", "booked as something else"),
        ("two ids for one key", "which is something else"),
        ("two answers for one key", "when repeated refused"),
        ("not seen at once", "could not be read right after"),
        ("money lost", "its transactions say"),
        ("entries differ", "its entries say"),
        ("negative", "is negative"),
        ("a read saw too much", "must be between 100 and 100"),
        ("a read saw too little", "must be between 102 and 107"),
        ("an empty promise", "could not write"),
    ],
)
def test_each_broken_rule_is_detected(rule: str, complaint: str) -> None:
    bad = history()
    assert bad.booked is not None
    if rule == "lost":
        bad.booked = ROWS[1:]
    elif rule == "doubled":
        bad.booked.append(replace(ROWS[0], transaction_id="t9"))
    elif rule == "refused but done":
        bad.booked[2] = replace(ROWS[2], status="completed")
    elif rule == "unknown twice":
        bad.booked += [Booked(f"t{number}", "m4", 5, "b", None, "completed") for number in (4, 5)]
    elif rule == "pending":
        bad.booked.append(Booked("t4", "m4", 5, "b", None, "pending"))
    elif rule == "other amount":
        bad.booked[0] = replace(ROWS[0], amount_minor=41)
    elif rule == "two ids for one key":
        bad.operations[0] = replace(TRANSFER, returned_ids=frozenset({"t1", "t9"}))
    elif rule == "two answers for one key":
        bad.operations[0] = replace(TRANSFER, repeated_answer="refused")
    elif rule == "not seen at once":
        bad.operations[0] = replace(TRANSFER, readable_at_once=False)
    elif rule == "money lost":
        bad.balances = bad.sums_of_entries = {"a": 66, "b": 40}
    elif rule == "entries differ":
        bad.sums_of_entries = {"a": 66, "b": 40}
    elif rule == "negative":
        bad.balances = {"a": -1, "b": 40}
    elif rule == "a read saw too much":
        bad.reads.append(TotalRead(101, 0.5, 0.6))
    elif rule == "a read saw too little":
        bad.reads.append(TotalRead(101, 8.0, 8.1))
    elif rule == "an empty promise":
        bad.silences.append(Silence(2.5, 4.5))
    verdict, complaints = judge(bad)
    assert verdict == "INVALID"
    assert any(complaint in line for line in complaints), complaints
