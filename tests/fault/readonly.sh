# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# readonly - a database, its folder or the state folder that may not be written: an error that says so
# at the start, and nothing is left half done.
. "$SOURCE_DIR/tests/support/scenario.bash"

# Root may write everywhere; for that a user without rights is needed.
as=()
if [ "$(id -u)" -eq 0 ]; then
    command -v setpriv >/dev/null || skip "needs setpriv (util-linux) to give up root's rights"
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 755 .
    "${as[@]}" test -x "$WFHOST" -a -r . 2>/dev/null || skip "another user cannot reach $WFHOST"
fi
mkdir data state
ask data/shop.db 'CREATE TABLE item (id INTEGER PRIMARY KEY, v)'
ask data/shop.db '.schema' >before.txt
chmod 777 state

# refused STATUS TEXT... - as a user without rights.
refused() {
    local status=$1
    shift
    exits "$status" "${as[@]}" timeout 20 "$WFHOST" tail sqlite data/shop.db --option state_dir="$PWD/state" >out.txt 2>err.txt
    local text
    for text in "$@"; do contains "$text" err.txt; done
    ask data/shop.db '.schema' | cmp - before.txt || fail "something was installed"
}
# The file is read-only.
chmod 777 data
chmod 444 data/shop.db
refused 1 "database 'data/shop.db' cannot be written"
# The file may be written, but there is no place for a journal.
chmod 666 data/shop.db
chmod 555 data
refused 1 "database 'data/shop.db': cannot install the capture: attempt to write a readonly database"
# It may not be read at all.
chmod 777 data
chmod 000 data/shop.db
refused 3 "database 'data/shop.db': cannot open it"
chmod 666 data/shop.db
# The state folder.
rm -rf state/* state/.[!.]*
chmod 555 state
refused 1 "$PWD/state" 'Permission denied'
chmod 755 state
