"""Check a record's proof with nothing but Python: python3 verify_proof.py proof.json [answer-line.txt]

It shows that the record's envelope is in the job's tree, and the job's end in the ledger that the checkpoint tells of.
That the checkpoint is signed: verify its note with any tool for c2sp.org/signed-note, with a key that you trust.
"""

import base64
import hashlib
import json
import sys


def sha(content):
    return hashlib.sha256(content).digest()


def leaf(fields):  # canonical JSON (RFC 8785): sorted names, no spaces; these fields hold no fractions
    return sha(b"\0" + json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def root(node, place, size, proof):  # RFC 9162, section 2.1.3.2
    last = size - 1
    for sibling in map(bytes.fromhex, proof):
        if place % 2 or place == last:
            node = sha(b"\1" + sibling + node)
            while place and place % 2 == 0:
                place, last = place // 2, last // 2
        else:
            node = sha(b"\1" + node + sibling)
        place, last = place // 2, last // 2
    return node if last == 0 and place == 0 else b""


proof = json.load(open(sys.argv[1], encoding="utf-8"))
ledger = proof["ledger"]
entry, (_, size, told, *_) = ledger["entry"], ledger["checkpoint"].split("\n")
assert proof["envelope"]["index"] == proof["index"] and proof["envelope"]["job"] == entry["job"], "another record or job"
assert root(leaf(proof["envelope"]), proof["index"], proof["size"], proof["proof"]).hex() == proof["root"], "not in the tree"
assert entry["root"] == proof["root"] and entry["records"] == proof["size"], "the ledger tells of another tree"
assert root(leaf(entry), ledger["number"], int(size), ledger["proof"]) == base64.b64decode(told), "not in the ledger"
if len(sys.argv) > 2:  # with --open: is this line the answer?
    line, opening = open(sys.argv[2], "rb").read().rstrip(b"\n"), proof["opening"]
    assert sha(bytes.fromhex(opening["salt"]) + sha(line)).hex() == proof["envelope"]["output"], "another answer"
print("it holds, if the checkpoint is signed:\n" + ledger["checkpoint"])
