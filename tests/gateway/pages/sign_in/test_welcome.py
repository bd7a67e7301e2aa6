"""The help page, for everybody."""

import re

import pytest

from tests.support.suite import BankOptions, Suite


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"BANK_CONTACT": "Call 555 0100 & ask."})


def test_everybody_can_read_the_help_and_every_page_leads_to_it(bank: Suite) -> None:
    for visitor, page in ((bank.visitor(), "/login"), (bank.person().visitor, "/dashboard")):
        links = set(re.findall(r'href="(/help[^"]*)"', visitor.get(page).text))
        assert links == {"/help", "/help#contact", "/help#fees", "/help#security", "/help#privacy"}
        found = visitor.get("/help")
        assert found.status_code == 200
        assert "Call 555 0100 &amp; ask." in found.text
        for link in links - {"/help"}:
            assert f'id="{link.partition("#")[2]}"' in found.text


def test_every_link_of_the_help_leads_to_a_page(bank: Suite) -> None:
    visitor = bank.person().visitor
    paths = set(re.findall(r'href="(/[a-z/]*)"', visitor.get("/help").text.partition("<main")[2])) - {"/login"}
    assert paths
    assert {path: visitor.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
