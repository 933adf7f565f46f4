#!/bin/sh
# What the program says of a command line that it cannot follow, and of an output that takes nothing: what is wrong, on what,
# what would be right, and nothing that a terminal obeys.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export DOCKER_HOST="unix://$work/no-engine"
recorded=$sources/fixtures/traces/wire-right
escape=$(printf '\033')

# wrong TEXT ARGUMENTS…
wrong() {
	topic "$*"
	text=$1
	shift
	run 20 "$@"
	expect_status 2
	expect_text "$err" "$text"
	expect_text "$err" '--help'
	expect_no_text "$err" "$escape"
	expect [ ! -s "$out" ]
	expect [ "$(wc -l <"$err")" -le 2 ]
}
wrong 'there is no command `runn`; the commands are run, check' runn
wrong '`\x1b[31mred`' "${escape}[31mred"
wrong 'did you mean `--report`?' run --reprot x y
wrong 'did you mean `--threshold`?' compare --treshold=3 a b
wrong 'there is no option `--nonsense`' run --nonsense
wrong 'there is no option `-x`' run -x
wrong '`--\x1b[31m`' check "--${escape}[31m" a b
wrong '--json takes a value' check a b --json
wrong '--speed takes a value' run -s
wrong '--list takes no value' run --list=yes
wrong 'there is no option `--bogus`' doctor --bogus
wrong '--run takes a value' clean --run
wrong 'looks like a trace; the other way round' check "$recorded/trace.ndjson" "$recorded/scenario.yaml"

topic "help of a command, asked in another way"
for command in run check compare doctor clean; do
	run 20 "$command" --help
	cp "$out" "$work/help"
	run 20 help "$command"
	expect_status 0
	expect cmp -s "$out" "$work/help"
done
wrong 'there is no command `runn`' help runn

topic "nothing is selected"
run 20 run --tag nonsense "$recorded/scenario.yaml"
expect_status 5
expect_text "$err" 'none of 1 scenarios is selected by --filter or --tag'

topic "nobody knows what is on an engine that does not answer"
run 20 clean --engine tcp://127.0.0.1:1
expect_status 3
expect_text "$err" '127.0.0.1:1'
expect [ ! -s "$out" ]

topic "an output that is full"
"$FALSESTART" check "$recorded/scenario.yaml" "$recorded/trace.ndjson" >/dev/full 2>"$err"
status=$?
: >"$out"
expect_status 3
expect_text "$err" 'standard output'

topic "what has failed has failed, wherever the words went"
failed=$sources/fixtures/traces/conduct-wrong
"$FALSESTART" check "$failed/scenario.yaml" "$failed/trace.ndjson" >/dev/full 2>"$err"
status=$?
expect_status 1

topic "a reader that has read enough"
mkfifo "$work/pipe"
head -c 1 "$work/pipe" >/dev/null &
"$FALSESTART" check -v "$recorded/scenario.yaml" "$recorded/trace.ndjson" >"$work/pipe" 2>"$err"
status=$?
expect_status 0
expect [ ! -s "$err" ]

topic "closed streams: no file gets what was meant for them"
"$FALSESTART" check --json "$work/report.json" "$recorded/scenario.yaml" "$recorded/trace.ndjson" <&- >&- 2>&-
status=$?
expect_status 0
expect jq -e .falsestart_report "$work/report.json" >/dev/null
finish
