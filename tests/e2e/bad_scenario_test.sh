#!/bin/sh
# What is wrong with a scenario is said before anything is made: where, what, and what would be right. No engine is
# there, so that a run that gets as far as one says something else.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export DOCKER_HOST="unix://$work/no-engine"
mkdir "$work/in"

# What the program itself takes, sanitizers and all, grows with its code; what a file may cost comes on top of it.
run 20 run "$work/none.yaml"
idle_kb=${peak_kb:-0}

# refused NAME TEXT…: the scenario $work/in/NAME is invalid, and the message says each text.
refused() {
	name=$1
	shift
	run 20 run --report "$reports" "$work/in/$name"
	expect_status 2
	for text in "$@"; do
		expect_text "$err" "$text"
	done
	expect [ ! -s "$out" ]
	expect [ "$(wc -c <"$err")" -lt 4000 ]
	expect [ "$(wc -l <"$err")" -le 4 ]
	expect [ ! -e "$reports" ]
	expect [ "${peak_kb:-99999}" -lt $((idle_kb + 12000)) ]
}

# broken NAME SED-EXPRESSION TEXT…: the good scenario with one thing changed.
broken() {
	topic "$1"
	sed "$2" "$work/good.yaml" >"$work/in/$1.yaml"
	cmp -s "$work/good.yaml" "$work/in/$1.yaml" && fail "$2 changes nothing"
	name=$1.yaml
	shift 2
	refused "$name" "$work/in/$name:" "$@"
}

cat >"$work/good.yaml" <<'END'
falsestart: 1
name: good
stack:
  services:
    subject: { image: "falsestart/rude:latest", command: [polite], depends_on: [other] }
    other: { image: "falsestart/rude:latest", command: [polite], depends_on: [third] }
    third: { image: "falsestart/rude:latest", command: [polite] }
subject: subject
watch:
  live: { http: "subject:8080/health", every: 20ms real, timeout: 300ms real, state: .status }
steps:
  - { start: [subject, other], id: begin }
  - { wait: { for: live, state: healthy, max: 30s real }, id: up }
expect:
  - { id: heals, of: live, reach: healthy, within: 30s real, after: subject.started }
  - { id: survives, of: subject, never: [exited, restarted, oom-killed] }
END
topic "the good scenario"
run 20 run --list "$work/good.yaml"
expect_status 0

broken unknown-key 's/^subject:/subjekt:/' ':8:1: ' 'subjekt' 'subject'
broken unknown-key-in-watch 's/timeout: 300ms/timeuot: 300ms/' ':10:' 'timeuot' 'timeout'
broken unknown-key-in-stack 's/depends_on: \[third\]/depend_on: [third]/' ':6:' 'depend_on' 'depends_on'
broken missing-unit 's/every: 20ms real/every: 20/' ':10:' '20' 'ms'
broken unknown-unit 's/every: 20ms real/every: 20 parsecs/' ':10:' 'parsecs'
broken negative-duration 's/every: 20ms/every: -20ms/' ':10:' '-20ms'
broken zero-period 's/every: 20ms/every: 0ms/' ':10:' '0ms'
broken endless-duration 's/every: 20ms/every: 99999999999999999999h/' ':10:' 'longer than'
broken unknown-service 's/start: \[subject, other\]/start: [subject, otter]/' ':12:' 'otter' 'other'
broken unknown-subject 's/^subject: subject/subject: subjct/' ':8:' 'subjct'
broken unknown-watch 's/for: live/for: life/' ':13:' 'life' 'live'
broken never-started 's/\[subject, other\]/[other]/' 'subject' 'start'
broken cycle 's/third: { image: "falsestart\/rude:latest"/&, depends_on: [subject]/' 'depends_on' 'subject' 'other' 'third'
broken self-cycle 's/depends_on: \[third\]/depends_on: [other]/' 'depends_on' 'other'
broken duplicate-step-id 's/id: up/id: begin/' ':13:' 'begin' '12'
broken duplicate-expectation-id 's/id: survives/id: heals/' ':16:' 'heals' '15'
broken duplicate-key 's/^name: good/name: good\nname: better/' ':3:' 'name'
broken bad-name 's/^name: good/name: "..\/..\/etc\/good"/' ':2:' 'name'
broken long-name "s/^name: good/name: $(head -c 300 /dev/zero | tr '\0' a)/" ':2:' 'name'
broken bad-expression 's/state: .status/state: ".status | ["/' ':10:' 'jq'
broken other-version 's/^falsestart: 1/falsestart: 99/' ':1:' '99' '1'
broken bad-yaml 's/^watch:/watch: [/' ''
broken tab 's/^  live:/\tlive:/' ':10:'
broken image-missing 's/third: { image: "falsestart\/rude:latest", /third: { /' ':7:' 'image'
broken escape-in-text 's/^subject: subject/"\\e]0;owned\\a\\e[31m": 1\nsubject: subject/' ':8:'
expect [ "$(tr -d '\n\t -~' <"$err" | LC_ALL=C tr -d '\200-\377' | wc -c)" -eq 0 ]

