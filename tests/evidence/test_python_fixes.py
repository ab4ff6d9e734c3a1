"""The mechanical fixes that need Python's syntax tree, with ruff and the built-in rules themselves."""

from __future__ import annotations

import pytest

from reviewer.checking import suggestion as suggestions
from reviewer.evidence import Options, Side, recheck
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Source, SourceKind

SIDE = Side(dict.fromkeys)


def _fixed(text: str, rule: str) -> str | None:
    """The text after the proven fix of a rule."""
    source = Source(SourceKind.RULE, "built-in") if rule.startswith("py-") else Source(SourceKind.TOOL, "ruff")
    found = recheck("src/run.py", text, (source,)) or ()
    one = next(finding for finding in found if finding.sources[0].rule == rule)
    fix = with_own_fix(one, text, "python", Options(), SIDE).suggestion
    return None if fix is None else suggestions.apply(text, fix)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("ASYNC210",
         "import asyncio\n"
         "import requests\n"
         "\n"
         "\n"
         "async def f(u):\n"
         "    return requests.get(u, timeout=3).json()\n",
         "import asyncio\n"
         "import requests\n"
         "\n"
         "\n"
         "async def f(u):\n"
         "    return (await asyncio.to_thread(requests.get, u, timeout=3)).json()\n"),
        ("ASYNC210",
         "import requests\n"
         "\n"
         "\n"
         "async def f(u):\n"
         "    r = requests.get(\n"
         "        u,\n"
         "        timeout=3,\n"
         "    )\n"
         "    return r\n",
         "import asyncio\n"
         "import requests\n"
         "\n"
         "\n"
         "async def f(u):\n"
         "    r = await asyncio.to_thread(requests.get,\n"
         "        u,\n"
         "        timeout=3,\n"
         "    )\n"
         "    return r\n"),
        ("ASYNC221",
         "import asyncio\n"
         "import subprocess\n"
         "\n"
         "\n"
         "async def f():\n"
         '    subprocess.run(["make"])\n',
         "import asyncio\n"
         "import subprocess\n"
         "\n"
         "\n"
         "async def f():\n"
         '    await asyncio.to_thread(subprocess.run, ["make"])\n'),
        ("ASYNC250",
         "import asyncio\n"
         "\n"
         "\n"
         "async def f():\n"
         '    name = input("name: ")\n'
         "    return name\n",
         "import asyncio\n"
         "\n"
         "\n"
         "async def f():\n"
         '    name = await asyncio.to_thread(input, "name: ")\n'
         "    return name\n"),
        ("ASYNC251",
         "import time\n"
         "\n"
         "\n"
         "async def f():\n"
         "    time.sleep(1)\n",
         "import asyncio\n"
         "import time\n"
         "\n"
         "\n"
         "async def f():\n"
         "    await asyncio.sleep(1)\n"),
        ("B030",
         "try:\n"
         "    f()\n"
         "except ValueError or TypeError:\n"
         "    g()\n",
         "try:\n"
         "    f()\n"
         "except (ValueError, TypeError):\n"
         "    g()\n"),
        ("B909",
         "for x in xs:\n"
         "    if x.old:\n"
         "        xs.remove(x)\n",
         "for x in list(xs):\n"
         "    if x.old:\n"
         "        xs.remove(x)\n"),
        ("BLE001",
         "import os\n"
         "\n"
         "\n"
         "def f(p):\n"
         "    try:\n"
         "        os.remove(p)\n"
         "    except Exception:\n"
         "        return False\n",
         "import os\n"
         "\n"
         "\n"
         "def f(p):\n"
         "    try:\n"
         "        os.remove(p)\n"
         "    except OSError:\n"
         "        return False\n"),
        ("BLE001",
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception:\n"
         "        return False\n",
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception:\n"
         '        log.exception("sync failed")\n'
         "        return False\n"),
        ("BLE001",
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception as e:\n"
         '        log.error("push: %s", e)\n',
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception as e:\n"
         '        log.exception("push: %s", e)\n'),
        ("BLE001",
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception as e:\n"
         '        log.warning("push: %s", e)\n',
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception as e:\n"
         '        log.warning("push: %s", e, exc_info=True)\n'),
        ("E722",
         "import json\n"
         "\n"
         "\n"
         "def f(t):\n"
         "    try:\n"
         "        return json.loads(t)\n"
         "    except:\n"
         "        return None\n",
         "import json\n"
         "\n"
         "\n"
         "def f(t):\n"
         "    try:\n"
         "        return json.loads(t)\n"
         "    except (TypeError, ValueError):\n"
         "        return None\n"),
        ("E722",
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except:\n"
         "        return False\n",
         "import logging\n"
         "\n"
         "log = logging.getLogger(__name__)\n"
         "\n"
         "\n"
         "def sync(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception:\n"
         '        log.exception("sync failed")\n'
         "        return False\n"),
        ("S110",
         "import os\n"
         "\n"
         "\n"
         "def f(p):\n"
         "    try:\n"
         "        os.unlink(p)\n"
         "    except Exception:\n"
         "        pass\n",
         "import os\n"
         "\n"
         "\n"
         "def f(p):\n"
         "    try:\n"
         "        os.unlink(p)\n"
         "    except OSError:\n"
         "        pass\n"),
        ("S112",
         "def f(ts, out):\n"
         "    for t in ts:\n"
         "        try:\n"
         "            out.append(int(t))\n"
         "        except Exception:\n"
         "            continue\n",
         "def f(ts, out):\n"
         "    for t in ts:\n"
         "        try:\n"
         "            out.append(int(t))\n"
         "        except (TypeError, ValueError):\n"
         "            continue\n"),
        ("DTZ003",
         "from datetime import datetime\n"
         "\n"
         "\n"
         "def f():\n"
         "    return datetime.utcnow()\n",
         "from datetime import datetime, timezone\n"
         "\n"
         "\n"
         "def f():\n"
         "    return datetime.now(tz=timezone.utc)\n"),
        ("DTZ003",
         "import datetime\n"
         "\n"
         "\n"
         "def f():\n"
         '    return datetime.datetime.utcnow().isoformat() + "Z"\n',
         "import datetime\n"
         "\n"
         "\n"
         "def f():\n"
         "    return datetime.datetime.now(tz=datetime.timezone.utc).isoformat()\n"),
        ("DTZ003",
         "from datetime import datetime, timezone\n"
         "d = datetime.utcnow().replace(tzinfo=timezone.utc)\n",
         "from datetime import datetime, timezone\n"
         "d = datetime.now(tz=timezone.utc)\n"),
        ("DTZ005",
         "from datetime import datetime\n"
         "from zoneinfo import ZoneInfo\n"
         'd = datetime.now().replace(tzinfo=ZoneInfo("UTC"))\n',
         "from datetime import datetime\n"
         "from zoneinfo import ZoneInfo\n"
         'd = datetime.now(tz=ZoneInfo("UTC"))\n'),
        ("PLW0177",
         "import numpy as np\n"
         "y = x != np.nan\n",
         "import numpy as np\n"
         "y = ~np.isnan(x)\n"),
        ("PLW0177",
         "import math\n"
         "y = x[0] == math.nan\n",
         "import math\n"
         "y = math.isnan(x[0])\n"),
        ("RUF008",
         "from dataclasses import dataclass\n"
         "\n"
         "\n"
         "@dataclass\n"
         "class D:\n"
         "    x: list = []\n",
         "from dataclasses import dataclass, field\n"
         "\n"
         "\n"
         "@dataclass\n"
         "class D:\n"
         "    x: list = field(default_factory=list)\n"),
        ("S113",
         "import requests\n"
         "r = requests.get(\n"
         '    "u",\n'
         ")\n",
         "import requests\n"
         "r = requests.get(\n"
         '    "u",\n'
         "    timeout=30,\n"
         ")\n"),
        ("S113",
         "import requests\n"
         'r = requests.get("u", params={"q": (1)})\n',
         "import requests\n"
         'r = requests.get("u", params={"q": (1)}, timeout=30)\n'),
        ("S201",
         "import flask\n"
         "\n"
         "app = flask.Flask(__name__)\n"
         "app.run(debug=True)\n",
         "import flask\n"
         "\n"
         "app = flask.Flask(__name__)\n"
         "app.run(debug=False)\n"),
        ("S306",
         "import os\n"
         "import tempfile\n"
         "\n"
         "\n"
         "def f(data):\n"
         '    name = tempfile.mktemp(suffix=".x")\n'
         "    return name\n",
         "import os\n"
         "import tempfile\n"
         "\n"
         "\n"
         "def f(data):\n"
         '    fd, name = tempfile.mkstemp(suffix=".x")\n'
         "    os.close(fd)\n"
         "    return name\n"),
        ("S307",
         "import ast\n"
         "\n"
         "\n"
         "def f(t):\n"
         "    return eval(t)\n",
         "import ast\n"
         "\n"
         "\n"
         "def f(t):\n"
         "    return ast.literal_eval(t)\n"),
        ("S505",
         "from cryptography.hazmat.primitives.asymmetric import rsa\n"
         "k = rsa.generate_private_key(public_exponent=65537, key_size=1024)\n",
         "from cryptography.hazmat.primitives.asymmetric import rsa\n"
         "k = rsa.generate_private_key(public_exponent=65537, key_size=2048)\n"),
        ("S602",
         "import subprocess\n"
         "\n"
         "\n"
         "def f(name, n: str):\n"
         '    subprocess.run(f"tar czf \'{name}\' --tag={n} {n}", shell=True, check=True)\n',
         "import subprocess\n"
         "\n"
         "\n"
         "def f(name, n: str):\n"
         '    subprocess.run(["tar", "czf", str(name), f"--tag={n}", n], check=True)\n'),
        ("S602",
         "import subprocess\n"
         "\n"
         "\n"
         "def f(name):\n"
         '    cmd = "git fetch %s" % name\n'
         "    subprocess.check_call(cmd, shell=True)\n",
         "import subprocess\n"
         "\n"
         "\n"
         "def f(name):\n"
         '    cmd = ["git", "fetch", str(name)]\n'
         "    subprocess.check_call(cmd)\n"),
        ("S605",
         "import os\n"
         "import subprocess\n"
         "\n"
         "\n"
         "def f(host):\n"
         '    return os.system("ping -c1 " + host)\n',
         "import os\n"
         "import subprocess\n"
         "\n"
         "\n"
         "def f(host):\n"
         '    return subprocess.call(["ping", "-c1", str(host)])\n'),
        ("S608",
         "import sqlite3\n"
         "\n"
         "\n"
         "def f(c, a, b):\n"
         '    c.execute(f"SELECT id FROM t WHERE a = \'{a}\' AND b > {b}")\n',
         "import sqlite3\n"
         "\n"
         "\n"
         "def f(c, a, b):\n"
         '    c.execute("SELECT id FROM t WHERE a = ? AND b > ?", (a, b))\n'),
        ("S608",
         "import psycopg2\n"
         "\n"
         "\n"
         "def f(c, a):\n"
         '    q = "SELECT id FROM t WHERE a = \'%s\'" % a\n'
         "    c.execute(q)\n",
         "import psycopg2\n"
         "\n"
         "\n"
         "def f(c, a):\n"
         '    q = "SELECT id FROM t WHERE a = %s"\n'
         "    c.execute(q, (a,))\n"),
        ("S608",
         "import psycopg2\n"
         "\n"
         "\n"
         "def f(c, a):\n"
         '    c.execute("DELETE FROM t WHERE a = " + a)\n',
         "import psycopg2\n"
         "\n"
         "\n"
         "def f(c, a):\n"
         '    c.execute("DELETE FROM t WHERE a = %s", (a,))\n'),
        ("S701",
         "import jinja2\n"
         "e = jinja2.Environment(loader=x)\n",
         "import jinja2\n"
         "e = jinja2.Environment(loader=x, autoescape=True)\n"),
        ("S701",
         "from jinja2 import Environment, select_autoescape\n"
         "e = Environment(autoescape=False)\n",
         "from jinja2 import Environment, select_autoescape\n"
         "e = Environment(autoescape=select_autoescape())\n"),
        ("S704",
         "from markupsafe import Markup\n"
         'm = Markup(f"<b>{name}</b>")\n',
         "from markupsafe import Markup\n"
         'm = Markup("<b>{}</b>").format(name)\n'),
        ("SIM115",
         "def f(p):\n"
         "    f = open(p)\n"
         "    data = f.read()\n"
         "    f.close()\n"
         "    return data\n",
         "def f(p):\n"
         "    with open(p) as f:\n"
         "        data = f.read()\n"
         "    return data\n"),
        ("SIM115",
         "def f(ps):\n"
         "    for p in ps:\n"
         '        f = open(p, encoding="utf-8")\n'
         "        for line in f:\n"
         "            yield line\n",
         "def f(ps):\n"
         "    for p in ps:\n"
         '        with open(p, encoding="utf-8") as f:\n'
         "            for line in f:\n"
         "                yield line\n"),
        ("SIM115",
         "import json\n"
         "\n"
         "\n"
         "def f(p):\n"
         "    f = open(p)\n"
         "    return json.load(f)\n",
         "import json\n"
         "\n"
         "\n"
         "def f(p):\n"
         "    with open(p) as f:\n"
         "        return json.load(f)\n"),
        ("py-argparse-type-bool",
         "import argparse\n"
         "parser = argparse.ArgumentParser()\n"
         'parser.add_argument("--fast", type=bool, default=False)\n',
         "import argparse\n"
         "parser = argparse.ArgumentParser()\n"
         'parser.add_argument("--fast", action=argparse.BooleanOptionalAction, default=False)\n'),
        ("py-called-instead-of-passed",
         "executor.submit(work(3, x=4))\n",
         "executor.submit(work, 3, x=4)\n"),
        ("py-called-instead-of-passed",
         "signal.signal(signal.SIGTERM, stop())\n",
         "signal.signal(signal.SIGTERM, stop)\n"),
        ("py-collection-changed-in-loop",
         "for k in cache.keys():\n"
         "    if cache[k].old:\n"
         "        del cache[k]\n",
         "for k in list(cache):\n"
         "    if cache[k].old:\n"
         "        del cache[k]\n"),
        ("py-command-line-as-program",
         "import subprocess\n"
         'subprocess.run("ls -l")\n',
         "import subprocess\n"
         'subprocess.run(["ls", "-l"])\n'),
        ("py-continue-skips-step",
         "while i < n:\n"
         "    if not xs[i]:\n"
         "        continue\n"
         "    use(xs[i])\n"
         "    i += 1\n",
         "while i < n:\n"
         "    if not xs[i]:\n"
         "        i += 1\n"
         "        continue\n"
         "    use(xs[i])\n"
         "    i += 1\n"),
        ("py-cookie-without-protection",
         'resp.set_cookie("session", sid, secure=False)\n',
         'resp.set_cookie("session", sid, secure=True, httponly=True)\n'),
        ("py-decorator-below-route",
         "@login_required\n"
         '@app.route("/admin")\n'
         "def f():\n"
         "    pass\n",
         '@app.route("/admin")\n'
         "@login_required\n"
         "def f():\n"
         "    pass\n"),
        ("py-default-evaluated-once",
         "class Post(Model):\n"
         "    created = models.DateTimeField(default=timezone.now())\n",
         "class Post(Model):\n"
         "    created = models.DateTimeField(default=timezone.now)\n"),
        ("py-endless-recursion",
         "class A:\n"
         "    def __init__(self, n):\n"
         "        self._n = n\n"
         "\n"
         "    @property\n"
         "    def n(self):\n"
         "        return self.n\n",
         "class A:\n"
         "    def __init__(self, n):\n"
         "        self._n = n\n"
         "\n"
         "    @property\n"
         "    def n(self):\n"
         "        return self._n\n"),
        ("py-errors-of-gather-dropped",
         "async def f(jobs):\n"
         "    await asyncio.gather(\n"
         "        *jobs,\n"
         "        return_exceptions=True,\n"
         "    )\n",
         "async def f(jobs):\n"
         "    await asyncio.gather(\n"
         "        *jobs,\n"
         "    )\n"),
        ("py-iterator-used-up",
         "def f(xs):\n"
         "    g = (x.n for x in xs)\n"
         "    print(max(g))\n"
         "    return sum(g)\n",
         "def f(xs):\n"
         "    g = [x.n for x in xs]\n"
         "    print(max(g))\n"
         "    return sum(g)\n"),
        ("py-last-batch-not-flushed",
         "def f(rows):\n"
         "    batch = []\n"
         "    for row in rows:\n"
         "        batch.append(row)\n"
         "        if len(batch) >= 100:\n"
         "            save(batch)\n"
         "            batch = []\n",
         "def f(rows):\n"
         "    batch = []\n"
         "    for row in rows:\n"
         "        batch.append(row)\n"
         "        if len(batch) >= 100:\n"
         "            save(batch)\n"
         "            batch = []\n"
         "    if batch:\n"
         "        save(batch)\n"),
        ("py-last-part-dropped",
         "def f(xs, size):\n"
         "    n = len(xs) // size\n"
         "    for i in range(n):\n"
         "        send(xs[i * size:(i + 1) * size])\n",
         "def f(xs, size):\n"
         "    n = -(-len(xs) // size)\n"
         "    for i in range(n):\n"
         "        send(xs[i * size:(i + 1) * size])\n"),
        ("py-lock-not-released",
         "lock.acquire()\n"
         "save()\n"
         "lock.release()\n",
         "with lock:\n"
         "    save()\n"),
        ("py-loop-inside-loop",
         "async def main():\n"
         "    asyncio.run(work())\n",
         "async def main():\n"
         "    await work()\n"),
        ("py-missing-comma-in-list",
         "x = [\n"
         '    "alpha",\n'
         '    "beta"\n'
         '    "gamma",\n'
         "]\n",
         "x = [\n"
         '    "alpha",\n'
         '    "beta",\n'
         '    "gamma",\n'
         "]\n"),
        ("py-next-element-past-end",
         "def f(xs):\n"
         "    for i in range(len(xs)):\n"
         "        if xs[i] > xs[i + 1]:\n"
         "            swap(xs, i)\n",
         "def f(xs):\n"
         "    for i in range(len(xs) - 1):\n"
         "        if xs[i] > xs[i + 1]:\n"
         "            swap(xs, i)\n"),
        ("py-not-restored-after-error",
         "@contextmanager\n"
         "def f():\n"
         "    conn = connect()\n"
         "    yield conn\n"
         "    conn.close()\n",
         "@contextmanager\n"
         "def f():\n"
         "    conn = connect()\n"
         "    try:\n"
         "        yield conn\n"
         "    finally:\n"
         "        conn.close()\n"),
        ("py-open-not-closed",
         "text = open(path).read()\n",
         "with open(path) as file:\n"
         "    text = file.read()\n"),
        ("py-operand-always-true",
         'if x == "a" or "b":\n'
         "    go()\n",
         'if x in ("a", "b"):\n'
         "    go()\n"),
        ("py-permission-by-assert",
         "def f(request):\n"
         '    assert request.user.is_staff, "staff only"\n',
         "def f(request):\n"
         "    if not request.user.is_staff:\n"
         '        raise PermissionError("staff only")\n'),
        ("py-prefix-without-separator",
         "import os\n"
         "\n"
         "\n"
         "def f(name):\n"
         "    path = os.path.realpath(os.path.join(base_dir, name))\n"
         "    if not path.startswith(base_dir):\n"
         "        raise ValueError(name)\n",
         "import os\n"
         "\n"
         "\n"
         "def f(name):\n"
         "    path = os.path.realpath(os.path.join(base_dir, name))\n"
         "    if not path.startswith(base_dir + os.sep):\n"
         "        raise ValueError(name)\n"),
        ("py-range-past-end",
         "for i in range(len(items) + 1):\n"
         "    print(items[i])\n",
         "for i in range(len(items)):\n"
         "    print(items[i])\n"),
        ("py-secret-compared-in-steps",
         "import hashlib\n"
         "import hmac\n"
         "\n"
         "\n"
         "def verify(signature, body):\n"
         '    expected = hmac.new(KEY, body, "sha256").hexdigest()\n'
         "    return signature == expected\n",
         "import hashlib\n"
         "import hmac\n"
         "\n"
         "\n"
         "def verify(signature, body):\n"
         '    expected = hmac.new(KEY, body, "sha256").hexdigest()\n'
         "    return hmac.compare_digest(signature, expected)\n"),
        ("py-secret-logged",
         "def f(user, password):\n"
         '    logger.info("login of %s with %s", user, password)\n',
         "def f(user, password):\n"
         '    logger.info("login of %s with %s", user, "***")\n'),
        ("py-secret-logged",
         "def f(user, password):\n"
         '    logger.info(f"login of {user} with {password}")\n',
         "def f(user, password):\n"
         '    logger.info(f"login of {user} with ***")\n'),
        ("py-seconds-of-difference",
         "def f(a, b):\n"
         "    return (a - b).seconds\n",
         "def f(a, b):\n"
         "    return int((a - b).total_seconds())\n"),
        ("py-seconds-of-difference",
         "def f(a, b):\n"
         "    return (a - b).seconds / 60\n",
         "def f(a, b):\n"
         "    return (a - b).total_seconds() / 60\n"),
        ("py-share-of-whole-numbers",
         "percent = (len(done) // len(total)) * 100\n",
         "percent = len(done) * 100 // len(total)\n"),
        ("py-work-sent-before-commit",
         "from django.db import transaction\n"
         "\n"
         "\n"
         "def f(cart):\n"
         "    with transaction.atomic():\n"
         "        for item in cart:\n"
         "            item.reserve()\n"
         "            notify.delay(item.id)\n",
         "from django.db import transaction\n"
         "\n"
         "\n"
         "def f(cart):\n"
         "    with transaction.atomic():\n"
         "        for item in cart:\n"
         "            item.reserve()\n"
         "            transaction.on_commit(lambda item=item: notify.delay(item.id))\n"),
    ],
)  # fmt: skip
def test_a_report_is_mended(rule: str, before: str, after: str) -> None:
    assert _fixed(before, rule) == after


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        pytest.param("ASYNC210",
         "import requests\n"
         "import trio\n"
         "\n"
         "\n"
         "async def f(u):\n"
         "    return requests.get(u, timeout=3)\n",
         id="trio has threads of its own"),
        pytest.param("BLE001",
         "def f(p):\n"
         "    try:\n"
         "        p.push()\n"
         "    except Exception:\n"
         "        return False\n",
         id="no logger, and push can raise anything"),
        pytest.param("DTZ003",
         "from datetime import datetime\n"
         "from django.utils import timezone\n"
         "d = datetime.utcnow()\n",
         id="the name is taken"),
        pytest.param("S602",
         "import subprocess\n"
         'subprocess.run(f"cat {x} | wc", shell=True)\n',
         id="a pipe"),
        pytest.param("S602",
         "import subprocess\n"
         'subprocess.run(f"ls {options}", shell=True)\n',
         id="several words in one value"),
        pytest.param("S608",
         "import sqlite3\n"
         "\n"
         "\n"
         "def f(c, t):\n"
         '    c.execute(f"SELECT id FROM {t}")\n',
         id="the name of a table"),
        pytest.param("S608",
         "def f(c, a):\n"
         '    c.execute(f"SELECT id FROM t WHERE a = {a}")\n',
         id="an unknown driver"),
        pytest.param("SIM115",
         "def f(p):\n"
         "    f = open(p)\n"
         "    return Reader(f)\n",
         id="the file outlives the function"),
        pytest.param("SIM115",
         "def f(p):\n"
         "    f = open(p)\n"
         '    t = """\n'
         '    x""" + f.read()\n'
         "    f.close()\n"
         "    return t\n",
         id="indenting changes the text"),
        pytest.param("py-prefix-without-separator",
         "def f(self, name):\n"
         "    target = (self.root / name).resolve()\n"
         "    if str(target).startswith(str(self.root)):\n"
         "        return target.open()\n",
         id="os is not imported"),
    ],
)  # fmt: skip
def test_what_the_file_does_not_decide_is_left_out(rule: str, text: str) -> None:
    assert _fixed(text, rule) is None
