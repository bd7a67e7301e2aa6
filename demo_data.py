"""Demo data: a few customers with half a year of history, written while the services are stopped.

`python -m demo_data` fills the bank of the environment; `run_services.py --demo` does so before it starts the services.
"""

import itertools
import os
import secrets
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from random import Random
from uuid import UUID, uuid4

from pydantic_core import to_json

from account_service.approvals.approval_models import Approval
from auth_service.auth_models import User
from auth_service.cases.case_models import CaseMessage, CustomerCase
from auth_service.identity.identity_models import IdentityCheck
from history import Bank, BankSettings, Holder, Payment, new_account, open_bank
from shared.core.clock import now
from shared.core.errors import CannotStart
from shared.security.passwords import Passwords

DAYS = 183
PASSWORD_VARIABLE = "BANK_DEMO_PASSWORD"  # noqa: S105 - the name of a variable
MORNING, NOON, EVENING = 8, 12, 18
_SEED = 1694
_BATCH_SIZE = 100
_FIRST_NUMBER = 170_041_133
Side = tuple[str, str]


@dataclass(frozen=True)
class Customer:
    """A demo customer: income and payments of a month. Businesses have no salary and pay no rent."""

    username: str
    full_name: str
    income: str = ""
    salary: int = 0
    payday: int = 0
    rent: int = 0
    saves: str = "savings"


HOUSING = Customer("harbour.housing", "Harbour Housing")
BAKERY = Customer("corner.bakery", "Corner Bakery")
PEOPLE = (
    Customer("ada.martin", "Ada Martin", "Salary, Lighthouse Software", 4850, 1, 1350),
    Customer("ben.okafor", "Ben Okafor", "Salary, St Mary's Hospital", 3920, 27, 1100, "fixed_deposit"),
    Customer("clara.novak", "Clara Novák", "Salary, City Library", 2980, 28, 840),
    Customer("david.kim", "David Kim", "Fees, Kim & Partners", 5400, 25, 1480, "investment"),
    Customer("elena.rossi", "Elena Rossi", "Salary, Rossi Ceramics", 3150, 26, 910),
    Customer("frank.weber", "Frank Weber", "Pension", 2640, 2, 720, "fixed_deposit"),
)
EVERYBODY = (*PEOPLE, HOUSING, BAKERY)
EMPLOYEE = "grace.hopper"
NICKNAMES = {
    "checking": "Everyday",
    "savings": "Rainy days",
    "fixed_deposit": "Two years' deposit",
    "investment": "Index fund",
}
BILLS = (
    (3, "Electricity", 55, 95),
    (7, "Internet", 35, 35),
    (12, "Mobile phone", 18, 29),
    (15, "Gym", 32, 32),
    (20, "Music and films", 12, 17),
)
GROCERIES = ("Green Market", "Fresh & Co", "Riverside Grocers")
OUTINGS = (
    ("Lunch, Café Lumen", 9, 21),
    ("Dinner, Trattoria Sole", 24, 78),
    ("Books, Paper Moon", 11, 46),
    ("Pharmacy", 6, 38),
    ("Train ticket", 12, 64),
    ("Cinema", 11, 27),
    ("Fuel", 38, 82),
)
FAVOURS = ("Dinner on Friday", "Concert tickets", "Your share of the present", "Thanks for the lift")


@dataclass(frozen=True)
class Movement:
    """Money that moves at a moment. A side is (username, account type), or None where it is outside of the bank."""

    at: datetime
    amount: Decimal
    description: str
    source: Side | None = None
    target: Side | None = None
    is_refused: bool = False


class BankNotEmpty(CannotStart):
    """The bank has customers already, so no demo data are added."""


def main() -> int:
    """Fill the bank of the environment and print the logins. Return 1 when it can't be filled."""
    try:
        with open_bank(BankSettings.load()) as bank, _progress_bar() as advance:
            logins = fill(bank, advance)
    except CannotStart as error:
        print(f"No demo was made: {error}")
        return 1
    print("Demo logins (name, password, role):")
    for username, password in logins:
        print(f"  {username:<20} {password}  {'employee' if username == EMPLOYEE else 'customer'}")
    return 0


