#!/usr/bin/env python3
"""Single quantised operators with what LiteRT's reference kernels make of them: the cases of tests/exec/data.

usage: litert_integer_cases.py FOLDER: writes litert_integer_cases.txt and the models of layers with states. Needs numpy,
flatbuffers and ai_edge_litert; the same version of that gives the same files.
"""
import pathlib
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as s
from ai_edge_litert.interpreter import Interpreter, OpResolverType

TYPES = {"i8": (9, np.int8), "u8": (3, np.uint8), "i16": (7, np.int16), "i32": (2, np.int32), "i64": (4, np.int64),
         "f32": (0, np.float32), "bool": (6, np.bool_)}
rng = np.random.default_rng(7)


class T:
    """A tensor: type, shape, scales (None: real), zero points, axis, constant data."""

    def __init__(self, dtype, shape, scale=None, zero=0, axis=0, data=None):
        self.dtype, self.shape, self.axis, self.data = dtype, list(shape), axis, data
        self.scales = None if scale is None else np.atleast_1d(np.float32(scale))
        self.zeros = None if scale is None else np.broadcast_to(np.atleast_1d(np.int64(zero)), self.scales.shape)


def rand(dtype, shape, low=None, high=None):
    info = np.iinfo(TYPES[dtype][1])
    return rng.integers(info.min if low is None else low, (info.max if high is None else high) + 1, shape).astype(
        TYPES[dtype][1])


def tflite(op, options_type, options, ins, outs, intermediates=(), variables=(), version=1):
    m = s.ModelT()
    m.version = 3
    code = s.OperatorCodeT()
    code.builtinCode = getattr(s.BuiltinOperator, op)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    m.operatorCodes = [code]
    m.buffers = [s.BufferT()]
    g = s.SubGraphT()
    g.tensors = []
    for k, t in enumerate(ins + outs + list(intermediates)):
        x = s.TensorT()
        if t is None:
            continue
        x.shape, x.type, x.name = t.shape, TYPES[t.dtype][0], f"t{k}".encode()
        x.isVariable = t in variables
        if t.data is not None:
            b = s.BufferT()
            b.data = np.frombuffer(np.ascontiguousarray(t.data).tobytes(), np.uint8)
            m.buffers.append(b)
            x.buffer = len(m.buffers) - 1
        if t.scales is not None:
            q = s.QuantizationParametersT()
            q.scale, q.zeroPoint, q.quantizedDimension = t.scales, t.zeros, t.axis
            x.quantization = q
        g.tensors.append(x)
        t.index = len(g.tensors) - 1
    o = s.OperatorT()
    o.inputs = [-1 if t is None else t.index for t in ins]
    o.outputs = [t.index for t in outs]
    if intermediates:
        o.intermediates = [t.index for t in intermediates]
    if options_type:
        o.builtinOptionsType = getattr(s.BuiltinOptions, options_type)
        o.builtinOptions = getattr(s, options_type + "T")()
        for name, value in options.items():
            setattr(o.builtinOptions, name, value)
    g.operators = [o]
    g.inputs = [t.index for t in ins if t is not None and t.data is None and t not in variables]
    g.outputs = [t.index for t in outs]
    m.subgraphs = [g]
    b = flatbuffers.Builder(0)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


def ints(a):
    if a.dtype == np.float32:
        return "[" + ",".join(repr(float(v)) if np.isfinite(v) else "0.0" for v in a.reshape(-1)) + "]"
    if a.dtype == np.bool_:
        return "[" + ",".join("true" if v else "false" for v in a.reshape(-1)) + "]"
    return "[" + ",".join(str(int(v)) for v in a.reshape(-1)) + "]"


def real(v):
    return repr(float(np.float32(v)))


