"""The cases of differential.py: for each operator a handful of shapes, attributes and element types.

Operands that are functions draw from the case's own generator. Values are multiples of 1/32, so that the fixtures stay
small and halves round alike everywhere.
"""

import itertools

import numpy as np

F, D, H = np.float32, np.float64, np.float16
I64, I32, I8, U8 = np.int64, np.int32, np.int8, np.uint8


def f(*shape, lo=-4.0, hi=4.0, t=F):
    return lambda rng: (rng.integers(int(lo * 32), int(hi * 32) + 1, shape) / 32).astype(t)


def i(*shape, lo=-10, hi=10, t=I64):
    return lambda rng: rng.integers(lo, hi + 1, shape).astype(t)


def b(*shape):
    return lambda rng: rng.integers(0, 2, shape).astype(bool)


def a(values, t=I64):
    return np.array(values, t)


def text(*values):
    return np.array(values, object)


def unary(add):
    anywhere = ["Ceil", "Cos", "Erf", "Exp", "Floor", "HardSwish", "LeakyRelu", "Elu", "Celu", "Selu", "Round", "Sigmoid",
                "Sin", "Softplus", "Softsign", "Tanh", "ThresholdedRelu", "Atan", "Asinh", "Cosh", "Sinh", "Mish",
                "HardSigmoid", "Relu", "Abs", "Neg", "Sign", "Identity"]
    for op in anywhere:
        opset = 18 if op == "Mish" else 17
        add(op, [f(2, 3, 4)], opset=opset)
        add(op, [f(7, t=D)], opset=opset)
        add(op, [f(5, 2, t=H)], opset=opset)
        add(op, [f(0, 3)], opset=opset)
        # where a formula comes to infinity * 0, the runtime gives NaN and the kernel its limit
        ends = [] if op in ("HardSwish", "Mish", "Softsign") else [np.inf, -np.inf]
        add(op, [a([*ends, np.nan, -0.0, 0.0, 0.5, -2.5, 1.5], F)], opset=opset)
    for op, lo, hi in (("Acos", -1, 1), ("Asin", -1, 1), ("Acosh", 1, 5), ("Atanh", -0.9, 0.9), ("Log", 0.1, 9),
                       ("Reciprocal", 0.5, 3), ("Sqrt", 0, 9), ("Tan", -1.4, 1.4)):
        add(op, [f(2, 5, lo=lo, hi=hi)])
        add(op, [f(6, lo=lo, hi=hi, t=D)])
        add(op, [f(6, lo=lo, hi=hi, t=H)])
    for op in ("Abs", "Neg", "Sign", "Relu"):
        for t in (I8, I32, I64):
            add(op, [i(3, 4, t=t)])
    add("LeakyRelu", [f(3, 4)], {"alpha": 0.3})
    add("Elu", [f(3, 4)], {"alpha": 0.3})
    add("Celu", [f(3, 4)], {"alpha": 0.3})
    add("Selu", [f(3, 4)], {"alpha": 1.1, "gamma": 2.0})
    add("HardSigmoid", [f(3, 4)], {"alpha": 0.3, "beta": 0.4})
    add("ThresholdedRelu", [f(3, 4)], {"alpha": 0.3})
    for kind in ("none", "tanh"):
        add("Gelu", [f(2, 9)], {"approximate": kind}, 20)
        add("Gelu", [f(5, t=D)], {"approximate": kind}, 20)
    add("Swish", [f(2, 5)], {"alpha": 0.7}, 24)
    add("Shrink", [f(3, 4)], {"lambd": 1.5, "bias": 0.25})
    add("Shrink", [i(9, t=I32)], {"lambd": 1.5})
    add("IsNaN", [a([0, np.nan, np.inf], F)])
    add("IsInf", [a([0, np.nan, np.inf, -np.inf], F)])
    add("IsInf", [a([0, np.nan, np.inf, -np.inf], D)], {"detect_negative": 0})
    add("Not", [b(3, 4)])
    add("BitwiseNot", [i(3, 4, t=I32)], opset=18)
    add("BitwiseNot", [i(4, lo=0, hi=255, t=U8)], opset=18)
    for bounds in ([a(-1, F), a(2, F)], [None, a(1, F)], [a(0, F)], []):
        add("Clip", [f(3, 4), *bounds])
    add("Clip", [i(9, t=I32), a(-3, I32), a(4, I32)])
    add("Clip", [f(3, 4)], {"min": -1.0, "max": 0.5}, 6)
    add("Affine", [f(3)], {"alpha": 2.0, "beta": 1.0}, 8)


