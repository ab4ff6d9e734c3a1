"""Rules for single instructions of a Dockerfile."""

from __future__ import annotations

import functools

from reviewer.evidence.statements.pattern import Pattern, regex, template
from reviewer.finding import Category, Severity

_SECRET_NAME = r"\w*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)"  # noqa: S105 - a pattern
_PACKAGES = r"apt(?:-get)?(?:\s+-\S+)*\s+install"


@functools.cache  # compiled when the first file needs them
def patterns() -> tuple[Pattern, ...]:
    """Return the rules."""
    return (
        Pattern(
            "dockerfile-command-in-single-quotes",
            regex(
                r"\A\s*(?:CMD|ENTRYPOINT|SHELL|VOLUME)\s+(?P<at>\[\s*'(?P<first>[^'\"]*)'(?P<rest>(?:\s*,\s*'[^'"
                r"\"]*')*)\s*\])\s*\Z"
            ),
            "A list in single quotes is not JSON, so it is passed to a shell as it stands.",
            "https://docs.docker.com/reference/dockerfile/#exec-form",
            fix=lambda found: found["at"].replace("'", '"'),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-directory-lost",
            regex(r"\A\s*RUN\s+(?P<at>cd\s+[^\s;&|]+)\s*\Z"),
            "The next instruction starts in the former directory again; use WORKDIR.",
            "https://github.com/hadolint/hadolint/wiki/DL3003",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-variable-lost",
            regex(r"\A\s*(?P<at>RUN\s+export\s+(?P<name>\w+)=(?P<value>(?:\"[^\"]*\"|[^\s;&|\"'$`()])+))\s*\Z"),
            "The variable is gone when this step ends; use ENV.",
            "https://docs.docker.com/reference/dockerfile/#env",
            fix=template(r"ENV \g<name>=\g<value>"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-install-asks",
            regex(rf"\A\s*RUN\b(?:.|\n)*?(?P<at>{_PACKAGES})\b(?P<options>[^;&|]*)"),
            "The installation asks for confirmation, which nobody can give during a build.",
            "https://github.com/hadolint/hadolint/wiki/DL3014",
            unless=regex(
                rf"{_PACKAGES}[^;&|]*\s(?:-[a-z]*y[a-z]*|--yes|--assume-yes|-qq\S*)\b|\s-[a-z]*y[a-z]*\s+(?:-"
                rf"\S+\s+)*install|-qq|\byes\s*\||assume-yes"
            ),
            fix=template(r"\g<at> -y"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-stale-package-list",
            regex(r"\A\s*RUN\s+(?P<at>apt(?:-get)?\s+(?:-\S+\s+)*update(?:\s+-\S+)*)\s*\Z"),
            "The package list is cached in a layer of its own and gets old; update and install in one RUN.",
            "https://docs.docker.com/build/building/best-practices/#apt-get",
        ),
        Pattern(
            "dockerfile-port-out-of-range",
            regex(
                r"\A\s*EXPOSE\s+(?:\S+\s+)*?(?P<at>(?:6553[6-9]|655[4-9]\d|65[6-9]\d\d|6[6-9]\d{3}|[7-9]\d{4}|"
                r"\d{6,}))(?:/\w+)?\s*(?:\s|\Z)"
            ),
            "Ports end at 65535.",
            "https://github.com/hadolint/hadolint/wiki/DL3011",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-variable-in-list",
            regex(
                r"\A\s*(?:CMD|ENTRYPOINT)\s+\[(?!\s*\"(?:/bin/)?(?:ba|da|z|a)?sh\")(?:[^\]]*,)?\s*(?P<at>\"\$(?:"
                r"\{\w+\}|\w+)\")[^\]]*\]\s*\Z"
            ),
            "No shell runs the list, so the variable is not replaced.",
            "https://docs.docker.com/reference/dockerfile/#variable-substitution",
            unless=regex(r"\b(?:ba|da|z|a)?sh\"|tini|dumb-init|\benv\b|entrypoint"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-variable-of-same-instruction",
            regex(r"\A\s*ENV\s+(?:[^\n]*\s)?(?P<name>[A-Za-z_]\w*)=\S+[^\n]*?\s\w+=\S*?(?P<at>\$\{?(?P=name)\b\}?)"),
            "The variable still has its former value here; set it in an instruction of its own before.",
            "https://github.com/hadolint/hadolint/wiki/DL3044",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-secret-in-image",
            regex(rf"\A\s*(?:ARG|ENV)\s+(?P<at>{_SECRET_NAME})(?:\s*=|\s+\S|\s*\Z)"),
            "The value stays readable in the image's history; mount the secret with RUN --mount=type=secret.",
            "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
            unless=regex(r"_FILE\s*=|=\s*(?:/\S+|\"\"|'')?\s*\Z"),
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-secret-file-copied",
            regex(
                r"\A\s*(?:COPY|ADD)\s+(?:--(?!from)\S+\s+)*(?:\S+\s+)*?(?P<at>\S*(?:\bid_(?:rsa|ed25519|ecdsa)|"
                r"\.env|\.npmrc|\.netrc|"
                r"\.pypirc|\.aws/credentials|key\.pem|\.git-credentials))\s+\S"
            ),
            "The copied secret stays in the image's layers, even if a later step removes it.",
            "https://docs.docker.com/build/building/secrets/",
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-secret-in-command",
            regex(rf"\A\s*RUN\s+(?!.*--mount=type=secret)[^\n]*?(?P<at>\$\{{?{_SECRET_NAME}\b\}}?)"),
            "The secret stays in the image's history; mount it with RUN --mount=type=secret.",
            "https://docs.docker.com/build/building/secrets/",
            unless=regex(r"--mount=type=secret"),
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-path-replaced",
            regex(r"\A\s*ENV\s+(?P<at>PATH(?:=|\s+)\"?(?!\S*\$)\S+)"),
            "The former PATH is lost, so programs of the image are not found any more; append :$PATH.",
            "https://docs.docker.com/reference/dockerfile/#env",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-writable-by-all",
            regex(
                r"\A\s*(?:RUN\b(?:.|\n)*?|(?:COPY|ADD)\s+(?:--\S+\s+)*)(?P<at>chmod\s+(?:-\w+\s+)*(?:0?777|a\+rw"
                r"x|ugo\+rwx)\b|--chmod=0?777\b)"
            ),
            "Every user in the container can change these files; give only the rights that are needed.",
            "https://cwe.mitre.org/data/definitions/732.html",
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-operator-in-list",
            regex(r"\A\s*(?:CMD|ENTRYPOINT)\s+\[[^\]]*,\s*(?P<at>\"(?:&&|\|\|?|;|>>?|<|2>&1|&)\")"),
            "No shell runs the list, so the operator is passed to the program as an argument.",
            "https://docs.docker.com/reference/dockerfile/#shell-and-exec-form",
            unless=regex(r"\b(?:ba|da|z|a)?sh\""),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-start-lost",
            regex(
                r"\A\s*RUN\s+(?P<at>(?:sudo\s+)?(?:service\s+\S+\s+(?:re)?start|systemctl\s+(?:re)?start\s+\S+|("
                r"?:\.|source)\s+\S+|/etc/init\.d/\S+\s+start)\s*)\Z"
            ),
            "What is started or set here ends with this step; do it where the container starts.",
            "https://docs.docker.com/reference/dockerfile/#run",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-tls-not-verified",
            regex(
                r"\A\s*(?:RUN|ENV|ARG)\b(?:.|\n)*?(?P<at>\bcurl\s(?:[^|;&\n]*\s)?(?:-k|--insecure|-[a-zA-Z]*k[a-"
                r"zA-Z]*)\s|--no-check-certificate|strict-ssl\s+false|"
                r"--trusted-host|http\.sslVerify[\s=]+false|GIT_SSL_NO_VERIFY=\S+|NODE_TLS_REJECT_UNAUTHORIZED[="
                r" ]\"?0|--allow-unauthenticated|PYTHONHTTPSVERIFY[= ]0)"
            ),
            "Certificates are not checked, so anyone on the network can replace what is downloaded.",
            "https://cwe.mitre.org/data/definitions/295.html",
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-stopped-by-kill",
            regex(r"\A\s*STOPSIGNAL\s+(?P<at>SIGKILL|KILL|9)\s*\Z"),
            "No program can catch this signal, so the container never shuts down in order.",
            "https://docs.docker.com/reference/dockerfile/#stopsignal",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-entrypoint-in-shell",
            regex(r"\A\s*ENTRYPOINT\s+(?P<at>(?!\[|exec\b)[^\s#]\S*)"),
            "A shell runs this form: it drops CMD and the arguments of `docker run`, and keeps signals from the "
            "program.",
            "https://docs.docker.com/reference/dockerfile/#shell-form-entrypoint-example",
            unless=regex(r"\bexec\s"),
        ),
        Pattern(
            "dockerfile-download-not-checked",
            regex(r"\A\s*ADD\s+(?:--(?!checksum)\S+\s+)*(?P<at>https?://\S+)"),
            "Whatever the server sends is taken; give --checksum, or check the file after the download.",
            "https://docs.docker.com/reference/dockerfile/#add---checksum",
            unless=regex(r"--checksum|\.git\b"),
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-outside-of-context",
            regex(r"\A\s*(?:COPY|ADD)\s+(?!--from)(?:--\S+\s+)*(?:\S+\s+)*?(?P<at>\.\./\S*)\s+\S+\s*\Z"),
            "The build sees only its context, so a path above it is not found.",
            "https://docs.docker.com/build/concepts/context/",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-removed-too-late",
            regex(
                r"\A\s*RUN\s+(?P<at>rm\s+-\S+\s+(?:/var/lib/apt/lists|/var/cache|/tmp|/root/\.(?:npm|cache|ssh|n"
                r"pmrc)|~/\.)\S*\s*)\Z"
            ),
            "The files stay in the earlier layer; remove them in the step that makes them.",
            "https://docs.docker.com/build/building/best-practices/#run",
        ),
        Pattern(
            "dockerfile-health-of-any-answer",
            regex(
                r"\A\s*HEALTHCHECK\b(?:.|\n)*?\bCMD\s+(?P<at>(?:\[\s*\")?curl\b(?!(?:.|\n)*?(?:\s|\"|')(?:--fail"
                r"\b|-[a-zA-Z]*f)))"
            ),
            "Without -f, curl also succeeds when the answer is an error such as 500.",
            "https://docs.docker.com/reference/dockerfile/#healthcheck",
            unless=regex(r"http_code|\bgrep\b"),
            severity=Severity.ERROR,
        ),
    )
