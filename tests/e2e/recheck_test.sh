#!/bin/sh
# Recorded traces are judged by the program as they were: with no engine, at the speed they were recorded at, each in one
# process, and with the verdicts and the sentences that were kept beside them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

export DOCKER_HOST="unix://$work/no-engine"
cases=0
for folder in "$sources"/fixtures/traces/*/; do
	folder=${folder%/}
	topic "${folder##*/}"
	cases=$((cases + 1))
	rm -f "$work/again.json"
	run 60 check --json "$work/again.json" "$folder/scenario.yaml" "$folder/trace.ndjson"
	jq -r '.results[0] | (.findings[] | [.id, .verdict, .reason]),
		(.late_steps[] | ["late", .step, if .was_kept then "kept" else "" end, if .warning then "warning" else "" end]), ["world", .verdict, .reason],
		(if .environment then ["environment"] else empty end) | map(select(. != "")) | join(" ")' \
		"$work/again.json" >"$work/of-check"
	grep -vE '^[^ ]+ claim (holds|differs|unknown) ' "$folder/expect.txt" |
		sed -E '/^late /s/ [0-9][^ ]*( of [0-9][^ ]*)?//' >"$work/kept"
	checks=$((checks + 1))
	cmp -s "$work/kept" "$work/of-check" && continue
	fail "the trace is judged otherwise"
	diff "$work/kept" "$work/of-check" >"$work/difference"
	show "$work/difference"
done
topic "all of them"
expect [ "$cases" -ge 40 ]

right=$sources/fixtures/traces/wire-right
first_line_without() {
	sed "1s/\"$1\":\"[^\"]*\",//" "$2"
}
topic "a trace that leaves out what it may leave out"
first_line_without scenario "$right/trace.ndjson" >"$work/short.ndjson"
expect [ "$(jq -s '.[0] | has("scenario")' "$work/short.ndjson")" = false ]
run 20 check --json "$work/again.json" "$right/scenario.yaml" "$work/short.ndjson"
expect_status 0
expect_text "$out" '1 passed'
for key in run engine; do
	expect [ "$(jq -s ".[0].$key | type" "$work/short.ndjson")" = '"string"' ]
	first_line_without $key "$work/short.ndjson" >"$work/shorter.ndjson"
	mv "$work/shorter.ndjson" "$work/short.ndjson"
done
run 20 check --json "$work/again.json" "$right/scenario.yaml" "$work/short.ndjson"
expect_status 0
expect [ "$(jq -c '[.started_at, .engine, .results[0].run]' "$work/again.json")" = '[null,null,null]' ]

topic "a trace of another scenario"
run 20 check "$right/scenario.yaml" "$sources/fixtures/traces/wire-hasty/trace.ndjson"
expect_status 2
expect_text "$err" 'was recorded of the scenario `wire-hasty`'

topic "what the trace knows of its run"
recorded=$sources/fixtures/traces/delayed-redis-right
run 20 check --json "$work/again.json" "$recorded/scenario.yaml" "$recorded/trace.ndjson"
expect [ "$(jq -r .started_at "$work/again.json")" = 2026-01-01T00:00:00Z ]
expect [ "$(jq .wall_ns "$work/again.json")" = "$(jq -s '.[-1].to' "$recorded/trace.ndjson")" ]

topic "a report that cannot be written"
run 20 check --json "$work/no/such/folder.json" "$sources/fixtures/traces/wire-right/scenario.yaml" \
	"$sources/fixtures/traces/wire-right/trace.ndjson"
expect_text "$err" "$work/no/such/folder.json"
expect [ "$status" -ne 0 ]
finish
