#!/usr/bin/env python3
"""Judges godwit's f32 results on real models beside ONNX Runtime's, both against godwit's own run in f64.

Run by hand where numpy and onnxruntime are installed, over any folder of .onnx files:

    tests/oracle/judge_models.py build/release/godwit FOLDER --feeds feeds.json

Each model gets ten seeded inputs, and a model with dynamic dims two sizes of them. The bar, for every output:

    error <= max(1e-5, 2 x ONNX Runtime's error), as a share of the output's peak in the f64 run

where each error is the worst over the seeds. ONNX Runtime runs with its default optimisations, as users run it. Half of
the seeds draw floats from [0, 1), half from a normal distribution; integers are 0 or 1 unless --range says otherwise.

feeds.json: {"FOLDER OF THE MODEL": {"INPUT": [dims] or {"value": X}}}. A dynamic dim it does not state is 1. At the
second size the batch (a dynamic first dim, and every dim of the same name) is 3, and dynamic dims of pictures become
about 4/5 in height and 6/5 in width, in steps of 32.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

DTYPES = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(int16)": np.int16, "tensor(int8)": np.int8,
    "tensor(uint64)": np.uint64, "tensor(uint32)": np.uint32, "tensor(uint16)": np.uint16, "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
BAR = 1e-5


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])


def is_dynamic(dim):
    return not isinstance(dim, int) or dim <= 0


def sizes_of(session, feeds):
    """One or two choices of shapes, each {input: shape}; scalars given by value keep their shape."""
    first, second = {}, {}
    batch = {i.shape[0] for i in session.get_inputs() if i.shape and isinstance(i.shape[0], str)}
    for info in session.get_inputs():
        stated = feeds.get(info.name)
        stated = stated if isinstance(stated, list) else None
        first[info.name] = [stated[k] if stated else 1 if is_dynamic(d) else d for k, d in enumerate(info.shape)]
        shape = list(first[info.name])
        for k, dim in enumerate(info.shape):
            if not is_dynamic(dim):
                continue
            if k == 0 or dim in batch:
                shape[k] = 3
            elif len(shape) == 4 and k >= 2:
                shape[k] = max(32, round(shape[k] * (0.8 if k == 2 else 1.2) / 32) * 32)
        second[info.name] = shape
    return [first] if first == second else [first, second]


def draw(session, feeds, shapes, ranges, seed):
    rng = np.random.default_rng(seed)
    out = {}
    for info in session.get_inputs():
        dtype = np.dtype(DTYPES[info.type])
        shape, stated = shapes[info.name], feeds.get(info.name)
        if isinstance(stated, dict):
            out[info.name] = np.full(shape, stated["value"], dtype)
        elif dtype.kind == "f":
            values = rng.random(shape) if seed % 2 == 0 else rng.standard_normal(shape)
            out[info.name] = values.astype(dtype)
        else:
            least, most = ranges.get(info.name, (0, 2))
            out[info.name] = rng.integers(least, most, shape).astype(dtype)
    return out


def run_godwit(godwit, model, inputs, options, folder):
    out = os.path.join(folder, "out.npz")
    command = [godwit, "run", model, "-q", "--threads", "1", "-o", out] + options
    for k, (name, value) in enumerate(inputs.items()):
        path = os.path.join(folder, f"{k}.npy")
        np.save(path, value)
        command += ["--sample", f"{name}={path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[:400]}")
    with np.load(out) as archive:
        return {name: archive[name] for name in archive.files}


def error_of(got, exact):
    """Of the largest difference, as a share of the peak; infinite where NaN or infinity stand elsewhere."""
    got, exact = np.asarray(got).astype(np.float64), np.asarray(exact).astype(np.float64)
    if got.shape != exact.shape:
        return np.inf
    finite = np.isfinite(exact)
    if not np.array_equal(got[~finite], exact[~finite], equal_nan=True) or not np.isfinite(got[finite]).all():
        return np.inf
    if not finite.any():
        return 0.0
    worst, peak = np.abs(got - exact)[finite].max(), np.abs(exact[finite]).max()
    return worst / peak if peak > 0 else worst


def judge(godwit, path, feeds, ranges, samples, most_sizes):
    """Rows {size, output, ours, ort, peak, over}, one an output and a size."""
    session = session_of(path)
    names = [o.name for o in session.get_outputs()]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size, shapes in enumerate(sizes_of(session, feeds)[:most_sizes]):
            ours, ort = np.zeros((samples, len(names))), np.zeros((samples, len(names)))
            peak = np.zeros(len(names))
            for seed in range(samples):
                inputs = draw(session, feeds, shapes, ranges, seed)
                theirs = session.run(None, inputs)
                plain = run_godwit(godwit, path, inputs, [], folder)
                exact = run_godwit(godwit, path, inputs, ["--precision", "f64"], folder)
                for k, name in enumerate(names):
                    ours[seed, k] = error_of(plain[name], exact[name])
                    ort[seed, k] = error_of(theirs[k], exact[name])
                    if exact[name].size and exact[name].dtype.kind == "f":
                        peak[k] = max(peak[k], np.nanmax(np.abs(exact[name])))
            for k, name in enumerate(names):
                a, b = ours[:, k].max(), ort[:, k].max()
                each = int((ours[:, k] > np.maximum(BAR, 2 * ort[:, k])).sum())
                rows.append({"size": size + 1, "output": name, "ours": a, "ort": b, "peak": peak[k],
                             "over": bool(a > max(BAR, 2 * b)), "samples_over": each,
                             "shapes": {n: list(s) for n, s in shapes.items()}})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("godwit")
    parser.add_argument("folder")
    parser.add_argument("--feeds", help="JSON: what to feed inputs with dynamic dims")
    parser.add_argument("--range", action="append", default=[], metavar="INPUT=LO:HI", help="of integers, HI left out")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="models whose path contains it")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--sizes", type=int, default=2)
    parser.add_argument("--json", help="all rows, written here")
    args = parser.parse_args()
    feeds = json.load(open(args.feeds)) if args.feeds else {}
    ranges = {}
    for text in args.range:
        name, _, bounds = text.rpartition("=")
        ranges[name] = tuple(int(x) for x in bounds.split(":"))

    paths = sorted(glob.glob(os.path.join(args.folder, "**", "*.onnx"), recursive=True))
    paths = [p for p in paths if not args.only or any(text in p for text in args.only)]
    results, over = {}, []
    for path in paths:
        name = os.path.basename(os.path.dirname(path))
        try:
            rows = judge(args.godwit, path, feeds.get(name, {}), ranges, args.samples, args.sizes)
        except Exception as error:  # whatever goes wrong, the other models are judged
            over.append(name)
            print(f"{name:12} FAILED {error}", flush=True)
            continue
        results[name] = rows
        bad = [r for r in rows if r["over"]]
        worst = max(rows, key=lambda r: r["ours"] / max(BAR, 2 * r["ort"]))
        late = sum(r["samples_over"] for r in rows)
        print(f"{name:12} {'OVER' if bad else 'ok  '} sizes {max(r['size'] for r in rows)}  ours {worst['ours']:.2e}  "
              f"ort {worst['ort']:.2e}  peak {worst['peak']:.3g}  {worst['output']}"
              + (f"  ({late} single samples over)" if late else ""), flush=True)
        if bad:
            over.append(name)
    if args.json:
        json.dump(results, open(args.json, "w"), indent=1)
    print(f"{len(paths) - len(over)} within the bar, {len(over)} over" + (f": {' '.join(over)}" if over else ""))
    sys.exit(1 if over or not paths else 0)


if __name__ == "__main__":
    main()
