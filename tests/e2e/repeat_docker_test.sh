#!/bin/sh
# Many runs of a scenario, until one fails, and tries again.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$work/steady" "$work/chancy" "$work/flaky"

topic "usage"
# wrong TEXT ARGUMENTS…
wrong() {
	text=$1
	shift
	run 20 run "$@" "$work/steady"
	expect_status 2
	expect_text "$err" "$text"
}
wrong '--repeat takes a whole number from 1 to 10000, not `0`' --repeat 0
wrong '--repeat takes' --repeat 10001
wrong '--retries takes a whole number from 0 to 100' --retries -1
wrong '--until takes the word `fail`, not `pass`' --until pass
wrong 'give one of them' --until fail --retries 1
wrong '--allow-flaky needs it' --allow-flaky

scenario steady
mv "$work/steady.yaml" "$work/steady"
# Whether it is frozen in time is a matter of the delay that is drawn, and of nothing else: the seeds below draw one that is
# far from the limit.
scenario chancy polite - <<'END'
steps:
  - start: subject
  - wait: { for: live, state: healthy, max: 30s real }
  - { id: freeze, pause: subject, jitter: 8s real }
  - wait: { for: live, state: timeout, max: 10s real }
expect:
  - { id: freezes, of: live, reach: timeout, within: 2s real, after: wait-2 }
END
mv "$work/chancy.yaml" "$work/chancy"

topic "--repeat"
run 120 run --repeat 3 --seed 5 --report "$reports" "$work/steady"
expect_status 0
expect_text "$out" '3 of 3 passed (95 % interval 43.9 % to 100.0 %)'
expect_text "$out" '3 passed, 0 failed, 0 inconclusive'
# In a log a line a world, not one an event.
expect_text "$err" '3 of 3 completed'
expect_no_text "$err" 'live is healthy'
report=$reports/latest/report.json
for number in 001 002 003; do
	expect [ -s "$reports/latest/steady.$number.ndjson" ]
done
expect [ ! -e "$reports/latest/steady.ndjson" ]
expect [ "$(jq -r '[.results[] | "\(.attempt)/\(.attempts) \(.outcome) \(.reduced)"] | join(", ")' "$report")" = \
	'1/3 pass false, 2/3 pass true, 3/3 pass true' ]
expect [ "$(jq '[.results[].seed] | unique | length' "$report")" = 3 ]
expect [ "$(jq '.results[0].seed' "$report")" = 5 ]
expect [ "$(jq -r '.repetitions[0] | "\(.scenario) \(.passed) of \(.runs)"' "$report")" = 'steady 3 of 3' ]
expect [ "$(jq '.repetitions[0].figures[] | select(.id == "heals") | .measured == 3 and .least <= .median and .median <= .most' \
	"$report")" = true ]
expect [ "$(docker ps -aq --filter "label=io.falsestart.run=$(jq -r '.results[0].run' "$report")" | wc -l)" = 0 ]
# A trace of the many is judged as any other.
run 20 check "$work/steady/steady.yaml" "$reports/latest/steady.002.ndjson"
expect_status 0

# From this seed the first two are frozen in time, and the next two are not.
topic "--until fail stops at the first failure and says how to have it again"
run 280 run -q --until fail --jobs 2 --seed 194 --report "$reports" "$work/chancy"
expect_status 1
expect_text "$err" 'stopped: chancy ['
seed=$(sed -n 's/.*stopped: .*--seed \([0-9]*\) .*/\1/p' "$err")
expect [ "$seed" -gt 0 ]
report=$reports/latest/report.json
first=$(jq '[.results[] | select(.verdict == "fail").attempt] | min' "$report")
expect [ "$first" = 3 ]
expect_text "$err" "stopped: chancy [$first/1000]"
last=$(jq '[.results[].attempt] | max' "$report")
expect [ "$last" -le $((first + 1)) ] # the one beside it was under way
expect [ "$(jq --argjson first "$first" '[.results[] | select(.attempt < $first and .verdict == "fail")] | length' "$report")" = 0 ]
drawn=$(jq -r 'select(.k == "step" and .of == "freeze").jitter' "$reports/latest/chancy.$(printf %04d "$first").ndjson")
run 60 run -q --seed "$seed" --report "$reports" "$work/chancy"
expect_status 1
expect [ "$(jq -r 'select(.k == "step" and .of == "freeze").jitter' "$reports/latest/chancy.ndjson")" = "$drawn" ]

# The first try leaves a mark that the second finds: it fails, and then it passes.
mkdir "$work/mark"
cat >"$work/flaky/flaky.yaml" <<END
falsestart: 1
name: flaky
timeout: 60s real
stack:
  services:
    subject:
      image: redis:7
      entrypoint: [sh, -c, 'if mkdir /mark/\$\$WHO; then echo first; exit \$\$CODE; fi; echo second; exec tail -f /dev/null']
      environment: { WHO: fails, CODE: 1 }
      volumes: ["$work/mark:/mark"]
subject: subject
steps:
  - start: subject
  - wait: { for: subject.log, matches: 'first|second', max: 20s real }
  - hold: 300ms real
expect:
  - { id: survives, of: subject, never: exited }
  - { id: speaks, of: subject.log, reach: 'first|second', within: 20s real, after: world.started }
END

topic "what fails and passes when tried again is flaky"
run 60 run -q --retries 3 --report "$reports" "$work/flaky"
expect_status 1
expect_text "$out" '0 passed, 0 failed, 0 inconclusive, 1 flaky'
report=$reports/latest/report.json
expect [ "$(jq -r '[.results[] | "\(.retry) \(.verdict) \(.outcome)"] | join(", ")' "$report")" = \
	'0 fail retried, 1 pass flaky' ]
expect [ "$(jq .exit_status "$report")" = 1 ]
expect [ -s "$reports/latest/flaky.retry-1.ndjson" ]
expect [ "$(jq '[.results[].seed] | unique | length' "$report")" = 1 ]

topic "--allow-flaky"
rmdir "$work/mark/fails"
run 60 run -q --retries 3 --allow-flaky --report "$reports" "$work/flaky"
expect_status 0
expect_text "$out" '1 flaky (allowed)'

topic "what could not be judged, and passes when tried again, passes and says so"
sed -i -e 's/WHO: fails, CODE: 1/WHO: waits, CODE: 0/' -e "s/matches: 'first|second'/matches: 'second'/" \
	-e '/id: survives/d' "$work/flaky/flaky.yaml"
run 60 run -q --retries 1 --report "$reports" "$work/flaky"
expect_status 0
expect_text "$out" '1 passed, 0 failed, 0 inconclusive (1 passed on a retry only)'
expect [ "$(jq -r '[.results[] | "\(.verdict) \(.outcome)"] | join(", ")' "$reports/latest/report.json")" = \
	'inconclusive retried, pass pass' ]

topic "no retries unless asked for"
rmdir "$work/mark/waits"
run 60 run -q --report "$reports" "$work/flaky"
expect_status 4
expect [ "$(jq '.results | length' "$reports/latest/report.json")" = 1 ]

topic "a port of the host, again and again"
sed 's/image: redis:7/&\n      ports: ["18799:80"]/' "$work/flaky/flaky.yaml" >"$work/flaky/port.yaml"
sed -i 's/name: flaky/name: port/' "$work/flaky/port.yaml"
run 20 run --repeat 2 --report "$reports" "$work/flaky/port.yaml"
expect_status 2
expect_text "$err" 'publishes port 18799 of the host, and so does every repetition of it'
expect_nothing_left
finish