def binary(add):
    shapes = (((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((3, 1), (1, 5)), ((), (2, 2)), ((0, 3), (1,)))
    for op in ("Add", "Sub", "Mul", "Max", "Min", "Sum", "Mean"):
        for x, y in shapes:
            add(op, [f(*x), f(*y)])
        add(op, [f(3, t=D), f(3, t=D)])
        add(op, [f(4, t=H), f(4, t=H)])
    for op in ("Max", "Min", "Sum", "Mean"):
        add(op, [f(2, 3), f(3), f(1, 3)])
        add(op, [f(2, 3)])
    for op, t in itertools.product(("Add", "Sub", "Mul", "Div"), (I32, I64, I8, U8)):
        add(op, [i(3, 4, lo=1, hi=20, t=t), i(4, lo=1, hi=5, t=t)], opset=14)
    for x, y in shapes:
        add("Div", [f(*x), f(*y, lo=0.5)])
        add("Pow", [f(*x, lo=0.25), f(*y)])
    add("Pow", [f(5), a([2.0], F)])
    add("Pow", [f(5), a([3], I64)])
    add("Pow", [i(5, lo=-4, hi=4, t=I32), a([2], I32)])
    add("Pow", [i(5, lo=-4, hi=4), a([2.0], F)])
    for t in (I32, I64, I8, U8):
        add("Mod", [i(9, lo=0 if t is U8 else -9, hi=9, t=t), i(9, lo=1, hi=5, t=t)])
    add("Mod", [i(9), a(-4)])
    add("Mod", [f(9), f(9, lo=0.5)], {"fmod": 1})
    add("Mod", [i(9), i(9, lo=1, hi=4)], {"fmod": 1})
    for op in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
        for x, y in shapes[:4]:
            add(op, [f(*x, lo=-1, hi=1), f(*y, lo=-1, hi=1)])
        add(op, [i(9, lo=-2, hi=2), i(9, lo=-2, hi=2)])
        add(op, [i(9, lo=-2, hi=2, t=I32), i(9, lo=-2, hi=2, t=I32)])
        add(op, [a([np.nan, 1, np.inf], F), a([np.nan, np.nan, np.inf], F)])
    add("Equal", [b(4), b(4)])
    add("Equal", [text("a", "b"), text("a", "c")], opset=19)
    for op in ("And", "Or", "Xor"):
        add(op, [b(2, 3), b(3)])
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        add(op, [i(2, 3, t=I32), i(3, t=I32)], opset=18)
        add(op, [i(5, lo=0, hi=255, t=U8), i(5, lo=0, hi=255, t=U8)], opset=18)
    for direction in ("LEFT", "RIGHT"):
        add("BitShift", [i(6, lo=0, hi=255, t=U8), i(6, lo=0, hi=7, t=U8)], {"direction": direction})
        add("BitShift", [i(6, lo=0, hi=255, t=np.uint64), i(1, lo=0, hi=7, t=np.uint64)], {"direction": direction})
    add("PRelu", [f(2, 3, 4), f(3, 1)])
    add("PRelu", [f(2, 3, 4), f(1)])
    add("Where", [b(2, 3), f(2, 3), f(3)])
    add("Where", [b(3, 1), i(1, 4), i(3, 4)])
    add("Where", [b(2), text("a", "b"), text("c")])


def reduce(add):
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
               "ReduceLogSum", "ReduceLogSumExp"):
        lo = 0.5 if op == "ReduceLogSum" else -2
        def x(*s, **k):
            return f(*s, lo=lo, hi=3, **k)
        add(op, [x(2, 3, 4), a([1])], {"keepdims": 0}, 18, const=(1,))
        add(op, [x(2, 3, 4), a([0, -1])], {}, 18, const=(1,))
        add(op, [x(2, 3, 4)], {}, 18)
        add(op, [x(2, 3, 4), a([], I64)], {"noop_with_empty_axes": 1}, 18, const=(1,))
        add(op, [x(6, t=D), a([0])], {"keepdims": 0}, 18)
        add(op, [x(3, 1, 2, 2), a([-3, 2])], {"keepdims": 0}, 18, const=(1,))
        if op != "ReduceSum":
            add(op, [x(2, 3, 4)], {"axes": [0, 2], "keepdims": 0}, 11)
    for op in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"):
        add(op, [i(3, 4, t=I32), a([1])], {}, 18, const=(1,))
        add(op, [i(3, 4), a([0])], {"keepdims": 0}, 18, const=(1,))
    add("ReduceMax", [i(3, 4, lo=0, hi=200, t=U8), a([0])], {}, 18, const=(1,))
    for op, last, axis in itertools.product(("ArgMax", "ArgMin"), (0, 1), (0, -1)):
        add(op, [i(3, 5, lo=0, hi=3, t=F)], {"axis": axis, "select_last_index": last, "keepdims": last}, 13)
    add("ArgMax", [i(3, 5, t=I32)], {"axis": 1}, 13)
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for axis in (0, 1, -1):
            add(op, [f(2, 3, 4)], {"axis": axis}, 13)
        add(op, [f(2, 3, 4)], {"axis": 1}, 11)
        add(op, [f(3, 7, t=D)], {}, 13)
    for ex, rev in itertools.product((0, 1), (0, 1)):
        add("CumSum", [f(3, 4), a(1)], {"exclusive": ex, "reverse": rev}, 14, const=(1,))
    add("CumSum", [i(5), a(-1)], {}, 14, const=(1,))
    for largest, ordered in itertools.product((0, 1), (1,)):
        add("TopK", [f(3, 7), a([3])], {"largest": largest, "sorted": ordered}, 11, outputs=2, const=(1,))
    add("TopK", [i(4, 5), a([2])], {"axis": 0}, 11, outputs=2, const=(1,))
    add("TopK", [f(3, 7)], {"k": 2}, 1, outputs=2)


def movement(add):
    for shape in ([6, 4], [-1, 3], [0, 12], [2, -1, 2]):
        add("Reshape", [f(2, 3, 4), a(shape)], opset=14, const=(1,))
    add("Reshape", [f(2, 3, 4), a([4, -1])], opset=14)
    add("Reshape", [f(0, 3), a([0, 5, 0])], {"allowzero": 1}, 14, const=(1,))
    add("Flatten", [f(2, 3, 4)], {"axis": 2}, 13)
    add("Flatten", [f(2, 3, 4)], {"axis": -1}, 13)
    add("Squeeze", [f(1, 3, 1), a([0])], opset=13, const=(1,))
    add("Squeeze", [f(1, 3, 1)], opset=13)
    add("Squeeze", [f(1, 3, 1)], {"axes": [-1]}, 11)
    add("Unsqueeze", [f(2, 3), a([0, -1])], opset=13, const=(1,))
    add("Unsqueeze", [f(2, 3)], {"axes": [1]}, 11)
    for perm in ([2, 0, 1], [0, 2, 1], None):
        add("Transpose", [f(2, 3, 4)], {"perm": perm} if perm else {}, 13)
    add("Transpose", [i(2, 3, 4, 5, t=U8, lo=0)], {"perm": [3, 1, 2, 0]}, 13)
    add("Concat", [f(2, 3), f(1, 3)], {"axis": 0}, 13)
    add("Concat", [f(2, 3), f(2, 1), f(2, 0)], {"axis": -1}, 13)
    add("Concat", [text("a"), text("b", "c")], {"axis": 0}, 13)
    add("Split", [f(2, 7), a([2, 5])], {"axis": 1}, 13, outputs=2, const=(1,))
    add("Split", [f(6, 2)], {"axis": 0}, 13, outputs=3)
    add("Split", [f(7, 2)], {"axis": 0, "num_outputs": 3}, 18, outputs=3)
    add("Split", [f(6, 2)], {"axis": 0, "split": [1, 5]}, 11, outputs=2)
    for starts, ends, axes, steps in (([1], [3], [1], None), ([0, 1], [9, -1], [0, 2], [1, 2]), ([-1], [-9], [2], [-1]),
                                      ([3], [1], [1], [-1]), ([5], [9], [0], None)):
        add("Slice", [f(3, 4, 5), a(starts), a(ends), a(axes), None if steps is None else a(steps)], opset=13,
            const=(1, 2, 3, 4))
    add("Slice", [f(4, 5), a([1, 0]), a([3, 4])], opset=13)
    add("Slice", [f(4, 5)], {"starts": [1], "ends": [-1], "axes": [1]}, 9)
    for axis in (0, 1, -1):
        add("Gather", [f(3, 4, 5), a([[0, 2], [-1, 1]])], {"axis": axis}, 13)
        add("GatherElements", [f(3, 4), i(3, 2, lo=-2, hi=2)], {"axis": axis}, 13)
    add("Gather", [text("a", "b", "c"), a([2, 0])], {}, 13)
    add("Gather", [f(3, 4), a(1)], {}, 13)
    add("GatherND", [f(3, 4, 5), i(2, 2, lo=-3, hi=2)], {}, 13)
    add("GatherND", [f(2, 3, 4), i(2, 1, lo=0, hi=2)], {"batch_dims": 1}, 13)
    for how in ("none", "add", "mul", "max", "min"):
        add("ScatterElements", [f(3, 4), a([[0, 1, 2], [2, 0, 1]]), f(2, 3)], {"reduction": how, "axis": 1}, 18)
        add("ScatterND", [f(4, 3), a([[1], [3]]), f(2, 3)], {"reduction": how}, 18)
    add("ScatterElements", [f(3, 4), a([[0, 1, 2, 1]]), f(1, 4)], {}, 11)
    pads = a([0, 2, 1, 1])
    for mode in ("constant", "reflect", "edge", "wrap"):
        add("Pad", [f(3, 4), pads], {"mode": mode}, 19, const=(1,))
    add("Pad", [f(3, 4), pads, a(2.5, F)], {}, 13, const=(1,))
    add("Pad", [f(3, 4), a([-1, 0, 0, 2])], {}, 13, const=(1,))
    add("Pad", [f(3, 4), a([1, 2]), None, a([-1])], {}, 18, const=(1, 3))
    add("Pad", [f(3, 4)], {"pads": [0, 1, 1, 0], "value": 1.5}, 2)
    add("Pad", [i(4, t=I32), a([1, 1]), a(7, I32)], {}, 13, const=(1,))
    add("Expand", [f(3, 1), a([2, 1, 4])], opset=13, const=(1,))
    add("Expand", [f(3, 1), a([2, 3, 4])], opset=13)
    add("Tile", [f(2, 3), a([2, 1])], opset=13)
    for mode in ("DCR", "CRD"):
        add("DepthToSpace", [f(1, 8, 2, 3)], {"blocksize": 2, "mode": mode}, 13)
    add("SpaceToDepth", [f(1, 2, 4, 6)], {"blocksize": 2}, 13)
    add("Shape", [f(2, 3, 4)], {}, 13)
    add("Shape", [f(2, 3, 4)], {"start": -2, "end": 9}, 15)
    add("Size", [f(2, 3, 4)], {}, 13)
    add("Range", [a(1.0, F), a(4.0, F), a(0.5, F)], opset=11)
    add("Range", [a(10), a(1), a(-3)], opset=11)
    add("OneHot", [i(3, lo=-4, hi=4), a(4), a([0.5, 2], F)], {}, 11, const=(1,))
    add("OneHot", [i(2, 2, lo=0, hi=3), a(4), a([1, 9])], {"axis": 0}, 11, const=(1,))
    add("NonZero", [i(3, 4, lo=0, hi=1, t=F)], opset=13)
    add("NonZero", [b(5)], opset=13)
    add("Compress", [f(3, 4), a([True, False, True], bool)], {"axis": 0}, 11)
    add("Compress", [f(2, 2), a([False, True, True], bool)], {}, 11)
    for upper, k in itertools.product((0, 1), (-1, 0, 2)):
        add("Trilu", [f(2, 3, 4), a(k)], {"upper": upper}, 14, const=(1,))
    add("Unique", [a([2, 1, 1, 3, 4, 3], F)], {}, 11, outputs=4)
    add("Unique", [a([2, 1, 1, 3, 4, 3])], {"sorted": 0}, 11, outputs=4)
    add("Unique", [a([[1, 0], [1, 0], [0, 2]])], {"axis": 0}, 11, outputs=4)
    add("EyeLike", [f(3, 4)], {"k": 1}, 9)
    add("EyeLike", [i(3, 3, t=I32)], {"dtype": 1, "k": -1}, 9)
    add("ConstantOfShape", [a([2, 3])], {}, 9)
    add("ReverseSequence", [f(4, 3, 2), a([1, 4, 2])], {}, 10)
    add("ReverseSequence", [f(3, 4), a([1, 4, 2])], {"batch_axis": 0, "time_axis": 1}, 10)
    add("CenterCropPad", [f(5, 4, 3), a([3, 6, 3])], {}, 18, const=(1,))
    add("CenterCropPad", [f(5, 4, 3), a([2])], {"axes": [1]}, 18, const=(1,))
    for equation, operands in (("ij,jk->ik", [f(2, 3), f(3, 4)]), ("bij,bjk->bik", [f(2, 2, 3), f(2, 3, 2)]),
                               ("ii->i", [f(3, 3)]), ("ij->ji", [f(2, 3)]), ("...ij,...jk", [f(2, 2, 3), f(2, 3, 2)]),
                               ("i,j->ij", [f(3), f(2)]), ("ijk->", [f(2, 3, 2)])):
        add("Einsum", operands, {"equation": equation}, 12)


def cast(add):
    types = {1: F, 10: H, 11: D, 6: I32, 7: I64, 3: I8, 2: U8, 9: np.bool_, 12: np.uint32, 13: np.uint64, 5: np.int16}
    for to in types:
        for t in (F, D, H):
            add("Cast", [f(9, lo=0, hi=100, t=t)], {"to": to}, 19)
        for t in (I32, I64, U8):
            add("Cast", [i(9, lo=0, hi=100, t=t)], {"to": to}, 19)
    add("Cast", [b(5)], {"to": 1}, 19)
    add("Cast", [i(9, lo=-300, hi=300, t=I32)], {"to": 3}, 19)
    add("Cast", [f(5)], {"to": 8}, 19)
    add("Cast", [text("1.5", "-2", "3e2")], {"to": 1}, 19)
    add("CastLike", [f(5), i(2, t=I32)], {}, 19)


def matrices(add):
    for x, y in (((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2, 3), (3, 3, 4)), ((5, 2, 3), (3, 2)),
                 ((2, 0), (0, 3)), ((17, 33), (33, 19))):
        add("MatMul", [f(*x), f(*y)], opset=13)
    add("MatMul", [f(4, 5, t=D), f(5, 3, t=D)], opset=13)
    add("MatMul", [i(3, 4, t=I32), i(4, 2, t=I32)], opset=13)
    for ta, tb in itertools.product((0, 1), (0, 1)):
        add("Gemm", [f(*((3, 2) if ta else (2, 3))), f(*((4, 3) if tb else (3, 4))), f(4)],
            {"transA": ta, "transB": tb, "alpha": 0.5, "beta": 2.0}, 13)
    add("Gemm", [f(2, 3), f(3, 4)], opset=13)
    add("Gemm", [f(2, 3), f(3, 4), f(2, 1)], opset=13)
    add("Gemm", [f(2, 3), f(3, 4), a(1.5, F)], opset=13)
    for t, w in itertools.product((U8, I8), (U8, I8)):
        lo = {U8: 0, I8: -128}
        hi = {U8: 255, I8: 127}
        add("MatMulInteger", [i(3, 4, lo=lo[t], hi=hi[t], t=t), i(4, 2, lo=lo[w], hi=hi[w], t=w), a(3, t), a(2, w)], opset=10)
    add("MatMulInteger", [i(3, 4, lo=0, hi=255, t=U8), i(4, 2, lo=0, hi=255, t=U8)], opset=10)
    add("Det", [f(2, 3, 3)], opset=11)


def quantised(add):
    s = a(0.0625, F)
    for t, z in ((U8, 100), (I8, -3)):
        lo, hi = (0, 255) if t is U8 else (-128, 127)
        def q(*shape):
            return i(*shape, lo=lo, hi=hi, t=t)
        add("QuantizeLinear", [f(3, 5), s, a(z, t)], opset=13)
        add("DequantizeLinear", [q(3, 5), s, a(z, t)], opset=13)
        add("QuantizeLinear", [f(2, 3, 2), a([0.5, 0.25, 1], F), a([z, 0, 1], t)], {"axis": 1}, 13)
        add("DequantizeLinear", [q(2, 3, 2), a([0.5, 0.25, 1], F), a([z, 0, 1], t)], {"axis": 1}, 13)
        add("QLinearMatMul", [q(3, 4), s, a(z, t), q(4, 2), s, a(z, t), a(0.25, F), a(z, t)], opset=10)
        add("QLinearConv", [q(1, 2, 5, 5), s, a(z, t), q(3, 2, 3, 3), s, a(0 if t is I8 else z, t), a(2.0, F), a(z, t)],
            {"pads": [1, 1, 1, 1]}, 10, const=(1, 2, 3, 4, 5, 6, 7))
        # scales that leave no ties: whether the zero point is added before or after rounding is nowhere written down
        r = a(0.07, F)
        add("QLinearAdd", [q(2, 3), r, a(z, t), q(3), s, a(z, t), a(0.11, F), a(z, t)], domain="com.microsoft")
        add("QLinearMul", [q(2, 3), s, a(z, t), q(3), s, a(z, t), a(0.5, F), a(z, t)], domain="com.microsoft")
        add("QLinearLeakyRelu", [q(2, 5), s, a(z, t), s, a(z, t)], {"alpha": 0.25}, domain="com.microsoft",
            const=(1, 2, 3, 4))
        add("QLinearSigmoid", [q(2, 5), s, a(z, t), a(1 / 256, F), a(z, t)], domain="com.microsoft", const=(1, 2, 3, 4))
        add("QLinearConcat", [a(0.125, F), a(z, t), q(2, 3), s, a(z, t), q(2, 2), a(0.125, F), a(z, t)], {"axis": 1},
            domain="com.microsoft", const=(0, 1, 3, 4, 6, 7))
        add("QLinearGlobalAveragePool", [q(1, 2, 3, 3), s, a(z, t), s, a(z, t)], domain="com.microsoft")
        add("QLinearAveragePool", [q(1, 2, 4, 4), r, a(z, t), s, a(z, t)], {"kernel_shape": [2, 2]}, domain="com.microsoft")
    add("QuantizeLinear", [f(6), s], opset=13)
    add("DynamicQuantizeLinear", [f(3, 4)], opset=11, outputs=3)
    add("ConvInteger", [i(1, 1, 4, 4, lo=0, hi=255, t=U8), i(2, 1, 2, 2, lo=0, hi=255, t=U8), a(3, U8), a(1, U8)], opset=10)
    add("DynamicQuantizeMatMul", [f(3, 4), i(4, 2, lo=0, hi=255, t=U8), s, a(100, U8)], domain="com.microsoft")
    add("MatMulIntegerToFloat", [i(3, 4, lo=0, hi=255, t=U8), i(4, 2, lo=0, hi=255, t=U8), s, s, a(3, U8), a(2, U8), f(2)],
        domain="com.microsoft")


def windows(add):
    for attrs in ({}, {"pads": [1, 1, 1, 1]}, {"strides": [2, 2]}, {"dilations": [2, 1]}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
                  {"auto_pad": "SAME_LOWER"}, {"auto_pad": "VALID"}):
        add("Conv", [f(1, 2, 6, 5), f(3, 2, 3, 3), f(3)], attrs, 11)
    add("Conv", [f(2, 4, 5, 5), f(4, 1, 3, 3)], {"group": 4, "pads": [1, 0, 1, 2]}, 11)
    add("Conv", [f(1, 4, 5, 5), f(6, 2, 1, 1)], {"group": 2}, 11)
    add("Conv", [f(1, 2, 9), f(3, 2, 4)], {"strides": [3], "pads": [2, 1]}, 11)
    add("Conv", [f(1, 1, 4, 4, 4), f(2, 1, 2, 2, 2)], {}, 11)
    add("Conv", [f(1, 2, 4, 4, t=D), f(2, 2, 2, 2, t=D)], {}, 11)
    for attrs in ({}, {"strides": [2, 2]}, {"strides": [2, 2], "output_padding": [1, 1]}, {"pads": [1, 0, 1, 1]}, {"dilations": [2, 2]},
                  {"output_shape": [8, 8], "strides": [2, 2]}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}):
        add("ConvTranspose", [f(1, 2, 4, 4), f(2, 3, 3, 3), f(3)], attrs, 11)
    add("ConvTranspose", [f(1, 4, 4), f(4, 1, 3)], {"group": 4, "strides": [2]}, 11)
    pools = ({"kernel_shape": [2, 3]}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
             {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}, {"kernel_shape": [3, 2], "auto_pad": "SAME_LOWER", "strides": [2, 2]})
    for attrs in pools:
        add("MaxPool", [f(1, 2, 6, 6)], attrs, 12)
        add("AveragePool", [f(1, 2, 6, 6)], attrs, 11)
        add("AveragePool", [f(1, 2, 6, 6)], {**attrs, "count_include_pad": 1}, 11)
        add("LpPool", [f(1, 2, 6, 6)], attrs, 18)
    add("MaxPool", [f(1, 2, 6, 6)], {"kernel_shape": [2, 2], "dilations": [2, 2]}, 12)
    add("MaxPool", [f(1, 2, 6, 6)], {"kernel_shape": [2, 2], "strides": [2, 2]}, 12, outputs=2)
    add("MaxPool", [f(1, 2, 6, 6)], {"kernel_shape": [2, 2], "strides": [2, 2], "storage_order": 1}, 12, outputs=2)
    add("MaxPool", [i(1, 2, 9, lo=0, hi=255, t=U8)], {"kernel_shape": [3]}, 12)
    add("AveragePool", [f(1, 1, 7, 7)], {"kernel_shape": [2, 2], "dilations": [2, 2]}, 19)
    add("MaxUnpool", [f(1, 1, 2, 2), a([[[[5, 7], [13, 15]]]])], {"kernel_shape": [2, 2], "strides": [2, 2]}, 11)
    for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        add(op, [f(2, 3, 4, 5)], {}, 11)
        add(op, [f(1, 2, 7)], {}, 11)
    add("MaxRoiPool", [f(1, 2, 6, 6), a([[0, 0, 0, 3, 3], [0, 1, 1, 5, 4]], F)], {"pooled_shape": [2, 2]}, 11)
    boxes = a([[0, 0, 4, 4], [1, 1.5, 5, 5.5]], F)
    for mode, transform in itertools.product(("avg", "max"), ("half_pixel", "output_half_pixel")):
        add("RoiAlign", [f(1, 2, 6, 6), boxes, a([0, 0])],
            {"mode": mode, "coordinate_transformation_mode": transform, "output_height": 2, "output_width": 3, "sampling_ratio": 2}, 16)
    add("Col2Im", [f(1, 5, 5), a([5, 5]), a([1, 5])], {}, 18, const=(1, 2))
    add("Col2Im", [f(1, 9, 4), a([5, 5]), a([3, 3])], {"dilations": [2, 2], "pads": [1, 1, 1, 1], "strides": [2, 2]}, 18, const=(1, 2))
    add("DeformConv", [f(1, 1, 3, 3), f(1, 1, 2, 2), f(1, 8, 2, 2, lo=-1, hi=1), f(1), f(1, 4, 2, 2, lo=0, hi=1)],
        {"kernel_shape": [2, 2]}, 19)


