#!/bin/sh
# vllm-reviewer: @HOOK@ hook, made by "reviewer install" and taken away by "reviewer uninstall".
# It reviews what git records or sends, with a model on this machine.

earlier="$(dirname -- "$0")/@HOOK@.before-reviewer"
reviewer=@REVIEWER@

# Git tells a pre-push hook on standard input what is pushed; both hooks need it.
input=@INPUT@
feed() {
    if [ -n "$input" ]; then printf '%s\n' "$input"; fi
}

# The hook that was here first comes first, and its word counts.
if [ -x "$earlier" ]; then
    feed | "$earlier" "$@" || exit $?
fi

if [ ! -x "$reviewer" ]; then
    reviewer=$(command -v reviewer) || {
        echo "reviewer: not installed any more, so nothing is reviewed; reviewer uninstall, or remove $0" >&2
        exit 0
    }
fi

feed | "$reviewer" hook @HOOK@@OPTIONS@ "$@"
status=$?
# 126 and 127: the program is there and cannot be run, such as after its Python was removed.
if [ "$status" -eq 126 ] || [ "$status" -eq 127 ]; then
    echo "reviewer: $reviewer cannot be run, so nothing is reviewed; install it again, or remove $0" >&2
    exit 0
fi
exit "$status"
