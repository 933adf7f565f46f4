#!/bin/sh
# What is drawn is drawn from the seed: the same again from the same, and something else from another.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario late exits-after - <<'END'
steps:
  - { id: begin, start: subject, jitter: 300ms real }
  - { id: rest, hold: 10ms real, jitter: 300ms }
  - { id: rest-on, hold: 10ms real }
expect:
  - { id: survives, of: subject, never: exited, after: world.started }
END

# jitter_of STEP: what was drawn for it, in the newest trace.
jitter_of() {
	jq -r --arg step "$1" 'select(.k == "step" and .of == $step) | .jitter // 0' "$reports/latest/late.ndjson"
}

topic "usage"
for seed in 0 -1 1.5 many '' 9007199254740992; do
	run 20 run --seed "$seed" "$work"
	expect_status 2
	expect_text "$err" '--seed takes a whole number'
done

topic "a seed"
run 60 run -q --seed 77 --report "$reports" "$work"
expect_text "$err" 'seed 77'
begin=$(jitter_of begin)
rest=$(jitter_of rest)
expect [ "$begin" -gt 0 ]
expect [ "$begin" -le 300000000 ]
expect [ "$rest" -gt 0 ]
expect [ "$rest" -ne "$begin" ]
expect [ "$(jitter_of rest-on)" -eq 0 ]
expect [ "$(jq '.results[0].seed' "$reports/latest/report.json")" -eq 77 ]
# The delay was kept: the step did not begin before it was due, nor was it due before the delay was over.
expect [ "$(jq -s '[.[] | select(.k == "step" and .of == "begin")][0] | .from >= .due and .due >= .jitter' \
	"$reports/latest/late.ndjson")" = true ]

topic "the same seed, by the command line that the report tells"
command=$(sed -n 's/^ *run again: falsestart //p' "$reports/latest/report.txt")
expect [ "$command" = "run --seed 77 $work/late.yaml" ]
# shellcheck disable=SC2086 # words
run 60 $command -q --report "$reports"
expect [ "$(jitter_of begin)" -eq "$begin" ]
expect [ "$(jitter_of rest)" -eq "$rest" ]

topic "the same seed at another speed: the same share of what it divides"
run 60 run -q --seed 77 --speed 3 --report "$reports" "$work"
expect [ "$(jitter_of begin)" -eq "$begin" ]
expect [ $((3 * $(jitter_of rest))) -ge $((rest - 3)) ]
expect [ $((3 * $(jitter_of rest))) -le $((rest + 3)) ]

topic "another step before it changes nothing"
sed -i 's/^steps:/&\n  - { id: new, hold: 1ms real, jitter: 10ms real }/' "$work/late.yaml"
run 60 run -q --seed 77 --report "$reports" "$work"
expect [ "$(jitter_of begin)" -eq "$begin" ]
expect [ "$(jitter_of new)" -le 10000000 ]

topic "a seed of its own where none is given"
run 60 run -q --report "$reports" "$work"
first=$(jq '.results[0].seed' "$reports/latest/report.json")
expect [ "$first" -gt 0 ]
expect_text "$err" "seed $first"
expect [ "$(jitter_of begin)" -ne "$begin" ]
expect_nothing_left
finish
