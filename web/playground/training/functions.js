// The portable engine's functions and random numbers, in float64: printed from its own, to the
// same bits.
//
// handgrad.learn.playground.printed_engine writes this file; a test compares the two.
/* eslint max-lines: off, max-lines-per-function: off */

const double = new Float64Array(1);

const halves = new Int32Array(double.buffer); // low half first

/** 2 to the power of n, made from its bits. */
function power_of_two(n) {
  halves[0] = 0;
  halves[1] = (n + 1023) << 20;
  return double[0];
}

/** 2 to the power of n, times y, in two factors: one factor could overflow. */
function times_power_of_two(y, n) {
  const half = n >> 1;
  return y * power_of_two(half) * power_of_two(n - half);
}

/** Round to the nearest integer, ties to even. */
function rint(x) {
  const most = 2 ** 52; // larger numbers are integers
  if (!(Math.abs(x) < most)) return x;
  return x > 0 ? x + most - most : x < 0 ? -(most - x - most) : x;
}

/** The integer n of x = 2^n m, with m between the square roots of 1/2 and 2. */
function exponent(x) {
  double[0] = x;
  return (halves[1] - 0x3fe6a09e - (halves[0] >>> 0 < 0x667f3bcd ? 1 : 0)) >> 20;
}

/** The m of x = 2^n m. */
function significand(x) {
  const n = exponent(x);
  halves[1] -= n << 20;
  return double[0];
}

/** Bit k of an integer. */
const has_bit = (n, k) => (n & (1 << k)) !== 0;

/** The sign bit, which -0 has too. */
const signbit = (x) => x < 0 || Object.is(x, -0);

/** A random number from [0, 1) as NumPy draws a float64. */
export function random(stream) {
  stream.next64();
  return (stream.high * 2 ** 21 + (stream.low >>> 11)) / 2 ** 53;
}

export function exp(x) {
  const t1 = x > -746;
  const t2 = t1 ? x : 0;
  const t3 = t2 < 710 ? t2 : 710;
  const t4 = rint(t3 * 1.4426950408889634);
  const t5 = t4 * -0.6931471803691238 + t3;
  const t6 = t4 * -1.9082149292705877e-10;
  const t7 = t5 + t6;
  const t8 =
    (((1.6059043836821613e-10 * t7 + 2.08767569878681e-9) * t7 + 2.505210838544172e-8) * t7 +
      2.755731922398589e-7) *
      t7 +
    2.7557319223985893e-6;
  const t9 =
    (((t8 * t7 + 2.48015873015873e-5) * t7 + 0.0001984126984126984) * t7 + 0.001388888888888889) *
      t7 +
    0.008333333333333333;
  const t10 =
    t7 * t7 * (((t9 * t7 + 0.041666666666666664) * t7 + 0.16666666666666666) * t7 + 0.5) + t6;
  return t1 ? times_power_of_two(t5 + t10 + 1, t4) : Number.isNaN(x) ? x : 0;
}

export function expm1(x) {
  const t1 = x > -52 ? x : -52;
  const t2 = t1 < 710 ? t1 : 710;
  const t3 = rint(t2 * 1.4426950408889634);
  const t4 = t3 * -0.6931471803691238 + t2;
  const t5 = t3 * -1.9082149292705877e-10;
  const t6 = t4 + t5;
  const t7 =
    (((1.6059043836821613e-10 * t6 + 2.08767569878681e-9) * t6 + 2.505210838544172e-8) * t6 +
      2.755731922398589e-7) *
      t6 +
    2.7557319223985893e-6;
  const t8 =
    (((t7 * t6 + 2.48015873015873e-5) * t6 + 0.0001984126984126984) * t6 + 0.001388888888888889) *
      t6 +
    0.008333333333333333;
  const t9 =
    t6 * t6 * (((t8 * t6 + 0.041666666666666664) * t6 + 0.16666666666666666) * t6 + 0.5) + t5;
  const t10 =
    Number.isNaN(x) || x === 0
      ? x
      : times_power_of_two(t4 + t9 + (1 - times_power_of_two(1, -(t3 < 104 ? t3 : 104))), t3);
  return t10;
}

