#!/bin/sh
# Files that cannot be written are told of before the work is done that they were to hold; what stands there is replaced by
# something complete or not at all. No engine is there: whoever gets as far as one says something else.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export DOCKER_HOST="unix://$work/no-engine"
scenario polite
recorded=$sources/fixtures/traces/wire-right
sample=$sources/fixtures/reports/six-pass/report.json
mkdir "$work/there"
echo mine >"$work/old.json"

# command NAME ARGUMENTS…: each of the three with everything else right.
command() {
	name=$1
	shift
	case $name in
	run) run 20 run --report "$reports" "$@" "$work/polite.yaml" ;;
	check) run 60 check "$@" "$recorded/scenario.yaml" "$recorded/trace.ndjson" ;;
	compare) run 20 compare "$@" "$sample" "$sample" ;;
	esac
}

# refused NAME OPTION PATH TEXT…: with nothing done, and nothing left.
refused() {
	topic "$1 $2 $3"
	ls -R "$work/there" >"$work/before"
	command "$1" "$2" "$3"
	expect_status 2
	expect_text "$err" "$2"
	expect [ ! -s "$out" ]
	expect [ ! -e "$reports" ]
	shift 3
	for text in "$@"; do
		expect_text "$err" "$text"
	done
	ls -R "$work/there" >"$work/after"
	expect cmp -s "$work/before" "$work/after"
	expect [ -z "$(find "$work" -name '*.tmp')" ]
	expect [ "$(cat "$work/old.json")" = mine ]
}

for name in run check compare; do
	refused $name --json "$work/no/such/folder.json" "$work/no/such" 'mkdir -p'
	refused $name --json "$work/there" 'is a folder' "$work/there/report.json"
	refused $name --json "$work/elsewhere/" 'is a folder'
	refused $name --json '' 'name of the file'
	refused $name --json "$work/old.json/below.json" 'Not a directory'
	refused $name --json "/proc/falsestart.json" '/proc/falsestart.json'
	refused $name --json "$work/$(head -c 300 /dev/zero | tr '\0' a)" 'too long'
	refused $name --json "$work/polite.yaml" 'scenarios and traces'
done
refused run --junit "$work/no/such/junit.xml" "$work/no/such" 'mkdir -p'
refused run --junit "$work/there" "$work/there/report.xml"

topic "files that are read are not written"
cp "$sample" "$work/read.json"
mkdir "$work/folder"
cp "$sample" "$work/folder/report.json"
ln -s read.json "$work/link.json"
for path in "$work/read.json" "$work/./read.json" "$work/link.json" "$work/folder/report.json"; do
	run 20 compare --json "$path" "$work/read.json" "$work/folder"
	expect_status 2
	expect_text "$err" 'is to be read'
done
expect cmp -s "$sample" "$work/read.json"
cp "$recorded/trace.ndjson" "$work/trace.log"
run 20 check --json "$work/trace.log" "$recorded/scenario.yaml" "$work/trace.log"
expect_status 2
expect_text "$err" 'is to be read'
expect cmp -s "$recorded/trace.ndjson" "$work/trace.log"

topic "two options, one file"
for path in "$work/old.json" "$work/new.json" "$work/there/../new.json"; do
	run 20 run --report "$reports" --json "$work/new.json" --junit "$path" --json "$path" "$work/polite.yaml"
	expect_status 2
	expect_text "$err" 'Name two files'
done
run 20 run --report "$reports" --json "$work/new.json" --junit "$work/there/../new.json" "$work/polite.yaml"
expect_status 2
expect_text "$err" 'Name two files'

topic "folders of reports"
mkdir -p "$work/taken/latest"
# unusable FOLDER TEXT
unusable() {
	run 20 run --report "$1" "$work/polite.yaml"
	expect_status 2
	expect_text "$err" '--report'
	expect_text "$err" "$1"
	expect_text "$err" "$2"
}
ln -s /nonexistent "$work/nowhere"
unusable "$work/old.json" 'not a folder'
unusable "$work/old.json/below" 'Not a directory'
unusable "$work/nowhere" "$work/nowhere"
unusable "$work/$(head -c 300 /dev/zero | tr '\0' a)" 'too long'
unusable /proc/reports 'No such file or directory'
unusable '' 'empty'
expect [ -L "$work/nowhere" ]
run 20 run --report "$work/taken" "$work/polite.yaml"
expect_status 2
expect_text "$err" "$work/taken/latest"
expect [ "$(ls "$work/taken")" = latest ]

if [ "$(id -u)" -eq 0 ]; then
	topic "no right to write"
	chmod 755 "$work"
	mkdir -m 755 "$work/closed"
	mkdir -m 777 "$work/open"
	cp "$FALSESTART" "$work/falsestart"
	for option in --json --report; do
		timeout 30 setpriv --reuid 65534 --regid 65534 --clear-groups "$work/falsestart" run \
			--report "$work/open/reports" "$option" "$work/closed/it" "$work/polite.yaml" >"$out" 2>"$err"
		status=$?
		expect_status 2
		expect_text "$err" "$work/closed/it"
		expect_text "$err" 'ermission denied'
	done
fi

topic "everything right: it is the engine that is missing"
command run --json "$work/old.json" --junit "$work/there/junit.xml"
expect_status 3
expect_text "$err" "$work/no-engine"
expect [ "$(cat "$work/old.json")" = mine ]
expect [ -z "$(ls "$work/there")" ]

topic "a file in the folder that the run is going to make"
run 20 run --report "$work/a/b/c" --json "$work/a/b/c/json" --junit "$work/a/junit.xml" "$work/polite.yaml"
expect_status 3
expect_text "$err" "$work/no-engine"
expect [ ! -e "$work/a" ]

topic "a report is replaced, through a link where there is one"
ln -s old.json "$work/to-old.json"
command check --json "$work/to-old.json"
expect_status 0
expect [ -L "$work/to-old.json" ]
expect jq -e .falsestart_report "$work/old.json" >/dev/null
command compare --json "$work/old.json"
expect jq -e .falsestart_comparison "$work/old.json" >/dev/null

topic "what is no file is written to, and stays what it is"
run 60 check --json /dev/null "$recorded/scenario.yaml" "$recorded/trace.ndjson"
expect_status 0
expect [ -c /dev/null ]
run 60 check --json /dev/stdout "$recorded/scenario.yaml" "$recorded/trace.ndjson"
expect_status 0
expect_text "$out" '"falsestart_report"'
expect [ "$(sed -n '/^{/,$p' "$out" | jq -r '.results[0].verdict')" = pass ]

topic "a disk that is full hides no failure"
expect [ -c /dev/full ]
hasty=$sources/fixtures/traces/wire-hasty
run 60 check --json /dev/full "$recorded/scenario.yaml" "$recorded/trace.ndjson"
expect_status 3
expect_text "$err" '/dev/full'
run 60 check --json /dev/full "$hasty/scenario.yaml" "$hasty/trace.ndjson"
expect_status 1
expect_text "$err" '/dev/full'
expect_text "$out" '1 failed'

topic "a pipe is written to"
mkfifo "$work/pipe"
cat "$work/pipe" >"$work/through" &
run 60 check --json "$work/pipe" "$recorded/scenario.yaml" "$recorded/trace.ndjson"
expect_status 0
wait $!
expect jq -e .falsestart_report "$work/through" >/dev/null
expect [ -p "$work/pipe" ]
finish
