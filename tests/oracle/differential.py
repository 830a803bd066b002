#!/usr/bin/env python3
"""Writes the fixtures of tests/differential: small models, inputs, and what ONNX Runtime makes of them.

Run by hand where numpy, onnx and onnxruntime are installed:

    tests/oracle/differential.py tests/differential/data          # one zip a family of operators
    tests/oracle/differential.py --loose DIR [OPERATOR ...]       # as folders, for `godwit suite DIR`

Every case is one node (or a handful), its inputs drawn from a generator seeded by the case's name, so that the same
versions write the same bytes. Cases that ONNX Runtime cannot run are listed and left out.
"""

import argparse
import itertools
import os
import struct
import sys
import zipfile
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import differential_cases  # noqa: E402


class Case:
    """One node, what goes in and which results are kept."""

    def __init__(self, op, inputs, attrs, opset, domain, outputs, const, name):
        self.op, self.inputs, self.attrs, self.opset = op, inputs, attrs, opset
        self.domain, self.outputs, self.const, self.name = domain, outputs, set(const), name


def build(case):
    """The model with untyped outputs, and the arrays to feed."""
    names, graph_inputs, initializers, feeds = [], [], [], {}
    for i, value in enumerate(case.inputs):
        if value is None:
            names.append("")
            continue
        name = f"x{i}"
        names.append(name)
        if i in case.const:
            initializers.append(numpy_helper.from_array(value, name))
        else:
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            graph_inputs.append(helper.make_tensor_value_info(name, kind, value.shape))
            feeds[name] = value
    while names and not names[-1]:
        names.pop()
    outputs = [f"y{i}" if kept else "" for i, kept in enumerate(case.outputs)]
    node = helper.make_node(case.op, names, outputs, domain=case.domain, name=case.op, **case.attrs)
    graph = helper.make_graph([node], case.op, graph_inputs, [onnx.ValueInfoProto(name=o) for o in outputs if o],
                              initializers)
    opsets = [helper.make_opsetid("", case.opset)]
    if case.domain:
        opsets.append(helper.make_opsetid(case.domain, 1 if case.domain == "com.microsoft" else 3))
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="differential"), feeds


def run(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, feeds)


def finish(model, results):
    """States the outputs' types."""
    for info, value in zip(model.graph.output, results):
        value = np.asarray(value)
        kind = TensorProto.STRING if value.dtype.kind in "OU" else helper.np_dtype_to_tensor_dtype(value.dtype)
        info.CopyFrom(helper.make_tensor_value_info(info.name, kind, value.shape))


def members(case, model, feeds, results):
    """Name and bytes of the model, then of the inputs, then of the outputs."""
    yield "model.onnx", model.SerializeToString(deterministic=True)
    for i, info in enumerate(model.graph.input):
        tensor = numpy_helper.from_array(feeds[info.name], info.name)
        yield f"test_data_set_0/input_{i}.pb", tensor.SerializeToString(deterministic=True)
    for i, (info, value) in enumerate(zip(model.graph.output, results)):
        tensor = numpy_helper.from_array(np.asarray(value), info.name)
        yield f"test_data_set_0/output_{i}.pb", tensor.SerializeToString(deterministic=True)


def packed(cases):
    """All cases of an operator in one block, so that what they have in common is deflated once.

    For each case: the numbers of inputs and outputs, then name, model, inputs and outputs, each after its length; all
    numbers are 32 bits, little-endian.
    """
    out = []
    for name, files in cases:
        inputs = sum("/input_" in path for path, _ in files)
        out.append(struct.pack("<II", inputs, len(files) - 1 - inputs))
        for data in [name.encode()] + [data for _, data in files]:
            out += [struct.pack("<I", len(data)), data]
    return b"".join(out)


def write_zip(path, groups):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for group, cases in sorted(groups.items()):
            info = zipfile.ZipInfo(group, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, packed(cases))


def collect(only):
    families, left_out, counts = {}, [], {}
    family = ""

    def add(op, inputs, attrs=None, opset=17, domain="", outputs=1, const=(), group=None):
        group = group or (op if not domain else f"{domain.split('.')[-1]}_{op}")
        if only and op not in only and group not in only:
            return
        counts[group] = counts.get(group, 0) + 1
        name = f"{group}_{counts[group]}"
        kept = [True] * outputs if isinstance(outputs, int) else outputs
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        values = [v(rng) if callable(v) else v for v in inputs]
        values = [v if v is None else np.asarray(v) for v in values]
        case = Case(op, values, attrs or {}, opset, domain, kept, const, name)
        try:
            model, feeds = build(case)
            results = run(model, feeds)
        except Exception as error:  # whatever a runtime throws, the case is left out and said so
            left_out.append(f"{name}: {str(error).splitlines()[0][:150]}")
            return
        finish(model, results)
        files = list(members(case, model, feeds, results))
        families.setdefault(family, {}).setdefault(group, []).append((name, files))

    for cases in differential_cases.FAMILIES:
        family = cases.__name__
        cases(add)
    return families, left_out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("operators", nargs="*", help="only these")
    parser.add_argument("--loose", action="store_true", help="folders instead of zips")
    args = parser.parse_args()
    os.environ.setdefault("TZ", "UTC")
    families, left_out = collect(set(args.operators))
    total = operators = 0
    for family, groups in families.items():
        operators += len(groups)
        total += sum(len(cases) for cases in groups.values())
        if not args.loose:
            write_zip(os.path.join(args.folder, f"{family}.zip"), groups)
            continue
        for name, files in itertools.chain.from_iterable(groups.values()):
            for path, data in files:
                path = os.path.join(args.folder, name, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(data)
    for line in left_out:
        print("left out:", line)
    print(f"{total} cases of {operators} operators, {len(left_out)} left out; "
          f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}")


if __name__ == "__main__":
    main()
