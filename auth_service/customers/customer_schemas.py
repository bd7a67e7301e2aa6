"""Request bodies, queries and responses for the staff's view of customers."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from auth_service.user_schemas import Changes, Email, FullName, Identity, ListedUser, Phone, UserPage
from shared.core.periods import Timestamp
from shared.core.texts import TRIMMED, Line, Paragraphs
from shared.web.cursors import LongLimit
from shared.web.validation.openapi import Answer, Body, Described, Query

MAX_PEOPLE = 200
MAX_NAMES = 400  # both sides of the transactions on a page


def _read_ids(value: Any) -> Any:
    try:
        return [UUID(text) for text in str(value).split(",")]
    except ValueError:
        raise ValueError("must be ids separated by commas") from None


UserIds = Annotated[list[UUID], BeforeValidator(_read_ids, json_schema_input_type=str)]
Reason = Annotated[Line, Field(min_length=1, max_length=200, examples=["The customer asked by phone"]), TRIMMED]


class CustomersQuery(UserPage):
    """Filters for the list of customers; all must match. `from` and `to` are when they registered."""

    q: Annotated[Line, Field(min_length=1, max_length=100, examples=["clara"])] | None = None
    """Words that the name, username, e-mail address or phone number contains, all of them."""
    identity: Identity | None = None
    """Only customers whose identity is in this state."""


class NamesQuery(Query):
    """The users whose names to return."""

    user_ids: Annotated[UserIds, Field(min_length=1, max_length=MAX_NAMES)]
    """The ids of the users, separated by commas; at most 400."""


class NameSearch(Query):
    """The words to find users by."""

    q: Annotated[Line, Field(min_length=1, max_length=100, examples=["clara"])]
    """The words that must occur in the name, username, e-mail address or phone number."""
    limit: LongLimit = 20
    """The largest number of users to return."""


class PeopleQuery(Query):
    """The users to return."""

    user_ids: Annotated[UserIds, Field(min_length=1, max_length=MAX_PEOPLE)]
    """The ids of the users, separated by commas; at most 200."""


class ContactChanges(Changes):
    """Corrections of a customer's contact data. Only an admin may correct the e-mail address."""

    full_name: FullName | None = None
    """The new full name; null removes it."""
    phone: Phone | None = None
    """The new phone number; null removes it."""
    email: Email | None = None
    """The new e-mail address; for admins only."""
    reason: Reason | None = None
    """Why, for the audit trail."""


class ResetStart(Body):
    """A mail to a customer with a link for a new password."""

    reason: Reason
    """Why, and how the customer has proven who they are, for the audit trail."""


class NewNote(Body):
    """A note about a customer."""

    text: Annotated[Paragraphs, Field(min_length=1, max_length=2000, examples=["Called about a lost card."])]
    """The text of the note: 1 to 2000 characters, which may be several lines."""


class NoteOut(Described):
    """A note about a customer."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    """The number of the note."""
    author_id: UUID
    """The id of the employee or admin who wrote the note."""
    author: Annotated[str, Field(examples=["Ben Okafor"])]
    """The name of the author."""
    text: Annotated[str, Field(examples=["Called about a lost card."])]
    """The text of the note."""
    created_at: Timestamp
    """When the note was written."""


class CustomerOut(ListedUser):
    """A customer, for staff."""

    identity: Identity
    """Whether staff have verified who the customer is."""


class CustomerCounts(Described):
    """How many customers wait for somebody of the staff."""

    pending_identities: int
    """The number of customers whose identity waits for a decision."""
    locked: int
    """The number of customers who are locked out after too many wrong passwords."""


class EndedAnswer(Answer):
    """The number of sessions that were ended."""

    ended: int
    """How many sessions were ended."""


class FoundAnswer(Answer):
    """The users that were found."""

    user_ids: list[UUID]
    """The ids of the users, in no particular order."""


class NamesAnswer(Answer):
    """The names of users by their ids."""

    names: Annotated[dict[UUID, str], Field(examples=[{"0192f0c1-7b2e-7c3a-9a53-0f3c6a8f1d11": "Ada Lovelace"}])]
    """The full name, or the username, of each user by the user's id; unknown ids are left out."""
