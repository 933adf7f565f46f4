# shellcheck shell=sh
# What a checkout needs from the system, and how it gets there. Sourced by ./dev,
# which has say, quietly and $logs.
# shellcheck disable=SC2154

# Debian's and Ubuntu's names; `a|b` is satisfied by either, and the first that apt knows is installed.
packages='
gcc libc6-dev cmake ninja-build pkgconf|pkg-config musl-tools linux-libc-dev
libuv1-dev libcurl4-openssl-dev libjansson-dev libfyaml-dev libjq-dev libpcre2-dev libarchive-dev
libhiredis-dev libpq-dev libmicrohttpd-dev libcmocka-dev
clang-format-14|clang-format clang-tidy-14|clang-tidy cppcheck shellcheck
python3 python3-yaml python3-jsonschema jq libxml2-utils socat time procps
tcpdump stress-ng nftables iproute2 util-linux
mmdebstrap debian-archive-keyring ca-certificates
'

# The same need where there is no dpkg to ask.
commands='cc cmake ninja pkg-config musl-gcc clang-format clang-tidy cppcheck shellcheck python3 jq xmllint socat pgrep tcpdump stress-ng nft ip nsenter'
modules='libuv libcurl jansson libfyaml libpcre2-8 libarchive hiredis libpq libmicrohttpd cmocka'

cmake_needed=3.25

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# The agent for the other architecture of the two: made where this can be had, and left out where not. Its musl-dev
# cannot be installed beside ours without changing what dpkg thinks this machine is, so it is unpacked in build/.
other_architecture() {
	case $(uname -m) in
	x86_64) echo arm64 aarch64 'gcc-aarch64-linux-gnu linux-libc-dev-arm64-cross qemu-user-static|qemu-user' ;;
	aarch64) echo amd64 x86_64 'gcc-x86-64-linux-gnu linux-libc-dev-amd64-cross qemu-user-static|qemu-user' ;;
	*) echo none none ;;
	esac
}

# unpack_musl ARCHITECTURE FOLDER: with package lists of our own, and the system's sources and keys.
unpack_musl() {
	architecture=$1 folder=$2
	lists=$folder/apt
	mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
	: >"$lists/status"
	set -- -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o Acquire::Languages=none \
		-o Dir::State="$lists" -o Dir::State::status="$lists/status" -o Dir::Cache="$lists/cache" \
		-o APT::Sandbox::User=root -o Debug::NoLocking=1
	apt-get "$@" update && (cd "$folder" && apt-get "$@" download musl-dev && dpkg-deb -x musl-dev_*.deb "$folder")
	status=$?
	rm -rf "$lists" "$folder"/musl-dev_*.deb
	return "$status"
}

# Never fails: without it the agent is made for this architecture alone, which CMake says.
cross_ready() {
	command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || return 0
	# shellcheck disable=SC2046 # a list of words
	set -- $(other_architecture)
	[ "$1" != none ] || return 0
	architecture=$1 machine=$2
	shift 2
	folder=$root/build/musl/$architecture
	if [ -f "$folder/usr/lib/$machine-linux-musl/libc.a" ] || [ -f "$folder/unavailable" ]; then
		return 0
	fi
	# shellcheck disable=SC2046
	set -- $(missing_packages "$@")
	mkdir -p "$folder" "$logs"
	if [ $# -gt 0 ] && ! install_packages "$@"; then
		:
	elif [ -f "/usr/lib/$machine-linux-musl/libc.a" ]; then
		return 0
	elif unpack_musl "$architecture" "$folder" >"$logs/musl-$architecture" 2>&1; then
		say "musl for $architecture is in build/musl"
		return 0
	fi
	# Once is enough: ./dev clean forgets it.
	: >"$folder/unavailable"
	say "there will be no agent for engines on $architecture: $logs/musl-$architecture, or the lines above, say why"
}

# Root, sudo without a password, or somebody at a terminal who can type one.
can_be_root() {
	[ "$(id -u)" -eq 0 ] && return 0
	command -v sudo >/dev/null || return 1
	sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
}

# missing_packages NAME…: those no alternative of which is installed.
missing_packages() {
	# Unknown names make dpkg-query fail; what it knows is printed all the same.
	# shellcheck disable=SC2046,SC2016 # names have no blanks; ${Package} is dpkg's
	installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' $(echo "$*" | tr '|' ' ') 2>/dev/null || :) "
	for wanted in "$@"; do
		found=false
		for name in $(echo "$wanted" | tr '|' ' '); do
			case $installed in
			*" installed:$name "*) found=true ;;
			esac
		done
		$found || echo "$wanted"
	done
}

# choose NAME…: of each `a|b` the first that apt has a candidate for.
choose() {
	for wanted in "$@"; do
		chosen=${wanted%%|*}
		for name in $(echo "$wanted" | tr '|' ' '); do
			if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
				chosen=$name
				break
			fi
		done
		echo "$chosen"
	done
}

# install NAME…
install_packages() {
	if ! can_be_root; then
		say "missing packages; ask an administrator to run:"
		# shellcheck disable=SC2046 # one package a word
		echo "  apt-get update && apt-get install -y --no-install-recommends" $(choose "$@") >&2
		return 1
	fi
	mkdir -p "$logs"
	say "reading the package lists (apt-get update)"
	# A third party's list that does not answer need not stop us: what matters is whether the install works.
	as_root apt-get update >"$logs/apt-update" 2>&1 || say "apt-get update had errors: $logs/apt-update"
	# shellcheck disable=SC2046
	set -- $(choose "$@")
	say "installing: $*"
	quietly apt-install as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

packages_ready() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		parts_ready
		return
	fi
	# shellcheck disable=SC2046,SC2086 # lists of words
	set -- $(missing_packages $packages)
	[ $# -eq 0 ] || install_packages "$@" || return 1
	cmake_version=$(cmake --version | sed -n 's/^cmake version //p')
	dpkg --compare-versions "$cmake_version" ge "$cmake_needed" || {
		say "CMake $cmake_version is too old, $cmake_needed is needed: use Debian 12, Ubuntu 24.04 or later"
		return 1
	}
}

# Another system: look for the parts themselves, since their packages may have any name.
parts_ready() {
	lacking=
	for name in $commands; do
		command -v "$name" >/dev/null || lacking="$lacking $name"
	done
	for name in $modules; do
		pkg-config --exists "$name" 2>/dev/null || lacking="$lacking $name.pc"
	done
	if [ -z "$lacking" ] && [ "$(uname -s)" = Linux ]; then
		return 0
	fi
	say "there is no apt-get here ($(uname -s)), and these are missing:${lacking:- nothing but Linux itself}"
	say "install them, or work in a Debian container on this machine's engine:"
	cat >&2 <<-'EOF'
		  docker run --rm -it --network host -v /var/run/docker.sock:/var/run/docker.sock \
		      -v "$PWD:$PWD" -w "$PWD" debian:12 ./dev demo
	EOF
	return 1
}
