"""A bank to look at: a few customers with half a year of history, made through the same API that everybody uses.

The services have to be started with BANK_CLOCK_OFFSET_FILE=<data directory>/demo_clock. The file holds how many seconds
their clocks are set back; it is moved forward from the first day to the present, and gone at the end.
"""

import itertools
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import requests
from pydantic import Field

from shared.http.client import make_session
from shared.web.application import Peers
from shared.web.settings import Settings

DAYS = 183
CLOCK_FILE = "demo_clock"
PASSWORD_VARIABLE = "BANK_DEMO_PASSWORD"  # noqa: S105 - the name of a variable
MORNING, NOON, EVENING = 8, 12, 18
_SEED = 1694
_THREADS = 8
_TRIES = 40
Side = tuple[str, str]


@dataclass(frozen=True)
class Customer:
    """Somebody to be: what they earn and pay in a month. Businesses have no salary and pay no rent."""

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


class BankNotEmpty(RuntimeError):
    """There are customers already: a demo would mix with what is theirs."""


def fill(
    gateway_url: str,
    data_dir: Path,
    *,
    auth_url: str = "http://127.0.0.1:8001",
    session: requests.Session | None = None,
    days: int = DAYS,
) -> list[tuple[str, str]]:
    """Give an empty bank its demo customers and their history. Returns their usernames and passwords.

    Raises BankNotEmpty, or RuntimeError when the bank refuses what it should not.
    """
    session = session or make_session()
    if _count_customers(data_dir, auth_url, session):
        raise BankNotEmpty("The bank has customers already; the demo needs an empty one (another BANK_DATA_DIR).")
    present = datetime.now(UTC)
    movements = plan((present - timedelta(days=days)).date(), present)
    clock = _Clock(data_dir / CLOCK_FILE)
    bank = _Bank(gateway_url, session)
    try:
        clock.set(movements[0].at - timedelta(hours=1))
        logins = [(customer.username, bank.welcome(customer)) for customer in EVERYBODY]
        _replay(movements, bank, clock)
    finally:
        clock.end()
    bank.say_goodbye()
    return logins


def plan(first_day: date, until: datetime) -> list[Movement]:
    """Everything that happens from the first day on, in order; the same each time for the same days."""
    random = Random(_SEED)  # noqa: S311 - a history that looks the same each time, no secret
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
    """Leave out what the account does not hold at that time, except for what is meant to be refused."""
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


def _replay(movements: Sequence[Movement], bank: "_Bank", clock: "_Clock") -> None:
    """Book everything at its time; what happens at the same moment is booked side by side."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as progress, ThreadPoolExecutor(_THREADS) as pool:
        task = progress.add_task("", total=len(movements))
        for at, together in itertools.groupby(movements, key=lambda movement: movement.at):
            clock.set(at)
            progress.update(task, description=f"Living through {at:%d %B %Y}")
            progress.advance(task, len(list(pool.map(bank.book, together))))


class _Clock:
    """Tells the services what time it is."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def set(self, at: datetime) -> None:
        """Let it be `at` now."""
        draft = self._file.with_suffix(".tmp")
        draft.write_text(str(int((datetime.now(UTC) - at).total_seconds())), encoding="ascii")
        draft.replace(self._file)

    def end(self) -> None:
        """Let the clocks run true."""
        self._file.unlink(missing_ok=True)


@dataclass
class _Bank:
    """The bank's API, and what it has told of the demo's customers."""

    url: str
    session: requests.Session
    tokens: dict[str, str] = field(default_factory=dict)
    accounts: dict[Side, dict[str, str]] = field(default_factory=dict)

    def welcome(self, customer: Customer) -> str:
        """Register somebody, open their accounts, and give back their password."""
        password = os.environ.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(12)
        login = {"username": customer.username, "password": password}
        self.call("POST", "auth/register", {**login, "email": f"{customer.username}@example.com"})
        self.tokens[customer.username] = self.call("POST", "auth/login", login)["token"]
        self.call("PUT", "auth/users/profile", {"full_name": customer.full_name}, customer.username)
        for account_type in ("checking", customer.saves):
            wish = {"account_type": account_type, "nickname": NICKNAMES[account_type]}
            answer = self.call("POST", "accounts/create", wish, customer.username)
            self.accounts[customer.username, account_type] = answer["account"]
        return password

    def book(self, movement: Movement) -> None:
        """Deposit, withdraw or transfer; only what is meant to be refused may be."""
        kind, username, sides = self._sides(movement)
        expected = "INSUFFICIENT_FUNDS" if movement.is_refused else ""
        body = {"amount": self._text(movement.amount), "description": movement.description, **sides}
        self.call("POST", f"transactions/{kind}", body, username, expected_refusal=expected)

    def _sides(self, movement: Movement) -> tuple[str, str, dict[str, str]]:
        """The kind of a movement, who asks for it, and the accounts in the words of the API."""
        match movement.source, movement.target:
            case None, (username, _) as target:
                return "deposit", username, {"account_id": self.accounts[target]["id"]}
            case (username, _) as source, None:
                return "withdraw", username, {"account_id": self.accounts[source]["id"]}
            case (username, _) as source, (payee, _) as target:
                own, other = self.accounts[source], self.accounts[target]
                to = (
                    {"to_account_id": other["id"]}
                    if payee == username
                    else {"to_account_number": other["account_number"]}
                )
                return "transfer", username, {"from_account_id": own["id"], **to}
        raise ValueError("a movement needs a side in the bank")

    def _text(self, amount: Decimal) -> str:
        """With as many decimals as the bank's currency has."""
        balance = next(iter(self.accounts.values()))["balance"]
        return f"{amount:.{len(balance.partition('.')[2])}f}"

    def say_goodbye(self) -> None:
        """Log everybody out."""
        for username in self.tokens:
            self.call("POST", "auth/logout", {}, username)

    def call(
        self, method: str, path: str, body: dict[str, str], username: str = "", *, expected_refusal: str = ""
    ) -> dict[str, Any]:
        """One request, again for as long as the bank is busy; the key sees to it that nothing is done twice."""
        headers = {"Idempotency-Key": secrets.token_urlsafe(16)}
        if username:
            headers["Authorization"] = f"Bearer {self.tokens[username]}"
        for _ in range(_TRIES):
            response = self.session.request(
                method, f"{self.url}/api/{path}", json=body, headers=headers, timeout=(5, 15), allow_redirects=False
            )
            if response.status_code not in (429, 503):
                break
            time.sleep(min(float(response.headers.get("Retry-After", 1)), 5.0))
        answer: dict[str, Any] = response.json()
        if not response.ok and answer.get("error_code") != expected_refusal:
            raise RuntimeError(f"{path} answered {response.status_code}: {answer.get('message')}")
        return answer


class _CountingSettings(Settings):
    """Enough to ask as the reporting service how many customers there are."""

    service_name: ClassVar[str] = "reporting-service"
    secrets: ClassVar[dict[str, tuple[str, str]]] = {
        "client_secret": ("REPORTING_SERVICE_SECRET", "reporting_service_secret")
    }
    client_secret: str = Field(validation_alias="REPORTING_SERVICE_SECRET")


def _count_customers(data_dir: Path, auth_url: str, session: requests.Session) -> int:
    settings = _CountingSettings.load(BANK_DATA_DIR=str(data_dir), AUTH_SERVICE_URL=auth_url)
    peers = Peers(settings, session, settings.client_secret)
    statistics = peers.token.call(peers["auth-service"], "GET", "/internal/statistics")["statistics"]
    return int(statistics["by_role"].get("customer", 0))
