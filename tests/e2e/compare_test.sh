#!/bin/sh
# Two reports, figure by figure; no engine. Reports are made from one that is committed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
sample=$sources/fixtures/reports/six-pass/report.json

# many FILE TIMES FACTOR: the results of the sample so many times, figures in time longer by FACTOR and a little each.
many() {
	jq --argjson times "$2" --argjson factor "$3" '
		.results = [range($times) as $i | .results[] | .findings |= map(
			if .measured and .unit == "ns"
			then .measured |= map_values(. * $factor + $i * 1000 | floor) else . end)]' "$sample" >"$1"
}
mkdir "$work/old"
many "$work/old/report.json" 12 1
many "$work/same.json" 12 1.02
many "$work/slower.json" 12 1.4
many "$work/few.json" 3 1.4

topic "nothing changed"
run 20 compare "$work/old" "$work/old"
expect_status 0
expect_text "$out" '0 worse, 0 better, 0 changed'
run 20 compare "$work/old" "$work/same.json"
expect_status 0

topic "slower"
run 20 compare --json "$work/figures.json" "$work/old/report.json" "$work/slower.json"
expect_status 1
expect_text "$out" '+40 %'
expect_text "$out" 'slower'
expect [ "$(jq -r '.figures[0].change' "$work/figures.json")" = worse ]
expect [ "$(jq .exit_status "$work/figures.json")" = 1 ]
expect [ "$(jq '.figures[0].shift | .low <= .estimate and .estimate <= .high' "$work/figures.json")" = true ]

topic "the same is no matter where half as much again is allowed"
run 20 compare --threshold 50% "$work/old" "$work/slower.json"
expect_status 0
run 20 compare "$work/slower.json" "$work/old"
expect_status 0
expect_text "$out" 'faster'

topic "what nobody wrote is the scenario's"
recorded=$sources/fixtures/traces/wire-right
run 60 check --json "$work/implied.json" "$recorded/scenario.yaml" "$recorded/trace.ndjson"
expect_status 0
expect [ "$(jq -r '[.results[0].findings[] | select(.implied) | .id] | join(" ")' "$work/implied.json")" = met-redis-refused ]
expect [ "$(jq '.results[0].findings | map(select(.implied == false)) | length' "$work/implied.json")" -gt 1 ]
jq '.results = [range(12) as $i | .results[]]' "$work/implied.json" >"$work/met.json"
jq '.results[].findings |= map(if .implied then .measured |= map_values(. + 1000000000) else . end)' "$work/met.json" \
	>"$work/met-later.json"
run 20 compare --json "$work/figures.json" "$work/met.json" "$work/met-later.json"
expect_status 0
expect_text "$out" '0 worse, 0 better, 1 changed'
expect [ "$(jq -r '.figures[0] | .id, .change' "$work/figures.json" | paste -sd ' ' -)" = 'met-redis-refused other' ]

topic "too few"
run 20 compare "$work/few.json" "$work/few.json"
expect_status 4
expect_text "$out" 'too few runs to tell anything'
expect_text "$out" '--repeat'

topic "not judged any more"
jq '.results[].outcome = "inconclusive"' "$work/old/report.json" >"$work/open.json"
run 20 compare --json "$work/figures.json" "$work/old" "$work/open.json"
expect_status 4
expect_text "$out" 'not judged once among the new runs'
expect [ "$(jq -c '[.exit_status, .unjudged_old, (.unjudged_new | length)]' "$work/figures.json")" = '[4,[],6]' ]
run 20 compare "$work/open.json" "$work/old"
expect_status 4
expect_text "$out" 'not judged once among the old runs'
run 20 compare "$work/open.json" "$work/open.json"
expect_status 0
expect_no_text "$out" 'not judged'

# wrong TEXT ARGUMENTS…
wrong() {
	text=$1
	shift
	run 20 compare "$@"
	expect_status 2
	expect_text "$err" "$text"
	expect [ ! -s "$out" ]
}
topic "usage"
wrong 'takes two reports' "$work/old"
wrong '--alpha takes a number' --alpha 0 "$work/old" "$work/old"
wrong '--alpha takes a number' --alpha 5% "$work/old" "$work/old"
wrong '--threshold takes a number' --threshold -1 "$work/old" "$work/old"
wrong '--threshold takes a number' --threshold much "$work/old" "$work/old"
for number in % '' ' 5' '5 ' +5 0x10 0x1p4 inf nan 1e 5%% . 1.2.3 10001; do
	wrong "not \`$number\`" --threshold "$number" "$work/old" "$work/old"
done
for number in ' 0.1' 0x1p-4 +0.1 '' % 0.6; do
	wrong "not \`$number\`" --alpha "$number" "$work/old" "$work/old"
done
for number in 0 50 50% 12.5% .5 1e1; do
	run 20 compare --threshold "$number" --alpha 1e-3 "$work/old" "$work/old"
	expect_status 0
done
wrong 'cannot read' "$work/old" "$work/nowhere"
wrong 'cannot read' "$work/old" "$work"
wrong 'no JSON' "$work/old" "$sources/README.md"
jq '.speed *= 2 | .results[].speed *= 2' "$sample" >"$work/fast.json"
wrong 'only runs of one speed' "$work/old" "$work/fast.json"
jq '.results[].scenario = "another"' "$sample" >"$work/other.json"
wrong 'nothing to compare' "$work/old" "$work/other.json"
jq 'del(.results[0].outcome)' "$sample" >"$work/before.json"
wrong 'result 1: `scenario`, `outcome`' "$work/old" "$work/before.json"

topic "what is nearly JSON"
# bad NAME TEXT CONTENTS: and where.
bad() {
	printf '%s' "$3" >"$work/$1.json"
	wrong "$work/$1.json:1:" "$work/old" "$work/$1.json"
	expect_text "$err" "$2"
}
bad deep 'depth' "$(head -c 100000 /dev/zero | tr '\0' '[')"
bad nan 'NaN' '{"falsestart_report":1,"speed":NaN,"results":[]}'
bad infinite 'overflow' '{"falsestart_report":1,"speed":1e999,"results":[]}'
bad large 'too big' "{\"falsestart_report\":1,\"speed\":1,\"results\":$(head -c 1000 /dev/zero | tr '\0' 9)}"
bad twice 'duplicate' '{"falsestart_report":1,"speed":1,"speed":2,"results":[]}'

topic "what is no report"
: >"$work/empty.json"
wrong 'is empty; a report is written by' "$work/old" "$work/empty.json"
jq '.falsestart_report = 2' "$sample" >"$work/newer.json"
wrong 'of version 2' "$work/old" "$work/newer.json"
wrong 'a report is written by' "$work/old" "$sources/fixtures/traces/wire-right/trace.ndjson"

topic "help"
run 20 compare --help
expect_status 0
expect [ "$(wc -l <"$out")" -le 24 ]
finish
