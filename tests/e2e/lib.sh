# shellcheck shell=sh
# What the end-to-end tests share. A test is one file, `NAME_test.sh`, or `NAME_docker_test.sh` where it needs an
# engine: it sources this file, uses `run` and the `expect_…`, and ends with `finish`. A failed expectation is told
# and counted, and the test goes on: one finding hides no other.
#
# FALSESTART    the program under test
# ENGINE_PROXY  tests/e2e/engine_proxy.c, built
set -u

: "${FALSESTART:?names the falsestart to test}"

# shellcheck disable=SC2034 # for the tests
sources=$(cd "$(dirname "$0")/../.." && pwd)
engine_socket=/var/run/docker.sock
case ${DOCKER_HOST:-} in
unix://*) engine_socket=${DOCKER_HOST#unix://} ;;
esac
# Short: the path of a socket has at most 107 bytes.
work=$(mktemp -d "${TMPDIR:-/tmp}/fse2e.XXXXXX")
reports=$work/reports
out=$work/out
err=$work/err
failures=0
checks=0
what=
children=
# What this test makes on the engine by itself carries this label, so that it is found again after an accident.
own_label=io.falsestart.e2e=$$

export LC_ALL=C.UTF-8
unset NO_COLOR FORCE_COLOR

fail() {
	failures=$((failures + 1))
	printf 'FAIL %s: %s\n' "$what" "$*"
}

# About what the following expectations are.
topic() {
	what=$*
}

show() {
	sed 's/^/    | /' "$1" | head -n "${2:-40}"
}

finish() {
	[ "$checks" -gt 0 ] || fail "nothing was checked"
	printf '%s expectations, %s failed\n' "$checks" "$failures"
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}

leave() {
	unproxy
	for child in $children; do
		kill -KILL "$child" 2>/dev/null
	done
	if command -v docker >/dev/null; then
		own=$(docker ps -aq --filter "label=$own_label" 2>/dev/null)
		# shellcheck disable=SC2086 # ids
		[ -z "$own" ] || docker rm -f $own >/dev/null 2>&1
		own=$(docker network ls -q --filter "label=$own_label" 2>/dev/null)
		# shellcheck disable=SC2086
		[ -z "$own" ] || docker network rm $own >/dev/null 2>&1
		own=$(docker volume ls -q --filter "label=$own_label" 2>/dev/null)
		# shellcheck disable=SC2086
		[ -z "$own" ] || docker volume rm $own >/dev/null 2>&1
		for id in $(run_ids); do
			"$FALSESTART" clean --engine "unix://$engine_socket" --run "$id" >/dev/null 2>&1
		done
	fi
	[ ! -d "$work/mnt" ] || umount "$work/mnt" 2>/dev/null
	rm -rf "$work"
}
trap leave EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# run SECONDS ARGUMENTS…: falsestart with a deadline; $status, $out, $err, and the most memory it had in $peak_kb.
run() {
	deadline=$1
	shift
	began=$(date +%s)
	timeout -k 5 "$deadline" /usr/bin/time -q -f '%M' -o "$work/peak" "$FALSESTART" "$@" >"$out" 2>"$err"
	status=$?
	# shellcheck disable=SC2034
	peak_kb=$(tail -n 1 "$work/peak" 2>/dev/null)
	[ $(($(date +%s) - began)) -lt "$deadline" ] || fail "falsestart $* was not over after $deadline s"
}

expect_status() {
	checks=$((checks + 1))
	[ "$status" -eq "$1" ] && return
	fail "exit status $status instead of $1"
	show "$out"
	show "$err"
}

# expect_text FILE TEXT: the text stands in the file, as it is.
expect_text() {
	checks=$((checks + 1))
	grep -qF -e "$2" "$1" && return
	fail "$(basename "$1") does not say: $2"
	show "$1"
}

expect_no_text() {
	checks=$((checks + 1))
	grep -qF -e "$2" "$1" || return 0
	fail "$(basename "$1") says: $2"
	show "$1"
}

# expect_lines FILE <<EOF: the file is exactly this. $work is written as WORK, and run ids as ID.
expect_lines() {
	checks=$((checks + 1))
	cat >"$work/expected"
	sed -e "s|$work|WORK|g" "$1" >"$work/actual"
	diff -u "$work/expected" "$work/actual" >"$work/difference" && return
	fail "$(basename "$1") is not what was expected"
	show "$work/difference" 60
}

expect() {
	checks=$((checks + 1))
	"$@" || fail "not so: $*"
}

# block_of NAME: what the newest text report says of a world, from its heading to the next one's.
block_of() {
	awk -v name="$1" '/^(pass|FAIL|inconclusive) /{ mine = $2 == name } mine' "$reports/latest/report.txt"
}

# expect_verdict NAME VERDICT: of a world, by the newest report.
expect_verdict() {
	checks=$((checks + 1))
	verdict=$(jq -r --arg name "$1" '.results[] | select(.scenario == $name).verdict' "$reports/latest/report.json")
	[ "$verdict" = "$2" ] && return
	fail "the verdict of $1 is $verdict instead of $2"
	block_of "$1" >"$work/block"
	show "$work/block"
}

