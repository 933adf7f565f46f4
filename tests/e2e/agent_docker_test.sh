#!/bin/sh
# An agent that ends, is killed, removed or stopped, at whatever moment: the world is not judged, "environment", exit
# status 3, the agent is named, and nothing is left behind. It is never a pass, and never the subject's failure. Worlds
# beside it and after it are unharmed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
mkdir "$work/in"

# story NAME EXPECTATION: its dependency is also a bell: what is written into its FIFO becomes a line of its log, on which
# the next step waits. So this test says when the world goes on, and when it ends.
story() {
	mkdir "$work/$1"
	mkfifo "$work/$1/bell"
	cat >"$work/in/$1.yaml" <<-END
		falsestart: 1
		name: $1
		timeout: 60s real
		stack:
		  services:
		    subject: { image: "falsestart/dialer:latest", command: [redis, "6379", fixed, first=100, keep=1, ask=1] }
		    redis:
		      image: "redis:7"
		      command:
		        - bash
		        - -c
		        - |
		          redis-server --save "" --protected-mode no --daemonize yes --logfile /dev/null
		          exec 3<>/bell/bell
		          while read -r word <&3; do echo "\$\$word"; done
		      volumes: ["$work/$1:/bell"]
		      stop_grace_period: 0s
		subject: subject
		watch:
		  dial: { attempts: subject, to: "redis:6379" }
		steps:
		  - start: redis
		  - wait: { for: redis, phase: ready, max: 30s real }
		  - wait: { for: redis.log, matches: '^begin', max: 40s real, after: world.started }
		  - start: subject
		  - wait: { for: dial, attempt: 1, max: 30s real }
		  - wait: { for: redis.log, matches: '^end', max: 40s real, after: world.started }
		expect:
		  - { id: dials, of: dial, reach: { attempt: 1 }, within: 60s real }
		  - $2
	END
}
passes='{ id: survives, of: subject, never: [exited, restarted, oom-killed] }'
# Nothing but the end of the world decides that it has failed.
fails='{ id: says, of: subject.log, matches: "never said" }'

# ring NAME WORD: does not wait for anybody to listen.
ring() {
	echo "$2" 1<>"$work/$1/bell"
}

has_come() {
	grep -q " $1 .*$2" "$err"
}

sandbox_of() {
	docker ps -aq --filter "label=io.falsestart.scenario=$1" --filter "label=io.falsestart.sandbox=$2"
}

has_sandbox() {
	[ -n "$(sandbox_of "$1" "$2")" ]
}

# accident HOW CONTAINER
accident() {
	case $1 in
	remove) docker rm -f "$2" ;;
	kill) docker kill "$2" ;;
	end) docker kill -s TERM "$2" ;;
	stop) docker stop -t 5 "$2" ;;
	pause) docker pause "$2" ;;
	freeze) docker kill -s STOP "$2" ;;
	none) ;;
	esac >/dev/null 2>&1
}

# live NAME MOMENT HOW SERVICE: leads a world to the moment, and has the accident happen to the agent of that service.
live() {
	if [ "$2" = setup ]; then
		await 50 has_sandbox "$1" "$4"
		# It is there before it is started, and nothing but a removal happens to it until then.
		await 20 accident "$3" "$(sandbox_of "$1" "$4")"
		return
	fi
	await 50 has_come "$1" 'redis ready' || return
	container=$(sandbox_of "$1" "$4")
	pid=$(docker inspect -f '{{.State.Pid}}' "$container")
	[ "$2" != before ] || accident "$3" "$container"
	ring "$1" begin
	[ "$2" != before ] || return
	await 50 has_come "$1" 'step wait-5 done' || return
	[ "$2" != middle ] || accident "$3" "$container"
	[ "$2" != middle ] || return
	# The last moment: the runner hears of the end of the world within milliseconds, and of this not before.
	case $3 in
	kill) kill -KILL "$pid" ;;
	freeze) kill -STOP "$pid" ;;
	*) accident "$3" "$container" ;;
	esac
	ring "$1" end
}

# each: `live` for every row of the table, all at once, and one run of all worlds.
each() {
	: >"$err"
	drivers=
	while read -r name arguments; do
		# shellcheck disable=SC2086 # words
		[ -z "$name" ] || live "$name" $arguments &
		drivers="$drivers $!"
	done <<-END
		$1
	END
	children="$children $drivers"
	run 55 run --jobs 9 --report "$reports" "$work/in"
	# shellcheck disable=SC2086 # ids
	wait $drivers
}

verdict_of() {
	jq -r --arg name "$1" '.results[] | select(.scenario == $name) | "\(.verdict) \(.environment)"' \
		"$reports/latest/report.json"
}

topic "no accident"
story passing "$passes"
story failing "$fails"
each 'passing last none subject
failing last none subject'
expect_status 1
expect_verdict passing pass
expect_verdict failing fail
rm -rf "$work/in"/* "$work/passing" "$work/failing"

# world, moment, accident, whose agent. They are run in this order: first those that take long to be found out.
table='
a-before-freeze-f  before freeze subject
a-middle-pause-p   middle pause  subject
a-middle-freeze-f  middle freeze redis
a-last-freeze-p    last   freeze subject
a-last-freeze-f    last   freeze redis
a-last-pause-f     last   pause  subject
b-setup-remove-p   setup  remove subject
b-setup-kill-f     setup  kill   redis
b-before-kill-p    before kill   subject
b-before-remove-f  before remove subject
b-middle-kill-p    middle kill   redis
b-middle-end-f     middle end    subject
b-middle-remove-p  middle remove subject
b-middle-stop-f    middle stop   redis
b-last-kill-p      last   kill   subject
b-last-kill-f      last   kill   redis
b-last-remove-f    last   remove subject
'
topic "every accident"
while read -r name rest; do
	case $name in
	*-p) story "$name" "$passes" ;;
	*-f) story "$name" "$fails" ;;
	esac
done <<END
$table
END
story z-after "$passes"
each "$table
z-after last none subject"
expect_status 3
expect_no_text "$out" FAIL
expect [ "$(jq '.results | length' "$reports/latest/report.json")" -eq 18 ]
expect_verdict z-after pass
while read -r name moment how service; do
	[ -n "$name" ] || continue
	topic "$name: $moment, $how, the agent of $service"
	expect [ "$(verdict_of "$name")" = "inconclusive true" ]
	block_of "$name" >"$work/block"
	expect_text "$work/block" "the agent of \`$service\`"
	expect_no_text "$work/block" FAIL
	expect [ "$(jq -rs '.[-1].reason' "$reports/latest/$name.ndjson")" = trouble ]
	# Judged again, it is no other.
	run 20 check "$work/in/$name.yaml" "$reports/latest/$name.ndjson"
	expect_status 3
done <<END
$table
END
topic "every accident"
expect_nothing_left 20
finish
