#!/bin/sh
# Every behaviour of the rude subject: the verdict, and the reason that the report gives for it. Whatever a subject
# does, the run ends, falsestart stays small, and what it writes is what it says it is.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
limit_kb=40000
# The sanitizers' shadow is not ours.
if grep -q __asan_init "$FALSESTART"; then
	limit_kb=800000
fi

# behaviour | verdict | what the report says. `late`: fail; or in doubt, where the host was so late that a poll that timed
# out may be the host's fault
table='
polite               | pass | healthy
never-listens        | fail | refused: connect: Connection refused
exits-at-once        | fail | exited with code 3
exits-after          | fail | exited with code 3
ignores-sigterm      | pass | healthy
forks-children       | pass | healthy
silent               | late | timeout: Operation timed out
closes               | fail | reset: while talking
resets               | fail | reset: while talking
resets-within-answer | fail | reset: while talking
endless-body         | fail | longer than 262144 bytes
endless-chunks       | fail | longer than 262144 bytes
endless-headers      | fail | garbage: more than 65536 bytes of headers
endless-header-line  | fail | garbage: a header line without end
endless-status-line  | fail | garbage: a header line without end
endless-continue     | fail | garbage: more than 65536 bytes of headers
endless-garbage      | fail | garbage: Received HTTP/0.9
slow-drip            | late | timeout: Operation timed out
deep-json            | fail | the body is not JSON: Exceeds depth limit
huge-state           | fail | aaaaaaaaaaaaaaaa
garbage              | fail | garbage: Received HTTP/0.9
terminal-escapes     | fail | \x1b]0;owned
invalid-utf8         | fail | caf
nul-bytes            | fail | the body is not JSON
nul-in-header        | fail | garbage: Nul byte in header
cut-body             | fail | reset: closed in the middle of the body
negative-length      | fail | garbage: Invalid Content-Length
huge-length          | pass | healthy
bad-chunks           | fail | garbage: Illegal or missing hexadecimal sequence
strange-status       | fail | garbage: Unsupported response code
no-status            | fail | garbage: Unsupported HTTP version
upgrades             | fail | reset: closed without an answer
redirects            | fail | 302
empty-body           | fail | the body is empty, not JSON
no-json              | fail | the body is not JSON
wrong-json           | fail | the expression gave no result
'

# subject NAME BEHAVIOUR VERDICT: what passes has time, what fails is seen to fail.
subject() {
	case $3 in
	pass) hold=1s within=30s ;;
	*) hold=3s within=1s ;;
	esac
	scenario "$1" "$2" - <<-END
		steps:
		  - start: subject
		  - hold: $hold real
		expect:
		  - { id: heals, of: live, reach: healthy, within: $within real, after: subject.started }
		  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
	END
	mv "$work/$1.yaml" "$work/in"
}

# What is true of the reports of every run.
expect_sound_reports() {
	expect [ "${peak_kb:-$limit_kb}" -lt "$limit_kb" ]
	newest=$reports/latest
	expect xmllint --noout --schema "$sources/fixtures/schemas/junit.xsd" "$newest/junit.xml" 2>"$work/xmllint"
	expect jq -e '.falsestart_report == 1' "$newest/report.json" >"$work/jq"
	# No control character but the end of a line, and no half of a character.
	for file in "$out" "$err" "$newest/report.txt" "$newest/junit.xml" "$newest/report.json"; do
		expect_no_controls "$file"
	done
	for trace in "$newest"/*.ndjson; do
		name=$(basename "$trace" .ndjson)
		expect_no_controls "$trace"
		before=$(jq -r --arg name "$name" '.results[] | select(.scenario == $name).verdict' "$newest/report.json")
		run 60 check "$work/in/$name.yaml" "$trace"
		case $before in
		pass) expect_status 0 ;;
		fail) expect_status 1 ;;
		inconclusive) expect_status 4 ;;
		*) fail "no verdict for $name" ;;
		esac
		expect_no_controls "$out"
	done
}

expect_no_controls() {
	checks=$((checks + 1))
	if LC_ALL=C tr -d '\000-\010\013-\037\177' <"$1" | cmp -s - "$1" && iconv -f UTF-8 -t UTF-16 "$1" >/dev/null; then
		return
	fi
	fail "$1 holds control characters or invalid UTF-8"
}

mkdir "$work/in"
topic "every behaviour"
rows=$(echo "$table" | grep '|')
names=$(echo "$rows" | cut -d '|' -f 1 | tr -d ' ')
known=$(docker run --rm --network none --label "$own_label" falsestart/rude 2>&1 | sed 1d | tr -d ' \r' |
	grep -v -e '^floods' -e '^eats-memory$' | sort)
expect [ "$known" = "$(echo "$names" | sort)" ]
for name in $names; do
	subject "$name" "$name" "$(echo "$rows" | sed -n "s/^$name *| *\([a-z]*\) .*/\1/p")"
done
run 200 run --jobs 4 --report "$reports" "$work/in"
expect_status 1
while IFS='|' read -r name verdict text; do
	name=${name%% *}
	text=${text# }
	[ -n "$name" ] || continue
	topic "$name"
	verdict=$(echo "$verdict" | tr -d ' ')
	block_of "$name" >"$work/block"
	if [ "$verdict" = late ]; then
		grep -q '^inconclusive' "$work/block" && continue
		verdict=fail
	fi
	expect_verdict "$name" "$verdict"
	expect_text "$work/block" "$text"
done <<END
$rows
END
topic "every behaviour"
expect_sound_reports
expect_nothing_left

# The whole gigabyte would take the engine longer than the run is.
for flood in floods-log floods-empty-lines floods-one-line; do
	topic "$flood"
	rm -f "$work/in"/*
	subject "$flood" "$flood" pass
	sed -i 's/hold: 1s/hold: 10s/' "$work/in/$flood.yaml"
	run 100 run --report "$reports" "$work/in/$flood.yaml"
	expect_status 0
	expect_sound_reports
	expect [ "$(wc -c <"$reports/latest/$flood.ndjson")" -lt 12000000 ]
	expect_nothing_left
done

topic "eats-memory, with a limit"
rm -f "$work/in"/*
subject eats-memory eats-memory fail
sed -i 's/hold: 3s real/wait: { for: subject, event: oom-killed, max: 60s real }/; s/within: 1s/within: 60s/' "$work/in/eats-memory.yaml"
"$FALSESTART" run --report "$reports" "$work/in/eats-memory.yaml" >"$out" 2>"$err" &
runner=$!
children="$children $runner"
is_running() {
	container=$(containers_of "$(run_ids | tail -n 1)")
	[ -n "$container" ]
}
for folder in "$reports"/*-*; do
	mv "$folder" "$work/done-$(basename "$folder")"
done
expect await 30 is_running
docker update --memory 24m --memory-swap 24m "$container" >/dev/null || fail "the limit could not be set"
docker kill -s USR1 "$container" >/dev/null
wait "$runner"
status=$?
expect_status 1
expect_text "$reports/latest/report.txt" 'oom-killed'
expect_nothing_left
finish
