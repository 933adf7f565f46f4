#!/bin/sh
# Every page of help fits the smallest terminal there is: 80 columns, 24 lines.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

for command in '' run check compare doctor clean; do
	topic "help of ${command:-falsestart}"
	# shellcheck disable=SC2086 # none or one word
	run 20 $command --help
	expect_status 0
	expect_text "$out" 'usage: falsestart'
	expect [ "$(wc -l <"$out")" -le 24 ]
	expect [ "$(wc -L <"$out")" -le 80 ]
	expect [ "$(grep -c ' $' "$out")" = 0 ]
done

topic "help of ./dev"
"$sources/dev" help >"$out"
expect_text "$out" 'usage: ./dev'
expect [ "$(wc -l <"$out")" -le 24 ]
expect [ "$(wc -L <"$out")" -le 80 ]

topic "what help lists is there"
for command in run check compare; do
	run 20 "$command" --help
	options=$(sed -n 's/^  [-a-z, ]*\(--[a-z-]*\).*/\1/p' "$out")
	expect [ -n "$options" ]
	for option in $options; do
		run 20 "$command" "$option"
		expect_no_text "$err" 'there is no option'
	done
done
finish
