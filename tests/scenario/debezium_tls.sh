# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# debezium_tls - Kafka Connect behind TLS, where both sides show a certificate: with the right ones the connector
# is made; with another authority, without ours, or under another name, the source says what is wrong.
. "$SOURCE_DIR/tests/support/scenario.bash"

far=$BUILD_DIR/tests/fake_far
[ -x "$far" ] || skip "built without librdkafka"
case ${CDC_SANITIZE:-} in
*thread*) skip "ThreadSanitizer does not know librdkafka's threads; test programs bring c11_threads.c" ;;
esac
command -v openssl >/dev/null || skip "there is no openssl"
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>openssl.log ||
        fail "$(<openssl.log)"
}
# issued NAME CA EXTENSION - NAME.crt by that authority.
issued() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>openssl.log
    echo "$3" >extension
    openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 2 -extfile extension \
        -out "$1.crt" 2>openssl.log || fail "$(<openssl.log)"
}
authority ours
authority theirs
issued server ours subjectAltName=DNS:localhost
issued client ours extendedKeyUsage=clientAuth
issued stranger theirs extendedKeyUsage=clientAuth

mkfifo far.stdin
"$far" --tls server.key server.crt ours.crt <far.stdin >far.out 2>far.log &
far_pid=$!
spawned+=("$far_pid")
exec 7>far.stdin
wait_until 10 test -s far.out
read -r connect_url kafka_servers <far.out

# config FILE URL OPTION...
config() {
    {
        cat <<YAML
modules:
  - name: shop
    type: cdc.source
    config:
      provider: debezium
      source_type: postgres
      source_id: shop
      connection: $2
      options:
        bootstrap_servers: $kafka_servers
        database: postgresql://cdc@db.example/shop
        connect_timeout: 5s
YAML
        printf '        %s\n' "${@:3}"
        echo '  - @seen'
        recorder
    } | yaml "$1"
}
seen_create
# With its own certificate a client of the test may look as well.
connector_is_there() {
    curl -sf --cacert ours.crt --cert client.crt --key client.key -H 'Accept: application/json' \
        "$connect_url/connectors/workflow-shop/config" >put.json
}
mine=('connect_cert_file: client.crt' 'connect_key_file: client.key')
config good.yaml "$connect_url" 'connect_ca_file: ours.crt' "${mine[@]}"
config authority.yaml "$connect_url" 'connect_ca_file: theirs.crt' "${mine[@]}"
config name.yaml "${connect_url/localhost/127.0.0.1}" 'connect_ca_file: ours.crt' "${mine[@]}"
config without.yaml "$connect_url" 'connect_ca_file: ours.crt'
config stranger.yaml "$connect_url" 'connect_ca_file: ours.crt' 'connect_cert_file: stranger.crt' 'connect_key_file: stranger.key'

host_start good.yaml
wait_until 20 connector_is_there
host_stop

# says FILE TEXT - a source that does not come so far says why.
says() {
    rm -rf .cdc-state
    spawn "host.$1" timeout 30 "$WFHOST" run "$1"
    host_log=host.$1.log
    wait_until 20 logged "$2"
    kill -TERM "$pid" 2>kill.txt || true # a wrong configuration has ended it
    wait "$pid" || true
}
says authority.yaml certificate
says name.yaml 127.0.0.1
says without.yaml 'a certificate is wanted'
says stranger.yaml 'a certificate is wanted'
exec 7>&-
ends "$far_pid" 0
