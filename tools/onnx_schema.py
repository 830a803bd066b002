#!/usr/bin/env python3
"""Writes src/targets/onnx_schema.def: the signature of every ONNX operator at every version.

The facts are those of the PyPI packages `onnx` (Apache-2.0; ai.onnx, ai.onnx.ml and the preview domains) and
`onnxruntime` (MIT; com.microsoft). Needs both:

    python3 tools/onnx_schema.py > src/targets/onnx_schema.def
"""
import re

import onnx
import onnx.defs
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

DTYPES = {
    "double": "f64", "float": "f32", "float16": "f16", "bfloat16": "bf16", "float8e4m3fn": "f8e4m3fn",
    "float8e4m3fnuz": "f8e4m3fnuz", "float8e5m2": "f8e5m2", "float8e5m2fnuz": "f8e5m2fnuz", "float8e8m0": "f8e8m0",
    "float4e2m1": "f4e2m1", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8", "int4": "i4", "int2": "i2",
    "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8", "uint4": "u4", "uint2": "u2", "bool": "bool",
    "complex64": "c64", "complex128": "c128", "string": "string",
}
ORDER = {name: k for k, name in enumerate(DTYPES.values())}
ATTRS = {
    "FLOAT": "float", "INT": "int", "STRING": "string", "TENSOR": "tensor", "GRAPH": "graph", "FLOATS": "floats",
    "INTS": "ints", "STRINGS": "strings", "TENSORS": "tensors", "GRAPHS": "graphs", "SPARSE_TENSOR": "sparse",
    "SPARSE_TENSORS": "sparses", "TYPE_PROTO": "type", "TYPE_PROTOS": "types",
}
KINDS = ["", "seq", "opt", "optseq", "map", "seqmap"]


def word(text):
    """One allowed type: (kind, element); None for types that do not exist here."""
    if text.startswith("sparse_tensor"):
        return None
    m = re.fullmatch(r"(optional\()?(seq\()?(?:tensor\((\w+)\)|(\w+))\)*", text)
    if m:
        element = DTYPES.get(m[3] or m[4])
        return ("opt" * bool(m[1]) + "seq" * bool(m[2]), element) if element else None
    m = re.fullmatch(r"(seq\()?map\((\w+), ?(?:tensor\()?(\w+)\)*", text)
    if not m:
        raise ValueError(text)
    return "seqmap" if m[1] else "map", DTYPES[m[2]] + "," + DTYPES[m[3]]


def types_text(types):
    kinds = {}
    for t in types:
        w = word(t)
        if w:
            kinds.setdefault(w[0], set()).add(w[1])
    parts = []
    for kind in KINDS:
        if kind in kinds:
            names = sorted(kinds[kind], key=lambda n: [ORDER[p] for p in n.split(",")])
            parts += ([kind + ":"] if kind else []) + names
    return " ".join(parts)


class Schema:
    """The same view of both packages' schemas."""

    def __init__(self, s, runtime):
        self.key = (s.domain, s.name, s.since_version)
        self.deprecated = s.deprecated
        variables = {t.type_param_str: types_text(t.allowed_type_strs) for t in s.type_constraints}
        self.fixed = {}

        def formals(items):
            out = []
            for f in items:
                var = f.typeStr if runtime else f.type_str
                if var not in variables:
                    self.fixed[var] = types_text([var])
                option = f.option.name
                homogeneous = f.isHomogeneous if runtime else f.is_homogeneous
                least = "" if runtime or f.min_arity == 1 else str(f.min_arity)
                mark = {"Single": "", "Optional": "?", "Variadic": ("*" if homogeneous else "~") + least}[option]
                out.append((f.name + mark, var))
            return out

        self.inputs, self.outputs = formals(s.inputs), formals(s.outputs)
        self.variables = variables
        self.attrs = [(n, ATTRS[a.type.name], a.required) for n, a in sorted(s.attributes.items())]


def main():
    schemas = [Schema(s, False) for s in onnx.defs.get_all_schemas_with_history()]
    schemas += [Schema(s, True) for s in get_all_operator_schema() if s.domain == "com.microsoft"]
    schemas.sort(key=lambda s: s.key)

    sets = {}
    for s in schemas:
        for text in [*s.variables.values(), *s.fixed.values()]:
            sets[text] = sets.get(text, 0) + 1
    number = {text: k for k, text in enumerate(sorted(sets, key=lambda t: (-sets[t], t)))}

    print(f"""\
// Written by tools/onnx_schema.py from onnx {onnx.__version__} (Apache-2.0) and onnxruntime {onnxruntime.__version__} (MIT): the signature of every
// operator at every version. onnx_schema.cpp reads the rows and says what the marks mean.
//
// GODWIT_ONNX_TYPES(number, "element types [kind: element types ...]")
// GODWIT_ONNX_OP(domain, operator, since, deprecated, inputs, outputs, attributes, type variables)
#ifndef GODWIT_ONNX_TYPES
#define GODWIT_ONNX_TYPES(number, types)
#endif
#ifndef GODWIT_ONNX_OP
#define GODWIT_ONNX_OP(domain, op, since, deprecated, inputs, outputs, attributes, variables)
#endif""")
    for text, k in number.items():
        print(f'GODWIT_ONNX_TYPES({k}, "{text}")')
    for s in schemas:
        # A type that stands for itself is its number.
        names = {v: number[t] for v, t in s.fixed.items()}

        def formals(items):
            return " ".join(f"{n}:{names.get(v, v)}" for n, v in items)

        attrs = " ".join(f"{n}:{k}{'!' if required else ''}" for n, k, required in s.attrs)
        variables = " ".join(f"{v}={number[t]}" for v, t in s.variables.items())
        domain, op, since = s.key
        print(f'GODWIT_ONNX_OP("{domain}", "{op}", {since}, {str(s.deprecated).lower()}, "{formals(s.inputs)}", '
              f'"{formals(s.outputs)}", "{attrs}", "{variables}")')
    print("#undef GODWIT_ONNX_TYPES\n#undef GODWIT_ONNX_OP")


main()