def norms(add):
    add("BatchNormalization", [f(2, 3, 4, 4), f(3), f(3), f(3), f(3, lo=0.5, hi=2)], {"epsilon": 1e-3}, 15)
    add("BatchNormalization", [f(2, 3), f(3), f(3), f(3), f(3, lo=0.5, hi=2)], {}, 9)
    add("InstanceNormalization", [f(2, 3, 4, 4), f(3), f(3)], {"epsilon": 1e-3}, 6)
    for axis in (-1, 1):
        shape = (4,) if axis == -1 else (3, 4)
        add("LayerNormalization", [f(2, 3, 4), f(*shape), f(*shape)], {"axis": axis}, 17)
        add("LayerNormalization", [f(2, 3, 4), f(*shape)], {"axis": axis}, 17, outputs=3)
        add("RMSNormalization", [f(2, 3, 4), f(*shape)], {"axis": axis}, 23)
    add("GroupNormalization", [f(2, 4, 3, 3), f(4), f(4)], {"num_groups": 2}, 21)
    add("LRN", [f(1, 6, 3, 3)], {"size": 3, "alpha": 0.01, "beta": 0.5, "bias": 2.0}, 13)
    add("LRN", [f(1, 5, 2, 2)], {"size": 5}, 13)
    for p, axis in itertools.product((1, 2), (0, -1)):
        add("LpNormalization", [f(3, 4)], {"p": p, "axis": axis}, 1)
    add("MeanVarianceNormalization", [f(2, 3, 4, 4)], {}, 13)
    add("MeanVarianceNormalization", [f(2, 3, 4)], {"axes": [1]}, 13)
    add("Dropout", [f(2, 3)], {}, 13)
    add("NegativeLogLikelihoodLoss", [f(3, 5), i(3, lo=0, hi=4)], {"reduction": "mean"}, 13)
    add("NegativeLogLikelihoodLoss", [f(3, 5, 2), i(3, 2, lo=0, hi=4), f(5, lo=0.25)], {"reduction": "sum"}, 13)
    add("SoftmaxCrossEntropyLoss", [f(3, 5), i(3, lo=0, hi=4)], {"reduction": "none"}, 13)
    add("SoftmaxCrossEntropyLoss", [f(3, 5), i(3, lo=0, hi=4), f(5, lo=0.25)], {"ignore_index": 2}, 13, outputs=2)


