import pytest

from shared.security.encryption import Encryption, UnknownKey, read_keys

OLD, NEW = "o" * 32, "n" * 32


def test_what_was_encrypted_is_decrypted_and_never_the_same_twice() -> None:
    encryption = Encryption([OLD], "p")
    encrypted = encryption.encrypt("JBSWY3DP")
    assert encryption.decrypt(encrypted) == "JBSWY3DP"
    assert encrypted != encryption.encrypt("JBSWY3DP")
    assert "JBSWY3DP" not in encrypted
    assert encrypted.startswith(f"{encryption.key_id}:")


def test_a_later_key_of_the_list_still_decrypts() -> None:
    encrypted = Encryption([OLD], "p").encrypt("text")
    assert Encryption([NEW, OLD], "p").decrypt(encrypted) == "text"
    with pytest.raises(UnknownKey):
        Encryption([NEW], "p").decrypt(encrypted)


@pytest.mark.parametrize("change", ["", "x", ":", "00000000:abc", "é"])
def test_a_modified_text_is_not_decrypted(change: str) -> None:
    with pytest.raises(UnknownKey):
        Encryption([OLD], "p").decrypt(change)
    encrypted = Encryption([OLD], "p").encrypt("text")
    other = "A" if encrypted[30] == "B" else "B"
    with pytest.raises(UnknownKey):
        Encryption([OLD], "p").decrypt(f"{encrypted[:30]}{change}{other}{encrypted[31:]}")


def test_each_purpose_has_its_own_key() -> None:
    with pytest.raises(UnknownKey):
        Encryption([OLD], "p").decrypt(Encryption([OLD], "q").encrypt("text"))


def test_an_encrypted_text_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    encryption = Encryption([OLD], "p")
    monkeypatch.setattr("time.time", lambda: 1_000_000_000)
    encrypted = encryption.encrypt("text")
    monkeypatch.setattr("time.time", lambda: 1_000_000_061)
    assert encryption.decrypt(encrypted) == "text"
    assert encryption.decrypt(encrypted, max_age_seconds=61) == "text"
    with pytest.raises(UnknownKey):
        encryption.decrypt(encrypted, max_age_seconds=60)


def test_keys_are_a_list_without_short_ones() -> None:
    assert read_keys(f"{NEW}, {OLD}") == [NEW, OLD]
    for text in ("short", f"{NEW},", f"{NEW},short", ""):
        with pytest.raises(ValueError, match="at least 32 characters"):
            read_keys(text)
