#!/usr/bin/env python3
"""Requests a second of `xwalk serve` against a bare axum handler that returns a body of the same size.

    cargo build --release --bin xwalk --example http_bare
    python3 benches/http_load.py [--only lookup,translate] [--seconds 3] [--rounds 3] [--connections 1,16,64]
    python3 benches/http_load.py --flat 120            # memory under load, and reloads without a failed request

Needs wrk and taskset. The server runs on core 0, the load on core 1. Both are sent the very same requests, codes at random, over
connections that stay open; rounds alternate, and the median of the rounds' ratios is printed. Standard library only.
"""
import argparse, http.client, json, os, random, re, signal, statistics, subprocess, tempfile, time, urllib.parse

SYSTEMS = {"icd9cm": "http://hl7.org/fhir/sid/icd-9-cm", "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm"}
Q = lambda text: urllib.parse.quote(text, safe="")
OPERATIONS = {
    "$lookup": ("icd10cm", lambda c: f"/fhir/r4/CodeSystem/$lookup?system={Q(SYSTEMS['icd10cm'])}&code={Q(c)}"),
    "$validate-code": ("icd10cm", lambda c: f"/fhir/r4/CodeSystem/$validate-code?url={Q(SYSTEMS['icd10cm'])}&code={Q(c)}"),
    "$translate": ("icd9cm", lambda c: f"/fhir/r4/ConceptMap/$translate?system={Q(SYSTEMS['icd9cm'])}&code={Q(c)}"
                                       f"&targetsystem={Q(SYSTEMS['icd10cm'])}"),
    "/v1/translate": ("icd9cm", lambda c: f"/v1/translate?from=icd9cm&to=icd10cm&code={Q(c)}"),
}
BATCHES = {
    "/v1/validate x 1000": ("icd10cm", "/v1/validate?system=icd10cm"),
    "/v1/translate x 1000": ("icd9cm", "/v1/translate?from=icd9cm&to=icd10cm"),
}

def start(command, core, port, log):
    process = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=subprocess.DEVNULL, stderr=log)
    for _ in range(600):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/health/live")
            return process
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{command[0]} does not answer")

def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()

def codes(port, system, pages=12):
    """Codes that may be recorded, from pages at random places of the system."""
    url = f"/fhir/r4/ValueSet/$expand?url={Q(SYSTEMS[system] + '?fhir_vs')}&activeOnly=true&count=500&offset="
    total = json.loads(get(port, url + "0")[1])["expansion"]["total"]
    found = []
    for _ in range(pages):
        page = json.loads(get(port, url + str(random.randrange(max(1, total - 500))))[1])["expansion"].get("contains", [])
        found += [c["code"] for c in page if not c.get("abstract")]
    return random.sample(found, min(len(found), 4000))

def script(folder, requests):
    """A wrk script that sends these (method, path, body) in turn."""
    path = os.path.join(folder, f"{random.getrandbits(32):x}.lua")
    with open(path, "w") as f:
        f.write("local all = {}\nlocal at = 0\nlocal head = {['Host'] = 'localhost', ['Content-Type'] = 'application/json'}\n")
        f.write("init = function()\n")
        for method, target, body in requests:
            f.write(f"all[#all + 1] = wrk.format({json.dumps(method)}, {json.dumps(target)}, head, {json.dumps(body) if body else 'nil'})\n")
            if random.random() < 0.01:
                f.write("end\nlocal before = init\ninit = function()\nbefore()\n")    # a Lua function has its limit of constants
        f.write("end\nrequest = function()\nat = at % #all + 1\nreturn all[at]\nend\n")
    return path

def wrk(core, port, connections, seconds, lua):
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", lua, f"http://127.0.0.1:{port}"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"failed requests:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])

def resident(process):
    with open(f"/proc/{process.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) // 1024

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--server", default="target/release/xwalk"); p.add_argument("--bare", default="target/release/examples/http_bare")
    p.add_argument("--only", default=""); p.add_argument("--seconds", type=int, default=3); p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--connections", default="1,16,64"); p.add_argument("--port", type=int, default=18484)
    p.add_argument("--options", default="", help="further options of xwalk serve")
    p.add_argument("--flat", type=int, help="seconds of load, with a reload every ten, during which memory is watched")
    args = p.parse_args()
    random.seed(7)
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "log"), "w") as log:
        command = [args.server, "serve", "--listen", f"127.0.0.1:{args.port}", "--log", "warn", *args.options.split()]
        server = start(command, 0, args.port, log)
        try:
            all_codes = {s: codes(args.port, s) for s in SYSTEMS}
            if args.flat:
                return flat(args, server, all_codes, folder)
            wanted = [w for w in args.only.split(",") if w]
            print(f"| {'operation':22} | body | conn. | bare | xwalk | share |\n|---|---|---|---|---|---|")
            for name, (system, address) in OPERATIONS.items():
                if wanted and name not in wanted:
                    continue
                requests = [("GET", address(c), None) for c in all_codes[system]]
                answers = [get(args.port, r[1]) for r in requests[:300]]
                assert all(status == 200 for status, _ in answers), (name, [a for a in answers if a[0] != 200][:1])
                compare(args, name, requests, round(statistics.mean(len(b) for _, b in answers)), folder, log)
            for name, (system, address) in BATCHES.items():
                if wanted and name not in wanted:
                    continue
                bodies = [json.dumps(random.sample(all_codes[system], 1000)) for _ in range(20)]
                lua = script(folder, [("POST", address, b) for b in bodies])
                rates = [1000 * wrk(1, args.port, 4, args.seconds, lua) for _ in range(args.rounds)]
                print(f"| {name:22} |  | 4 | | {statistics.median(rates):,.0f} codes/s | |", flush=True)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)

def compare(args, name, requests, size, folder, log):
    lua = script(folder, requests)
    bare = start([args.bare, f"127.0.0.1:{args.port + 1}", str(size)], 0, args.port + 1, log)
    try:
        for connections in map(int, args.connections.split(",")):
            pairs = []
            for port in (args.port + 1, args.port):
                wrk(1, port, connections, 1, lua)
            for _ in range(args.rounds):
                pairs.append([wrk(1, port, connections, args.seconds, lua) for port in (args.port + 1, args.port)])
            b, x = (statistics.median(p[i] for p in pairs) for i in (0, 1))
            share = statistics.median(p[1] / p[0] for p in pairs)
            print(f"| {name:22} | {size} | {connections} | {b:,.0f} | {x:,.0f} | {100 * share:.0f} % |", flush=True)
    finally:
        bare.terminate()
        bare.wait()

def flat(args, server, all_codes, folder):
    """Mixed load; the index is reloaded every ten seconds; what the server holds is printed with each."""
    requests = [("GET", address(c), None) for name, (system, address) in OPERATIONS.items() for c in all_codes[system][:1500]]
    random.shuffle(requests)
    lua = script(folder, requests)
    print(f"before: {resident(server)} MB")
    ended = time.time() + args.flat
    while time.time() < ended:
        server.send_signal(signal.SIGHUP)
        rate = wrk(1, args.port, 16, 10, lua)
        print(f"{rate:,.0f} requests a second, none failed; {resident(server)} MB", flush=True)

if __name__ == "__main__":
    main()