@contextmanager
def _progress_bar() -> Iterator[Callable[[datetime, float], None]]:
    """Show a progress bar on stderr. Yield the function that moves it, to an instant and a fraction of the work."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda at, done: progress.update(task, completed=done, description=f"Writing {at:%d %B %Y}")


def fill(
    bank: Bank, advance: Callable[[datetime, float], None] = lambda _at, _done: None, *, days: int = DAYS
) -> list[tuple[str, str]]:
    """Add the demo customers and their history to an empty bank. Returns their usernames and passwords.

    Raises BankNotEmpty, or RuntimeError when the ledger refuses what it should not.
    """
    if bank.has_customers():
        raise BankNotEmpty("the bank has customers already, and the demo needs an empty one (another BANK_DATA_DIR)")
    present = now()
    movements = plan((present - timedelta(days=days)).date(), present)
    logins, holders = _add_customers(bank, movements[0].at - timedelta(hours=1))
    for begin in range(0, len(movements), _BATCH_SIZE):
        batch = movements[begin : begin + _BATCH_SIZE]
        advance(batch[0].at, begin / len(movements))
        carried_out = bank.pay([_payment(bank, movement, holders) for movement in batch])
        if [not movement.is_refused for movement in batch] != carried_out:
            raise RuntimeError("the ledger has refused another payment than was planned")
    return [*logins, _add_employee(bank, holders, present)]


def _add_customers(bank: Bank, at: datetime) -> tuple[list[tuple[str, str]], dict[Side, Holder]]:
    """Add the customers and their accounts. Return their logins, and the account of each side."""
    numbers = itertools.count(_FIRST_NUMBER, 7919)
    logins, people, accounts = [], [], {}
    for customer in EVERYBODY:
        password = _password()
        logins.append((customer.username, password))
        person = _person(customer.username, customer.full_name, password, at)
        people.append(person)
        for minutes, account_type in enumerate(("checking", customer.saves), 1):
            opened_at, nickname = at + timedelta(minutes=minutes), NICKNAMES[account_type]
            account = new_account(person.id, next(numbers), account_type, opened_at, nickname)
            accounts[customer.username, account_type] = account
    bank.add_to_auth(*people)
    bank.add_to_account(*accounts.values())
    return logins, {side: Holder.of(account) for side, account in accounts.items()}


def _add_employee(bank: Bank, holders: Mapping[Side, Holder], at: datetime) -> tuple[str, str]:
    """Add an employee, and example data for the pages of staff. Return the login.

    The data are a till with a deposit, an unanswered question, identities, and a request to close an empty account,
    which waits for a second person.
    """
    password = _password()
    grace = _person(EMPLOYEE, "Grace Hopper", password, at - timedelta(days=30))
    grace.role = "employee"
    bank.add_to_auth(grace)
    clara, ben, elena = (
        UUID(holders[name, "checking"].user_id) for name in ("clara.novak", "ben.okafor", "elena.rossi")
    )
    till = bank.open_till(grace.id, bank.currency.to_minor(Decimal(500)))
    cash = bank.currency.to_minor(Decimal(180))
    bank.pay([Payment(at, cash, "Birthday money", till, holders["clara.novak", "checking"])])
    empty = new_account(elena, _FIRST_NUMBER - 7919, "savings", at - timedelta(days=20), "Kiln fund")
    asked = {"asked_by": grace.id, "asked_by_name": grace.username, "asked_at": at - timedelta(hours=3)}
    reason = to_json({"reason": "She has asked for it by phone"}).decode()
    bank.add_to_account(empty, Approval(action="close", subject_id=empty.id, body=reason, **asked))
    subject = "The gym has taken money twice"
    case = CustomerCase(
        id=uuid4(), user_id=clara, kind="question", subject=subject, search_text=subject.casefold(), created_at=at
    )
    texts = ((clara, "I left it in spring."), (grace.id, "We ask them. Do you have the letter?"), (clara, "Yes, I do."))
    bank.add_to_auth(
        case,
        *(
            CaseMessage(case_id=case.id, author_id=author, from_bank=author == grace.id, text=text, created_at=at)
            for author, text in texts
        ),
    )
    decided = {"decided_by": grace.id, "decided_at": at}
    bank.decide_identity(IdentityCheck(user_id=clara, state="verified", reason="Came with her passport", **decided))
    bank.decide_identity(IdentityCheck(user_id=ben, state="pending", reason="Sends his passport", **decided))
    return grace.username, password


def _password() -> str:
    return os.environ.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(12)


def _person(username: str, full_name: str, password: str, at: datetime) -> User:
    return User(
        id=uuid4(),
        username=username,
        email=f"{username}@example.com",
        full_name=full_name,
        email_verified_at=at,
        password_hash=Passwords().hash(password),
        created_at=at,
    )


def _payment(bank: Bank, movement: Movement, holders: Mapping[Side, Holder]) -> Payment:
    source, target = (holders[side] if side else None for side in (movement.source, movement.target))
    amount = Decimal(bank.currency.write(movement.amount))  # with as many decimals as the currency has
    return Payment(movement.at, bank.currency.to_minor(amount), movement.description, source, target)


def plan(first_day: date, until: datetime) -> list[Movement]:
    """Return the payments from the first day on, in order: the same ones for the same days."""
    random = Random(_SEED)  # noqa: S311 - a reproducible history, no secret
    movements: list[Movement] = []
    day = first_day
    while day <= until.date():
        minute = random.randrange(60)
        for customer in PEOPLE:
            movements += _day_of_person(customer, day, minute, random)
        movements += _day_of_businesses(day, minute, random)
        if day == first_day:
            movements += _openings(day, random)
        day += timedelta(days=1)
    movements.sort(key=lambda movement: movement.at)
    return _affordable([movement for movement in movements if movement.at < until])


def _openings(day: date, random: Random) -> Iterator[Movement]:
    for customer in EVERYBODY:
        at = _moment(day, MORNING - 2, 0)
        yield Movement(at, _amount(random, 1800, 4200), "Opening deposit", target=(customer.username, "checking"))
        yield Movement(at, _amount(random, 2500, 9000), "Savings so far", target=(customer.username, customer.saves))


def _day_of_person(customer: Customer, day: date, minute: int, random: Random) -> Iterator[Movement]:
    own, savings = (customer.username, "checking"), (customer.username, customer.saves)
    morning, noon, evening = (_moment(day, hour, minute) for hour in (MORNING, NOON, EVENING))
    if day.day == customer.payday:
        yield Movement(morning, Decimal(customer.salary), customer.income, target=own)
        yield Movement(noon, Decimal(customer.salary // 10), "To my savings", own, savings)
    if day.day == 5:
        yield Movement(noon, Decimal(customer.rent), f"Rent {day:%B}", own, (HOUSING.username, "checking"))
    for bill_day, description, low, high in BILLS:
        if day.day == bill_day:
            yield Movement(morning, _amount(random, low, high), description, own)
    if random.random() < 0.28:
        yield Movement(evening, _amount(random, 18, 96), f"Groceries, {random.choice(GROCERIES)}", own)
    if random.random() < 0.22:
        description, low, high = random.choice(OUTINGS)
        yield Movement(noon, _amount(random, low, high), description, own)
    if random.random() < 0.05:
        yield Movement(morning, _amount(random, 4, 19), "Bread and cakes", own, (BAKERY.username, "checking"))
    if random.random() < 0.02:
        friend = random.choice([person for person in PEOPLE if person != customer])
        yield Movement(evening, _amount(random, 12, 60), random.choice(FAVOURS), own, (friend.username, "checking"))
    if day.day == 22 and random.random() < 0.08:
        yield Movement(evening, _amount(random, 30_000, 60_000), "A small boat", own, is_refused=True)


def _day_of_businesses(day: date, minute: int, random: Random) -> Iterator[Movement]:
    bakery, housing = (BAKERY.username, "checking"), (HOUSING.username, "checking")
    if day.weekday() < 6:
        yield Movement(_moment(day, EVENING, minute), _amount(random, 180, 420), "Takings of the day", target=bakery)
    if day.weekday() == 0:
        yield Movement(_moment(day, NOON, minute), _amount(random, 420, 780), "Flour and butter", bakery)
    if day.day == 28:
        yield Movement(_moment(day, NOON, minute), Decimal(3900), "Wages", bakery)
        yield Movement(_moment(day, NOON, minute), _amount(random, 900, 2400), "Repairs", housing)
        yield Movement(_moment(day, NOON, minute), Decimal(2500), "Reserve", housing, (HOUSING.username, "savings"))


def _moment(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time_of_day(hour, minute), UTC)


def _amount(random: Random, low: int, high: int) -> Decimal:
    return Decimal(random.randint(low * 100, high * 100)) / 100


def _affordable(movements: Sequence[Movement]) -> list[Movement]:
    """Drop payments that exceed the balance at their time, except those that the ledger is meant to refuse."""
    balances: defaultdict[Side | None, Decimal] = defaultdict(Decimal)
    kept = []
    for movement in movements:
        fits = movement.source is None or balances[movement.source] >= movement.amount
        if fits == movement.is_refused:
            continue
        kept.append(movement)
        if not movement.is_refused:
            balances[movement.source] -= movement.amount
            balances[movement.target] += movement.amount
    return kept


if __name__ == "__main__":
    sys.exit(main())
