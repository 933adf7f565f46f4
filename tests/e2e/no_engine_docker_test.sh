#!/bin/sh
# Engines that are not there, or not for us.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
scenario polite

topic "a socket that is not there"
for command in "run --report $reports $work/polite.yaml" clean doctor; do
	# shellcheck disable=SC2086 # words
	DOCKER_HOST=unix://$work/nothing run 30 $command
	expect_status 3
	[ "$command" = doctor ] && mv "$out" "$err"
	expect_text "$err" "$work/nothing"
	expect_text "$err" 'No such file or directory'
done

topic "a socket that nobody listens at"
proxy
kill -KILL "$proxy"
DOCKER_HOST=unix://$work/e run 30 run --report "$reports" "$work/polite.yaml"
expect_status 3
expect_text "$err" "$work/e"
expect_text "$err" 'refused'

topic "a file instead of a socket"
run 30 run --engine "unix://$work/polite.yaml" --report "$reports" "$work/polite.yaml"
expect_status 3
expect_text "$err" "$work/polite.yaml"

topic "a port that nobody listens at"
run 30 run --engine tcp://127.0.0.1:1 --report "$reports" "$work/polite.yaml"
expect_status 3
expect_text "$err" '127.0.0.1:1'

topic "addresses that are none"
for address in "unix://" "tcp://" "gopher://x" "tcp://127.0.0.1:99999" "unix://$(head -c 200 /dev/zero | tr '\0' a)" \
	"$(printf 'unix://\033[31m')"; do
	run 30 run --engine "$address" --report "$reports" "$work/polite.yaml"
	expect [ "$status" -eq 2 -o "$status" -eq 3 ]
	expect [ "$(wc -c <"$err")" -gt 20 ]
	expect_no_text "$err" "$(printf '\033')"
done

topic "an engine that accepts and never answers"
# A request without an end: it is never passed on.
proxy --at 1 --late 100000
run 60 run --engine "unix://$work/e" --report "$reports" "$work/polite.yaml"
expect_status 3
expect_text "$err" "$work/e"

topic "no rights on the socket"
if [ "$(id -u)" -eq 0 ] && [ -S "$engine_socket" ]; then
	chmod 755 "$work"
	mkdir -m 777 "$work/nobody"
	cp "$FALSESTART" "$work/falsestart"
	timeout 30 setpriv --reuid 65534 --regid 65534 --clear-groups "$work/falsestart" run \
		--engine "unix://$engine_socket" --report "$work/nobody" "$work/polite.yaml" >"$out" 2>"$err"
	status=$?
	expect_status 3
	expect_text "$err" "$engine_socket"
	expect_text "$err" 'ermission denied'
	expect_text "$err" 'docker'
	timeout 30 setpriv --reuid 65534 --regid 65534 --clear-groups "$work/falsestart" doctor \
		--engine "unix://$engine_socket" >"$out" 2>"$err"
	status=$?
	expect_status 3
	expect_text "$out" 'ermission denied'

	topic "a folder for reports without the right to write"
	mkdir -m 755 "$work/closed"
	proxy
	chmod 666 "$work/e"
	timeout 30 setpriv --reuid 65534 --regid 65534 --clear-groups "$work/falsestart" run \
		--engine "unix://$work/e" --report "$work/closed" "$work/polite.yaml" >"$out" 2>"$err"
	status=$?
	expect_status 2
	expect_text "$err" "$work/closed"
	expect_text "$err" 'ermission denied'
fi

topic "runs that never began leave no folder of reports"
expect [ -z "$(ls "$reports")" ]
finish