export function log(x) {
  const t1 = x < 2.2250738585072014e-308;
  const t2 = t1 ? x * 4503599627370496 : x;
  const t3 = exponent(t2) - (t1 ? 52 : 0);
  const t4 = significand(t2) - 1;
  const t5 = t4 / (t4 + 2);
  const t6 = t5 * t5;
  const t7 =
    (((0.09523809523809523 * t6 + 0.10526315789473684) * t6 + 0.11764705882352941) * t6 +
      0.13333333333333333) *
      t6 +
    0.15384615384615385;
  const t8 =
    (((t7 * t6 + 0.18181818181818182) * t6 + 0.2222222222222222) * t6 + 0.2857142857142857) * t6 +
    0.4;
  const t9 =
    t3 * 0.6931471803691238 +
    (t4 - (t5 * (t4 - t6 * (t8 * t6 + 0.6666666666666666)) - t3 * 1.9082149292705877e-10));
  return x > 0 && x < Infinity ? t9 : x < 0 ? NaN : x === 0 ? -Infinity : x;
}

export function log1p(x) {
  const t1 = 1 + x;
  const t2 = log(t1);
  return x === 0 ? x : t1 > 0 && t1 < Infinity ? t2 + (x - (t1 - 1)) / t1 : t2;
}

export function tanh(x) {
  const t1 = Math.abs(x);
  const t2 = x * x;
  const t3 =
    (((-0.008863235529902197 * t2 + 0.021869488536155203) * t2 + -0.05396825396825397) * t2 +
      0.13333333333333333) *
      t2 +
    -0.3333333333333333;
  const t4 = exp(-2 * t1);
  const t5 = t1 < 0.05 ? t1 * (t3 * t2 + 1) : (1 - t4) / (1 + t4);
  return x < 0 ? -t5 : t5;
}

export function erf(x) {
  const t1 = Math.abs(x);
  const t2 = t1 > 9 ? 9 : t1;
  const t3 = 1 / (5.045378491522287 + t2);
  const t4 = (5.045378491522287 - t2) * t3;
  const t5 =
    (((5.356397231623708e-14 * t4 + -8.0462931842076e-14) * t4 + -3.2388606409130177e-13) * t4 +
      4.4316208447898867e-13) *
      t4 +
    2.0980451293143975e-12;
  const t6 =
    (((t5 * t4 + -2.117068426189266e-12) * t4 + -1.431251932894725e-11) * t4 +
      6.3462718680565725e-12) *
      t4 +
    9.939318003198806e-11;
  const t7 =
    (((t6 * t4 + 3.197191940931435e-11) * t4 + -6.634847174225408e-10) * t4 +
      -9.092238352249389e-10) *
      t4 +
    3.7734431235714784e-9;
  const t8 =
    (((t7 * t4 + 1.1883887267478965e-8) * t4 + -1.0962277865446237e-8) * t4 +
      -1.1303157194259348e-7) *
      t4 +
    -1.2894842920244968e-7;
  const t9 =
    (((t8 * t4 + 6.741655663823053e-7) * t4 + 2.7654086657435452e-6) * t4 + 1.4187058478742701e-6) *
      t4 +
    -2.1741186565527046e-5;
  const t10 =
    (((t9 * t4 + -8.817797141863541e-5) * t4 + -0.00011396630644463281) * t4 +
      0.0004629031693998175) *
      t4 +
    0.0035484447086995613;
  const t11 =
    (((t10 * t4 + 0.013898253763251473) * t4 + 0.04105104301657709) * t4 + 0.10084293371847967) *
      t4 +
    0.2150163632010741;
  const t12 =
    (((t11 * t4 + 0.4073424189503343) * t4 + 0.6956621918971003) * t4 + 1.081358037176589) * t4 +
    1.5401625788153654;
  const t13 =
    0.5641895835477563 +
    (((t12 * t4 + 2.0193976436113505) * t4 + 2.445378492851921) * t4 + 2.74074502740986) *
      (t3 + t3);
  const t14 = 1 - exp(-(t2 * t2)) * t13 * t3;
  return x === 0 ? x : x < 0 ? -t14 : t14;
}

