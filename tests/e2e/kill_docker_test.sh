#!/bin/sh
# The runner is killed at every request it makes to the engine, one after the other: whatever the moment, the reaper
# leaves nothing behind, and reports of earlier runs stay as they were.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario polite
topic "a run without an accident"
proxy
run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
expect_status 0
expect_nothing_left
requests=$(grep -c . "$work/requests")
moments=$(cat "$work/requests")
expect [ "$requests" -ge 12 ]
cp -r "$reports" "$work/before"

moment=1
while [ "$moment" -le "$requests" ]; do
	topic "killed at $(echo "$moments" | sed -n "${moment}p")"
	proxy --at "$moment" --signal KILL
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
	expect_status 137
	expect_engine_clean 30
	moment=$((moment + 1))
done

topic "all of them, once the reapers have gone"
expect_nothing_left 30

topic "reports of the first run"
for folder in "$work"/before/*-*; do
	expect diff -r "$folder" "$reports/$(basename "$folder")"
done
finish
