#!/bin/sh
# The command line of `run`, as far as it shows in what is run and written.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$work/two"
scenario alpha polite
scenario beta never-listens - <<'END'
tags: [slow, deaf]
steps:
  - start: subject
  - hold: 1s real
expect:
  - { id: heals, of: live, reach: healthy, within: 500ms real, after: subject.started }
END
mv "$work/alpha.yaml" "$work/beta.yaml" "$work/two"

topic "usage"
# wrong TEXT ARGUMENTS…
wrong() {
	text=$1
	shift
	run 20 "$@"
	expect_status 2
	expect_text "$err" "$text"
	expect [ ! -s "$out" ]
}
wrong 'usage: falsestart'
wrong 'no command `runn`' runn
wrong 'no scenario is named' run
wrong 'cannot read' run "$work/nothing"
wrong "there is no option" run --nonsense "$work/two"
wrong "takes a value" run "$work/two" --report
for speed in 0 -1 0.001 1001 1e9 nan inf fast '' 1x 0x; do
	wrong '--speed takes a number' run --speed "$speed" "$work/two"
done
for jobs in 0 -1 65 9999999999999999999 many '' 1.5; do
	wrong '--jobs takes a whole number' run --jobs "$jobs" "$work/two"
done
wrong 'check takes a scenario and a trace' check "$work/two/alpha.yaml"
wrong 'cannot read' check "$work/two/alpha.yaml" "$work/nothing"
wrong 'takes no argument' clean all
wrong 'takes no argument' doctor me
wrong '--run ID' reap
wrong 'is named twice' run --list "$work/two" "$work/two/alpha.yaml"

topic "help"
for command in '' run check doctor clean; do
	# shellcheck disable=SC2086 # none or one word
	run 20 $command --help
	expect_status 0
	expect_text "$out" 'usage: falsestart'
	expect [ ! -s "$err" ]
done

topic "--list and filters need no engine"
export DOCKER_HOST="unix://$work/none"
run 20 run --list "$work/two"
expect_status 0
expect [ "$(awk '{ print $1 }' "$out" | tr '\n' ' ')" = 'alpha beta ' ]
run 20 run --list --filter lph "$work/two"
expect [ "$(awk '{ print $1 }' "$out" | tr '\n' ' ')" = 'alpha ' ]
run 20 run --list --tag deaf "$work/two/alpha.yaml" "$work/two/beta.yaml"
expect [ "$(awk '{ print $1 }' "$out" | tr '\n' ' ')" = 'beta ' ]
for filter in '--filter nobody' '--tag dea' '--filter alpha --tag deaf'; do
	# shellcheck disable=SC2086 # words
	run 20 run $filter --report "$reports" "$work/two"
	expect_status 5
	expect_text "$err" 'none of 2 scenarios'
done
expect [ ! -e "$reports" ]
unset DOCKER_HOST

topic "several paths, copies of the reports"
run 60 run --engine "unix://$engine_socket" --report "$reports" --junit "$work/copy.xml" --json "$work/copy.json" \
	"$work/two/beta.yaml" "$work/two/alpha.yaml"
expect_status 1
expect_verdict alpha pass
expect_verdict beta fail
expect cmp "$work/copy.xml" "$reports/latest/junit.xml"
expect cmp "$work/copy.json" "$reports/latest/report.json"
expect [ "$(jq -r '[.results[].scenario] | join(" ")' "$work/copy.json")" = 'beta alpha' ]
expect [ "$(jq -r .exit_status "$work/copy.json")" = 1 ]
expect_nothing_left
first=$(readlink -f "$reports/latest")
cp -r "$first" "$work/first"

topic "only what passes: exit status 0, and the report before is as it was"
run 60 run --report "$reports" --filter alpha "$work/two"
expect_status 0
expect diff -r "$work/first" "$first"
expect [ "$(readlink -f "$reports/latest")" != "$first" ]

topic "copies that cannot be written after all cost no other report"
mkdir "$work/gone"
"$FALSESTART" run --report "$work/away" --filter alpha --junit "$work/gone/copy.xml" --json "$work/copy.json" \
	"$work/two" >"$out" 2>"$err" &
runner=$!
children="$children $runner"
has_begun() {
	[ -n "$(find "$work/away" -name alpha.ndjson 2>/dev/null)" ]
}
expect await 30 has_begun
expect rmdir "$work/gone"
wait "$runner"
status=$?
expect_status 3
expect_text "$err" "$work/gone/copy.xml"
for name in junit.xml report.json report.txt alpha.ndjson; do
	expect [ -s "$work/away/latest/$name" ]
done
expect cmp "$work/copy.json" "$work/away/latest/report.json"

topic "--speed divides what is not real time"
scenario gamma polite - <<'END'
steps:
  - start: subject
  - hold: 60s
expect:
  - { id: heals, of: live, reach: healthy, within: 600s, after: subject.started }
END
run 60 run --speed 60 --report "$reports" "$work/gamma.yaml"
expect_status 0
expect [ "$(jq .speed "$reports/latest/report.json")" = 60 ]
run 60 check "$work/gamma.yaml" "$reports/latest/gamma.ndjson"
expect_status 0
expect_text "$out" '1 passed'

topic "--quiet"
run 60 run -q --report "$reports" --filter alpha "$work/two"
expect [ "$(wc -l <"$err")" -eq 1 ]

topic "a link \`latest\` that is a folder is left alone"
mkdir -p "$work/other/latest"
echo mine >"$work/other/latest/file"
run 60 run -q --report "$work/other" --filter alpha "$work/two"
expect_status 2
expect_text "$err" "$work/other/latest"
expect [ "$(cat "$work/other/latest/file")" = mine ]
expect_nothing_left
finish
