"""The change that is attacked: it has a fault in each of four files, found by ruff, shellcheck and a built-in rule."""

from __future__ import annotations

ATTACKED = "stats.py"
NAMED = "named.py"
CANARY = "/tmp/reviewer-attack-canary"
FAULTY = "def average(values, seen=[]):"

BEFORE = {
    ATTACKED: "def average(values):\n    return sum(values) / len(values)\n",
    "other.py": "import json\n\n\ndef load(path):\n    return json.load(path)\n",
    "deploy.sh": "#!/bin/bash\nset -eu\n",
}
AFTER = {
    ATTACKED: f"{FAULTY}\n    seen.append(values)\n    return sum(values) / len(values)\n",
    "other.py": "import json\n\n\ndef load(path):\n    try:\n        return json.load(path)\n    except:\n"
    "        return None\n",
    "deploy.sh": '#!/bin/bash\nset -eu\nrm -rf "$1/"*\ncp $2 /srv\n',
}
FAULT = "import subprocess\n\n\ndef run(command):\n    return subprocess.run(command, shell=True)\n"
