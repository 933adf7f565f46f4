# shellcheck shell=sh
# Finds a Docker engine; installs and starts one where none answers. Sourced by ./dev,
# which has say, quietly and $logs.
# shellcheck disable=SC2154

engine_error=
default_socket=/var/run/docker.sock
start_deadline_s=60

# engine_answers HOST: else engine_error says why not. Five seconds: a socket may accept and stay silent.
engine_answers() {
	engine_error=$(timeout 5 docker -H "$1" version --format '{{.Server.APIVersion}}' 2>&1 >/dev/null) && return 0
	engine_error="no engine answers at $1: ${engine_error:-silent for 5 s}"
	return 1
}

# Rootful, rootless, Desktop, Colima, Podman: in this order.
usual_sockets() {
	runtime=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
	printf '%s\n' "$default_socket" "$runtime/docker.sock" "$HOME/.docker/run/docker.sock" \
		"$HOME/.docker/desktop/docker.sock" "$HOME/.colima/default/docker.sock" \
		"$runtime/podman/podman.sock" /run/podman/podman.sock
}

# Exports DOCKER_HOST, so that everything started from here means the same engine.
engine_find() {
	if ! command -v docker >/dev/null; then
		engine_error='the docker command is missing (package docker.io or docker-cli)'
		return 1
	fi
	if [ -n "${DOCKER_HOST:-}" ]; then
		engine_answers "$DOCKER_HOST"
		return
	fi
	first_error=
	for socket in $(usual_sockets); do
		[ -S "$socket" ] || continue
		if engine_answers "unix://$socket"; then
			export DOCKER_HOST="unix://$socket"
			return 0
		fi
		first_error=${first_error:-$engine_error}
	done
	engine_error=${first_error:-"no engine answers: none of the usual sockets exists ($default_socket, …)"}
	return 1
}

engine_ready() {
	engine_find && return 0
	case ${DOCKER_HOST:-unix://$default_socket} in
	"unix://$default_socket" | unix:///run/docker.sock) ;;
	*)
		say "$engine_error"
		say "DOCKER_HOST names that engine: start it, or unset DOCKER_HOST to use one on this machine"
		return 1
		;;
	esac
	case $engine_error in
	*'permission denied'*)
		say "$engine_error"
		say "let $(id -un) use it, then log in again: sudo usermod -aG docker $(id -un)"
		return 1
		;;
	esac
	if [ "$(uname -s)" != Linux ] || ! command -v apt-get >/dev/null; then
		say "$engine_error"
		say "install and start a Docker engine: https://docs.docker.com/engine/install/"
		return 1
	fi
	engine_install && engine_start
}

engine_install() {
	wanted=
	command -v dockerd >/dev/null || wanted=docker.io
	# Where the client is a package of its own (Debian 13), docker.io does not bring it.
	if ! command -v docker >/dev/null && apt-cache show docker-cli >/dev/null 2>&1; then
		wanted="$wanted docker-cli"
	elif ! command -v docker >/dev/null; then
		wanted=docker.io
	fi
	[ -n "$wanted" ] || return 0
	say "no Docker engine answers here"
	# shellcheck disable=SC2086 # one package a word
	install_packages $wanted
}

engine_start() {
	engine_find && return 0
	if ! can_be_root; then
		say "$engine_error"
		say "ask an administrator to run: systemctl start docker   (without systemd: setsid dockerd &)"
		return 1
	fi
	say "starting the Docker engine"
	export DOCKER_HOST="unix://$default_socket"
	if [ -d /run/systemd/system ]; then
		as_root systemctl start docker || return 1
		engine_wait
		return
	fi
	as_root tools/forget_dead_engine
	mkdir -p "$logs"
	as_root setsid dockerd >"$logs/dockerd" 2>&1 </dev/null &
	engine_wait $!
}

# engine_wait [PID]: until it answers, PID dies, or the deadline.
engine_wait() {
	deadline=$(($(date +%s) + start_deadline_s))
	while ! engine_answers "$DOCKER_HOST"; do
		if [ -n "${1:-}" ] && ! kill -0 "$1" 2>/dev/null; then
			engine_error='dockerd ended before it answered'
		elif [ "$(date +%s)" -lt "$deadline" ]; then
			sleep 0.2
			continue
		fi
		say "$engine_error"
		if [ -n "${1:-}" ]; then
			say "the last lines of $logs/dockerd:"
			tail -n 15 "$logs/dockerd" >&2
		else
			say "its log: journalctl -u docker -n 30"
		fi
		return 1
	done
}