class Text:
    def __init__(self):
        self.consts, self.nodes, self.params, self.n = [], [], [], 0

    def const(self, dtype, shape, text):
        self.n += 1
        text = text if text.startswith("[") else f"[{text}]"
        self.consts.append(f"const %c{self.n}: {dtype}[{','.join(map(str, shape))}] = {text}")
        return f"%c{self.n}"

    def grain(self, t, zero_type=None):
        shape = [] if len(t.scales) == 1 else [len(t.scales)]
        text = lambda v: "[" + ",".join(v) + "]"
        sc = self.const("f32", shape, text([real(v) for v in t.scales]))
        ze = self.const(t.dtype, shape, text([str(int(v)) for v in t.zeros]))
        return sc, ze

    def real_of(self, t, arithmetic="litert"):
        """A value that stands for the tensor in reals."""
        dims = ",".join(map(str, t.shape))
        if t.data is not None:
            name = self.const(t.dtype, t.shape, ints(t.data) if t.shape else ints(t.data)[1:-1])
        else:
            name = f"%x{len(self.params)}"
            self.params.append(f"{name}: {t.dtype}[{dims}]")
        if t.scales is None or arithmetic is None:
            return name
        sc, ze = self.grain(t)
        self.n += 1
        self.nodes.append(f"%v{self.n}: f32[{dims}] = dequantize({name}, {sc}, {ze}, to=f32, axis={t.axis}, "
                          f'arithmetic="{arithmetic}")')
        return f"%v{self.n}"

    def emit(self, call, shape, dtype="f32"):
        self.n += 1
        self.nodes.append(f"%v{self.n}: {dtype}[{','.join(map(str, shape))}] = {call}")
        return f"%v{self.n}"

    def done(self, v, y, origin):
        if y.scales is not None:
            sc, ze = self.grain(y)
            v = self.emit(f"quantize({v}, {sc}, {ze}, to={y.dtype}, rounding=\"away\", arithmetic=\"litert\")", y.shape,
                          y.dtype)
        nodes = [n + f' from "op" op {origin}' for n in self.nodes]
        return ("graph { " + " ".join(self.consts) + " main (" + ", ".join(self.params) + ") { " + " ".join(nodes) +
                f" yield({v}) }} }}")


ACTIVATIONS = {0: None, 1: "relu({v})", 2: ("-1.0", "1.0"), 3: ("0.0", "6.0")}


def activate(x, v, act, shape):
    a = ACTIVATIONS[act]
    if a is None:
        return v
    if isinstance(a, str):
        return x.emit(a.format(v=v), shape)
    return x.emit(f"clip({v}, {x.const('f32', [], a[0])}, {x.const('f32', [], a[1])})", shape)


def case(name, op, options_type, options, ins, outs, text, label=None):
    """text(Text, ins, outs) -> the real result."""
    model = tflite(op, options_type, options, ins, outs)
    try:
        it = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        it.allocate_tensors()
    except (ValueError, RuntimeError) as e:
        print(f"{name}: {str(e).strip().splitlines()[0]}", file=sys.stderr)
        return
    x = Text()
    v = text(x, ins, outs)
    graph = x.done(v, outs[0], op)
    feeds = [t for t in ins if t is not None and t.data is None]
    print("case", name)
    print("graph", graph)
    for t, d in zip(feeds, it.get_input_details()):
        value = t.feed if hasattr(t, "feed") else (
            rand(t.dtype, t.shape) if t.dtype != "f32" else rng.standard_normal(t.shape).astype(np.float32))
        it.set_tensor(d["index"], value)
        print("in", t.dtype, "[" + ",".join(map(str, t.shape)) + "]", " ".join(
            repr(float(v)) if t.dtype == "f32" else str(int(v)) for v in value.reshape(-1)))
    it.invoke()
    out = it.get_tensor(it.get_output_details()[0]["index"])
    print("out", outs[0].dtype, " ".join(repr(float(v)) if outs[0].dtype == "f32" else str(int(v)) for v in out.reshape(-1)))


def scale():
    return float(np.exp(rng.uniform(-5, -1)))


def zero(dtype):
    return 0 if dtype == "i16" else int(rng.integers(-20, 20)) + (128 if dtype == "u8" else 0)


