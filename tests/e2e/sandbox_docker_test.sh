#!/bin/sh
# What a service keeps, because its sandbox has it: its names, address, published ports and extra hosts, through stop,
# kill, crash and replacement. And what two services do not share: localhost. A gate is before its service, not inside.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
port=48125

# start NAME: runs a world in the background.
start() {
	: >"$err"
	"$FALSESTART" run --report "$reports" "$work/$1.yaml" >"$out" 2>"$err" &
	runner=$!
	children="$children $runner"
}

# reaches TEXT [TIMES]: progress says so.
reaches() {
	[ "$(grep -c "$1" "$err")" -ge "${2:-1}" ]
}

finished() {
	wait "$runner"
	status=$?
	trace=$reports/latest/$1.ndjson
}

# inside SERVICE SCRIPT: its exit status and output are those of the script.
inside() {
	container=$(docker ps -q --filter "label=io.falsestart.run=$(run_ids | tail -n 1)" \
		--filter "label=io.falsestart.service=$1")
	docker exec "$container" timeout 5 bash -c "$2" 2>&1
}

# Does its published port, and is its name, address and extra host, what they were?
expect_same_redis() {
	expect [ "$(printf 'PING\r\n' | socat -t 2 - "TCP:127.0.0.1:$port,connect-timeout=3" | tr -d '\r')" = +PONG ]
	expect [ "$(inside redis 'getent hosts db' | awk '{ print $1, $2 }')" = '203.0.113.9 db' ]
	now=$(inside other 'getent ahostsv4 redis; getent ahostsv4 cache' | awk '{ print $1 }' | sort -u)
	: "${address:=$now}"
	expect [ "$now" = "$address" ]
}

cat >"$work/stays.yaml" <<END
falsestart: 1
name: stays
timeout: 55s real
stack:
  services:
    subject:
      image: "falsestart/dialer:latest"
      command: [cache, "6379", rate, first=50, ask=1]
      stop_grace_period: 0s
    redis:
      image: "redis:7"
      command: [redis-server, --save, "", --protected-mode, "no"]
      restart: always
      ports: ["127.0.0.1:$port:6379"]
      extra_hosts: ["db:203.0.113.9"]
      networks: { default: { aliases: [cache] } }
    other: { image: "redis:7", command: [redis-server, --save, "", --port, "7000"] }
    idle: { image: "redis:7" }
subject: subject
watch:
  dial: { attempts: subject, to: "redis:6379" }
# The steps: what happens to it, a while of it being so, and its return.
steps:
  - start: [redis, other]
  - wait: { for: redis, phase: ready, max: 30s real }
  - start: subject
  - wait: { for: dial, attempt: 3, max: 20s real }
  - stop: redis
  - hold: 400ms real
  - start: redis
  - wait: { for: redis, phase: ready, max: 20s real }
  - hold: 400ms real
  - kill: redis
  - hold: 400ms real
  - start: redis
  - wait: { for: redis, phase: ready, max: 20s real }
  - { wait: { for: redis, event: restarted, max: 30s real }, id: crash }
  - wait: { for: redis.log, matches: 'Ready to accept', max: 20s real, after: crash }
  - wait: { for: redis, phase: ready, max: 20s real }
  - hold: 400ms real
  - remove: redis
  - hold: 400ms real
  - start: redis
  - { wait: { for: redis, phase: ready, max: 20s real }, id: replaced }
  - wait: { for: other, event: exited, max: 30s real }
expect:
  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
END

topic "through stop, kill, crash and replacement"
address=
start stays
expect await 40 reaches 'step start-redis-2 done'
expect await 20 reaches 'redis ready' 3
before=$(containers_of "$(run_ids)" redis)
expect_same_redis
inside redis 'exec 3<>/dev/tcp/127.0.0.1/6379; echo SHUTDOWN NOSAVE >&3' >/dev/null
expect await 40 reaches 'step replaced done'
after=$(containers_of "$(run_ids)" redis)
expect [ -n "$after" ]
expect [ "$before" != "$after" ]
expect_same_redis

