#!/usr/bin/env python3
"""Stele without an SDK: plain HTTP, server-sent events and OFREP, with nothing but Python's own library.

    STELE_URL=http://127.0.0.1:7300 STELE_TOKEN=… python3 client.py KEY FLAG

Prints the value of KEY and what FLAG says for a user, then KEY's changes as they come, and resumes by itself.
--once ends after the first change.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.get("STELE_URL", "http://127.0.0.1:7300").rstrip("/")
ENV = os.environ.get("STELE_ENV", "production")
HEADERS = {"Authorization": "Bearer " + os.environ.get("STELE_TOKEN", ""), "Content-Type": "application/json"}


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, headers=HEADERS, method=method)
    with urllib.request.urlopen(request, timeout=15) as answer:
        return json.load(answer)


def get(key):
    return call("GET", f"/v1/config/{urllib.parse.quote(key, safe='')}?env={ENV}")


def flag(name, context):
    return call("POST", f"/ofrep/v1/evaluate/flags/{urllib.parse.quote(name, safe='')}?env={ENV}", {"context": context})


def changes(prefix, revision):
    """Every change after a revision, for ever: a stream that breaks is opened again after what came last."""
    place, pause = {"from_revision": revision}, 0.1
    while True:
        query = urllib.parse.urlencode({"env": ENV, "kinds": "config", "prefix": prefix, **place})
        try:
            request = urllib.request.Request(f"{URL}/v1/watch?{query}", headers=HEADERS)
            with urllib.request.urlopen(request, timeout=40) as stream:
                name = None
                for line in stream:
                    line = line.decode().rstrip("\n")
                    if line.startswith("id: "):
                        place, pause = {"from_cursor": line[4:]}, 0.1
                    elif line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: ") and name == "change":
                        yield from json.loads(line[6:])["changes"]
        except urllib.error.HTTPError as refused:
            raise SystemExit(f"refused: {json.load(refused)['detail']}")
        except OSError as broken:
            print(f"the stream broke ({broken}), and is opened again", file=sys.stderr)
        time.sleep(pause)
        pause = min(pause * 2, 15)


def main():
    words = [word for word in sys.argv[1:] if word != "--once"]
    key, name = words
    value = get(key)
    print(f"{key} = {json.dumps(value['value'])}")
    answer = flag(name, {"targetingKey": "user-7"})
    print(f"{name} is {json.dumps(answer['value'])} ({answer['reason']})", flush=True)
    for change in changes(key, value["revision"]):
        print(f"{change['key']} = {json.dumps(change['value'])}", flush=True)
        if "--once" in sys.argv:
            return


if __name__ == "__main__":
    main()
