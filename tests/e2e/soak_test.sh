#!/bin/sh
# tests/soak counts as "with every processor busy" only what was. Stand-ins for falsestart and stress-ng; no engine.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# A run of seven worlds that pass. With END, it waits until the load that runs beside it is dead.
cat >"$work/falsestart" <<'EOF'
#!/usr/bin/env python3
import json, os, pathlib, sys, time
load = pathlib.Path(os.environ["LOAD"])
deadline = time.monotonic() + 10
def is_dead():
    return load.exists() and load.read_text() and pathlib.Path(f"/proc/{load.read_text().strip()}/stat").read_text().split()[2] == "Z"
while "END" in os.environ and not is_dead():
    if time.monotonic() > deadline:
        sys.exit("the load did not end")
worlds = [{"verdict": os.environ.get("VERDICT", "pass"), "scenario": "x", "findings": [], "reason": ""}] * 7
json.dump({"results": worlds}, open(sys.argv[sys.argv.index("--json") + 1], "w"))
EOF
mkdir "$work/bin"
cat >"$work/bin/stress-ng" <<'EOF'
#!/bin/sh
echo $$ >"$LOAD"
[ -z "${END:-}" ] || exit 3
exec tail -f /dev/null
EOF
chmod +x "$work/falsestart" "$work/bin/stress-ng"
export LOAD="$work/load"

# soak STATUS [ARGS…]
soak() {
	wanted=$1
	shift
	"$sources/tests/soak" "$work/falsestart" "$work/soak" --worlds 14 "$@" >"$out" 2>"$err"
	status=$?
	expect_status "$wanted"
}

PATH=$work/bin:$PATH
topic "a load that lasts"
soak 0
expect_text "$out" '14 worlds with every processor busy: 0 failed'

topic "a load that ends too early"
rm -f "$LOAD"
END=yes soak 1
expect_text "$err" 'stress-ng ended with 3'
expect_no_text "$out" 'with every processor busy'

topic "no load"
soak 0 --no-load
expect_text "$out" '14 worlds: 0 failed'

topic "one that is blamed"
VERDICT=fail soak 1 --no-load
expect_text "$out" '14 failed'

topic "too much that could not be judged"
VERDICT=inconclusive soak 1 --no-load
expect_text "$out" '14 inconclusive (100.0%)'
finish
