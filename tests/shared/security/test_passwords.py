"""Common passwords are refused, others are hashed with scrypt, and concurrent hashing is limited."""

import threading
import unicodedata

import pytest

from shared.core.errors import ServiceUnavailable
from shared.security.passwords import Passwords, why_too_common

OWN = ("Ada.Lovelace", "ada@example.com", "ada")


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa",
        "121212121212",
        "abcabcabcabc",
        "123456789012",
        "987654321098",
        "abcdefghijklm",
        "zyxwvutsrqpo",
        "qwertyuiopas",
        "1" * 128,
    ],
)
def test_sequences_and_repetitions_are_refused(password: str) -> None:
    assert (
        why_too_common(password) == "is too easy to guess, because it is a sequence or a repetition; choose another one"
    )


@pytest.mark.parametrize(
    "password",
    [
        "1q2w3e4r5t6y",
        "leavemealone",
        "LeaveMeAlone",
        "password1234",
        "PASSWORD1234",
        "iloveyou2026",
        "passwordpassword",
        "letmeinletmein",
        "dragon1dragon1",
    ],
)
def test_common_passwords_are_refused_regardless_of_case_and_digits(password: str) -> None:
    assert why_too_common(password) == "is too easy to guess, because many people use it; choose another one"


@pytest.mark.parametrize("password", ["ada.lovelace", "ADA@example.com", "ada.lovelace1815", "adaadaadaada"])
def test_the_users_own_names_are_refused(password: str) -> None:
    assert (
        why_too_common(password, OWN)
        == "is too easy to guess, because it is made of a name or an address of yours; choose another one"
    )
    if password != "adaadaadaada":
        assert why_too_common(password) is None


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "482910573920",
        "the rain in spain",
        "Ada likes punched cards",
        "пароль из слов",
        "        a b c",
        "x" * 127 + "y",
    ],
)
def test_no_kind_of_character_is_required(password: str) -> None:
    assert why_too_common(password, OWN) is None


@pytest.fixture(scope="module")
def passwords(costly_hashes: None) -> Passwords:
    return Passwords()


def test_only_the_whole_password_matches(passwords: Passwords) -> None:
    password = "long " * 25 + "end"
    password_hash = passwords.hash(password)
    assert password_hash.startswith("scrypt:32768:8:1$")
    assert len(password_hash) <= 255
    assert passwords.matches(password, password_hash)
    assert not passwords.matches(password[:-1], password_hash)


def test_two_hashes_of_one_password_differ(passwords: Passwords) -> None:
    assert passwords.hash("the same") != passwords.hash("the same")


def test_composed_and_decomposed_characters_match(passwords: Passwords) -> None:
    password_hash = passwords.hash(unicodedata.normalize("NFC", "crème brûlée"))
    assert passwords.matches(unicodedata.normalize("NFD", "crème brûlée"), password_hash)


def test_without_a_hash_the_same_work_is_done_and_nothing_matches(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("shared.security.passwords.generate_password_hash", lambda text, _method: hashed.append(text))
    assert not passwords.matches("anything", None)
    assert hashed == ["anything"]


def test_concurrent_hashes_are_limited_and_a_full_queue_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(max_concurrent=2, max_waiting=3)
    running, most, everybody_in = [0], [0], threading.Event()
    guard, finish = threading.Lock(), threading.Event()

    def slow(_password: str, _method: str) -> str:
        with guard:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 2:
                everybody_in.set()
        assert finish.wait(10)
        with guard:
            running[0] -= 1
        return "hash"

    monkeypatch.setattr("shared.security.passwords.generate_password_hash", slow)
    outcomes: list[str] = []

    def ask() -> None:
        try:
            outcomes.append(passwords.hash("password"))
        except ServiceUnavailable as refusal:
            outcomes.append(f"refused for {refusal.retry_after_seconds} s")
            if len(outcomes) == 3:
                finish.set()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert everybody_in.wait(10)
    for thread in threads:
        thread.join(10)
    assert sorted(outcomes) == ["hash"] * 5 + ["refused for 1 s"] * 3
    assert most == [2]


@pytest.mark.parametrize("breached", ["!alfonso921!", "!ALFONSO921!", "!benjamin98!"])
def test_a_long_password_of_a_known_breach_is_refused(breached: str) -> None:
    assert "breach" in (why_too_common(breached) or "")


def test_a_hash_with_other_parameters_is_to_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords()
    old = passwords.hash("a lamp beside the harbour")
    assert not passwords.needs_rehash(old)
    monkeypatch.setattr("shared.security.passwords.METHOD", "scrypt:16384:8:1")
    assert passwords.needs_rehash(old)
    assert not passwords.needs_rehash(passwords.hash("a lamp beside the harbour"))
    assert passwords.matches("a lamp beside the harbour", old)