def conv(name, dtype, shape, kernel, out, stride=1, same=True, per_channel=True, act=0, depthwise=False, bias_type=None,
         mult=1, dilation=1):
    h, w = shape[1], shape[2]
    x = T(dtype, shape, scale(), zero(dtype))
    wt = "u8" if dtype == "u8" else "i8"
    n = shape[3] * mult if depthwise else out
    wshape = [1, kernel, kernel, n] if depthwise else [n, kernel, kernel, shape[3]]
    ws = rng.uniform(0.01, 0.05, n) if per_channel else [0.02]
    w_ = T(wt, wshape, ws, 0 if wt == "i8" else 120, 3 if depthwise else 0, rand(wt, wshape))
    bt = bias_type or ("i64" if dtype == "i16" else "i32")
    bias = T(bt, [n], x.scales[0] * w_.scales, 0, 0, rand("i32", [n], -2000, 2000).astype(TYPES[bt][1]))
    reach = (kernel - 1) * dilation + 1
    oh = -(-h // stride) if same else (h - reach) // stride + 1
    ow = -(-w // stride) if same else (w - reach) // stride + 1
    y = T(dtype, [shape[0], oh, ow, n], (0.002 if dtype == "i16" else 0.9) * (x.scales[0] * 8), zero(dtype))
    if dtype == "i16":
        x.scales = np.float32([1e-3])
        bias.scales = x.scales[0] * w_.scales
        y.scales = np.float32([2e-3])
    opts = dict(padding=0 if same else 1, strideH=stride, strideW=stride, fusedActivationFunction=act,
                dilationHFactor=dilation, dilationWFactor=dilation)
    if depthwise:
        opts["depthMultiplier"] = mult
    elif bt == "i32" and dtype == "i16":
        opts["quantizedBiasType"] = 2

    def text(t, i, o):
        pads = 'auto_pad="same_upper"' if same else 'auto_pad="valid"'
        layout = "ihwo" if depthwise else "ohwi"
        group = f", group={shape[3]}" if depthwise else ""
        v = t.emit(f"conv({t.real_of(i[0])}, {t.real_of(i[1])}, {t.real_of(i[2])}, channel_axis=-1, "
                   f'weight_layout="{layout}", strides=[{stride},{stride}], dilations=[{dilation},{dilation}], {pads}{group})', o[0].shape)
        return activate(t, v, act, o[0].shape)

    case(name, "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
         opts, [x, w_, bias], [y], text)


def fully_connected(name, dtype, rows, depth, out, per_channel=False, act=0, bias=True, computed=False):
    x = T(dtype, [rows, depth], 1e-3 if dtype == "i16" else scale(), zero(dtype))
    wt = "u8" if dtype == "u8" else "i8"
    ws = rng.uniform(0.01, 0.05, out) if per_channel else [0.02]
    w = T(wt, [out, depth], ws, 0 if wt == "i8" else 131, 0, rand(wt, [out, depth]))
    if computed:
        w.data = None
    bt = "i64" if dtype == "i16" else "i32"
    b = T(bt, [out], x.scales[0] * w.scales, 0, 0, rand("i32", [out], -3000, 3000).astype(TYPES[bt][1])) if bias else None
    y = T(dtype, [rows, out], 2e-3 if dtype == "i16" else x.scales[0] * 6, zero(dtype))

    def text(t, i, o):
        args = [t.real_of(v) for v in i if v is not None]
        return activate(t, t.emit(f"gemm({', '.join(args)}, transpose_b=1)", o[0].shape), act, o[0].shape)

    case(name, "FULLY_CONNECTED", "FullyConnectedOptions", dict(fusedActivationFunction=act), [x, w, b], [y], text)


def transpose_conv(name, dtype, shape, kernel, out, stride, same):
    x = T(dtype, shape, 1e-3 if dtype == "i16" else scale(), zero(dtype))
    wt = "u8" if dtype == "u8" else "i8"
    ws = [0.02] if dtype == "u8" else rng.uniform(0.01, 0.05, out)
    w = T(wt, [out, kernel, kernel, shape[3]], ws, 0 if wt == "i8" else 125, 0, rand(wt, [out, kernel, kernel, shape[3]]))
    bt = "i64" if dtype == "i16" else "i32"
    b = T(bt, [out], x.scales[0] * w.scales, 0, 0, rand("i32", [out], -2000, 2000).astype(TYPES[bt][1]))
    oh = shape[1] * stride if same else (shape[1] - 1) * stride + kernel
    y = T(dtype, [shape[0], oh, oh, out], 2e-3 if dtype == "i16" else x.scales[0] * 5, zero(dtype))
    size = T("i32", [4], data=np.array(y.shape, np.int32))

    def text(t, i, o):
        pads = 'auto_pad="same_upper"' if same else 'auto_pad="valid"'
        return t.emit(f"conv_transpose({t.real_of(i[2])}, {t.real_of(i[1])}, {t.real_of(i[3])}, channel_axis=-1, "
                      f'weight_layout="ohwi", strides=[{stride},{stride}], {pads if same else "auto_pad=" + chr(34) + "none" + chr(34)})', o[0].shape)

    case(name, "TRANSPOSE_CONV", "TransposeConvOptions", dict(padding=0 if same else 1, strideH=stride, strideW=stride),
         [size, w, x, b], [y], text)


def binary(name, op, options_type, core, dtype, a_shape, b_shape, act=0, options=None, y_scale=None, const=False):
    a, b = T(dtype, a_shape, scale(), zero(dtype)), T(dtype, b_shape, scale(), zero(dtype))
    if const:
        b.data = rand(dtype, b_shape)
    shape = list(np.broadcast_shapes(a_shape, b_shape))
    y = T(dtype, shape, y_scale(a, b) if y_scale else a.scales[0] + b.scales[0], zero(dtype))
    opts = dict(options or {})
    if options_type and act:
        opts["fusedActivationFunction"] = act

    def text(t, i, o):
        u, v = t.real_of(i[0]), t.real_of(i[1])
        if core == "squared":
            d = t.emit(f"sub({u}, {v})", shape)
            r = t.emit(f"mul({d}, {d})", shape)
        else:
            r = t.emit(f"{core}({u}, {v})", shape)
        return activate(t, r, act, shape)

    if core in ("max", "min"):
        b.scales = y.scales = a.scales
        b.zeros = y.zeros = a.zeros
    if core == "div":
        a.feed = rand(dtype, a_shape)
        a.feed[a.feed == a.zeros[0]] += 1  # the kernels shift by more than they may
        b.feed = np.where(rand(dtype, b_shape) % 2 == 0, b.zeros[0] + 9, b.zeros[0] + 40).astype(TYPES[dtype][1])
    case(name, op, options_type, opts, [a, b], [y], text)


def unary(name, op, options_type, core, dtype, x_scale, y_scale, x_zero=0, y_zero=0, options=None, shape=(2, 37), low=None):
    x, y = T(dtype, shape, x_scale, x_zero), T(dtype, shape, y_scale, y_zero)
    if low is not None:
        x.feed = rand(dtype, shape, low)

    def text(t, i, o):
        v = t.real_of(i[0])
        if isinstance(core, str):
            return t.emit(core.format(x=v), shape)
        return core(t, v, shape)

    case(name, op, options_type, options or {}, [x], [y], text)


def clip(low, high):
    return lambda t, v, shape: t.emit(f"clip({v}, {t.const('f32', [], low)}, {t.const('f32', [], high)})", shape)


def reduce(name, op, mode, dtype, shape, axes, keep, x_scale=0.05, y_scale=0.05, low=None, high=None):
    x = T(dtype, shape, x_scale, zero(dtype))
    out = [d for k, d in enumerate(shape) if k not in axes] if not keep else [1 if k in axes else d for k, d in enumerate(shape)]
    y = T(dtype, out, y_scale, zero(dtype))
    if mode in ("max", "min"):
        y.scales, y.zeros = x.scales, x.zeros
    if low is not None:
        x.feed = rand(dtype, shape, low, high)
    ax = T("i32", [len(axes)], data=np.array(axes, np.int32))

    def text(t, i, o):
        c = t.const("i64", [len(axes)], "[" + ",".join(map(str, axes)) + "]")
        return t.emit(f'reduce({t.real_of(i[0])}, {c}, mode="{mode}", keep_dims={int(keep)})', out)

    case(name, op, "ReducerOptions", dict(keepDims=keep), [x, ax], [y], text)


def pool(name, op, core, dtype, shape, kernel, stride, same, act=0):
    x = T(dtype, shape, 0.05, zero(dtype))
    o = -(-shape[1] // stride) if same else (shape[1] - kernel) // stride + 1
    y = T(dtype, [shape[0], o, o, shape[3]], 0.05, int(x.zeros[0]))

    def text(t, i, out):
        v = t.emit(f"{core}({t.real_of(i[0])}, kernel=[{kernel},{kernel}], strides=[{stride},{stride}], channel_axis=-1, "
                   f'auto_pad="{"same_upper" if same else "valid"}")', y.shape)
        return activate(t, v, act, y.shape)

    case(name, op, "Pool2DOptions", dict(padding=0 if same else 1, strideH=stride, strideW=stride, filterHeight=kernel,
                                         filterWidth=kernel, fusedActivationFunction=act), [x], [y], text)


def resize(name, dtype, shape, to, align, half):
    x = T(dtype, shape, 0.05, 3)
    y = T(dtype, [shape[0], to[0], to[1], shape[3]], 0.05, 3)
    if dtype == "i16":
        x.zeros = y.zeros = np.array([0])
    size = T("i32", [2], data=np.array(to, np.int32))
    coordinates = "align_corners" if align else "half_pixel" if half else "asymmetric"

    def text(t, i, o):
        c = t.const("i64", [2], f"[{to[0]},{to[1]}]")
        return t.emit(f'resize({t.real_of(i[0])}, {c}, mode="linear", coordinates="{coordinates}", axes=[1,2])', y.shape)

    case(name, "RESIZE_BILINEAR", "ResizeBilinearOptions", dict(alignCorners=align, halfPixelCenters=half), [x, size], [y], text)


def hybrid_fc(name, rows, depth, out, per_channel, asymmetric):
    x = T("f32", [rows, depth])
    ws = rng.uniform(0.01, 0.05, out) if per_channel else [0.02]
    w = T("i8", [out, depth], ws, 0, 0, rand("i8", [out, depth], -127))
    b = T("f32", [out], data=rng.standard_normal(out).astype(np.float32))
    y = T("f32", [rows, out])

    def text(t, i, o):
        mark = "litert_hybrid_asymmetric" if asymmetric else "litert_hybrid"
        return t.emit(f"gemm({t.real_of(i[0])}, {t.real_of(i[1], mark)}, {t.real_of(i[2])}, transpose_b=1)", o[0].shape)

    case(name, "FULLY_CONNECTED", "FullyConnectedOptions", dict(asymmetricQuantizeInputs=asymmetric), [x, w, b], [y], text)


def hybrid_matmul(name, shape, out, adjoint):
    depth = shape[-1]
    x, y = T("f32", shape), T("f32", shape[:-1] + [out])
    w_shape = [out, depth] if adjoint else [depth, out]
    w = T("i8", w_shape, [0.02], 0, 0, rand("i8", w_shape, -127))
    case(name, "BATCH_MATMUL", "BatchMatMulOptions", dict(adjY=adjoint), [x, w], [y],
         lambda t, i, o: t.emit(f'matmul({t.real_of(i[0])}, {t.real_of(i[1], "litert_hybrid")}, transpose_b={int(adjoint)})', y.shape))


def hybrid_conv(name, shape, kernel, out, per_channel, depthwise=False):
    x = T("f32", shape)
    n = shape[3] if depthwise else out
    ws = rng.uniform(0.01, 0.05, n) if per_channel else [0.02]
    wshape = [1, kernel, kernel, n] if depthwise else [n, kernel, kernel, shape[3]]
    w = T("i8", wshape, ws, 0, 3 if depthwise else 0, rand("i8", wshape, -127))
    b = T("f32", [n], data=rng.standard_normal(n).astype(np.float32))
    y = T("f32", shape[:3] + [n])

    def text(t, i, o):
        layout, group = ("ihwo", f", group={shape[3]}") if depthwise else ("ohwi", "")
        return t.emit(f'conv({t.real_of(i[0])}, {t.real_of(i[1], "litert_hybrid")}, {t.real_of(i[2])}, channel_axis=-1, '
                      f'weight_layout="{layout}", strides=[1,1], auto_pad="same_upper"{group})', o[0].shape)

    opts = dict(padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    if depthwise:
        opts["depthMultiplier"] = 1
    case(name, "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
         opts, [x, w, b], [y], text)


def batch_matmul(name, dtype, a_shape, b_shape, adj_x=False, adj_y=False):
    a, b = T(dtype, a_shape, 1e-3 if dtype == "i16" else 0.03, zero(dtype)), T(dtype, b_shape, 1e-3 if dtype == "i16" else 0.04, zero(dtype))
    m = a_shape[-1] if adj_x else a_shape[-2]
    n = b_shape[-2] if adj_y else b_shape[-1]
    y = T(dtype, list(np.broadcast_shapes(a_shape[:-2], b_shape[:-2])) + [m, n], 0.01 if dtype == "i16" else 0.15, zero(dtype))

    def text(t, i, o):
        return t.emit(f"matmul({t.real_of(i[0])}, {t.real_of(i[1])}, transpose_a={int(adj_x)}, transpose_b={int(adj_y)})", y.shape)

    case(name, "BATCH_MATMUL", "BatchMatMulOptions", dict(adjX=adj_x, adjY=adj_y), [a, b], [y], text)


def requantize(name, a, b, sa, sb, za, zb):
    x, y = T(a, [41], sa, za), T(b, [41], sb, zb)
    if a == "i32":
        x.feed = rand("i32", [41], -40000, 40000)
    case(name, "QUANTIZE", "QuantizeOptions", {}, [x], [y], lambda t, i, o: t.real_of(i[0]))


def concat(name, dtype, same):
    a, b = T(dtype, [2, 3], 0.05, 120), T(dtype, [2, 4], 0.05 if same else 0.08, 120 if same else 100)
    y = T(dtype, [2, 7], 0.05 if same else 0.07, 120 if same else 110)
    case(name, "CONCATENATION", "ConcatenationOptions", dict(axis=1), [a, b], [y],
         lambda t, i, o: t.emit(f"concat({t.real_of(i[0])}, {t.real_of(i[1])}, axis=1)", y.shape))


def compare(name, op, core, dtype):
    a, b = T(dtype, [5, 9], 0.05, zero(dtype)), T(dtype, [5, 9], 0.06, zero(dtype))
    y = T("bool", [5, 9])
    case(name, op, None, {}, [a, b], [y], lambda t, i, o: t.emit(f"{core}({t.real_of(i[0])}, {t.real_of(i[1])})", y.shape, "bool"))


def layer(name, folder, op, options_type, options, ins, y, intermediates, variables):
    model = tflite(op, options_type, options, ins, [y], intermediates, variables, version=3)
    (folder / f"{name}.tflite").write_bytes(model)
    it = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    print("case", name)
    print("model", f"{name}.tflite")
    for _ in range(3):
        value = rand(ins[0].dtype, ins[0].shape)
        it.set_tensor(it.get_input_details()[0]["index"], value)
        it.invoke()
        out = it.get_tensor(it.get_output_details()[0]["index"])
        print("in", ins[0].dtype, "[" + ",".join(map(str, value.shape)) + "]", " ".join(str(int(v)) for v in value.reshape(-1)))
        print("out", y.dtype, " ".join(str(int(v)) for v in out.reshape(-1)))


def lstm(name, folder, batch, time, inputs, hidden, coupled=False, time_major=False, clip=0.0):
    lead = [time, batch] if time_major else [batch, time]
    x, h, c = T("i8", lead + [inputs], 0.02, -5), T("i8", [batch, hidden], 0.0078, -3), T("i16", [batch, hidden], 1 / 2048)
    y = T("i8", lead + [hidden], 0.0078, -3)
    gates = [None if coupled and g == 0 else g for g in range(4)]
    weights = lambda n: [None if g is None else T("i8", [hidden, n], 0.01, 0, 0, rand("i8", [hidden, n], -127)) for g in gates]
    bias = [None if g is None else T("i32", [hidden], 2e-4, 0, 0, rand("i32", [hidden], -3000, 3000)) for g in gates]
    ins = [x] + weights(inputs) + weights(hidden) + [None] * 3 + bias + [None, None, h, c] + [None] * 4
    inner = [T("i16", [1], 1 / 4096) for _ in range(4)] + [T("i8", [1], 0.0078, -3)]
    layer(name, folder, "UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTMOptions",
          dict(fusedActivationFunction=4, cellClip=clip, timeMajor=time_major), ins, y, inner, (h, c))


def svdf(name, folder, batch, inputs, filters, memory, rank):
    x, state = T("i8", [batch, inputs], 0.02, -5), T("i16", [batch, memory * filters], 5e-4)
    features = T("i8", [filters, inputs], 0.01, 0, 0, rand("i8", [filters, inputs], -127))
    times = T("i16", [filters, memory], 1e-4, 0, 0, rand("i16", [filters, memory], -3000, 3000))
    bias = T("i32", [filters // rank], 5e-8, 0, 0, rand("i32", [filters // rank], -300000, 300000))
    y = T("i8", [batch, filters // rank], 0.02, 4)
    layer(name, folder, "SVDF", "SVDFOptions", dict(rank=rank, fusedActivationFunction=1), [x, features, times, bias, state], y,
          (), (state,))


def main():
    folder = pathlib.Path(sys.argv[1])
    sys.stdout = open(folder / "litert_integer_cases.txt", "w")
    for d in ("i8", "u8"):
        pc = d == "i8"
        conv(f"conv_{d}", d, [2, 5, 6, 3], 3, 5, per_channel=pc)
        conv(f"conv_{d}_stride_relu6", d, [1, 7, 7, 17], 3, 18, stride=2, per_channel=pc, act=3)
        conv(f"conv_{d}_valid_relu", d, [1, 6, 6, 4], 2, 33, same=False, per_channel=False, act=1)
        conv(f"conv_{d}_pointwise", d, [1, 4, 5, 33], 1, 20, per_channel=pc)
        conv(f"conv_{d}_dilated", d, [1, 8, 8, 2], 3, 3, same=False, dilation=2, per_channel=pc)
        conv(f"depthwise_{d}", d, [1, 6, 7, 19], 3, 0, depthwise=True, per_channel=pc)
        conv(f"depthwise_{d}_stride", d, [2, 7, 7, 5], 3, 0, stride=2, depthwise=True, per_channel=pc, act=2)
        conv(f"depthwise_{d}_multiple", d, [1, 5, 5, 3], 3, 0, depthwise=True, mult=2, per_channel=pc)
        fully_connected(f"fc_{d}", d, 3, 70, 19)
        fully_connected(f"fc_{d}_relu", d, 1, 33, 40, act=1)
        transpose_conv(f"transpose_conv_{d}_same", d, [1, 4, 4, 3], 3, 5, 2, True)
        transpose_conv(f"transpose_conv_{d}_valid", d, [1, 3, 3, 2], 3, 4, 2, False)
    conv("conv_i16", "i16", [1, 5, 5, 30], 3, 6)
    conv("conv_i16_narrow", "i16", [1, 4, 4, 3], 3, 6, bias_type="i32")
    conv("depthwise_i16", "i16", [1, 5, 5, 6], 3, 0, depthwise=True)
    fully_connected("fc_i8_per_channel", "i8", 2, 40, 12, per_channel=True)
    fully_connected("fc_i8_no_bias", "i8", 2, 40, 12, bias=False)
    fully_connected("fc_i16", "i16", 2, 300, 9)
    transpose_conv("transpose_conv_i16", "i16", [1, 3, 3, 2], 3, 4, 2, True)
    batch_matmul("batch_matmul_i8", "i8", [2, 3, 7], [2, 7, 5])
    batch_matmul("batch_matmul_i8_adjoint", "i8", [2, 3, 7], [1, 5, 7], adj_y=True)
    batch_matmul("batch_matmul_i16", "i16", [3, 7], [7, 4])
    for d in ("i8", "u8", "i16"):
        pot = dict(potScaleInt16=False) if d == "i16" else {}
        binary(f"add_{d}", "ADD", "AddOptions", "add", d, [3, 11], [3, 11], options=pot)
        binary(f"add_{d}_broadcast_relu", "ADD", "AddOptions", "add", d, [2, 3, 4], [4], act=1, options=pot)
        binary(f"sub_{d}", "SUB", "SubOptions", "sub", d, [3, 11], [3, 11], options=pot)
        binary(f"sub_{d}_broadcast", "SUB", "SubOptions", "sub", d, [2, 1, 4], [2, 3, 1], options=pot)
        binary(f"mul_{d}", "MUL", "MulOptions", "mul", d, [3, 11], [3, 11], y_scale=lambda a, b: a.scales[0] * b.scales[0] * (9000 if d == "i16" else 60))
        binary(f"mul_{d}_broadcast_relu6", "MUL", "MulOptions", "mul", d, [2, 3, 4], [1, 3, 1], act=3, y_scale=lambda a, b: a.scales[0] * b.scales[0] * (9000 if d == "i16" else 60))
        binary(f"maximum_{d}", "MAXIMUM", "MaximumMinimumOptions", "max", d, [3, 5], [5])
        reduce(f"reduce_max_{d}", "REDUCE_MAX", "max", d, [2, 3, 4], [1], False)
        reduce(f"mean_{d}", "MEAN", "mean", d, [2, 5, 3, 4], [1, 2], True, y_scale=0.021)
        reduce(f"mean_{d}_last", "MEAN", "mean", d, [3, 7], [1], False)
        if d == "u8":  # sums of signed data are not what they should be in version 2.1.2
            reduce(f"sum_{d}", "SUM", "sum", d, [2, 6, 4], [1], False, y_scale=0.17)
        pool(f"average_pool_{d}", "AVERAGE_POOL_2D", "avg_pool", d, [1, 5, 5, 3], 3, 2, True)
        pool(f"average_pool_{d}_relu6", "AVERAGE_POOL_2D", "avg_pool", d, [1, 6, 6, 3], 2, 2, False, act=3)
        pool(f"max_pool_{d}_relu", "MAX_POOL_2D", "max_pool", d, [1, 5, 5, 3], 3, 2, True, act=1)
        for k, (align, half) in enumerate(((False, False), (True, False), (False, True))):
            resize(f"resize_{d}_{k}", d, [1, 3, 4, 2], [7, 5], align, half)
        unary(f"leaky_relu_{d}", "LEAKY_RELU", "LeakyReluOptions", "leaky_relu({x}, alpha=0.30000001192092896)", d, 0.04, 0.05, zero(d), zero(d), dict(alpha=0.3))
        unary(f"relu_{d}", "RELU", None, "relu({x})", d, 0.04, 0.03, zero(d), zero(d))
        unary(f"relu6_{d}", "RELU6", None, clip("0.0", "6.0"), d, 0.06, 0.03, zero(d), zero(d))
    binary("div_u8", "DIV", "DivOptions", "div", "u8", [3, 7], [3, 7], y_scale=lambda a, b: 0.2)
    binary("squared_difference_i8", "SQUARED_DIFFERENCE", "SquaredDifferenceOptions", "squared", "i8", [3, 11], [3, 11], y_scale=lambda a, b: (a.scales[0] + b.scales[0]) ** 2 * 40)
    binary("prelu_i8", "PRELU", None, "prelu", "i8", [1, 3, 3, 4], [1, 1, 4], y_scale=lambda a, b: a.scales[0] * 1.5, const=True)
    binary("prelu_u8", "PRELU", None, "prelu", "u8", [1, 3, 3, 4], [1, 1, 4], y_scale=lambda a, b: a.scales[0] * 1.5, const=True)
    for d, z in (("i8", -128), ("u8", 0)):
        unary(f"logistic_{d}", "LOGISTIC", None, "sigmoid({x})", d, 0.06, 1 / 256, zero(d), z)
        unary(f"tanh_{d}", "TANH", None, "tanh({x})", d, 0.03, 1 / 128, zero(d), 0 if d == "i8" else 128)
        unary(f"softmax_{d}", "SOFTMAX", "SoftmaxOptions", "softmax({x})", d, 0.11, 1 / 256, zero(d), z, dict(beta=1.0))
        unary(f"log_softmax_{d}", "LOG_SOFTMAX", "LogSoftmaxOptions", 'softmax({x}, mode="log")', d, 0.07, 16 / 256, zero(d), 127 if d == "i8" else 255)
        unary(f"l2_norm_{d}", "L2_NORMALIZATION", "L2NormOptions", "lp_norm({x})", d, 0.07, 1 / 128, zero(d), 0 if d == "i8" else 128)
        unary(f"hard_swish_{d}", "HARD_SWISH", None, "hard_swish({x})", d, 0.06, 0.05, zero(d), zero(d))
        unary(f"hard_swish_{d}_wide", "HARD_SWISH", None, "hard_swish({x})", d, 0.3, 0.2, zero(d), zero(d))
        unary(f"gelu_{d}", "GELU", "GeluOptions", "gelu({x})", d, 0.04, 0.03, zero(d), zero(d))
        unary(f"gelu_{d}_tanh", "GELU", "GeluOptions", 'gelu({x}, approximate="tanh")', d, 0.04, 0.03, zero(d), zero(d), dict(approximate=True))
    unary("softmax_i8_beta", "SOFTMAX", "SoftmaxOptions",
          lambda t, v, sh: t.emit(f"softmax({t.emit(f'mul({v}, ' + t.const('f32', [], '0.5') + ')', sh)})", sh), "i8", 0.2, 1 / 256, 3, -128, dict(beta=0.5))
    unary("softmax_i16", "SOFTMAX", "SoftmaxOptions", "softmax({x})", "i16", 0.0003, 1 / 32768, 0, 0, dict(beta=1.0))
    unary("logistic_i16", "LOGISTIC", None, "sigmoid({x})", "i16", 0.0003, 1 / 32768)
    unary("logistic_i16_power", "LOGISTIC", None, "sigmoid({x})", "i16", 1 / 4096, 1 / 32768)
    unary("tanh_i16", "TANH", None, "tanh({x})", "i16", 0.0002, 1 / 32768)
    unary("tanh_i16_power", "TANH", None, "tanh({x})", "i16", 1 / 4096, 1 / 32768)
    unary("exp_i8", "EXP", "ExpOptions", "exp({x})", "i8", 0.02, 0.1, 3, -128)
    unary("exp_i16", "EXP", "ExpOptions", "exp({x})", "i16", 1e-4, 1e-3)
    unary("log_i8", "LOG", None, "log({x})", "i8", 0.03, 0.05, -128, 10)
    unary("rsqrt_i8", "RSQRT", None, lambda t, v, sh: t.emit(f"reciprocal({t.emit(f'sqrt({v})', sh)})", sh), "i8", 0.02, 0.04, -100, -128, low=-99)
    unary("abs_i8", "ABS", None, "abs({x})", "i8", 0.04, 0.03, 4, -128)
    reduce("reduce_min_i8", "REDUCE_MIN", "min", "i8", [2, 3, 4], [0, 2], True)
    reduce("reduce_prod_i8", "REDUCE_PROD", "prod", "i8", [2, 3], [1], False, x_scale=0.06, y_scale=0.2)
    requantize("requantize_i8_u8", "i8", "u8", 0.05, 0.05, -3, 125)
    requantize("requantize_i8", "i8", "i8", 0.05, 0.031, -3, 12)
    requantize("requantize_i16_i8", "i16", "i8", 0.0005, 0.07, 0, 12)
    requantize("requantize_i32_i8", "i32", "i8", 0.0005, 0.1, 0, 2)
    requantize("requantize_i16_i32", "i16", "i32", 0.0005, 0.00007, 0, 0)
    concat("concat_u8", "u8", True)
    concat("concat_u8_scales", "u8", False)
    for d in ("i8", "u8"):
        compare(f"less_{d}", "LESS", "less", d)
        compare(f"equal_{d}", "EQUAL", "equal", d)
    hybrid_fc("hybrid_fc", 3, 37, 9, False, False)
    hybrid_fc("hybrid_fc_per_channel", 3, 37, 9, True, False)
    hybrid_fc("hybrid_fc_asymmetric", 3, 37, 12, False, True)
    fully_connected("fc_i8_computed", "i8", 3, 20, 9, computed=True)
    hybrid_matmul("hybrid_matmul", [3, 11], 5, False)
    hybrid_matmul("hybrid_matmul_adjoint", [2, 3, 11], 5, True)
    hybrid_conv("hybrid_conv", [2, 5, 5, 3], 3, 6, False)
    hybrid_conv("hybrid_conv_per_channel", [2, 5, 5, 3], 3, 6, True)
    hybrid_conv("hybrid_depthwise", [1, 5, 5, 7], 3, 0, True, depthwise=True)
    lstm("lstm_i8", folder, 2, 3, 5, 6)
    lstm("lstm_i8_coupled", folder, 1, 3, 5, 6, coupled=True)
    lstm("lstm_i8_time_major", folder, 2, 4, 5, 3, time_major=True)
    lstm("lstm_i8_clip", folder, 1, 6, 9, 12, clip=3.0)
    svdf("svdf_i8", folder, 2, 7, 8, 4, 2)
    svdf("svdf_i8_rank_1", folder, 1, 7, 8, 4, 1)


if __name__ == "__main__":
    sys.exit(main())
