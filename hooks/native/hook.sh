#!/bin/sh
# vllm-reviewer: @HOOK@ hook, installed by "reviewer install" and removed by "reviewer uninstall".

earlier="$(dirname -- "$0")/@HOOK@.before-reviewer"
reviewer=@REVIEWER@

# Git passes the pushed refs to pre-push on standard input; both hooks read them.
input=@INPUT@
feed() {
    if [ -n "$input" ]; then printf '%s\n' "$input"; fi
}

# The earlier hook runs first and may stop git.
if [ -x "$earlier" ]; then
    feed | "$earlier" "$@" || exit $?
fi

if [ ! -x "$reviewer" ]; then
    reviewer=$(command -v reviewer) || {
        echo "reviewer: no longer installed, continuing without a review; to remove the hook: rm $0" >&2
        exit 0
    }
fi

feed | "$reviewer" hook @HOOK@@OPTIONS@ "$@"
status=$?
# 126 and 127: the program cannot be run, for example because its Python was removed.
if [ "$status" -eq 126 ] || [ "$status" -eq 127 ]; then
    echo "reviewer: cannot run $reviewer, continuing without a review; reinstall it, or remove the hook: rm $0" >&2
    exit 0
fi
exit "$status"
