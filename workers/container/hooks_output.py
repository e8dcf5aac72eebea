"""Passes on what a project's code prints, and keeps what says why it failed."""
import collections
import re
import subprocess
import sys
import threading

HEADER_MISSING = (
    re.compile(r"fatal error: '?([^\s':]+\.h(?:pp|xx|h)?)'?(?: file not found|: No such file or directory)"),
)
HEADERS_MAX = 20
COMPILER_ERROR = re.compile(r"(?:^|\s)(?:fatal )?error: ")


class Output:
    """Passes on what the backend prints, and keeps its end and the headers that a compiler did not find."""

    def __init__(self):
        self.tail = collections.deque(maxlen=400)
        self.headers = {}
        self.errors = 0

    def take(self, line):
        sys.stdout.write(line)
        sys.stdout.flush()
        self.tail.append(line.rstrip("\n"))
        self.errors += 1 if COMPILER_ERROR.search(line) else 0
        for pattern in HEADER_MISSING:
            found = pattern.search(line)
            if found and len(self.headers) < HEADERS_MAX:
                self.headers.setdefault(found.group(1), line.strip())

    def run(self, command, environment, cwd):
        """Ends when the command has ended, not when the last of its children lets go of the pipe."""
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1)
        reader = threading.Thread(target=self.read, args=(process.stdout,), daemon=True)
        reader.start()
        status = process.wait()
        reader.join(2)
        if status != 0:
            raise subprocess.CalledProcessError(status, command)

    def read(self, pipe):
        for line in pipe:
            self.take(line)

    def last_traceback(self):
        """The last Python traceback, or the last lines where there is none."""
        lines = list(self.tail)
        starts = [at for at, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
        return lines[starts[-1]:] if starts else lines[-12:]
