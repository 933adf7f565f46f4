#!/bin/sh
# Many worlds in one run, and many runs on one engine: none knows of the others.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
limit_kb=40000
if grep -q __asan_init "$FALSESTART"; then
	limit_kb=800000
fi
mkdir "$work/ten"
for number in 0 1 2 3 4 5 6 7 8; do
	scenario "world-$number"
done
# One that is guilty among nine that are not.
scenario world-9 exits-at-once
mv "$work"/world-*.yaml "$work/ten"

# expect_ten: nine passed, the tenth failed, each in its own trace.
expect_ten() {
	expect_status 1
	for number in 0 1 2 3 4 5 6 7 8; do
		expect_verdict "world-$number" pass
		expect [ "$(jq -rs '[.[] | select(.k == "world").scenario] | join(" ")' \
			"$reports/latest/world-$number.ndjson")" = "world-$number" ]
		# Events of the engine went to the right world: its subject was started once and never died.
		expect [ "$(jq -rs '[.[] | select(.k == "service").event] | join(" ")' \
			"$reports/latest/world-$number.ndjson")" = 'created started' ]
	done
	expect_verdict world-9 fail
}

# most_at_once TRACE…: how many worlds overlapped, told by the requests that the engine saw.
most_at_once() {
	awk '/POST .*networks\/create/ { now++; if (now > most) most = now } /DELETE .*networks\// { now-- }
		END { print most }' "$work/requests"
}

topic "ten worlds at once"
proxy
run 120 run --report "$reports" --engine "unix://$work/e" "$work/ten"
expect_ten
expect [ "$(most_at_once)" -ge 8 ]
expect [ "${peak_kb:-$limit_kb}" -lt "$limit_kb" ]
expect_nothing_left

topic "--jobs 1"
proxy
run 240 run --jobs 1 --report "$reports" --engine "unix://$work/e" "$work/ten"
expect_ten
expect [ "$(most_at_once)" -eq 1 ]
expect_nothing_left

topic "--jobs 3"
proxy
run 240 run -j 3 --report "$reports" --engine "unix://$work/e" "$work/ten"
expect_ten
expect [ "$(most_at_once)" -le 3 ]
expect [ "$(most_at_once)" -ge 2 ]
expect_nothing_left

topic "two runs at once, with the same folder of reports"
"$FALSESTART" run --report "$reports" "$work/ten" >"$work/out2" 2>"$work/err2" &
other=$!
children="$children $other"
run 120 run --report "$reports" "$work/ten"
expect_ten
wait "$other"
status=$?
expect_ten
expect [ "$(run_ids | sort -u | wc -l)" -eq 5 ]
expect_nothing_left

topic "interrupted while some worlds run and others wait"
: >"$err"
"$FALSESTART" run --jobs 2 --report "$reports" "$work/ten" >"$out" 2>"$err" &
runner=$!
children="$children $runner"
has_begun() {
	grep -q 'subject started' "$err"
}
expect await 30 has_begun
kill -INT "$runner"
wait "$runner"
status=$?
expect_status 130
expect [ "$(jq '.results | length' "$reports/latest/report.json")" -lt 10 ]
expect_nothing_left
finish
