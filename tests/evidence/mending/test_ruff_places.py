"""The mechanical fixes for reports of ruff, with ruff itself."""

from __future__ import annotations

import pytest

from reviewer.checking import suggestion as suggestions
from reviewer.evidence import Options, Side, recheck
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Source, SourceKind

SIDE = Side(dict.fromkeys)


def _fixed(text: str, rule: str) -> str | None:
    """The text after the proven fix of a rule."""
    found = recheck("run.py", text, (Source(SourceKind.TOOL, "ruff"),)) or ()
    one = next(finding for finding in found if finding.sources[0].rule == rule)
    fix = with_own_fix(one, text, "python", Options(), SIDE).suggestion
    return None if fix is None else suggestions.apply(text, fix)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("ASYNC251", "import asyncio\nimport time\n\n\nasync def f():\n    time.sleep(1)\n",
         "    await asyncio.sleep(1)"),
        ("B002", "n = 1\n++n\n", "n += 1"),
        ("B005", 'u = x.rstrip("t.txt")\n', 'u = x.removesuffix("t.txt")'),
        ("B023", "for i in r:\n    fs.append(lambda: g(i))\n", "    fs.append(lambda i=i: g(i))"),
        ("B023", "for i in r:\n    fs.append(lambda a: g(a, i))\n", "    fs.append(lambda a, i=i: g(a, i))"),
        ("B023", "for i in r:\n    def f():\n        return i\n    fs.append(f)\n", "    def f(i=i):"),
        ("B032", 'q = {}\nq["b"]: 3\n', 'q["b"] = 3'),
        ("B034", 'import re\nw = re.sub("a", "b", u, re.I)\n', 'w = re.sub("a", "b", u, flags=re.I)'),
        ("DTZ003", "from datetime import datetime, timezone\nd = datetime.utcnow()\n",
         "d = datetime.now(tz=timezone.utc)"),
        ("DTZ004", "import datetime\nd = datetime.datetime.utcfromtimestamp(3)\n",
         "d = datetime.datetime.fromtimestamp(3, tz=datetime.timezone.utc)"),
        ("DTZ005", "from datetime import datetime\nd = datetime.now()\n", "d = datetime.now().astimezone()"),
        ("DTZ006", "from datetime import datetime\nd = datetime.fromtimestamp(3)\n",
         "d = datetime.fromtimestamp(3).astimezone()"),
        ("F631", 'assert (x == 1, "not one")\n', 'assert x == 1, "not one"'),
        ("PLW1508", 'import os\nv = os.getenv("N", 1)\n', 'v = os.getenv("N", "1")'),
        ("PLW1509", "import os\nimport subprocess\n\np = subprocess.Popen(a, preexec_fn=os.setsid)\n",
         "p = subprocess.Popen(a, start_new_session=True)"),
        ("RUF008", "from dataclasses import dataclass, field\n\n\n@dataclass\nclass D:\n    x: list = []\n",
         "    x: list = field(default_factory=list)"),
        ("S113", 'import requests\nr = requests.post("u", data={})\n', 'r = requests.post("u", data={}, timeout=30)'),
        ("S202", 'import tarfile\nt = tarfile.open("f")\nt.extractall()\n', 't.extractall(filter="data")'),
        ("S323", "import ssl\nx = ssl._create_unverified_context()\n", "x = ssl.create_default_context()"),
        ("S501", 'import requests\nr = requests.get("u", verify=False, timeout=3)\n',
         'r = requests.get("u", verify=True, timeout=3)'),
        ("S506", "import yaml\ny = yaml.load(f)\n", "y = yaml.safe_load(f)"),
        ("S506", "import yaml\ny = yaml.load(f, Loader=yaml.Loader)\n", "y = yaml.load(f, Loader=yaml.SafeLoader)"),
    ],
)  # fmt: skip
def test_a_report_is_mended(rule: str, before: str, after: str) -> None:
    fixed = _fixed(before, rule)
    assert fixed is not None
    assert after in fixed.split("\n")


def test_a_trace_is_removed_with_its_line() -> None:
    assert _fixed("f()\nimport pdb; pdb.set_trace()\ng()\n", "T100") == "f()\ng()\n"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("B005", 'u = x.strip("t.txt")\n'),  # either end may be meant
        ("T100", "if x:\n    breakpoint()\n"),  # the block would be empty
    ],
)
def test_what_the_file_does_not_decide_is_left_out(rule: str, text: str) -> None:
    assert _fixed(text, rule) is None