def resampling(add):
    for mode, transform in itertools.product(
            ("nearest", "linear", "cubic"),
            ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric")):
        attrs = {"mode": mode, "coordinate_transformation_mode": transform}
        add("Resize", [f(1, 1, 4, 5), None, None, a([1, 1, 7, 3])], attrs, 19, const=(3,))
        add("Resize", [f(1, 1, 4, 4), None, a([1, 1, 0.75, 1.5], F)], attrs, 19, const=(2,))
    for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        add("Resize", [f(1, 1, 4, 4), None, a([1, 1, 1.5, 2.5], F)], {"mode": "nearest", "nearest_mode": nearest}, 13, const=(2,))
    add("Resize", [f(1, 1, 6, 6), None, a([1, 1, 0.5, 0.5], F)], {"mode": "linear", "antialias": 1}, 18, const=(2,))
    add("Resize", [f(1, 1, 6, 6), None, a([1, 1, 0.5, 0.5], F)], {"mode": "cubic", "antialias": 1, "cubic_coeff_a": -0.5}, 18, const=(2,))
    add("Resize", [f(1, 1, 5, 5), None, a([1, 1, 1.6, 0.8], F)], {"mode": "cubic", "exclude_outside": 1}, 13, const=(2,))
    add("Resize", [f(4, 6), None, None, a([8, 8])], {"mode": "linear", "keep_aspect_ratio_policy": "not_larger"}, 18, const=(3,))
    add("Resize", [f(1, 1, 4, 4), a([0, 0, 0.25, 0.25, 1, 1, 0.75, 1.25], F), None, a([1, 1, 3, 3])],
        {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0}, 13, const=(1, 3))
    add("Upsample", [f(1, 2, 3, 3), a([1, 1, 2, 2], F)], {"mode": "nearest"}, 9, const=(1,))
    add("Upsample", [f(1, 2, 3, 3), a([1, 1, 2, 2], F)], {"mode": "linear"}, 9, const=(1,))
    for mode, padding, corners in itertools.product(("linear", "nearest", "cubic"), ("zeros", "border", "reflection"), (0, 1)):
        add("GridSample", [f(1, 2, 4, 5), f(1, 3, 3, 2, lo=-1.3, hi=1.3)],
            {"mode": mode, "padding_mode": padding, "align_corners": corners}, 20)
    add("AffineGrid", [f(2, 2, 3, lo=-1, hi=1), a([2, 3, 4, 5])], {}, 20, const=(1,))
    add("AffineGrid", [f(1, 3, 4, lo=-1, hi=1), a([1, 1, 2, 3, 4])], {"align_corners": 1}, 20, const=(1,))
    boxes = lambda rng: np.sort(rng.integers(0, 64, (1, 6, 4)) / 8, axis=-1).astype(F)[..., [0, 1, 2, 3]]
    scores = lambda rng: rng.permutation(12).reshape(1, 2, 6).astype(F) / 16
    for center in (0, 1):
        add("NonMaxSuppression", [boxes, scores, a([3]), a([0.4], F), a([0.1], F)], {"center_point_box": center}, 11)


def signals(add):
    for size, periodic in itertools.product((1, 8, 9), (0, 1)):
        for op in ("HannWindow", "HammingWindow", "BlackmanWindow"):
            if size > 1 or periodic:
                add(op, [a(size)], {"periodic": periodic}, 17, const=(0,))
    for n, parts in itertools.product((4, 6, 7), (1, 2)):
        add("DFT", [f(2, n, parts)], {"axis": 1}, 17)
        add("DFT", [f(2, n, parts), None, a(1)], {}, 20, const=(2,))
    add("DFT", [f(1, 6, 2)], {"axis": 1, "inverse": 1}, 17)
    add("DFT", [f(1, 6, 1)], {"axis": 1, "onesided": 1}, 17)
    add("DFT", [f(1, 6, 2, 1), a(8)], {"axis": 1}, 17, const=(1,))
    add("STFT", [f(1, 24, 1), a(4), f(8), a(8)], {}, 17, const=(1, 3))
    add("STFT", [f(2, 20, 1), a(3), None, a(6)], {"onesided": 0}, 17, const=(1, 3))
    add("MelWeightMatrix", [a(8), a(16), a(8192), a(0.0, F), a(4096.0, F)], {}, 17, const=(0, 1, 2, 3, 4))
    add("MelWeightMatrix", [a(20), a(256), a(16000), a(20.0, F), a(7600.0, F)], {}, 17, const=(0, 1, 2, 3, 4))


def recurrent(add):
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}
    for op, g in gates.items():
        for direction in ("forward", "reverse", "bidirectional"):
            d = 2 if direction == "bidirectional" else 1
            head = [f(5, 2, 3, lo=-1, hi=1), f(d, g * 4, 3, lo=-1, hi=1), f(d, g * 4, 4, lo=-1, hi=1)]
            bias = f(d, 2 * g * 4, lo=-1, hi=1)
            states = [f(d, 2, 4, lo=-1, hi=1)] * (2 if op == "LSTM" else 1)
            outs = 3 if op == "LSTM" else 2
            attrs = {"hidden_size": 4, "direction": direction}
            add(op, head, attrs, 14, outputs=outs)
            add(op, [*head, bias, a([5, 3], I32), *states], attrs, 14, outputs=outs)
            add(op, [*head, bias], {**attrs, "clip": 0.5}, 14, outputs=outs)
            if op == "GRU":
                add(op, [*head, bias], {**attrs, "linear_before_reset": 1}, 14, outputs=outs)
                add(op, [*head, bias, a([4, 2], I32)], {**attrs, "linear_before_reset": 1}, 14, outputs=outs)
            if op == "LSTM":
                add(op, [*head, bias, None, None, None, f(d, 12, lo=-1, hi=1)], attrs, 14, outputs=outs)
                add(op, [*head, bias], {**attrs, "input_forget": 1}, 14, outputs=outs)
            names = {"RNN": ["Affine"], "GRU": ["HardSigmoid", "ScaledTanh"], "LSTM": ["HardSigmoid", "LeakyRelu", "Elu"]}[op]
            alpha = {"RNN": [0.5], "GRU": [0.3, 0.7], "LSTM": [0.3, 0.1, 0.5]}[op]
            beta = {"RNN": [0.1], "GRU": [0.4, 0.8], "LSTM": [0.4]}[op]
            add(op, [*head, bias], {**attrs, "activations": names * d, "activation_alpha": alpha * d, "activation_beta": beta * d}, 14, outputs=outs)
            names = {"RNN": ["Softsign"], "GRU": ["Softplus", "Softsign"], "LSTM": ["Sigmoid", "Relu", "Softsign"]}[op]
            add(op, [*head, bias], {**attrs, "activations": names * d}, 14, outputs=outs)


