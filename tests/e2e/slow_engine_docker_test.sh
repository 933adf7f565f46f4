#!/bin/sh
# The runner dies, or is told to end, while the engine still works on a request of it: what comes into being after
# everybody has stopped waiting is removed all the same.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario polite
proxy
run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
creations=$(awk '/POST .*(create|start)/ { print $1 }' "$work/requests")

was_late() {
	grep -qx late "$work/requests"
}

for moment in $creations; do
	topic "killed, and the engine takes 3 s for request $moment"
	proxy --at "$moment" --signal KILL --late 3000
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
	expect_status 137
	expect await 20 was_late
	expect_nothing_left 40

	# Longer than the runner gives a world to come to rest.
	topic "interrupted, and the engine takes 8 s for request $moment"
	proxy --at "$moment" --signal INT --late 8000
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
	expect_status 130
	expect await 20 was_late
	expect_nothing_left 40

	topic "interrupted twice, and the engine takes 3 s for request $moment"
	proxy --at "$moment" --signal INT --twice --late 3000
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
	expect_status 130
	expect await 20 was_late
	expect_nothing_left 40
done
finish
