// sqrt, reciprocal, exp, log, erf and the trigonometric and hyperbolic functions: one float operand, no attributes.
#include <cmath>

#include "base/mathfn.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"

namespace godwit::ops {

namespace {

template <double (*Fn)(double)>
Status Eval(EvalCtx& ctx) {
  return EvalUnary(ctx, {Fn});
}

double Sqrt(double x) { return std::sqrt(x); }
double Reciprocal(double x) { return 1 / x; }

}  // namespace

extern const OpDef kSqrt = FloatUnary("sqrt", "Square root; NaN for negative numbers.", Eval<Sqrt>);
extern const OpDef kReciprocal = FloatUnary("reciprocal", "1 / x.", Eval<Reciprocal>, DecomposeReciprocal);
extern const OpDef kExp = FloatUnary("exp", "e to the power of x.", Eval<mathfn::Exp>);
extern const OpDef kLog = FloatUnary("log", "Natural logarithm.", Eval<mathfn::Log>);
extern const OpDef kErf = FloatUnary("erf", "The error function.", Eval<mathfn::Erf>, DecomposeErf);
extern const OpDef kSin = FloatUnary("sin", "Sine of radians.", Eval<mathfn::Sin>);
extern const OpDef kCos = FloatUnary("cos", "Cosine of radians.", Eval<mathfn::Cos>);
extern const OpDef kTan = FloatUnary("tan", "Tangent of radians.", Eval<mathfn::Tan>, DecomposeTan);
extern const OpDef kAsin = FloatUnary("asin", "Inverse sine, in radians.", Eval<mathfn::Asin>, DecomposeAsin);
extern const OpDef kAcos = FloatUnary("acos", "Inverse cosine, in radians.", Eval<mathfn::Acos>, DecomposeAcos);
extern const OpDef kAtan = FloatUnary("atan", "Inverse tangent, in radians.", Eval<mathfn::Atan>, DecomposeAtan);
extern const OpDef kSinh = FloatUnary("sinh", "Hyperbolic sine.", Eval<mathfn::Sinh>, DecomposeSinh);
extern const OpDef kCosh = FloatUnary("cosh", "Hyperbolic cosine.", Eval<mathfn::Cosh>, DecomposeCosh);
extern const OpDef kTanh = FloatUnary("tanh", "Hyperbolic tangent.", Eval<mathfn::Tanh>);
extern const OpDef kAsinh = FloatUnary("asinh", "Inverse hyperbolic sine.", Eval<mathfn::Asinh>, DecomposeAsinh);
extern const OpDef kAcosh = FloatUnary("acosh", "Inverse hyperbolic cosine.", Eval<mathfn::Acosh>, DecomposeAcosh);
extern const OpDef kAtanh = FloatUnary("atanh", "Inverse hyperbolic tangent.", Eval<mathfn::Atanh>, DecomposeAtanh);

}  // namespace godwit::ops
