# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# state_damaged - a state.db that is damaged, somebody else's, a newer version's, no file, or in use:
# an error that names it, at the start, and the file stays as it is.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
state=$PWD/state
tail_on() {
    timeout 20 "$WFHOST" tail sqlite shop.db --option state_dir="$state" --exit-when-idle 100ms
}
state_new() {
    rm -rf "$state"
    mkdir "$state"
    tail_on
}
content() {
    if [ -f "$state/state.db" ]; then sha256sum "$state/state.db"; else echo "no file"; fi
}
# refused STATUS TEXT - it does not start, names the file, says that, and leaves the file alone.
refused() {
    local before after
    before=$(content)
    exits "$1" tail_on >out.txt 2>err.txt
    contains "$state/state.db" err.txt
    contains "$2" err.txt
    after=$(content)
    same "$before" "$after" "the file's content"
}
# From its beginning.
state_new
dd if=/dev/zero of="$state/state.db" bs=100 count=1 conv=notrunc 2>dd.txt
refused 1 'is not a state file'
# In its middle: all pages but the first.
state_new
size=$(stat -c %s "$state/state.db")
head -c $((size - 4096)) /dev/urandom | dd of="$state/state.db" bs=4096 seek=1 conv=notrunc 2>dd.txt
refused 1 'is damaged'
# Cut short.
state_new
truncate -s 5000 "$state/state.db"
refused 1 'is damaged'
# Not a database.
state_new
rm "$state"/state.db*
echo 'a letter to somebody, not a database at all' >"$state/state.db"
refused 1 'is not a state file'
# Another program's database.
rm "$state"/state.db*
ask "$state/state.db" 'CREATE TABLE position (x)'
refused 1 'is a database, but not a state file'
# A newer version's.
state_new
ask "$state/state.db" 'PRAGMA user_version = 99' >version.txt
refused 1 '99'
# A folder in its place.
rm "$state"/state.db*
mkdir "$state/state.db"
refused 1 'state.db'
# It is not the state that is damaged: everything works again with a new one.
state_new

# Damaged while it runs: SQLite may not notice at once; the change is delivered all the same, nothing
# crashes, and the next start says what is wrong.
spawn tail "$WFHOST" tail sqlite shop.db --option state_dir="$state" --log-level info
streaming() {
    grep -q 'source is streaming' tail.log
}
wait_until 10 streaming
head -c 20000 /dev/urandom | dd of="$state/state.db" conv=notrunc 2>dd.txt
ask shop.db 'INSERT INTO item VALUES (1, 1)'
wait_until 10 test -s tail.out
if alive "$pid"; then kill -TERM "$pid"; fi
status=0
wait "$pid" || status=$?
if [ "$status" -ne 0 ]; then
    same 3 "$status" "exit status"
    contains "$state/state.db" tail.log
fi
exits 1 tail_on >out.txt 2>err.txt
contains "$state/state.db" err.txt
