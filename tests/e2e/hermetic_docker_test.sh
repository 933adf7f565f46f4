#!/bin/sh
# No packet leaves a world. A subject that asks for unknown names and dials foreign addresses is told at once that there is
# no way, and tcpdump on the interfaces of the host sees nothing of it: on an internal network, and on one with published
# ports, which has a way out. The foreign addresses are those of an interface made here, where a packet that left would be
# seen, and would go no further.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
outside=fso$$
port=48124
last='(src host 203.0.113.1 and dst host 203.0.113.7 and udp dst port 9)'

if [ "$(id -u)" -ne 0 ]; then
	echo "needs root: interfaces of the host are made and listened to"
	exit 77
fi

leave_hermetic() {
	ip link delete "$outside" 2>/dev/null
	[ -z "${dropped:-}" ] || iptables -D DOCKER-USER -s "$dropped" ! -o "$bridge" -j DROP 2>/dev/null
	leave
}
trap leave_hermetic EXIT

# 198.51.100.7 and 203.0.113.7 belong to nobody (RFC 5737); here they are behind a wire that ends in this machine.
ip link add "$outside" type veth peer name "${outside}e" || fail "no interface could be made"
ip link set "${outside}e" up
ip link set "$outside" up
ip address add 203.0.113.1/24 dev "$outside"
ip route add 198.51.100.0/24 dev "$outside"
for address in 198.51.100.7 203.0.113.7; do
	ip neighbour replace "$address" lladdr 02:00:00:00:00:07 dev "$outside" nud permanent
done

# listen NETWORK: everything that its addresses send, on all interfaces, into $work/seen; and all look-ups, into
# $work/asked.
listen() {
	subnet=$(docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "$1")
	bridge=br-$(docker network inspect -f '{{.Id}}' "$1" | cut -c 1-12)
	tcpdump -i any -nn -l -t --immediate-mode "src net $subnet or $last" >"$work/seen" 2>"$work/seen.err" &
	listeners=$!
	tcpdump -i any -nn -l -t --immediate-mode "port 53 or $last" >"$work/asked" 2>"$work/asked.err" &
	listeners="$listeners $!"
	children="$children $listeners"
	for log in "$work/seen.err" "$work/asked.err"; do
		await 10 grep -q '^listening on' "$log" || fail "tcpdump does not listen: $(cat "$log")"
	done
}

# Not before the last packet, which this machine sends, was heard: those before it were, then.
hush() {
	echo last | socat -u - UDP:203.0.113.7:9
	for file in "$work/seen" "$work/asked"; do
		await 20 grep -qF ' > 203.0.113.7.9: ' "$file" || fail "tcpdump has not heard the last packet"
	done
	for listener in $listeners; do
		kill -INT "$listener"
		wait "$listener"
	done
}

# elsewhere FILE: what was seen where it should not be. Names of interfaces come first in a line.
elsewhere() {
	awk -v bridge="$bridge" 'NF && !/ > 203\.0\.113\.7\.9: / && $1 != "lo" && $1 != bridge && $1 !~ /^veth/' "$1"
}

# What a subject does that wants to get out. Of each: its name, exit status, milliseconds, and what was said.
cat >"$work/wander" <<'END'
try() {
	local name=$1 from=${EPOCHREALTIME/./}
	shift
	said=$(timeout 5 "$@" 2>&1)
	echo "$name $? $(((${EPOCHREALTIME/./} - from) / 1000)) ${said//$'\n'/ }"
}
# A question for the address of `fsunknown`, to a server; of its answer the id, the flags and the result code.
ask() {
	exec 3<>"/dev/udp/$1/53" &&
		printf '\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x09fsunknown\0\0\x01\0\x01' >&3 &&
		head -c 4 <&3 | od -An -tx1
}
dial() {
	exec 3<>"/dev/$1" && echo packet >&3
}
export -f ask dial
try known getent ahostsv4 redis
try bare getent ahosts fsunknown
try dotted getent ahosts fsunknown.example.com
try dotted4 getent ahostsv4 www.fsunknown.example.com
try asked bash -c 'ask 198.51.100.7'
try asked-local bash -c 'ask 127.0.0.11'
for address in 198.51.100.7 203.0.113.7; do
	try "tcp-$address" bash -c "dial tcp/$address/81"
	try "udp-$address" bash -c "dial udp/$address/81"
done
try neighbour bash -c 'dial tcp/redis/6379'
echo done
exec sleep 60
END

# story NAME PORTS TOP-OF-THE-STACK: the subject begins when its bell rings.
story() {
	mkdir "$work/$1"
	mkfifo "$work/$1/bell"
	cp "$work/wander" "$work/$1/wander"
	cat >"$work/$1.yaml" <<-END
		falsestart: 1
		name: $1
		timeout: 50s real
		stack:
		  $3
		  services:
		    subject:
		      image: "redis:7"
		      command: [bash, -c, 'read -r word </bell/bell; . /bell/wander']
		      volumes: ["$work/$1:/bell"]
		      stop_grace_period: 0s
		    redis: { image: "redis:7", command: [redis-server, --save, "", --protected-mode, "no"], $2 stop_grace_period: 0s }
		subject: subject
		steps:
		  - start: [redis, subject]
		  - wait: { for: redis, phase: ready, max: 30s real }
		  - wait: { for: subject.log, matches: '^done', max: 30s real }
		expect:
		  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
	END
}

is_ready() {
	grep -q 'step wait-2 done' "$err"
}

