"""What the scripts beside this file have in common: the program under test, with data and cache of its own."""

import os, re, signal, subprocess, time


def check(is_so, what):
    if not is_so:
        raise AssertionError(what)


class Program:
    def __init__(self, path, folder):
        """`folder`: where it runs. $XWALK_TEST_CACHE may name a cache that has the index already."""
        self.path = os.path.abspath(path)
        self.folder = folder
        own = {"XDG_CACHE_HOME": os.environ.get("XWALK_TEST_CACHE", str(folder / "cache")), "XDG_DATA_HOME": str(folder / "data"), "TERM": "xterm"}
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("XWALK_")} | own

    def run(self, *args, expect=(0, 1), folder=None):
        done = subprocess.run([self.path, *map(str, args)], cwd=folder or self.folder, env=self.env, capture_output=True, text=True, timeout=300)
        check(done.returncode in expect, f"xwalk {' '.join(map(str, args))} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def serve(self, *args):
        """A service on a free port, and its address."""
        log = self.folder / "serve.log"
        with open(log, "w") as out:
            server = subprocess.Popen([self.path, "serve", "--listen", "127.0.0.1:0", "--log-json", *map(str, args)], cwd=self.folder, env=self.env,
                                      stdout=subprocess.DEVNULL, stderr=out)
        for _ in range(1200):
            found = re.search(r'"address":"([^"]+)"', log.read_text())
            if found:
                return server, "http://" + found[1]
            check(server.poll() is None, "the service ended: " + log.read_text())
            time.sleep(0.1)
        server.kill()
        raise AssertionError("the service does not listen: " + log.read_text())


def stop(server):
    """As an administrator stops it; it must end well."""
    server.send_signal(signal.SIGTERM)
    check(server.wait(60) == 0, f"the service ended with {server.returncode}")