# What was judged of a world, figures and evidence included, but for what is of the run alone: the result NAME of the JSON report
# FILE.
judged_of() {
	jq -S --arg name "$1" '.results[] | select(.scenario == $name) |
		{ scenario, complete, speed, seed, verdict, reason, environment, lateness_ns, findings, policies }' "$2"
}

# expect_same_judgement NAME SCENARIO TRACE REPORT: judged again the trace has every verdict, sentence and figure that the
# JSON report of its run has.
expect_same_judgement() {
	checks=$((checks + 1))
	run 60 check --json "$work/again.json" "$2" "$3"
	judged_of "$1" "$4" >"$work/of-run"
	judged_of "$1" "$work/again.json" >"$work/of-check"
	[ -s "$work/of-run" ] || fail "$4 has nothing of $1"
	cmp -s "$work/of-run" "$work/of-check" && return
	fail "$3 is judged otherwise than in its run"
	diff "$work/of-run" "$work/of-check" >"$work/difference"
	show "$work/difference"
}

# The runs that left a folder of reports: their ids are the last part of its name.
run_ids() {
	for folder in "$reports"/*-*-*; do
		[ ! -d "$folder" ] || echo "${folder##*-}"
	done
}

# left_by ID: what a run has on the engine.
left_by() {
	docker ps -aq --filter "label=io.falsestart.run=$1"
	docker network ls -q --filter "label=io.falsestart.run=$1"
	docker volume ls -q --filter "label=io.falsestart.run=$1"
}

# containers_of ID [SERVICE]: the running containers of a run's services; sandboxes_of: those of their agents.
containers_of() {
	docker ps -q --filter "label=io.falsestart.run=$1" --filter "label=io.falsestart.service${2:+=$2}"
}

sandboxes_of() {
	docker ps -q --filter "label=io.falsestart.run=$1" --filter "label=io.falsestart.sandbox${2:+=$2}"
}

reapers_of() {
	pgrep -f "^falsestart reap --run $1"
}

is_clean() {
	[ -z "$(left_by "$1")" ] && [ -z "$(reapers_of "$1")" ]
}

is_off_engine() {
	[ -z "$(left_by "$1")" ]
}

# The same without the reapers, who look again for ten seconds after a death: for many deaths in a row.
expect_engine_clean() {
	for id in $(run_ids); do
		checks=$((checks + 1))
		await "$1" is_off_engine "$id" && continue
		fail "run $id left behind: $(left_by "$id" | tr '\n' ' ')"
	done
}

# Of all runs so far: containers, networks, volumes, reapers. A reaper needs a moment to hear the farewell.
expect_nothing_left() {
	for id in $(run_ids); do
		checks=$((checks + 1))
		await "${1:-10}" is_clean "$id" && continue
		fail "run $id left behind: $(left_by "$id" | tr '\n' ' ') reapers: $(reapers_of "$id" | tr '\n' ' ')"
	done
}

# await SECONDS COMMAND…: until the command succeeds. The one place that looks again and again: nobody tells a shell
# that a process, a file or a container has changed.
await() {
	ends=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$ends" ] || return 1
		sleep 0.05
	done
}

is_socket() {
	[ -S "$1" ]
}

# proxy ARGUMENTS…: an engine at $work/e that has accidents; see engine_proxy.c.
proxy() {
	unproxy
	: >"$work/requests"
	"$ENGINE_PROXY" "$work/e" "$engine_socket" "$@" >"$work/requests" 2>"$work/proxy" &
	proxy=$!
	children="$children $proxy"
	await 10 is_socket "$work/e" || fail "the proxy does not listen: $(cat "$work/proxy")"
}

unproxy() {
	[ -z "${proxy:-}" ] || kill -KILL "-$proxy" 2>/dev/null
	proxy=
	rm -f "$work/e"
}

# The stack of most tests: the rude subject, behaving as $2 says, or well.
# scenario NAME [BEHAVIOUR] writes $work/NAME.yaml; its steps and expectations may follow on standard input.
scenario() {
	cat >"$work/$1.yaml" <<-EOF
		falsestart: 1
		name: $1
		timeout: 60s real
		stack:
		  services:
		    subject: { image: "falsestart/rude:latest", command: [${2:-polite}] }
		subject: subject
		watch:
		  live: { http: "subject:8080/health", every: 20ms real, timeout: 300ms real, state: .status }
	EOF
	if [ "${3:-}" = - ]; then
		cat >>"$work/$1.yaml"
		return
	fi
	cat >>"$work/$1.yaml" <<-EOF
		steps:
		  - start: subject
		  - wait: { for: live, state: healthy, max: 30s real }
		expect:
		  - { id: heals, of: live, reach: healthy, within: 30s real, after: subject.started }
		  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
	EOF
}
