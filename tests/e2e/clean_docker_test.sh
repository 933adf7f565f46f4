#!/bin/sh
# What is left when runner and reaper are both killed, and `clean`; and what is not ours.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
scenario long polite - <<'END'
steps:
  - start: subject
  - wait: { for: live, state: healthy, max: 30s real }
  - hold: 60s real
expect:
  - { id: heals, of: live, reach: healthy, within: 30s real, after: subject.started }
END
# With a volume, so that there is one of everything.
sed -i 's/command: \[polite\] }/command: [polite], volumes: ["data:\/data"] }\n  volumes: { data: {} }/' "$work/long.yaml"

is_healthy() {
	grep -q 'live is healthy' "$err"
}

# under_way: starts a run and awaits that its world is up; $runner and $id.
under_way() {
	rm -rf "$reports"
	: >"$err"
	"$FALSESTART" run --report "$reports" "$work/long.yaml" >"$out" 2>"$err" &
	runner=$!
	children="$children $runner"
	await 30 is_healthy || fail "the world is not up: $(cat "$err")"
	id=$(run_ids)
}

topic "what is not ours"
docker network create --label "$own_label" --internal "fs-$$-1" >/dev/null
docker volume create --label "$own_label" "fs-$$-1-data" >/dev/null
docker run -d --label "$own_label" --label io.falsestart=run --label io.falsestart.runner=x --network "fs-$$-1" \
	-v "fs-$$-1-data:/data" --name "fs-$$-1-subject" falsestart/rude polite >/dev/null
bystanders() {
	docker inspect -f '{{.State.Status}} {{.State.StartedAt}}' "fs-$$-1-subject"
	docker network inspect -f '{{.Id}}' "fs-$$-1"
	docker volume inspect -f '{{.CreatedAt}}' "fs-$$-1-data"
}
before=$(bystanders)

topic "runner and reaper killed"
under_way
reaper=$(reapers_of "$id")
expect [ -n "$reaper" ]
kill -KILL "$reaper"
kill -KILL "$runner"
wait "$runner"
expect [ "$(left_by "$id" | wc -l)" -eq 4 ]
run 60 clean --run "$id"
expect_status 0
expect_text "$out" 'removed 2 containers, 1 networks, 1 volumes'
expect [ -z "$(left_by "$id")" ]
run 60 clean --run "$id"
expect_status 0
expect_text "$out" 'removed 0 containers, 0 networks, 0 volumes'

topic "clean --run of one run while another is under way"
under_way
first=$id
kill -KILL "$(reapers_of "$first")"
kill -KILL "$runner"
wait "$runner"
under_way
second=$id
expect [ "$(left_by "$first" | wc -l)" -eq 4 ]
run 60 clean --run "$first"
expect_status 0
expect [ -z "$(left_by "$first")" ]
expect [ "$(left_by "$second" | wc -l)" -eq 4 ]
expect kill -0 "$runner"

topic "ids that are part of others, and those that are none"
for odd in "$(echo "$second" | cut -c 1-4)" "" "*" ".*" "$second=" "$second,io" '","x' "$(printf 'a\033[31m')"; do
	run 60 clean --run "$odd"
	expect [ "$status" -eq 0 -o "$status" -eq 2 ]
	expect [ "$(left_by "$second" | wc -l)" -eq 4 ]
	expect_no_text "$err" "$(printf '\033')"
done

topic "clean --run of a run under way: it notices"
run 60 clean --run "$second"
expect_status 0
wait "$runner"
status=$?
expect_status 3
expect_text "$err" 'the agent of `subject` is gone'
expect [ -z "$(left_by "$second")" ]

topic "two that clean the same run at once"
under_way
kill -KILL "$(reapers_of "$id")"
kill -KILL "$runner"
wait "$runner"
"$FALSESTART" clean --run "$id" >"$work/out2" 2>"$work/err2" &
other=$!
run 60 clean --run "$id"
expect_status 0
wait "$other"
status=$?
mv "$work/err2" "$err"
expect_status 0
expect [ -z "$(left_by "$id")" ]

topic "what is not ours is as it was"
expect [ "$(bystanders)" = "$before" ]

topic "a volume that an image brings along goes with its container"
docker create --label "$own_label" --network none --name "fs-$$-model" falsestart/rude polite >/dev/null
docker commit -c 'VOLUME /brought' "fs-$$-model" "falsestart/e2e-$$:latest" >/dev/null
sed -i "s/rude:latest/e2e-$$:latest/" "$work/long.yaml"
under_way
brought=$(docker inspect -f '{{range .Mounts}}{{println .Name}}{{end}}' "$(containers_of "$id")")
expect [ "$(echo "$brought" | grep -c .)" -eq 2 ]
kill -INT "$runner"
wait "$runner"
status=$?
expect_status 130
expect_nothing_left
for volume in $brought; do
	expect [ -z "$(docker volume ls -q --filter "name=$volume")" ]
done
docker rmi -f "falsestart/e2e-$$:latest" >/dev/null
finish
