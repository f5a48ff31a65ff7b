# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dbz_mariadb - provider debezium on MariaDB, as tests/support/dbz_binlog.bash says.
# It has no such type: a text.
. "$SOURCE_DIR/tests/support/dbz_binlog.bash" mariadb '"{\"a\": [1, 2.5, null]}"'