topic "localhost is a service's own"
expect [ "$(inside other 'exec 3<>/dev/tcp/127.0.0.1/7000 && echo open')" = open ]
expect [ "$(inside redis 'exec 3<>/dev/tcp/127.0.0.1/6379 && echo open')" = open ]
inside other 'exec 3<>/dev/tcp/127.0.0.1/6379' >"$work/said"
expect_text "$work/said" 'Connection refused'
inside redis 'exec 3<>/dev/tcp/127.0.0.1/7000' >"$work/said"
expect_text "$work/said" 'Connection refused'
expect [ "$(inside redis 'exec 3<>/dev/tcp/other/7000 && echo open')" = open ]

topic "who is never started has no name"
inside other 'getent ahosts idle; echo $?' >"$work/said"
expect [ "$(cat "$work/said")" = 2 ]
inside other 'exec 3<>/dev/tcp/127.0.0.1/7000; echo SHUTDOWN NOSAVE >&3' >/dev/null

topic "through stop, kill, crash and replacement"
finished stays
expect_status 0
# At every attempt its name was known, and its address the same: it worked, or nobody listened (or it died meanwhile).
jq -c 'select(.k == "attempt" and .outcome != "pending")' "$trace" >"$work/attempts"
expect [ "$(wc -l <"$work/attempts")" -gt 30 ]
expect [ "$(jq -r '.address // empty' "$work/attempts" | sort -u)" = "$address:6379" ]
expect [ -z "$(jq -r 'select(.outcome | IN("connected", "refused", "reset", "closed") | not).outcome' "$work/attempts")" ]
# Away, and there again: for as long as it was held away, and for as long as the engine takes after a crash, which may be
# too short to be met.
turns=$(jq -r 'select(.outcome | IN("connected", "refused")).outcome' "$work/attempts" | uniq | tr '\n' ' ')
expect eval "echo '$turns' | grep -qxE '(connected refused ){3,4}connected '"
expect [ "$(jq -rs '[.[] | select(.outcome == "refused")] | length' "$work/attempts")" -gt 15 ]
expect_nothing_left

topic "a health check through loopback, and who waits for it, while the gate refuses"
cat >"$work/gated.yaml" <<'END'
falsestart: 1
name: gated
timeout: 55s real
stack:
  services:
    subject:
      image: "falsestart/dialer:latest"
      command: [redis, "6379", fixed, first=50, timeout=300, ask=1]
      depends_on: { redis: { condition: service_healthy } }
    redis:
      image: "redis:7"
      command: [redis-server, --save, "", --protected-mode, "no"]
      healthcheck:
        test: [CMD, bash, -c, 'exec 3<>/dev/tcp/127.0.0.1/6379; echo PING >&3; read -r word <&3; [[ $$word == +PONG* ]]']
        interval: 500ms
        timeout: 5s
        retries: 1
subject: subject
phases: { redis: refused }
watch:
  dial: { attempts: subject, to: "redis:6379" }
steps:
  - start: all
  - wait: { for: dial, attempt: 5, max: 30s real }
  - phase: { redis: hung }
  - hold: 1s real
  - phase: { redis: ready }
  - wait: { for: dial, attempt: 25, max: 30s real }
expect:
  - { id: healthy, of: redis, never: [unhealthy, exited] }
  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
END
start gated
finished gated
expect_status 0
expect [ "$(jq -rs '[.[] | select(.k == "service" and (.event == "healthy" or (.of == "subject" and .event == "started"))).of] | .[:2] | join(" ")' \
	"$trace")" = 'redis subject' ]
jq -r 'select(.k == "attempt" and .outcome != "pending").outcome' "$trace" >"$work/outcomes"
expect [ "$(head -n 5 "$work/outcomes" | uniq)" = refused ]
expect grep -qx hung "$work/outcomes"
expect [ "$(tail -n 1 "$work/outcomes")" = connected ]
expect_nothing_left
finish