export function sin(x) {
  const t1 = x < 134217728 && x > -134217728;
  const t2 = t1 ? x : 0;
  const t3 = t2 * 0.6366197723675814 + 6755399441055744 - 6755399441055744;
  const t4 = t3 * -1.5893254712295857e-8 + (t3 * -1.5707963109016418 + t2);
  const t5 = t3 * -6.123233932053594e-17;
  const t6 = t4 + t5;
  const t7 = t6 * t6;
  const t8 = 0.5 * t7;
  const t9 = 1 - t8;
  const t10 =
    (((-1.5619206968586225e-16 * t7 + 4.779477332387385e-14) * t7 + -1.1470745597729725e-11) * t7 +
      2.08767569878681e-9) *
      t7 +
    -2.755731922398589e-7;
  const t11 =
    t7 *
      t7 *
      (((t10 * t7 + 2.48015873015873e-5) * t7 + -0.001388888888888889) * t7 +
        0.041666666666666664) +
    (1 - t9 - t8);
  const t12 = t6 - t4;
  const t13 = t3 * -6.368317163510949e-25 + (t4 - (t6 - t12) + (t5 - t12));
  const t14 =
    (((2.8114572543455206e-15 * t7 + -7.647163731819816e-13) * t7 + 1.6059043836821613e-10) * t7 +
      -2.505210838544172e-8) *
      t7 +
    2.7557319223985893e-6;
  const t15 =
    t6 *
      t7 *
      (((t14 * t7 + -0.0001984126984126984) * t7 + 0.008333333333333333) * t7 +
        -0.16666666666666666) +
    t13;
  const t16 = has_bit(t3, 0) ? t9 + (t11 - t6 * t13) : t6 + (t15 - t8 * t13);
  return x === 0 ? x : t1 ? (has_bit(t3, 1) ? -t16 : t16) : NaN;
}

export function cos(x) {
  const t1 = x < 134217728 && x > -134217728;
  const t2 = t1 ? x : 0;
  const t3 = t2 * 0.6366197723675814 + 6755399441055744 - 6755399441055744;
  const t4 = t3 + 1;
  const t5 = t3 * -1.5893254712295857e-8 + (t3 * -1.5707963109016418 + t2);
  const t6 = t3 * -6.123233932053594e-17;
  const t7 = t5 + t6;
  const t8 = t7 * t7;
  const t9 = 0.5 * t8;
  const t10 = 1 - t9;
  const t11 =
    (((-1.5619206968586225e-16 * t8 + 4.779477332387385e-14) * t8 + -1.1470745597729725e-11) * t8 +
      2.08767569878681e-9) *
      t8 +
    -2.755731922398589e-7;
  const t12 =
    t8 *
      t8 *
      (((t11 * t8 + 2.48015873015873e-5) * t8 + -0.001388888888888889) * t8 +
        0.041666666666666664) +
    (1 - t10 - t9);
  const t13 = t7 - t5;
  const t14 = t3 * -6.368317163510949e-25 + (t5 - (t7 - t13) + (t6 - t13));
  const t15 =
    (((2.8114572543455206e-15 * t8 + -7.647163731819816e-13) * t8 + 1.6059043836821613e-10) * t8 +
      -2.505210838544172e-8) *
      t8 +
    2.7557319223985893e-6;
  const t16 =
    t7 *
      t8 *
      (((t15 * t8 + -0.0001984126984126984) * t8 + 0.008333333333333333) * t8 +
        -0.16666666666666666) +
    t14;
  const t17 = has_bit(t4, 0) ? t10 + (t12 - t7 * t14) : t7 + (t16 - t9 * t14);
  return t1 ? (has_bit(t4, 1) ? -t17 : t17) : NaN;
}

export function sign(x) {
  return x < 0 ? -1 : x > 0 ? 1 : x;
}

