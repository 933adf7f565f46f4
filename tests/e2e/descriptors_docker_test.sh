#!/bin/sh
# Open descriptors: of all processes of a service, growth told from none, and what cannot be counted refused at once.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# story NAME CONNECTIONS GROWTH: so many clients subscribe to the subject, in processes of their own.
story() {
	cat >"$work/$1.yaml" <<-END
		falsestart: 1
		name: $1
		timeout: 60s real
		stack:
		  services:
		    subject: { image: "redis:7" }
		    crowd:
		      image: "redis:7"
		      entrypoint: [sh, -c]
		      command: ['for i in \$\$(seq $2); do redis-cli -h subject subscribe x & done; wait']
		subject: subject
		watch:
		  fds: { descriptors: subject, every: 50ms real }
		  crowded: { descriptors: crowd, every: 50ms real }
		steps:
		  - start: subject
		  - wait: { for: subject, phase: ready, max: 30s real }
		  - { hold: 500ms real, id: alone }
		  - start: crowd
		  - { hold: 2s real, id: together }
		expect:
		  - { id: grows, of: fds, descriptors: { growth: $3 }, after: subject.ready }
	END
}

# figures NAME WATCH: the counts of it, the least and the largest.
figures() {
	jq -r --arg watch "$2" 'select(.k == "descriptors" and .of == $watch).count' "$reports/latest/$1.ndjson" | sort -n |
		sed -n '1p;$p' | tr '\n' ' '
}

topic "one client, five allowed"
story few 1 5
run 60 run --report "$reports" "$work/few.yaml"
expect_status 0
expect_verdict few pass

topic "thirty clients, five allowed"
story many 30 5
run 60 run --report "$reports" "$work/many.yaml"
expect_status 1
expect_verdict many fail
expect_text "$reports/latest/report.txt" 'open descriptors of subject grow by at most 5'
# shellcheck disable=SC2046 # two figures
set -- $(figures many fds)
expect [ "$1" -ge 3 ]
expect [ $(($2 - $1)) -ge 30 ]
# Thirty processes, each with three of their own at least.
# shellcheck disable=SC2046
set -- $(figures many crowded)
expect [ "$2" -ge 90 ]

topic "judged again"
run 30 check "$work/many.yaml" "$reports/latest/many.ndjson"
expect_status 1

topic "an engine that is elsewhere"
run 30 run --engine tcp://127.0.0.1:1 --report "$reports" "$work/many.yaml"
expect_status 3
expect_text "$err" "$work/many.yaml:13:3: watch \`fds\`: descriptors are counted through /proc"
expect_nothing_left
finish
