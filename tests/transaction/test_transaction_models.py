"""A transaction and the row that keeps it are one thing written twice."""

from dataclasses import fields

from transaction_service.transaction_models import Transaction, TransactionRow


def test_a_row_has_the_fields_of_a_transaction_in_their_order_and_what_searches_read() -> None:
    names = [field.name for field in fields(Transaction)]
    assert list(TransactionRow.__table__.columns.keys()) == [*names, "search_text"]
