"""The bank's data in documents."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bank:
    """The bank as documents name it: its name, the lines of its address, and how to reach it."""

    name: str
    address: tuple[str, ...]
    contact: str
