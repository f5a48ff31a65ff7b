# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_tls - a server with a certificate of an authority of our own, and passwords: the source streams and takes
# snapshots with sslmode=verify-full; an authority that has not signed it, a name that is not in it, and a wrong
# password are failures that say so, and no password is in anything that is written.
. "$SOURCE_DIR/tests/support/postgres.bash"

command -v openssl >/dev/null || skip "there is no openssl"
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>openssl.log ||
        fail "$(<openssl.log)"
}
authority ours
authority other
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr 2>openssl.log
printf 'subjectAltName=DNS:localhost\n' >names
openssl x509 -req -in server.csr -CA ours.crt -CAkey ours.key -CAcreateserial -days 2 -extfile names -out server.crt 2>openssl.log

pg_create password_encryption=scram-sha-256
"$pg_server" stop "$server"
cp server.key server.crt "$server/data"
chown --reference="$server/data" "$server/data/server.key" "$server/data/server.crt"
chmod 600 "$server/data/server.key"
printf 'local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n' >"$server/data/pg_hba.conf"
"$pg_server" start "$server" ssl=on
secret=Zq7-not-to-be-seen
pg "CREATE ROLE cdc LOGIN REPLICATION PASSWORD '$secret'"
pg "CREATE TABLE item (id bigint PRIMARY KEY, filler text)"
pg "GRANT CREATE ON DATABASE shop TO cdc; ALTER TABLE item OWNER TO cdc; INSERT INTO item SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 2000) g"
seen_create
tls="host=localhost hostaddr=127.0.0.1 port=$(<"$server/port") user=cdc dbname=shop sslmode=verify-full"

# config FILE CONNECTION
config() {
    yaml "$1" <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: postgres, source_id: shop, connection: "$2", tables: [ public.item ], options: { slot: shop, snapshot: initial } }
  - @seen
pipelines:
  strict:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
}
# refused NAME WORDS CONNECTION
refused() {
    config "$1.yaml" "$3"
    exits 1 timeout 30 "$WFHOST" run "$1.yaml" >"$1.out" 2>"$1.log"
    contains "code=CONFIG" "$1.log"
    contains "$2" "$1.log"
}
refused authority sslrootcert "$tls password=$secret sslrootcert=$PWD/other.crt"
refused no_authority sslrootcert "$tls password=$secret sslrootcert=$PWD/nowhere.crt"
refused name 'server certificate' "${tls/host=localhost/host=elsewhere} password=$secret sslrootcert=$PWD/ours.crt"
refused password 'user and password' "$tls password=$secret-wrong sslrootcert=$PWD/ours.crt"
refused no_password 'password' "$tls sslrootcert=$PWD/ours.crt"
refused plain pg_hba.conf "${tls/verify-full/disable} password=$secret"
refused uri 'user and password' "postgresql://cdc:$secret-wrong@localhost:$(<"$server/port")/shop?sslmode=verify-full&sslrootcert=$PWD/ours.crt&hostaddr=127.0.0.1"

config config.yaml "$tls password=$secret sslrootcert=$PWD/ours.crt"
host_start config.yaml
wait_until 20 pg_streams shop
wait_until 30 seen_at_least 2000 "op = 'READ'"
# More than one TLS record at once, and then silence.
pg "INSERT INTO item SELECT g, repeat(md5(g::text), 2000) FROM generate_series(3001, 3100) g"
wait_until 20 seen_at_least 100 "op = 'INSERT'"
sleep 1
pg "INSERT INTO item VALUES (4000, '')"
wait_until 5 seen_at_least 101 "op = 'INSERT'"
same 0 "$(pg "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'cdc' AND NOT s.ssl")" "connections without TLS"
host_stop
rm -f ./*.yaml
! grep -rl "$secret" . || fail "the password was written"