def attention(add):
    def qkv(b=2, h=2, kv=2, s=3, t=4, d=4, v=4):
        return [f(b, h, s, d, lo=-1, hi=1), f(b, kv, t, d, lo=-1, hi=1), f(b, kv, t, v, lo=-1, hi=1)]
    for attrs in ({}, {"is_causal": 1}, {"softcap": 0.5}, {"scale": 0.3}):
        add("Attention", qkv(), attrs, 23)
        add("Attention", qkv(h=4, v=3), attrs, 23)
        add("Attention", [*qkv(), f(3, 4)], attrs, 23)
        add("Attention", [*qkv(), b(2, 1, 3, 4)], attrs, 23)
        add("Attention", [*qkv(), f(3, 6), f(2, 2, 2, 4), f(2, 2, 2, 4)], attrs, 23, outputs=3)
    packed = [f(2, 3, 8, lo=-1, hi=1), f(2, 4, 8, lo=-1, hi=1), f(2, 4, 8, lo=-1, hi=1)]
    add("Attention", packed, {"q_num_heads": 2, "kv_num_heads": 2}, 23)
    for mode in (0, 1, 2, 3):
        add("Attention", [*qkv(), f(3, 4)], {"qk_matmul_output_mode": mode, "softcap": 1.0}, 23, outputs=[True, False, False, True])
    angles = [f(8, 4, lo=-1, hi=1), f(8, 4, lo=-1, hi=1)]
    for inter in (0, 1):
        add("RotaryEmbedding", [f(2, 3, 4, 8), *angles, a([[0, 1, 2, 3], [4, 5, 6, 7]])], {"interleaved": inter}, 23)
        add("RotaryEmbedding", [f(2, 4, 24), *angles, a([[0, 1, 2, 3], [4, 5, 6, 7]])], {"interleaved": inter, "num_heads": 3}, 23)
        add("RotaryEmbedding", [f(2, 3, 4, 8), a([[0, 1, 2, 3], [4, 5, 6, 7]]), *angles], {"interleaved": inter}, domain="com.microsoft")
        add("RotaryEmbedding", [f(2, 4, 24), a([3]), *angles], {"interleaved": inter}, domain="com.microsoft")
    ms = {"domain": "com.microsoft"}
    body = [f(2, 4, 6, lo=-1, hi=1), f(6, 24, lo=-1, hi=1), f(24, lo=-1, hi=1)]
    for uni in (0, 1):
        attrs = {"num_heads": 2, "unidirectional": uni}
        add("Attention", body, attrs, **ms)
        add("Attention", [*body, a([3, 4], I32)], attrs, **ms)
        add("Attention", [*body, a([3, 4, 1, 0], I32)], attrs, **ms)
        add("Attention", [*body, i(2, 4, lo=0, hi=1, t=I32)], attrs, **ms)
        add("Attention", [*body, i(2, 4, 4, lo=0, hi=1, t=I32)], attrs, **ms)
        add("Attention", [*body, None, f(2, 2, 2, 3, 4)], attrs, outputs=2, **ms)
        add("Attention", [*body, i(2, 7, lo=0, hi=1, t=I32), f(2, 2, 2, 3, 4)], attrs, outputs=2, **ms)
        add("Attention", [*body, None, None, f(1, 2, 4, 4)], attrs, **ms)
    add("Attention", [body[0], f(6, 20, lo=-1, hi=1), f(20, lo=-1, hi=1)], {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 4]}, **ms)
    q, k, v = (f(2, 3, 8, lo=-1, hi=1), f(2, 5, 8, lo=-1, hi=1), f(2, 5, 12, lo=-1, hi=1))
    heads = {"num_heads": 2}
    add("MultiHeadAttention", [q, k, v], heads, **ms)
    add("MultiHeadAttention", [q, k, v, f(28)], heads, **ms)
    add("MultiHeadAttention", [q, k, v, None, a([3, 5], I32)], heads, **ms)
    add("MultiHeadAttention", [q, k, v, None, i(2, 5, lo=0, hi=1, t=I32)], heads, **ms)
    add("MultiHeadAttention", [q, k, v, None, None, f(1, 2, 3, 5)], {**heads, "scale": 0.4}, **ms)
    add("MultiHeadAttention", [q, f(2, 2, 5, 4), f(2, 2, 5, 4)], heads, **ms)
    add("MultiHeadAttention", [q, f(2, 3, 8), f(2, 3, 8), None, None, None, f(2, 2, 4, 4), f(2, 2, 4, 4)],
        {**heads, "unidirectional": 1}, outputs=3, **ms)
    gqa = {"num_heads": 4, "kv_num_heads": 2}
    new = [f(2, 1, 32, lo=-1, hi=1), f(2, 1, 16, lo=-1, hi=1), f(2, 1, 16, lo=-1, hi=1)]
    prompt = [f(2, 3, 32, lo=-1, hi=1), f(2, 3, 16, lo=-1, hi=1), f(2, 3, 16, lo=-1, hi=1)]
    past = [f(2, 2, 6, 8, lo=-1, hi=1), f(2, 2, 6, 8, lo=-1, hi=1)]
    # rows of a cache that are not in use yet are nobody's business
    used = lambda rng: (rng.integers(-32, 33, (2, 2, 6, 8)) / 32 * (np.arange(6) < [[4], [3]])[:, None, :, None]).astype(F)
    turn = [f(16, 8, lo=-1, hi=1), f(16, 8, lo=-1, hi=1)]
    wide = [f(2, 1, 6, 16, lo=-1, hi=1), f(2, 1, 6, 16, lo=-1, hi=1)]
    for attrs in (gqa, {**gqa, "local_window_size": 2}, {**gqa, "softcap": 0.7}, {**gqa, "scale": 0.3}, {**gqa, "smooth_softmax": 1}):
        add("GroupQueryAttention", [*prompt, None, None, a([2, 2], I32), a(3, I32)], attrs, outputs=3, **ms)
        add("GroupQueryAttention", [*new, *past, a([5, 5], I32), a(6, I32)], attrs, outputs=3, **ms)
        add("GroupQueryAttention", [*new, used, used, a([4, 3], I32), a(5, I32)], attrs, outputs=3, **ms)
        add("GroupQueryAttention", [*new, *past, a([6, 6], I32), a(7, I32)], attrs, outputs=3, **ms)
    for inter in (0, 1):
        attrs = {"num_heads": 2, "kv_num_heads": 1, "do_rotary": 1, "rotary_interleaved": inter}
        add("GroupQueryAttention", [*prompt, None, None, a([2, 2], I32), a(3, I32), *turn], attrs, outputs=3, **ms)
        add("GroupQueryAttention", [*new, *wide, a([6, 6], I32), a(7, I32), *turn], attrs, outputs=3, **ms)
        add("GroupQueryAttention", [f(2, 1, 64), None, None, *wide, a([6, 6], I32), a(7, I32), *turn], attrs, outputs=3, **ms)


