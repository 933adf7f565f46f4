#!/bin/sh
# SIGINT, SIGTERM and SIGHUP, once and twice, at every request that the runner makes to the engine: the exit status
# says which, and nothing is left behind.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario polite
topic "a run without an accident"
proxy
run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
expect_status 0
expect_nothing_left
moments=$(cat "$work/requests")
requests=$(grep -c . "$work/requests")
# The last ones remove what is left; once a signal has come they are not all made.
moment=1
set -- INT TERM HUP
while [ "$moment" -le "$requests" ]; do
	signal=$1
	shift
	set -- "$@" "$signal"
	case $signal in
	INT) ends_with=130 ;;
	TERM) ends_with=143 ;;
	HUP) ends_with=129 ;;
	esac
	topic "$signal at $(echo "$moments" | sed -n "${moment}p")"
	proxy --at "$moment" --signal "$signal"
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
	expect_status "$ends_with"
	# Told to end, it cleans by itself: nothing is left when it has ended.
	expect_engine_clean 1
	expect_no_text "$err" 'could not be'

	topic "$signal twice at $(echo "$moments" | sed -n "${moment}p")"
	proxy --at "$moment" --signal "$signal" --twice
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/polite.yaml"
	expect_status "$ends_with"
	expect_engine_clean 30
	moment=$((moment + 1))
done

topic "all of them, once the reapers have gone"
expect_nothing_left 30

topic "a world that is interrupted is reported, as inconclusive"
scenario long polite - <<'END'
steps:
  - start: subject
  - wait: { for: live, state: healthy, max: 30s real }
  - hold: 60s real
expect:
  - { id: heals, of: live, reach: healthy, within: 30s real, after: subject.started }
  - { id: stays, of: live, always: healthy, during: { from: { state: healthy, of: live }, until: world.ended } }
END
unproxy
: >"$err"
"$FALSESTART" run --report "$reports" "$work/long.yaml" >"$out" 2>"$err" &
runner=$!
children="$children $runner"
is_healthy() {
	grep -q 'live is healthy' "$err"
}
expect await 30 is_healthy
kill -TERM "$runner"
wait "$runner"
status=$?
expect_status 143
expect_text "$err" 'interrupted'
expect_verdict long inconclusive
expect [ "$(jq .exit_status "$reports/latest/report.json")" = 143 ]
expect_nothing_left

# A pipe that nobody reads holds the run where its reports are written; `latest` is made just before.
mkfifo "$work/pipe"
is_told_more() {
	[ "$(grep -c interrupted "$err")" -gt "$told" ]
}

# writing SIGNAL…: a run that is sent these signals while it writes the pipe, each when the one before was told.
writing() {
	rm -f "${reports:?}/latest"
	: >"$err"
	"$FALSESTART" run --report "$reports" --junit "$work/pipe" "$work/polite.yaml" >"$out" 2>"$err" &
	runner=$!
	children="$children $runner"
	expect await 60 [ -e "$reports/latest/report.json" ]
	for signal in "$@"; do
		told=$(grep -c interrupted "$err")
		kill "-$signal" "$runner"
		expect await 10 is_told_more
	done
}

topic "a report that is being written is finished"
writing TERM
expect_text "$err" 'the reports are finished first'
cat "$work/pipe" >"$work/through.xml"
wait "$runner"
status=$?
expect_status 143
expect_text "$work/through.xml" '</testsuites>'
expect cmp -s "$work/through.xml" "$reports/latest/junit.xml"
expect_verdict polite pass

topic "unless a second signal says that nobody wants it"
writing INT INT
wait "$runner"
status=$?
expect_status 130
expect_text "$err" 'not all reports were written'
expect_text "$err" 'falsestart check'
expect_nothing_left

topic "whoever started it with SIGHUP ignored wants it to go on"
: >"$err" # of the run before; the one in the background empties it later
(
	trap '' HUP
	exec "$FALSESTART" run --report "$reports" "$work/long.yaml" >"$out" 2>"$err"
) &
runner=$!
children="$children $runner"
expect await 30 is_healthy
kill -HUP "$runner"
expect kill -0 "$runner"
expect_no_text "$err" 'interrupted'
kill -INT "$runner"
wait "$runner"
status=$?
expect_status 130
expect_nothing_left
finish
