#!/bin/sh
# The engine is gone in the middle, at every request: the run ends, says so, and blames nobody. What it made is still
# there once the engine is back, and `clean` removes it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
scenario polite
proxy
run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
expect_status 0
moments=$(cat "$work/requests")
requests=$(grep -c . "$work/requests")
cp -r "$reports" "$work/before"

moment=1
while [ "$moment" -le "$requests" ]; do
	topic "gone at $(echo "$moments" | sed -n "${moment}p")"
	folders=$(run_ids | wc -l)
	proxy --at "$moment" --vanish
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
	expect_status 3
	expect_text "$err" "$work/e"
	expect_no_text "$out" 'FAIL'
	if [ "$(run_ids | wc -l)" -gt "$folders" ]; then
		id=$(find "$reports" -mindepth 1 -maxdepth 1 -name '*-*-*' -newer "$work/proxy" | sed 's/.*-//')
		if [ -n "$(left_by "$id")" ]; then
			# What to do is said with the id to do it with.
			expect_text "$err" "falsestart clean --run $id"
		fi
		run 60 clean --engine "unix://$engine_socket" --run "$id"
		expect_status 0
		expect [ -z "$(left_by "$id")" ]
		# The reaper still tries; it is not the matter of this test.
		reaper=$(reapers_of "$id")
		[ -z "$reaper" ] || kill -KILL "$reaper"
	fi
	moment=$((moment + 1))
done

topic "the engine is back before the reaper gives up"
scenario long polite - <<'END'
steps:
  - start: subject
  - wait: { for: live, state: healthy, max: 30s real }
  - hold: 60s real
expect:
  - { id: heals, of: live, reach: healthy, within: 30s real, after: subject.started }
END
proxy
: >"$err"
"$FALSESTART" run --report "$reports" --engine "unix://$work/e" "$work/long.yaml" >"$out" 2>"$err" &
runner=$!
children="$children $runner"
is_healthy() {
	grep -q 'live is healthy' "$err"
}
expect await 30 is_healthy
unproxy
wait "$runner"
status=$?
expect_status 3
proxy
expect_nothing_left 60

topic "reports of the first run"
for folder in "$work"/before/*-*; do
	expect diff -r "$folder" "$reports/$(basename "$folder")"
done
finish