def microsoft(add):
    ms = {"domain": "com.microsoft"}
    for op in ("Gelu", "FastGelu", "QuickGelu"):
        add(op, [f(2, 9)], **ms)
    add("BiasGelu", [f(2, 9), f(9)], **ms)
    add("FastGelu", [f(2, 9), f(9)], **ms)
    add("LayerNormalization", [f(2, 3, 4), f(4), f(4)], {"epsilon": 1e-4}, group="LayerNormalization")
    add("SkipLayerNormalization", [f(2, 3, 4), f(2, 3, 4), f(4), f(4), f(4)], outputs=[True, False, False, True], **ms)
    add("SkipSimplifiedLayerNormalization", [f(2, 3, 4), f(2, 3, 4), f(4)], outputs=[True, False, False, True], **ms)
    add("SimplifiedLayerNormalization", [f(2, 3, 4), f(4)])
    embed = [i(2, 4, lo=0, hi=6, t=I32), i(2, 4, lo=0, hi=1, t=I32), f(7, 6), f(5, 6), f(2, 6), f(6), f(6)]
    add("EmbedLayerNormalization", embed, outputs=2, **ms)
    add("EmbedLayerNormalization", [*embed, a([[1, 1, 1, 0], [1, 1, 0, 0]], I32)], outputs=2, **ms)
    add("FusedConv", [f(1, 2, 5, 5), f(3, 2, 3, 3), f(3)], {"activation": "Relu"}, **ms)
    add("FusedConv", [f(1, 2, 5, 5), f(3, 2, 3, 3), f(3), f(1, 3, 3, 3)], {"activation": "Relu"}, **ms)
    add("FusedConv", [f(1, 2, 5, 5), f(3, 2, 3, 3)], {"activation": "LeakyRelu", "activation_params": [0.2]}, **ms)
    add("FusedMatMul", [f(2, 3, 4), f(2, 5, 4)], {"transB": 1, "alpha": 0.5}, **ms)
    add("FusedMatMul", [f(2, 3, 4), f(3, 4, 5)], {"transBatchA": 1}, **ms)
    for ta, tb in itertools.product((0, 1), (0, 1)):
        operands = [f(*((4, 3) if ta else (3, 4))), f(*((5, 4) if tb else (4, 5)))]
        add("TransposeMatMul", operands, {"transA": ta, "transB": tb}, **ms)
        add("FusedMatMul", operands, {"transA": ta, "transB": tb, "alpha": 2.0}, const=(1,), **ms)
    add("FusedGemm", [f(2, 3), f(3, 4), f(4)], {"activation": "Relu"}, **ms)
    add("GemmFastGelu", [f(2, 3), f(3, 4), f(4)], **ms)
    add("Inverse", [a([[4, 7], [2, 6]], F)], **ms)
    add("CDist", [f(3, 4), f(2, 4)], {"metric": "sqeuclidean"}, **ms)
    add("CDist", [f(3, 4), f(2, 4)], {"metric": "euclidean"}, **ms)
    add("ExpandDims", [f(2, 3), a(1, I32)], **ms)
    add("Trilu", [f(3, 4)], {"upper": 0}, **ms)
    add("GatherND", [f(3, 4), i(2, 1, lo=0, hi=2)], **ms)
    add("Range", [a(1), a(5)], **ms)
    add("Unique", [a([2, 1, 1, 3, 4, 3], F)], outputs=3, **ms)
    add("Pad", [f(2, 3), a([0, 1, 1, 0]), a([1.5], F)], const=(1,), **ms)
    add("BiasSoftmax", [f(2, 3, 4), f(1, 3, 4)], {"axis": 2, "is_inner_broadcast": 0}, **ms)
    add("GridSample", [f(1, 1, 4, 4), f(1, 2, 2, 2, lo=-1, hi=1)], {"mode": "bilinear"}, **ms)
    add("NhwcMaxPool", [i(1, 4, 4, 2, lo=0, hi=255, t=U8)], {"kernel_shape": [2, 2]}, **ms)
    table = lambda rng: rng.integers(0, 256, (5, 16)).astype(U8)
    add("GatherBlockQuantized", [table, i(2, 3, lo=0, hi=4), f(5, 2, lo=0.125, hi=1)], {"bits": 4, "block_size": 16}, const=(0, 2), **ms)
    zero = lambda rng: rng.integers(0, 256, (5, 1)).astype(U8)
    add("GatherBlockQuantized", [table, i(3, lo=0, hi=4), f(5, 2, lo=0.125, hi=1), zero], {"bits": 4, "block_size": 16}, const=(0, 2, 3), **ms)
    packed = lambda rng: rng.integers(0, 256, (3, 1, 16)).astype(U8)
    add("MatMulNBits", [f(2, 32), packed, f(3, lo=0.125, hi=1)], {"K": 32, "N": 3, "bits": 4, "block_size": 32},
        const=(1, 2), **ms)


