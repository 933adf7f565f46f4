"""What the tests and the bench of the wire share: worlds under way, and the namespaces of their sandboxes."""

import json
import pathlib
import signal
import subprocess
import time


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def run_world(falsestart, work, name, text, speed="1"):
    """Runs a scenario to its end: (exit status, events of its trace)."""
    world = World(falsestart, work, name, text, speed)
    return world.finish(), world.events()


class World:
    """A world under way."""

    def __init__(self, falsestart, work, name, text, speed="1"):
        self.name = name
        self.report = work / f"{name}-report"
        subprocess.run(["rm", "-rf", str(self.report)], check=True)
        path = work / f"{name}.yaml"
        path.write_text(f"falsestart: 1\nname: {name}\n{text}")
        self.output = None
        self.process = subprocess.Popen(
            [falsestart, "run", "--quiet", "--speed", speed, "--report", str(self.report), str(path)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def trace(self):
        return next(self.report.glob(f"*-*/{self.name}.ndjson"), None)

    def run_id(self):
        trace = self.trace()
        return trace and trace.parent.name.split("-")[-1]

    def container(self, service, sandbox=False, seconds=30):
        label = "sandbox" if sandbox else "service"
        def find():
            run = self.run_id()
            return run and docker("ps", "-q", "--filter", f"label=io.falsestart.run={run}",
                                  "--filter", f"label=io.falsestart.{label}={service}")
        self.await_that(find, seconds, f"container of {service}")
        return find()

    def await_that(self, what, seconds, name):
        ends = time.monotonic() + seconds
        while not what():
            if self.process.poll() is not None or time.monotonic() > ends:
                self.finish(interrupt=True)
                raise SystemExit(f"{self.name}: {name} did not come\n{self.output}")
            time.sleep(0.02)  # nobody tells us that a file or a container has changed

    def finish(self, interrupt=False):
        if self.output is not None:
            return self.process.returncode
        if interrupt:
            self.process.send_signal(signal.SIGINT)
        self.output = self.process.communicate()[0]
        return self.process.returncode

    def events(self):
        return [json.loads(line) for line in self.trace().read_text().splitlines()]


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def here():
    return pathlib.Path(__file__).resolve().parents[2]