export function power(x, y) {
  const t1 = Math.abs(x);
  const t2 = Math.floor(y) !== y;
  const t3 = y * 0.5;
  const t4 = t1 > 0 && t1 < Infinity;
  const t5 = t1 < 2.2250738585072014e-308;
  const t6 = t5 ? t1 * 4503599627370496 : t1;
  const t7 = exponent(t6) - (t5 ? 52 : 0);
  const t8 = t7 * 0.6931471803691238;
  const t9 = significand(t6) - 1;
  const t10 = 2 + t9;
  const t11 = t9 / t10;
  const t12 = 2 * t11;
  const t13 = t11 * t11;
  const t14 =
    (((0.04 * t13 + 0.043478260869565216) * t13 + 0.047619047619047616) * t13 +
      0.05263157894736842) *
      t13 +
    0.058823529411764705;
  const t15 =
    (((t14 * t13 + 0.06666666666666667) * t13 + 0.07692307692307693) * t13 + 0.09090909090909091) *
      t13 +
    0.1111111111111111;
  const t16 = t13 * ((t15 * t13 + 0.14285714285714285) * t13 + 0.2);
  const t17 = 0.3333333333333333 + t16;
  const t18 = t13 * t17;
  const t19 = 1 + t18;
  const t20 = t12 * t19;
  const t21 = t8 + t20;
  const t22 = t21 - t8;
  const t23 = t19 - 1;
  const t24 = t17 - 0.3333333333333333;
  const t25 = t11 * t10;
  const t26 = t11 * 134217729;
  const t27 = t26 - (t26 - t11);
  const t28 = t10 * 134217729;
  const t29 = t28 - (t28 - t10);
  const t30 = t10 - t29;
  const t31 = t11 - t27;
  const t32 = t10 - 2;
  const t33 =
    (t9 -
      t25 -
      (t27 * t29 -
        t25 +
        t27 * t30 +
        t31 * t29 +
        t31 * t30 +
        t11 * (2 - (t10 - t32) + (t9 - t32)))) /
    t10;
  const t34 = t11 * 134217729;
  const t35 = t34 - (t34 - t11);
  const t36 = t11 * 134217729;
  const t37 = t36 - (t36 - t11);
  const t38 = t11 - t37;
  const t39 = t11 - t35;
  const t40 =
    (t11 * t33 + (t33 * t11 + (t35 * t37 - t13 + t35 * t38 + t39 * t37 + t39 * t38))) * t17;
  const t41 = t13 * 134217729;
  const t42 = t41 - (t41 - t13);
  const t43 = t17 * 134217729;
  const t44 = t43 - (t43 - t17);
  const t45 = t17 - t44;
  const t46 = t13 - t42;
  const t47 =
    1 -
    (t19 - t23) +
    (t18 - t23) +
    (t13 * (0.3333333333333333 - (t17 - t24) + (t16 - t24) + 1.850371707708594e-17) +
      (t40 + (t42 * t44 - t18 + t42 * t45 + t46 * t44 + t46 * t45)));
  const t48 = t12 * 134217729;
  const t49 = t48 - (t48 - t12);
  const t50 = t19 * 134217729;
  const t51 = t50 - (t50 - t19);
  const t52 = t19 - t51;
  const t53 = t12 - t49;
  const t54 =
    t12 * t47 +
    (2 * t33 * t19 + (t49 * t51 - t20 + t49 * t52 + t53 * t51 + t53 * t52)) +
    t7 * 1.9082149292705877e-10;
  const t55 = t8 - (t21 - t22) + (t20 - t22) + t54;
  const t56 = t21 + t55;
  const t57 = t4 ? t56 : t1 === 0 ? -Infinity : t1;
  const t58 = y * t57;
  const t59 = t58 > -746;
  const t60 = t59 ? t58 : 0;
  const t61 = t60 < 710 ? t60 : 710;
  const t62 = rint(t61 * 1.4426950408889634);
  const t63 = t62 * -0.6931471803691238 + t61;
  const t64 = t56 - t21;
  const t65 = y * 134217729;
  const t66 = t65 - (t65 - y);
  const t67 = t57 * 134217729;
  const t68 = t67 - (t67 - t57);
  const t69 = t57 - t68;
  const t70 = y - t66;
  const t71 =
    t62 * -1.9082149292705877e-10 +
    (t58 < 710 && t58 > -746
      ? y * (t4 ? t21 - (t56 - t64) + (t55 - t64) : 0) +
        (t66 * t68 - t58 + t66 * t69 + t70 * t68 + t70 * t69)
      : 0);
  const t72 = t63 + t71;
  const t73 =
    (((1.6059043836821613e-10 * t72 + 2.08767569878681e-9) * t72 + 2.505210838544172e-8) * t72 +
      2.755731922398589e-7) *
      t72 +
    2.7557319223985893e-6;
  const t74 =
    (((t73 * t72 + 2.48015873015873e-5) * t72 + 0.0001984126984126984) * t72 +
      0.001388888888888889) *
      t72 +
    0.008333333333333333;
  const t75 =
    t72 * t72 * (((t74 * t72 + 0.041666666666666664) * t72 + 0.16666666666666666) * t72 + 0.5) +
    t71;
  const t76 =
    t1 === 1 || y === 0
      ? 1
      : t59
        ? times_power_of_two(t63 + t75 + 1, t62)
        : Number.isNaN(t58)
          ? t58
          : 0;
  return x < 0 && t1 < Infinity && t2
    ? NaN
    : signbit(x) && Math.floor(t3) !== t3 && !t2
      ? -t76
      : t76;
}
