#!/usr/bin/env python3
"""Writes src/formats/tflite/schema.def: the enums, tables and unions of the TFLite format.

The facts are those of the official schema, tflite/converter/schema/schema.fbs of google-ai-edge/LiteRT (Apache-2.0):

    python3 tools/tflite_schema.py schema.fbs > src/formats/tflite/schema.def
"""
import re
import sys

SCALARS = {
    "bool": "kBool", "byte": "kInt8", "ubyte": "kUint8", "short": "kInt16", "ushort": "kUint16", "int": "kInt32",
    "int32": "kInt32", "uint": "kUint32", "long": "kInt64", "ulong": "kUint64", "float": "kFloat32",
}
C_TYPES = {"byte": "int8_t", "int": "int32_t", "int32": "int32_t", "uint": "uint32_t"}

# The options of an operator bear its name; these do not.
OTHER_OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2DOptions", "MAX_POOL_2D": "Pool2DOptions", "L2_POOL_2D": "Pool2DOptions",
    "L2_NORMALIZATION": "L2NormOptions", "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions",
    "MEAN": "ReducerOptions", "SUM": "ReducerOptions", "REDUCE_PROD": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions", "REDUCE_MIN": "ReducerOptions", "REDUCE_ANY": "ReducerOptions",
    "REDUCE_ALL": "ReducerOptions", "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    "RANDOM_STANDARD_NORMAL": "RandomOptions", "RANDOM_UNIFORM": "RandomOptions", "MULTINOMIAL": "RandomOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
}


def camel(name):
    return "k" + "".join(word[:1].upper() + word[1:].lower() for word in name.split("_"))


def parse(text):
    """(enums, tables, unions) in the order of the file."""
    text = re.sub(r"//[^\n]*", "", text)
    enums, tables, unions = {}, {}, {}
    for kind, name, base, body in re.findall(r"\b(enum|table|union)\s+(\w+)\s*(?::\s*(\w+))?[^{;]*\{([^}]*)\}", text):
        if kind == "table":
            fields = []
            for field, kind_, default, marks in re.findall(
                    r"(\w+)\s*:\s*(\[?\s*\w+\s*\]?)\s*(?:=\s*([\w.+-]+))?\s*(\([^)]*\))?\s*;", body):
                fields.append((field, kind_.replace(" ", ""), default, marks))
            tables[name] = fields
        else:
            items, following = {}, 0 if kind == "enum" else 1
            for item in filter(None, (part.strip() for part in body.split(","))):
                match = re.match(r"(\w+)(?:\s*=\s*(-?\d+))?", item)
                following = int(match[2]) if match[2] else following
                items[match[1]] = following
                following += 1
            if kind == "enum":
                enums[name] = (base, items)
            else:
                unions[name] = items
    return enums, tables, unions


def options_of(operator, tables):
    if operator in OTHER_OPTIONS:
        return OTHER_OPTIONS[operator]
    plain = operator.replace("_", "").lower()
    matches = [t for t in tables if t.endswith("Options") and t[: -len("Options")].lower() == plain]
    return matches[0] if matches else "None"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        enums, tables, unions = parse(file.read())
    print("""\
// Written by tools/tflite_schema.py from the schema of google-ai-edge/LiteRT (Apache-2.0). schema.h says what the
// columns mean.
//
// GODWIT_TFLITE_ENUM(enum, base type), its GODWIT_TFLITE_VALUE(enum, name here, "name", number), GODWIT_TFLITE_ENUM_END
// GODWIT_TFLITE_TABLE(table), its GODWIT_TFLITE_FIELD(table, field, id, type, element, "enum, table or union",
//   default), GODWIT_TFLITE_TABLE_END
// GODWIT_TFLITE_MEMBER(union, number, table)
// GODWIT_TFLITE_OPTIONS(operator, table)""")
    for macro, arguments in [("ENUM", "name, base"), ("VALUE", "name, here, text, number"), ("ENUM_END", ""),
                             ("TABLE", "name"), ("FIELD", "table, name, id, type, element, of, fallback"), ("TABLE_END", ""),
                             ("MEMBER", "name, number, table"), ("OPTIONS", "op, table")]:
        print(f"#ifndef GODWIT_TFLITE_{macro}\n#define GODWIT_TFLITE_{macro}({arguments})\n#endif")

    for name, (base, items) in enums.items():
        print(f"GODWIT_TFLITE_ENUM({name}, {C_TYPES[base]})")
        for item, number in items.items():
            print(f'GODWIT_TFLITE_VALUE({name}, {camel(item)}, "{item}", {number})')
        print("GODWIT_TFLITE_ENUM_END()")

    def typed(kind):
        """(type, element type, what it is of) of a field."""
        inner = kind.strip("[]")
        vector = kind.startswith("[")
        if inner in SCALARS:
            return ("kVector", SCALARS[inner], "") if vector else (SCALARS[inner], "kNone", "")
        if inner == "string":
            return ("kTexts" if vector else "kText"), "kNone", ""
        if inner in enums:
            base = SCALARS[enums[inner][0]]
            return ("kVector", base, inner) if vector else (base, "kNone", inner)
        assert inner in tables, inner
        return ("kTables" if vector else "kTable"), "kNone", inner

    for name, fields in tables.items():
        print(f"GODWIT_TFLITE_TABLE({name})")
        slot = 0
        for field, kind, default, marks in fields:
            if kind in unions:
                print(f'GODWIT_TFLITE_FIELD({name}, {field}_type, {slot}, kUint8, kNone, "{kind}", 0)')
                print(f'GODWIT_TFLITE_FIELD({name}, {field}, {slot + 1}, kUnion, kNone, "{kind}", 0)')
                slot += 2
                continue
            type_, element, of = typed(kind)
            if "deprecated" not in marks:
                if kind in enums:
                    number = enums[kind][1].get(default, 0) if default else 0
                else:
                    number = {"": 0, "true": 1, "false": 0}.get(default, default)
                print(f'GODWIT_TFLITE_FIELD({name}, {field}, {slot}, {type_}, {element}, "{of}", {number})')
            slot += 1
        print("GODWIT_TFLITE_TABLE_END()")
    for name, items in unions.items():
        for table, number in items.items():
            print(f"GODWIT_TFLITE_MEMBER({name}, {number}, {table})")
    for operator in enums["BuiltinOperator"][1]:
        print(f"GODWIT_TFLITE_OPTIONS({camel(operator)}, {options_of(operator, tables)})")
    for macro in ["ENUM", "VALUE", "ENUM_END", "TABLE", "FIELD", "TABLE_END", "MEMBER", "OPTIONS"]:
        print(f"#undef GODWIT_TFLITE_{macro}")


if __name__ == "__main__":
    main()
