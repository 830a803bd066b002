#!/usr/bin/env python3
"""Trips between formats: how many models come back as the same bytes.

Run by hand over any folders of .onnx and .tflite files:

    tests/oracle/fixpoint.py build/release/godwit FOLDER...

An .onnx model goes to TFLite, back and there again; a .tflite model is converted to TFLite twice. For each: whether the
second TFLite file is the first to the last byte, else how many bytes and operators both have. Models that TFLite
cannot hold are counted apart.
"""

import json
import pathlib
import subprocess
import sys
import tempfile


def convert(godwit, source, output):
    run = subprocess.run([godwit, "convert", source, "-o", output, "--verify", "off", "--json"],
                         capture_output=True, text=True)
    if run.returncode != 0:
        return None
    try:
        return json.loads(run.stdout).get("nodes_after", -1)
    except ValueError:
        return -1


def main():
    godwit, folders = sys.argv[1], sys.argv[2:]
    files = sorted(p for f in folders for ending in ("onnx", "tflite") for p in pathlib.Path(f).rglob(f"*.{ending}"))
    same = refused = 0
    for path in files:
        with tempfile.TemporaryDirectory() as folder:
            first, back, second = (f"{folder}/{name}" for name in ("first.tflite", "back.onnx", "second.tflite"))
            before = convert(godwit, path, first)
            if before is None:
                refused += 1
                print(f"refused    {path}")
                continue
            source = first
            if path.suffix == ".onnx":
                source = back if convert(godwit, first, back) is not None else None
            after = convert(godwit, source, second) if source else None
            if after is None:
                print(f"NO RETURN  {path}")
                continue
            a, b = pathlib.Path(first).read_bytes(), pathlib.Path(second).read_bytes()
            same += a == b
            print("same      " if a == b else "OTHER     ", path, "" if a == b else
                  f"{before} operators, {len(a)} bytes; then {after} operators, {len(b)} bytes", flush=True)
    print(f"{same} of {len(files) - refused} are the same to the last byte; {refused} are refused")


if __name__ == "__main__":
    main()
