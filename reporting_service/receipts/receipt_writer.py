"""Receipts as PDF: one page."""

from decimal import Decimal
from typing import IO

from reporting_service.documents.page_writer import HEIGHT, MARGIN, MUTED, RIGHT, Paper, wrapped
from reporting_service.receipts.receipt_schemas import Receipt, Side

_TITLES = {"deposit": "Deposit", "withdrawal": "Withdrawal", "transfer": "Transfer", "reversal": "Reversal"}
VALUE_X, SIZE, LEADING, GAP = MARGIN + 130, 10.0, 14.0, 9.0


def write(receipt: Receipt, out: IO[bytes]) -> None:
    """Write a receipt."""
    title = f"Receipt of payment {receipt.id}"
    paper = Paper(out, receipt.bank, title=title, subject="Payment receipt", at=receipt.booked_at)
    paper.bank_block("Payment receipt")
    paper.y = HEIGHT - 170
    with paper.element("P"):
        paper.text(MARGIN, f"{receipt.currency} {Decimal(receipt.amount):,}", size=20, bold=True)
    paper.y -= 34
    with paper.element("Table"):
        for label, texts in _facts(receipt):
            _write_fact(paper, label, texts)
    paper.y -= 8
    with paper.element("P"):
        for line in wrapped(_proof(receipt), RIGHT - MARGIN, 9, 4):
            paper.text(MARGIN, line, color=MUTED)
            paper.y -= 13
    paper.end_page(1, 1)
    paper.finish()


def _write_fact(paper: Paper, label: str, texts: list[str]) -> None:
    with paper.element("TR"):
        paper.cell(MARGIN, label, scope="Row", size=SIZE, color=MUTED)
        with paper.element("TD"):
            for line in (part for text in texts for part in wrapped(text, RIGHT - VALUE_X, SIZE, 6)):
                paper.text(VALUE_X, line, size=SIZE)
                paper.y -= LEADING
    paper.y += LEADING - GAP
    paper.rule()
    paper.y -= LEADING + 4


def _facts(receipt: Receipt) -> list[tuple[str, list[str]]]:
    moment = receipt.booked_at.astimezone(receipt.zone)
    facts = [
        ("Payment", [_TITLES.get(receipt.transaction_type, receipt.transaction_type.capitalize())]),
        ("Status", ["Reversed" if receipt.reversed_by else "Completed"]),
        ("Time", [f"{moment.day} {moment:%b} {moment.year}, {moment:%H:%M:%S} ({receipt.zone.key})"]),
        ("From", _side(receipt.source, receipt)),
        ("To", _side(receipt.target, receipt)),
    ]
    if receipt.description:
        facts.append(("Description", [receipt.description]))
    facts.append(("Reference", [str(receipt.id)]))
    if receipt.reverses:
        facts.append(("Reverses", [receipt.reverses]))
    if receipt.reversed_by:
        facts.append(("Reversed by", [receipt.reversed_by]))
    return facts


def _side(side: Side | None, receipt: Receipt) -> list[str]:
    if side is None:
        return [receipt.bank.name]
    return [text for text in (side.name, f"Account {side.number}" if side.number else None) if text]


def _proof(receipt: Receipt) -> str:
    if receipt.reversed_by:
        return "This payment has been reversed: the money has gone back. This is no proof of payment."
    return f"{receipt.bank.name} confirms that this payment was carried out. {receipt.bank.contact}"