def words(add):
    add("StringConcat", [text("a", "b"), text("c")], {}, 20)
    add("StringNormalizer", [text("Ab", "CD", "ef")], {"case_change_action": "LOWER", "stopwords": ["cd"], "is_case_sensitive": 0}, 10)
    add("StringSplit", [text("a b c", "d")], {}, 20, outputs=2)
    add("RegexFullMatch", [text("abc", "x1")], {"pattern": "[a-z]+"}, 20)
    add("TfIdfVectorizer", [a([1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8], I32)],
        {"mode": "TF", "min_gram_length": 2, "max_gram_length": 2, "max_skip_count": 0, "ngram_counts": [0, 4],
         "ngram_indexes": [0, 1, 2, 3, 4, 5, 6], "pool_int64s": [2, 3, 5, 4, 5, 6, 7, 8, 6, 7]}, 9)
    ml = {"domain": "ai.onnx.ml"}
    add("Scaler", [f(2, 3)], {"offset": [1.0, 2.0, 3.0], "scale": [0.5, 1.0, 2.0]}, **ml)
    add("Normalizer", [f(2, 3)], {"norm": "L2"}, **ml)
    add("Binarizer", [f(2, 3)], {"threshold": 0.5}, **ml)
    add("LabelEncoder", [a([1, 2, 9])], {"keys_int64s": [1, 2], "values_floats": [0.5, 1.5], "default_float": -1.0}, **ml)
    add("ArrayFeatureExtractor", [f(2, 4), a([[0, 2]])], **ml)
    add("LinearRegressor", [f(2, 3)], {"coefficients": [0.5, 1.0, -1.0], "intercepts": [0.25]}, **ml)


FAMILIES = (unary, binary, reduce, movement, cast, matrices, quantised, windows, norms, resampling, signals, recurrent,
            attention, microsoft, words)
