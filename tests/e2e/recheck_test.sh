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

topic "a report that cannot be written"
run 20 check --json "$work/no/such/folder.json" "$sources/fixtures/traces/wire-right/scenario.yaml" \
	"$sources/fixtures/traces/wire-right/trace.ndjson"
expect_text "$err" "$work/no/such/folder.json"
expect [ "$status" -ne 0 ]
finish
