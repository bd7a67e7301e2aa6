"""Every action of the audit trail has a row in docs/SECURITY.md."""

import re

from tests.support import repository
from tests.support.repository import ROOT

TEXT = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")


def test_every_action_of_the_audit_trail_is_documented() -> None:
    pattern = re.compile(r"""(?:record|record_view)\(\s*[\w.]*(?:audit|outbox|storage)\w*,\s*"([a-z_.]+)\"""")
    sources = [path.read_text(encoding="utf-8") for path in repository.python_files("shared", *repository.PACKAGES)]
    used = {action for source in sources for action in pattern.findall(source)}
    assert len(used) > 20
    section = TEXT.partition("## Audit trail")[2].partition("## ")[0]
    missing = sorted(used - set(re.findall(r"`([a-z_.]+)`", section)))
    assert missing == [], "add them to the table under “Audit trail” in docs/SECURITY.md"
