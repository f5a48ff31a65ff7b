# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_wfctl - what the engine's own tool says of the plugin and of the examples.
. "$SOURCE_DIR/tests/support/engine.bash"

plugin=engine/plugins/workflow-plugin-cdc
version=$("$WFHOST" inspect --json "$PLUGIN_SO" | sed -n 's/^  "version": "\(.*\)",$/\1/p')
wfctl plugin verify-capabilities --binary $plugin/workflow-plugin-cdc $plugin >said
contains "OK    workflow-plugin-cdc $version (plugin.json: $version)" said
wfctl plugin test $plugin >said
wfctl plugin audit $plugin >said
contains '1 canonical' said
contains '0 invalid' said
contains '0 error(s)' said
for example in "$SOURCE_DIR"/examples/engine/*.yaml; do
    cp "$example" .
    grep -q '^modules:' "$example" || continue # the tool wants one, the engine does not
    LISTEN=127.0.0.1:0 DATABASE_URL=x wfctl validate --plugin-dir engine/plugins "$(basename "$example")" >said 2>&1 ||
        fail "$(<said)"
    contains PASS said
done

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)' >wal.txt
wfctl pipeline run -c steps.yaml -p check --plugin-dir engine/plugins >said 2>&1 || fail "$(<said)"
contains 'sqlite source is running' said

# What is installed is the same folder.
cmake --install "$BUILD_DIR/bridge" --prefix "$PWD/installed" >said
installed=$PWD/installed/lib/workflow-engine/plugins/workflow-plugin-cdc
wfctl plugin verify-capabilities --binary "$installed/workflow-plugin-cdc" "$installed" >said
diff -r $plugin "$installed" >&2 || fail 'what was built (<) and what was installed (>) differ'

# From any folder, and beside the shared object only.
(cd / && "$engine_home/wfctl" plugin verify-capabilities --binary "$engine_plugin/workflow-plugin-cdc" "$engine_plugin") >said
mv $plugin/workflow-plugin-cdc.so away.so
exits 1 env WORKFLOW_PLUGIN=workflow-external-plugin-v1 $plugin/workflow-plugin-cdc 2>said
contains 'there is no shared object in' said
