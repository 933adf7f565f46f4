#!/bin/sh
# How things die, and what restart policies make of it: against a table. The policy is the engine's; what falsestart
# calls each death, how often it was started anew, and that a wait for what stays dead is given up at once, is ours.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# death | policy | what befalls the service, as the trace has it
table='
crash   | no             | started crashed:137
crash   | on-failure:2   | started crashed:137 restarted
crash   | always         | started crashed:137 restarted
crash   | unless-stopped | started crashed:137 restarted
segv    | no             | started crashed:139
segv    | on-failure:2   | started crashed:139 restarted
exhaust | no             | started out-of-memory oom-killed:137
exhaust | on-failure:2   | started out-of-memory oom-killed:137 restarted
exhaust | always         | started out-of-memory oom-killed:137 restarted
exhaust | unless-stopped | started out-of-memory oom-killed:137 restarted
stop    | no             | started stopped:0
stop    | on-failure:2   | started stopped:0
stop    | always         | started stopped:0
stop    | unless-stopped | started stopped:0
kill    | no             | started killed:137
kill    | on-failure:2   | started killed:137
kill    | always         | started killed:137
kill    | unless-stopped | started killed:137
exit-0  | no             | started exited:0
exit-0  | on-failure:2   | started exited:0
exit-0  | always         | started exited:0 restarted exited:0 restarted exited:0 restarted
exit-0  | unless-stopped | started exited:0 restarted exited:0 restarted exited:0 restarted
exit-1  | no             | started exited:1
exit-1  | on-failure:2   | started exited:1 restarted exited:1 restarted exited:1
exit-1  | always         | started exited:1 restarted exited:1 restarted exited:1 restarted
exit-1  | unless-stopped | started exited:1 restarted exited:1 restarted exited:1 restarted
'

# story NAME DEATH POLICY: what ends by itself is awaited until its third restart, the rest until the first.
story() {
	command='[]' step="- { $2: subject, id: death }" times=restarted
	case $2 in
	segv) step='- { crash: subject, signal: SIGSEGV, id: death }' ;;
	exit-*)
		command="[sh, -c, 'exit ${2#exit-}']" step='- { hold: 1ms real, id: death }'
		times='restarted, after: { event: subject.restarted, after: { event: subject.restarted'
		;;
	esac
	{
		cat <<-HEAD
			falsestart: 1
			name: $1
			timeout: 90s real
			stack:
			  services:
			    subject: { image: "redis:7", restart: "$3", command: $command }
			subject: subject
			steps:
			  - start: subject
		HEAD
		[ "$command" != '[]' ] || echo '  - wait: { for: subject, phase: ready, max: 30s real }'
		echo "  $step"
		case $2 in
		# The engine would have begun it by now: its first delay is 100 ms.
		stop | kill) echo '  - { hold: 1s real }' ;;
		esac
		case $2 in
		exit-*) echo "  - { wait: { for: subject, event: $times } }, max: 40s real }, id: again }" ;;
		*) echo '  - { wait: { for: subject, event: restarted, max: 40s real }, id: again }' ;;
		esac
		echo 'expect:'
		echo '  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }'
	} >"$work/in/$1.yaml"
}

# What befell it, in one line; the probe says more, which is not of interest.
lives() {
	jq -rs 'map(select(.k == "service" and .by == "engine" and .event != "created" and .event != "healthy")
		| .event + (if .exit != null then ":" + (.exit | tostring) else "" end)) | join(" ")' "$1"
}

# says FILTER: it is true of the trace.
says() {
	jq -se "$1" "$trace" >"$work/jq"
}

mkdir "$work/in"
rows=$(echo "$table" | grep '|' | tr -d '\t')
name_of() {
	echo "$1-$2" | tr ':' '-'
}
topic "all of them"
while IFS='|' read -r death policy lives; do
	death=${death%% *} policy=$(echo "$policy" | tr -d ' ')
	story "$(name_of "$death" "$policy")" "$death" "$policy"
done <<END_OF_ROWS
$rows
END_OF_ROWS
run 280 run --jobs 4 --report "$reports" "$work/in"

