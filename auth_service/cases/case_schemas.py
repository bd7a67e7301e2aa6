"""Request bodies, queries and responses of cases."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from shared.core.periods import Timestamp
from shared.core.texts import TRIMMED, Line, Paragraphs
from shared.web.cursors import Page, PageAnswer, SortedPage
from shared.web.validation.openapi import Answer, Body, Described
from shared.web.validation.ranges import TimeRange

CaseKind = Literal["dispute", "question"]
CaseState = Literal["open", "answered", "closed"]
MAX_SUBJECT, MAX_TEXT = 100, 4000
MessageText = Annotated[
    Paragraphs, Field(min_length=1, max_length=MAX_TEXT, examples=["I have never been to this shop."])
]


class NewCase(Body):
    """A dispute of a payment, or a question to the bank."""

    kind: CaseKind
    """`dispute` for a payment that the customer does not know or that is wrong; `question` for anything else."""
    subject: Annotated[
        Line, Field(min_length=1, max_length=MAX_SUBJECT, examples=["I don't know this payment"]), TRIMMED
    ]
    """What it is about, in one line."""
    text: MessageText
    """The first message: 1 to 4000 characters, which may be several lines."""
    transaction_id: UUID | None = None
    """The transaction that it is about; it has to be the caller's own."""


class NewMessage(Body):
    """A message of a case."""

    text: MessageText
    """The message: 1 to 4000 characters, which may be several lines."""


class CaseClosing(Body):
    """The end of a case."""

    may_be_left_out = True

    reason: (
        Annotated[Line, Field(min_length=1, max_length=200, examples=["The money is back on the account."]), TRIMMED]
        | None
    ) = None
    """Why the case is closed; both sides see it. Only the customer may leave it out."""


class OwnCasesQuery(Page):
    """Filters of the caller's cases; all must match."""

    state: CaseState | None = None
    """Only cases in this state."""
    transaction_id: UUID | None = None
    """Only cases about this transaction."""


class CasesQuery(OwnCasesQuery, SortedPage, TimeRange):
    """Filters of all cases; all must match. `from` and `to` are the times of their last messages."""

    kind: CaseKind | None = None
    """Only cases of this kind."""
    user_id: UUID | None = None
    """Only cases of the customer with this id."""
    q: Annotated[Line, Field(min_length=1, max_length=100, examples=["clara"])] | None = None
    """Only cases in whose subject, or in whose customer's name, username, e-mail address or phone number, each of these
    words occurs."""


class CaseOut(Described):
    """A case."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the case."""
    user_id: UUID
    """The id of the customer."""
    customer: Annotated[str, Field(examples=["Ada Lovelace"])]
    """The name of the customer."""
    kind: CaseKind
    """Whether a payment is disputed or a question is asked."""
    subject: Annotated[str, Field(examples=["I don't know this payment"])]
    """What it is about."""
    transaction_id: UUID | None
    """The id of the transaction that it is about."""
    state: CaseState
    """`open` while the bank has to answer, `answered` when it has, `closed` when either side has ended the case."""
    unread: int
    """The number of the bank's messages that the customer has not seen yet."""
    created_at: Timestamp
    """The time of the first message."""
    changed_at: Timestamp
    """The time of the last message."""


class CaseCounts(Described):
    """How many cases wait for the bank."""

    open: int
    """The number of cases that wait for an answer."""


class MessageOut(Described):
    """A message of a case."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    """The number of the message."""
    author: Annotated[str, Field(examples=["Grace Hopper"])]
    """The name of the author."""
    from_bank: bool
    """Whether staff wrote it."""
    closes: bool
    """Whether it closed the case."""
    text: Annotated[str, Field(examples=["I have never been to this shop."])]
    """The text, exactly as it was written; empty when the customer closed the case without a reason."""
    created_at: Timestamp
    """When it was written."""


class CaseAnswer(Answer):
    """One case with its messages."""

    case: CaseOut
    """The case."""
    messages: list[MessageOut]
    """All messages, oldest first."""


class OwnCasesAnswer(PageAnswer):
    """A page of the caller's cases, the last changed first."""

    cases: list[CaseOut]
    """The cases of this page."""
    unread: int
    """The number of the bank's messages, in all cases of the caller, that the caller has not seen yet."""


class CasesAnswer(PageAnswer):
    """A page of cases, the last changed first."""

    cases: list[CaseOut]
    """The cases of this page."""
    open: int
    """The number of all cases of the bank that wait for an answer."""
