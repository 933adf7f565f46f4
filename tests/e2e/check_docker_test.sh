#!/bin/sh
# Traces that were recorded are judged again, whole, cut and changed. A cut trace never makes a scenario pass that did
# not, and what passed while it was cut short is not said to have been completed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario passes
scenario fails exits-after - <<'END'
steps:
  - start: subject
  - wait: { for: subject, event: exited, max: 30s real }
expect:
  - { id: heals, of: live, reach: healthy, within: 30s real, after: subject.started }
  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
END
scenario doubts polite - <<'END'
steps:
  - start: subject
  - wait: { for: live, state: unheard-of, max: 500ms real }
expect:
  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
END
run 90 run -q --report "$reports" "$work"
expect_status 1
expect_nothing_left
traces=$reports/latest
export DOCKER_HOST="unix://$work/no-engine"

for pair in passes=0 fails=1 doubts=4; do
	name=${pair%=*}
	topic "$name, whole"
	run 20 check -v "$work/$name.yaml" "$traces/$name.ndjson"
	expect_status "${pair#*=}"
	# The same words as in the report of the run.
	awk -v name="$name" '/^(pass|FAIL|inconclusive) /{ mine = $2 == name } /^(FAIL|inconclusive) [^ ]*:/ { mine = 0 } mine' \
		"$traces/report.txt" | grep -E '^ +(expected|actual|slack|reason):|^ +[+][0-9]' >"$work/of-run"
	while read -r line; do
		expect_text "$out" "$line"
	done <"$work/of-run"
	expect_same_judgement "$name" "$work/$name.yaml" "$traces/$name.ndjson" "$traces/report.json"

	size=$(wc -c <"$traces/$name.ndjson")
	cut=1
	while [ "$cut" -le 20 ]; do
		# Places spread over the file, none at a multiple of anything.
		bytes=$((size * cut / 21 + cut % 7))
		head -c "$bytes" "$traces/$name.ndjson" >"$work/cut.ndjson"
		topic "$name, cut after $bytes of $size bytes"
		run 20 check "$work/$name.yaml" "$work/cut.ndjson"
		# What was seen to fail has failed, whatever came later; all else is in doubt.
		case $pair:$status in
		*:4 | fails=1:1) ;;
		*:2) expect_text "$err" 'holds no whole line' ;;
		*) expect_status 4 ;;
		esac
		checks=$((checks + 1))
		expect_no_text "$out" '1 passed'
		cut=$((cut + 1))
	done
	topic "$name, without its last line"
	sed '$d' "$traces/$name.ndjson" >"$work/cut.ndjson"
	run 20 check "$work/$name.yaml" "$work/cut.ndjson"
	[ "$name" = fails ] || expect_status 4
	expect_text "$out" 'cut short'
done

topic "a judgement that is another"
# The comparison itself: one figure of a trace that is a nanosecond off is seen.
jq -c 'if .event == "exited" then .to += 1 else . end' "$traces/fails.ndjson" >"$work/changed.ndjson"
run 20 check --json "$work/again.json" "$work/fails.yaml" "$work/changed.ndjson"
judged_of fails "$traces/report.json" >"$work/of-run"
judged_of fails "$work/again.json" >"$work/of-check"
expect [ -s "$work/of-run" ]
expect [ -s "$work/of-check" ]
cmp -s "$work/of-run" "$work/of-check" && fail "a changed trace is judged with the same figures"

topic "another scenario's trace"
run 20 check "$work/fails.yaml" "$traces/passes.ndjson"
expect_status 2
expect_text "$err" '`passes`'
expect_text "$err" '`fails`'

# changed WHAT SED-EXPRESSION TEXT: a trace that says what no trace says.
changed() {
	topic "$1"
	sed "$2" "$traces/passes.ndjson" >"$work/changed.ndjson"
	cmp -s "$traces/passes.ndjson" "$work/changed.ndjson" && fail "$2 changes nothing"
	run 20 check "$work/passes.yaml" "$work/changed.ndjson"
	expect_status 2
	expect_text "$err" "$work/changed.ndjson"
	expect_text "$err" "$3"
}
changed "no first line" 1d ':1:1'
changed "speed 0" '1s/"speed":1/"speed":0/' 'speed'
changed "speed -1" '1s/"speed":1/"speed":-1/' 'speed'
changed "speed 1e300" '1s/"speed":1/"speed":1e300/' 'speed'
changed "a later version" '1s/"version":1/"version":99/' '99'
changed "an unknown line" '3s/"k":"[a-z]*"/"k":"gossip"/' ':3:'
changed "no JSON" '3s/.*/gossip/' ':3:'
changed "binary" '3s/.*/\x00\x01\xff/' ':3:'
changed "time of no sense" '3s/"to":[0-9]*/"to":-5/' ':3:'

topic "nothing"
: >"$work/changed.ndjson"
run 20 check "$work/passes.yaml" "$work/changed.ndjson"
expect_status 2
expect_text "$err" 'empty'

topic "a folder, a device"
run 20 check "$work/passes.yaml" "$work"
expect_status 2
run 60 check "$work/passes.yaml" /dev/zero
expect_status 2
expect_text "$err" 'larger than'

topic "a pipe"
mkfifo "$work/pipe"
cat "$traces/passes.ndjson" >"$work/pipe" &
run 20 check "$work/passes.yaml" "$work/pipe"
expect_status 0
finish
