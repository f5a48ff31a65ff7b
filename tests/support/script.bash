# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every test script can call; run_script reads this file before the script.

# fail TEXT... - ends the test.
fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# skip TEXT... - ends the test as not run, with the reason.
skip() {
    echo "SKIPPED: $*" >&2
    exit 77
}

# wait_until SECONDS COMMAND... - tries COMMAND every 50 ms until it succeeds.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -le "$end" ] || fail "still not true: $*"
        sleep 0.05
    done
}

# lines FILE - how many lines it has; 0 when it does not exist.
lines() {
    if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi
}

# same EXPECTED ACTUAL WHAT
same() {
    [ "$1" = "$2" ] || fail "$3: expected '$1', got '$2'"
}

# contains TEXT FILE
contains() {
    grep -qF -- "$1" "$2" || {
        cat "$2" >&2
        fail "'$1' is not in $2"
    }
}

# exits STATUS COMMAND... - the command's exit status must be STATUS.
exits() {
    local expected=$1 status=0
    shift
    "$@" || status=$?
    same "$expected" "$status" "exit status of $*"
}
