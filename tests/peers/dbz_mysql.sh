# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dbz_mysql - provider debezium on MySQL, as tests/support/dbz_binlog.bash says.
. "$SOURCE_DIR/tests/support/dbz_binlog.bash" mysql '{"a":[1,2.5,null]}'
