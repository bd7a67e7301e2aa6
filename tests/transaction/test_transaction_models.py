"""The dataclass and the table of transactions have the same fields."""

from dataclasses import fields

from transaction_service.transaction_models import Transaction, TransactionRow


def test_a_row_has_the_fields_of_a_transaction_in_the_same_order_and_the_search_text() -> None:
    names = [field.name for field in fields(Transaction)]
    assert list(TransactionRow.__table__.columns.keys()) == [*names, "search_text"]