while IFS='|' read -r death policy lives; do
	death=${death%% *} policy=$(echo "$policy" | tr -d ' ') lives=${lives# }
	name=$(name_of "$death" "$policy")
	trace=$reports/latest/$name.ndjson
	topic "$name"
	actual=$(lives "$trace")
	# The world ends while it is started for the fourth time, or has already ended again.
	case $death-$lives in
	exit-*-*restarted) actual=$(echo "$actual" | cut -d ' ' -f 1-7) lives=$(echo "$lives" | cut -d ' ' -f 1-7) ;;
	esac
	expect [ "$actual" = "$lives" ]
	[ "$actual" = "$lives" ] || echo "    | $actual"
	case $death-$policy-$lives in
	*-restarted | *restarted)
		expect says 'any(.[]; .k == "end" and .reason == "completed")'
		expect_verdict "$name" fail
		;;
	*)
		# What is dead for good is not waited for.
		expect says 'any(.[]; .k == "step" and .of == "again" and (.done | not) and
			(.detail | startswith("given up")) and .to - .from < 5e9)'
		;;
	esac
	# A step that is done is not blamed on the service; what it does by itself is.
	case $death-$lives in
	exit-* | *restarted*) expect_verdict "$name" fail ;;
	*)
		block_of "$name" >"$work/block"
		expect_text "$work/block" '✓ survives'
		;;
	esac
done <<END_OF_ROWS
$rows
END_OF_ROWS
topic "all of them"
expect_nothing_left

# one NAME STACK-KEYS STEPS: a world of its own, of the subject alone.
one() {
	cat >"$work/$1.yaml" <<-HEAD
		falsestart: 1
		name: $1
		timeout: 60s real
		stack:
		  services:
		    subject: { image: "redis:7", $2 }
		subject: subject
		watch:
		  mem: { memory: subject, every: 50ms real }
		steps:
		  - start: subject
		$3
		expect:
		  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
	HEAD
}
ready='  - wait: { for: subject, phase: ready, max: 30s real }'

topic "a child is the largest"
one child "command: [sh, -c, 'mkfifo /tmp/f; redis-server --protected-mode no & read line </tmp/f']" "$ready
  - exhaust: subject
  - { hold: 500ms real, id: after }"
# Now and then the kernel kills a second one all the same, with the room of the first already made (seen on Linux 6.18): then
# it is the main process, which the step has brought about, too. Not every time.
tries=5
until [ "${alone:-}" ] || [ "$tries" -eq 0 ]; do
	tries=$((tries - 1))
	run 60 run --report "$reports" "$work/child.yaml"
	expect_status 0
	trace=$reports/latest/child.ndjson
	expect says 'any(.[]; .k == "step" and .of == "exhaust-subject" and .done)'
	case $(lives "$trace") in
	'started out-of-memory') alone=yes ;;
	'started out-of-memory oom-killed:137') ;;
	*) fail "what befell it: $(lives "$trace")" ;;
	esac
done
expect [ "${alone:-}" ]

topic "with an init"
one init 'init: true, restart: always' "$ready
  - crash: subject
  - wait: { for: subject, event: restarted, max: 20s real }
  - { crash: subject, signal: SIGSEGV, after: { event: subject.ready, after: subject.restarted } }
  - wait: { for: subject, event: restarted, max: 20s real }"
run 60 run --report "$reports" "$work/init.yaml"
expect_status 1
expect [ "$(lives "$reports/latest/init.ndjson")" = "started crashed:137 restarted crashed:139 restarted" ]

topic "dead already"
one dead "command: [sh, -c, 'exit 3']" '  - wait: { for: subject, event: exited, max: 20s real }
  - crash: subject
  - exhaust: subject'
run 60 run --report "$reports" "$work/dead.yaml"
expect_status 1
expect [ "$(lives "$reports/latest/dead.ndjson")" = "started exited:3" ]
expect_nothing_left

# Whenever the runner is killed: the helper is found as all the rest is.
topic "a runner that is killed while a helper is there"
one killed 'restart: always' "$ready
  - crash: subject"
proxy
run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/killed.yaml"
expect_status 0
moments=$(grep -n fs-helper "$work/requests" | cut -d : -f 1)
expect [ "$(echo "$moments" | wc -l)" -ge 3 ]
for moment in $moments; do
	proxy --at "$moment" --signal KILL
	run 60 run -q --report "$reports" --engine "unix://$work/e" "$work/killed.yaml"
	expect_status 137
	expect_engine_clean 30
done
expect_nothing_left 30
finish