topic "a compose file instead of a scenario"
printf 'services:\n  a: { image: x }\n' >"$work/in/compose.yaml"
refused compose.yaml 'is a compose file' 'stack: compose.yaml'

topic "a scenario that is named twice"
run 20 run --report "$reports" "$work/good.yaml" "$work/good.yaml"
expect_status 2
expect_text "$err" 'named twice'

topic "text that turns the direction of writing"
printf 'falsestart: 1\nname: "a\342\200\256b"\n' >"$work/in/bidi.yaml"
refused bidi.yaml '\u202e'
expect_no_text "$err" "$(printf '\342\200\256')"

topic "a folder without scenarios"
mkdir "$work/in/empty-folder"
echo hello >"$work/in/empty-folder/notes.txt"
refused empty-folder "$work/in/empty-folder" 'falsestart: 1'

topic "a folder with a pipe, a folder and a file without rights that are called scenarios"
mkdir "$work/in/odd" "$work/in/odd/a.yaml"
mkfifo "$work/in/odd/b.yaml"
ln -s /nonexistent "$work/in/odd/c.yaml"
run 20 run --report "$reports" "$work/in/odd"
expect_status 2
expect_text "$err" 'c.yaml'

topic "nothing of that name"
refused absent.yaml "$work/in/absent.yaml" 'No such file or directory'

topic "an empty file"
: >"$work/in/empty.yaml"
refused empty.yaml "$work/in/empty.yaml" 'empty'

topic "only a comment"
echo '# nothing' >"$work/in/comment.yaml"
refused comment.yaml "$work/in/comment.yaml"

topic "100 MB"
truncate -s 100M "$work/in/huge.yaml"
refused huge.yaml "$work/in/huge.yaml" '1 MiB'

topic "endless"
ln -s /dev/zero "$work/in/endless.yaml"
refused endless.yaml "$work/in/endless.yaml"

topic "binary"
head -c 65536 "$FALSESTART" >"$work/in/binary.yaml"
refused binary.yaml "$work/in/binary.yaml"

topic "invalid UTF-8"
printf 'falsestart: 1\nname: caf\351\n' >"$work/in/latin.yaml"
refused latin.yaml "$work/in/latin.yaml"

topic "deeply nested"
{
	printf 'falsestart: 1\nname: '
	head -c 20000 /dev/zero | tr '\0' '['
} >"$work/in/deep.yaml"
refused deep.yaml "$work/in/deep.yaml"

topic "deeply nested blocks"
awk 'BEGIN { for (i = 0; i < 900; i++) { printf "%*sa:\n", i, "" } }' >"$work/in/deep-blocks.yaml"
refused deep-blocks.yaml "$work/in/deep-blocks.yaml"

topic "anchors that explode"
{
	echo 'falsestart: 1'
	echo 'x-a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]'
	for level in 1 2 3 4 5 6 7 8 9; do
		below="*a$((level - 1))"
		echo "x-a$level: &a$level [$below, $below, $below, $below, $below, $below, $below, $below, $below, $below]"
	done
	echo 'name: *a9'
} >"$work/in/bomb.yaml"
refused bomb.yaml "$work/in/bomb.yaml"

topic "a stack that is not there"
sed '/^stack:/,/third:/d; s/^name: good/&\nstack: nowhere.yaml/' "$work/good.yaml" >"$work/in/no-stack.yaml"
refused no-stack.yaml 'nowhere.yaml' 'No such file'

topic "a stack that is a folder"
sed '/^stack:/,/third:/d; s/^name: good/&\nstack: odd/' "$work/good.yaml" >"$work/in/folder-stack.yaml"
refused folder-stack.yaml 'odd'

topic "one bad scenario among good ones: nothing is run"
mkdir "$work/in/mixed"
cp "$work/good.yaml" "$work/in/mixed/a.yaml"
cp "$work/in/unknown-key.yaml" "$work/in/mixed/b.yaml"
refused mixed 'mixed/b.yaml:8:1' 'subjekt'

topic "the same name twice"
mkdir "$work/in/twice"
cp "$work/good.yaml" "$work/in/twice/a.yaml"
cp "$work/good.yaml" "$work/in/twice/b.yaml"
refused twice 'twice/b.yaml' '`good`' 'twice/a.yaml'
finish