# set_out NAME: starts the world, and awaits that its subject is about to do it; $network, $sandbox.
set_out() {
	: >"$err"
	"$FALSESTART" run --report "$reports" "$work/$1.yaml" >"$out" 2>"$err" &
	runner=$!
	children="$children $runner"
	await 30 is_ready || fail "the world is not up: $(cat "$err")"
	id=$(docker ps -q --filter "label=io.falsestart.scenario=$1" --filter label=io.falsestart.sandbox=subject)
	sandbox=$(docker inspect -f '{{.State.Pid}}' "$id")
	expect [ -n "$sandbox" ]
	network=$(docker inspect -f '{{range $name, $of := .NetworkSettings.Networks}}{{$name}}{{end}}' "$id")
}

come_home() {
	wait "$runner"
	status=$?
	hush
	jq -r 'select(.k == "log" and .of == "subject").line' "$reports/latest/$1.ndjson" >"$work/told"
}

# told NAME STATUS TEXT: what the subject said of one attempt; all of them within a second.
told() {
	checks=$((checks + 1))
	awk -v name="$1" -v status="$2" -v text="$3" '
		$1 == name && $2 == status && $3 < 1000 && index($0, text) { found = 1 }
		END { exit !found }' "$work/told" && return
	fail "the subject does not tell of $1: $2, within 1000 ms, $3"
	show "$work/told"
}

expect_nothing_leaves() {
	expect_status 0
	told known 0 redis
	told bare 2 ''
	told dotted 2 ''
	told dotted4 2 ''
	# An answer (8…) that there is no such name (…3), from whoever was asked.
	told asked 0 '12 34 8'
	expect grep -q '^asked 0 .*12 34 8[0-9a-f] [0-9a-f]3' "$work/told"
	expect grep -q '^asked-local 0 .*12 34 8[0-9a-f] [0-9a-f]3' "$work/told"
	for address in 198.51.100.7 203.0.113.7; do
		told "tcp-$address" 1 "Connection refused"
		told "udp-$address" 1 'Operation not permitted'
	done
	told neighbour 0 ''
	# It was listened to: the dial to the neighbour was heard.
	expect grep -q "^$bridge .*6379: Flags \[S\]" "$work/seen"
	elsewhere "$work/seen" >"$work/left"
	expect [ ! -s "$work/left" ]
	show "$work/left"
	elsewhere "$work/asked" | grep fsunknown >"$work/left"
	expect [ ! -s "$work/left" ]
	show "$work/left"
	expect_nothing_left
}

topic "a container that is in no world: what leaves is seen"
docker network create --label "$own_label" -o com.docker.network.bridge.enable_ip_masquerade=false "fs-$$-out" >/dev/null
listen "fs-$$-out"
docker run --rm --label "$own_label" --network "fs-$$-out" --dns 127.0.0.1 redis:7 bash -c \
	'echo x >/dev/udp/198.51.100.7/81; timeout 1 bash -c "exec 3<>/dev/tcp/203.0.113.7/81"' 2>/dev/null
hush
elsewhere "$work/seen" >"$work/left"
expect grep -q "^$outside .*198.51.100.7.81: UDP" "$work/left"
expect grep -q "^$outside .*203.0.113.7.81: Flags \[S\]" "$work/left"

topic "an internal network"
story internal '' ''
set_out internal
listen "$network"
expect [ "$(docker network inspect -f '{{.Internal}}' "$network")" = true ]
# Neither the engine's NAT nor one of ours: nothing makes the kernel track connections.
expect [ "$(nsenter -t "$sandbox" -n nft list tables | sort | tr '\n' ' ')" = \
	'table inet falsestart-seal table netdev falsestart-names ' ]
echo go 1<>"$work/internal/bell"
come_home internal
expect_nothing_leaves

topic "a network with published ports"
story ports "ports: [\"203.0.113.1:$port:6379\", \"127.0.0.1:$port:6379\"]," ''
set_out ports
listen "$network"
expect [ "$(docker network inspect -f '{{.Internal}}' "$network")" = false ]
# What comes in is answered, be it from this machine or from an address that is not the world's.
for address in 127.0.0.1 203.0.113.1; do
	expect [ "$(printf 'PING\r\n' | socat -t 2 - "TCP:$address:$port,connect-timeout=3" | tr -d '\r')" = +PONG ]
done
echo go 1<>"$work/ports/bell"
come_home ports
expect_nothing_leaves

# A name that the world does not know goes to the engine's resolver, and from there to the host's. So that it does not
# leave this machine all the same, it is dropped where the host would pass it on; `invalid` is for hosts whose own
# resolver the engine asks (RFC 6761).
topic "egress: true"
story egress '' 'x-falsestart: { egress: true }'
cat >"$work/egress/wander" <<'END'
getent ahostsv4 redis
timeout 2 getent ahostsv4 fsunknown.invalid
echo done
exec sleep 60
END
set_out egress
listen "$network"
dropped=$subnet
iptables -I DOCKER-USER -s "$dropped" ! -o "$bridge" -j DROP
expect [ -z "$(nsenter -t "$sandbox" -n nft list tables | grep falsestart-seal)" ]
expect [ -n "$(nsenter -t "$sandbox" -n nft list tables | grep 'inet falsestart-names')" ]
echo go 1<>"$work/egress/bell"
come_home egress
expect_status 0
expect_text "$work/told" redis
expect grep -q ' A? fsunknown.invalid' "$work/asked"
elsewhere "$work/seen" >"$work/left"
expect [ ! -s "$work/left" ]
expect_nothing_left
finish
