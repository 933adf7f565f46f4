#!/bin/sh
# Folders of reports that cannot be used, disks that fill up; images and ports that are not to be had.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
scenario polite

# unusable FOLDER TEXT…: said before anything is made.
unusable() {
	folder=$1
	shift
	proxy
	run 60 run --engine "unix://$work/e" --report "$folder" "$work/polite.yaml"
	expect_status 2
	for text in "$@"; do
		expect_text "$err" "$text"
	done
	expect_no_text "$work/requests" 'create'
}

topic "a file instead of a folder"
echo mine >"$work/file"
unusable "$work/file" "$work/file" 'not a folder'
expect [ "$(cat "$work/file")" = mine ]

topic "a folder below a file"
unusable "$work/file/below" "$work/file" 'Not a directory'

topic "a link to nowhere"
ln -s /nonexistent "$work/link"
unusable "$work/link" "$work/link"

topic "a file system that takes no folder"
unusable /proc/reports /proc/reports

topic "a name that is too long"
unusable "$work/$(head -c 300 /dev/zero | tr '\0' a)" 'too long'

topic "an image that there is not, and a registry that does not answer"
sed 's|falsestart/rude:latest|127.0.0.1:1/nothing:1|' "$work/polite.yaml" >"$work/no-image.yaml"
run 60 run --report "$reports" "$work/no-image.yaml"
expect_status 3
expect_text "$err" '127.0.0.1:1/nothing:1'
expect_text "$err" 'refused'
expect_text "$err" 'docker load'
expect [ ! -e "$reports/latest" ]
expect_nothing_left

topic "image names that are none"
for image in 'UPPER' 'a b' '../../etc' 'x?force=1' 'x#y' ':1' 'http://x/y'; do
	sed "s|falsestart/rude:latest|$image|" "$work/polite.yaml" >"$work/no-image.yaml"
	run 60 run --report "$reports" "$work/no-image.yaml"
	expect [ "$status" -eq 2 -o "$status" -eq 3 ]
	expect_text "$err" "$image"
done
expect_nothing_left

topic "a port of the host that is in use"
socat TCP-LISTEN:48123,bind=127.0.0.1,fork,reuseaddr SYSTEM:true &
children="$children $!"
is_listening() {
	socat -u OPEN:/dev/null TCP:127.0.0.1:48123 2>/dev/null
}
expect await 10 is_listening
sed 's|command: \[polite\]|&, ports: ["127.0.0.1:48123:8080"]|' "$work/polite.yaml" >"$work/port.yaml"
run 60 run --report "$reports" "$work/port.yaml"
expect_status 3
expect_text "$reports/latest/report.txt" '48123'
expect_text "$reports/latest/report.txt" 'start'
expect_nothing_left

topic "two worlds that want the same port"
sed 's|^name: polite|name: other|' "$work/port.yaml" >"$work/port2.yaml"
run 60 run --report "$reports" "$work/port.yaml" "$work/port2.yaml"
expect_status 2
expect_text "$err" '48123'
expect_text "$err" '--jobs 1'

topic "a binary that there is not"
sed 's|command: \[polite\]|entrypoint: [/nonexistent]|' "$work/polite.yaml" >"$work/exec.yaml"
run 60 run --report "$reports" "$work/exec.yaml"
expect_status 3
expect_text "$reports/latest/report.txt" '/nonexistent'
expect_nothing_left

topic "a bind mount of a folder that there is not"
sed "s|command: \\[polite\\]|&, volumes: [\"$work/nowhere:/data\"]|" "$work/polite.yaml" >"$work/bind.yaml"
run 60 run --report "$reports" "$work/bind.yaml"
expect_status 3
expect_text "$reports/latest/report.txt" "$work/nowhere"
expect_nothing_left

topic "a disk that fills up"
mkdir "$work/mnt"
if mount -t tmpfs -o size=200k tmpfs "$work/mnt" 2>/dev/null; then
	run 60 run -q --report "$work/mnt/reports" "$work/polite.yaml"
	expect_status 0
	before=$(readlink -f "$work/mnt/reports/latest")
	cp -r "$before" "$work/before"
	scenario floods floods-log - <<-'END'
		steps:
		  - start: subject
		  - wait: { for: live, state: healthy, max: 30s real }
		  - hold: 1s real
		expect:
		  - { id: heals, of: live, reach: healthy, within: 30s real, after: subject.started }
	END
	run 90 run --report "$work/mnt/reports" "$work/floods.yaml"
	expect_status 3
	expect_text "$err" "$work/mnt/reports"
	expect_text "$err" 'No space left on device'
	expect diff -r "$work/before" "$before"
	expect [ -z "$(find "$work/mnt" -name '*.tmp')" ]
	expect [ "$(readlink -f "$work/mnt/reports/latest")" = "$before" ]
	for folder in "$work/mnt/reports"/*-*; do
		expect is_clean "${folder##*-}"
	done
	umount "$work/mnt"
fi
finish
