#!/usr/bin/env python3
"""Whole TFLite models: what `godwit run` computes against LiteRT's reference kernels.

    tflite_models.py GODWIT FOLDER [PART_OF_A_NAME...]

Needs numpy and ai-edge-litert. Each model runs in a process of its own, since some of them end LiteRT's. Floats may
differ by 1e-5 of the largest result, or by twice what LiteRT's own kernels differ among themselves; integers by the
steps that are shown. Exits with 1 where a model does not run or departs further.
"""
import os
import subprocess
import sys
import tempfile


def litert(model, feeds, reference):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.BUILTIN
    interpreter = Interpreter(model, experimental_op_resolver_type=kind, num_threads=1)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), feeds(interpreter)):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter, [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def draw(interpreter):
    import numpy as np

    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        shape, dtype = detail["shape"], detail["dtype"]
        if np.issubdtype(dtype, np.floating):
            yield rng.random(shape, dtype=np.float32).astype(dtype)
        elif dtype == np.bool_ or not detail["quantization"][0]:
            yield rng.integers(0, 2, shape).astype(dtype)
        else:
            info = np.iinfo(dtype)
            yield rng.integers(info.min, info.max + 1, shape).astype(dtype)


def names(interpreter, kind, details):
    """A signature's names are those of the graph."""
    signatures = interpreter._get_full_signature_list()
    of = {}
    for signature in list(signatures.values())[:1]:
        of = {index: name for name, index in signature[kind].items()}
    return [of.get(d["index"], d["name"]) for d in details]


def distance(a, b):
    import numpy as np

    peak = max(np.abs(a.astype(np.float64)).max(initial=0), 1e-30)
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0) / peak)


def judge(godwit, model):
    import numpy as np

    interpreter, want = litert(model, draw, True)
    _, other = litert(model, draw, False)
    inputs = names(interpreter, "inputs", interpreter.get_input_details())
    outputs = names(interpreter, "outputs", interpreter.get_output_details())
    with tempfile.TemporaryDirectory() as folder:
        command = [godwit, "run", model, "-o", f"{folder}/out.npz"]
        for i, (name, value) in enumerate(zip(inputs, draw(interpreter))):
            np.save(f"{folder}/{i}.npy", value)
            command += ["--sample", f"{name}={folder}/{i}.npy"]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode != 0:
            print(f"does not run: {ran.stderr.strip()}")
            return 1
        got = np.load(f"{folder}/out.npz")
        bad, shown = False, []
        for name, a, b in zip(outputs, want, other):
            y = got[name]
            if y.shape != a.shape or y.dtype != a.dtype:
                shown.append(f"{y.dtype}{y.shape} for {a.dtype}{a.shape}")
                bad = True
            elif np.issubdtype(a.dtype, np.floating):
                d, spread = distance(a, y), distance(a, b)
                shown.append(f"{d:.1e} (LiteRT itself {spread:.1e})")
                bad = bad or d > max(1e-5, 2 * spread)
            else:
                steps = np.abs(a.astype(np.int64) - y.astype(np.int64))
                shown.append(f"{steps.max(initial=0)} steps at most, {np.mean(steps != 0):.2%} differ")
        print("; ".join(shown) + ("  <- departs" if bad else ""))
        return int(bad)


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--one":
        sys.exit(judge(sys.argv[2], sys.argv[3]))
    godwit, folder, parts = sys.argv[1], sys.argv[2], sys.argv[3:]
    models = sorted(os.path.join(at, f) for at, _, files in os.walk(folder) for f in files if f.endswith(".tflite"))
    failed = 0
    for model in models:
        if parts and not any(p in model for p in parts):
            continue
        one = subprocess.run([sys.executable, __file__, "--one", godwit, model], capture_output=True, text=True)
        last = (one.stdout.strip() or one.stderr.strip() or "LiteRT ends").splitlines()[-1]
        judged = one.returncode in (0, 1) and bool(one.stdout.strip())
        failed += judged and one.returncode == 1
        print(f"{os.path.basename(model):45} {last if judged else 'not judged, LiteRT: ' + last[:120]}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
