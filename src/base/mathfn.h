// The elementary functions of double arithmetic, with the same bits on every machine.
//
// The C library's versions differ between hosts, so nothing that reaches a result may call them. sqrt, floor, ceil,
// trunc, rint, fabs, fmod, copysign and fma of <cmath> are exact by definition and may be used directly.
#pragma once

namespace godwit::mathfn {

// Errors stay within 1.2 ULP unless the comment says otherwise. Special values follow C's Annex F.
double Exp(double x);
double Exp2(double x);
double Expm1(double x);
double Log(double x);
double Log2(double x);
double Log10(double x);
double Log1p(double x);
double Sin(double x);
double Cos(double x);
double Tan(double x);
double Asin(double x);
double Acos(double x);
double Atan(double x);
double Atan2(double y, double x);
double Sinh(double x);  // within 3 ULP where the result nears overflow
double Cosh(double x);  // within 3 ULP where the result nears overflow
double Tanh(double x);
double Asinh(double x);
double Acosh(double x);
double Atanh(double x);
double Erf(double x);
double Erfc(double x);  // within 2 ULP
double Pow(double x, double y);
double Cbrt(double x);
double Lgamma(double x);  // near its negative zeros only the absolute error is that small
double Tgamma(double x);  // the relative error grows towards the underflow at negative arguments

}  // namespace godwit::mathfn
