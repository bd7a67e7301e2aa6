"""Each rule of tools/semgrep/rules.yaml finds its bad snippet, and nothing in its good one."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.repository import ROOT

SEMGREP = ROOT / ".venv-semgrep" / "bin" / "semgrep"
RULES = ROOT / "tools" / "semgrep" / "rules.yaml"
SNIPPETS = {
    "route-without-access": (
        '@pages.get("/x")\ndef x():\n    return ""\n',
        '@pages.get("/x")\n@private\ndef x(caller):\n    return ""\n',
    ),
    "sql-from-text": (
        'session.execute(text(f"DELETE FROM user WHERE name = {name}"))\n',
        'session.execute(text("DELETE FROM user WHERE name = :name"), {"name": name})\n',
    ),
    "unverified-tls": ("session.get(url, timeout=1, verify=False)\n", "session.get(url, timeout=1)\n"),
    "request-without-timeout": (
        "import requests\nrequests.get(url)\n",
        "import requests\nrequests.get(url, timeout=1)\n",
    ),
    "connection-without-timeout": (
        "import smtplib\nsmtplib.SMTP(host, port)\n",
        "import smtplib\nimport socket\n"
        "smtplib.SMTP(host, port, timeout=5)\nsocket.create_connection((host, port), 5)\n",
    ),
    "markup-of-data": ("Markup(f'<b>{name}</b>')\nMarkup(name)\n", 'Markup("<b>{}</b>").format(name)\n'),
    "template-from-text": ("render_template_string(text)\n", 'render_template("page.html", text=text)\n'),
    "secret-in-a-log": (
        '_log.info("login", extra={"name": name, "password": user.password})\n_log.warning("%s", otp)\n',
        '_log.info("login", extra={"user_id": str(user.id)})\n',
    ),
    "secret-compared-by-equality": (
        "if settings.client_secret == given:\n    pass\n",
        "if hmac.compare_digest(settings.client_secret, given):\n    pass\n",
    ),
    "dangerous-call": (
        "import pickle\nimport subprocess\nimport yaml\n"
        "pickle.loads(data)\nsubprocess.run(text, shell=True)\nyaml.load(text)\neval(text)\n",
        'import subprocess\nimport yaml\nsubprocess.run(["ls"], check=True, timeout=5)\nyaml.safe_load(text)\n',
    ),
    "redirect-to-a-parameter": (
        'redirect(request.args.get("next"), 303)\n',
        'redirect(local_path(request.args.get("next")), 303)\n',
    ),
    "unescaped-in-a-template": ("<p>{{ name | safe }}</p>\n", "<p>{{ name }}</p>\n"),
    "html-from-a-script": ("place.innerHTML = name;\n", "place.textContent = name;\n"),
}
"""The bad and the good snippet of each rule."""

SUFFIXES = {"unescaped-in-a-template": "html", "html-from-a-script": "js"}

pytestmark = pytest.mark.skipif(not SEMGREP.exists(), reason="`make check` installs semgrep, into .venv-semgrep")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return the rules that found something, by the name of the file."""
    folder = tmp_path_factory.mktemp("snippets")
    for rule, snippets in SNIPPETS.items():
        for kind, text in zip(("bad", "good"), snippets, strict=True):
            (folder / f"{kind}-{rule}.{SUFFIXES.get(rule, 'py')}").write_text(text, encoding="utf-8")
    command = [str(SEMGREP), "scan", "--metrics=off", "--disable-version-check", "--quiet", "--json", "--no-git-ignore"]
    run = subprocess.run(
        [*command, "--config", str(RULES), str(folder)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=folder,
        check=True,
    )
    results: dict[str, set[str]] = {}
    for result in json.loads(run.stdout)["results"]:
        results.setdefault(Path(result["path"]).stem, set()).add(result["check_id"].rpartition(".")[2])
    return results


def test_every_rule_has_a_bad_and_a_good_snippet() -> None:
    assert re.findall(r"^  - id: (\S+)$", RULES.read_text(encoding="utf-8"), re.MULTILINE) == list(SNIPPETS)


@pytest.mark.parametrize("rule", SNIPPETS)
def test_a_rule_finds_the_bad_snippet_and_not_the_good_one(found: dict[str, set[str]], rule: str) -> None:
    assert found.get(f"bad-{rule}") == {rule}
    assert f"good-{rule}" not in found
