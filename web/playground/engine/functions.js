// The portable engine's functions, draws and loops, in float32: printed from its own, to the same
// bits.
//
// handgrad.learn.playground.printed_engine writes this file; a test compares the two.
/* eslint max-lines: off, max-lines-per-function: off */

export const f32 = Math.fround; // rounds to the nearest float32

/** Round to the nearest integer, ties to even. */
function rint(x) {
  const most = 2 ** 52; // larger numbers are integers
  if (!(Math.abs(x) < most)) return x;
  return x > 0 ? x + most - most : x < 0 ? -(most - x - most) : x;
}

const single = new Float32Array(1);

const bits = new Int32Array(single.buffer);

/** 2 to the power of n, made from its bits. */
function power_of_two(n) {
  bits[0] = (n + 127) << 23;
  return single[0];
}

/** 2 to the power of n, times y, in two factors: one factor could overflow. */
function times_power_of_two(y, n) {
  const half = n >> 1;
  return f32(f32(y * power_of_two(half)) * power_of_two(n - half));
}

/** The integer n of x = 2^n m, with m between the square roots of 1/2 and 2. */
function exponent(x) {
  single[0] = x;
  return (bits[0] - 0x3f3504f3) >> 23;
}

/** The m of x = 2^n m. */
function significand(x) {
  const n = exponent(x);
  bits[0] -= n << 23;
  return single[0];
}

/** Bit k of an integer. */
const has_bit = (n, k) => (n & (1 << k)) !== 0;

const double = new Float64Array(1);

const halves = new Int32Array(double.buffer); // low half first

/** 2 to the power of n, made from its bits. */
function power_of_two_double(n) {
  halves[0] = 0;
  halves[1] = (n + 1023) << 20;
  return double[0];
}

/** 2 to the power of n, times y, in two factors: one factor could overflow. */
function times_power_of_two_double(y, n) {
  const half = n >> 1;
  return y * power_of_two_double(half) * power_of_two_double(n - half);
}

/** The integer n of x = 2^n m, with m between the square roots of 1/2 and 2. */
function exponent_double(x) {
  double[0] = x;
  return (halves[1] - 0x3fe6a09e - (halves[0] >>> 0 < 0x667f3bcd ? 1 : 0)) >> 20;
}

/** The m of x = 2^n m. */
function significand_double(x) {
  const n = exponent_double(x);
  halves[1] -= n << 20;
  return double[0];
}

/** The sign bit, which -0 has too. */
const signbit = (x) => x < 0 || Object.is(x, -0);

/** The larger of two numbers; propagates NaN. */
const maximum = (x, y) => (x > y || x !== x ? x : y);

/** The smaller of two numbers; propagates NaN. */
const minimum = (x, y) => (x < y || x !== x ? x : y);

/** Truncate to an integer; the lowest integer if the number is out of range. */
const whole = (x) => (Math.abs(x) < 2 ** 63 ? Math.trunc(x) + 0 : -(2 ** 63));

/**
 * NumPy's PCG64: a state s of 128 bits, s = a s + c, of which 64 are mixed (O'Neill, 2014).
 * In `streams` it has s, c, whether half of a word is left, and that half.
 */
export class Stream {
  constructor(streams, i) {
    const begin = streams.byteOffset + 48 * i;
    this.words = new Uint32Array(streams.buffer, begin, 12);
    this.digits = new Uint16Array(streams.buffer, begin, 16);
    this.product = new Uint16Array(8);
  }

  /** The next 64 bits, into `low` and `high`. */
  next64() {
    const { words, digits, product } = this;
    let carry = 0;
    for (let k = 0; k < 8; k++) {
      carry += digits[8 + k];
      for (let i = 0; i <= k; i++) carry += digits[i] * MULTIPLIER[k - i];
      product[k] = carry % 65536;
      carry = Math.floor(carry / 65536);
    }
    digits.set(product);
    const low = words[0] ^ words[2];
    const high = words[1] ^ words[3];
    const turn = words[3] >>> 26;
    const [a, b] = turn & 32 ? [high, low] : [low, high];
    this.low = turned(a, b, turn & 31);
    this.high = turned(b, a, turn & 31);
  }

  /** The next 32 bits: half of a word, the low half first. */
  next32() {
    const { words } = this;
    if (words[8]) {
      words[8] = 0;
      return words[10];
    }
    this.next64();
    words[8] = 1;
    words[10] = this.high;
    return this.low;
  }
}

const turned = (low, high, n) => (n ? (low >>> n) | (high << (32 - n)) : low) >>> 0;

// low digits first
const MULTIPLIER = [0xf645, 0x9fcc, 0xdf64, 0x4385, 0x5da4, 0x1fc6, 0xed05, 0x2360];

/** A random number from [0, 1) as NumPy draws a float32. */
export const random = (stream) => (stream.next32() >>> 8) / 2 ** 24;

/** Shuffle an order, as NumPy's Generator.shuffle does. */
export function shuffle(order, streams) {
  const stream = new Stream(streams, 0);
  for (let i = order.length - 1; i > 0; i--) {
    const j = drawnUpTo(stream, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
}

/** A uniform random integer up to `most`: larger ones are rejected. */
function drawnUpTo(stream, most) {
  const digits = 0xffffffff >>> Math.clz32(most);
  for (;;) {
    const drawn = (stream.next32() & digits) >>> 0;
    if (drawn <= most) return drawn;
  }
}

function exp(x) {
  const t1 = x > -105;
  const t2 = t1 ? x : 0;
  const t3 = t2 < 89 ? t2 : 89;
  const t4 = rint(f32(t3 * f32(1.4426950408889634)));
  const t5 = f32(f32(t4 * -0.693359375) + t3);
  const t6 = f32(t4 * f32(0.00021219444005469057));
  const t7 = f32(t5 + t6);
  const t8 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(f32(0.0001984126984126984) * t7) + f32(0.001388888888888889)) * t7) +
              f32(0.008333333333333333),
          ) * t7,
        ) + f32(0.041666666666666664),
      ) * t7,
    ) + f32(0.16666666666666666),
  );
  const t9 = t1
    ? times_power_of_two(
        f32(f32(t5 + f32(f32(f32(t7 * t7) * f32(f32(t8 * t7) + 0.5)) + t6)) + 1),
        t4,
      )
    : Number.isNaN(x)
      ? x
      : 0;
  return t9;
}

function expm1(x) {
  const t1 = x > -23 ? x : -23;
  const t2 = t1 < 89 ? t1 : 89;
  const t3 = rint(f32(t2 * f32(1.4426950408889634)));
  const t4 = f32(f32(t3 * -0.693359375) + t2);
  const t5 = f32(t3 * f32(0.00021219444005469057));
  const t6 = f32(t4 + t5);
  const t7 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(f32(0.0001984126984126984) * t6) + f32(0.001388888888888889)) * t6) +
              f32(0.008333333333333333),
          ) * t6,
        ) + f32(0.041666666666666664),
      ) * t6,
    ) + f32(0.16666666666666666),
  );
  const t8 =
    Number.isNaN(x) || x === 0
      ? x
      : times_power_of_two(
          f32(
            f32(t4 + f32(f32(f32(t6 * t6) * f32(f32(t7 * t6) + 0.5)) + t5)) +
              f32(1 - times_power_of_two(1, -(t3 < 46 ? t3 : 46))),
          ),
          t3,
        );
  return t8;
}

function log(x) {
  const t1 = x < 1.1754943508222875e-38;
  const t2 = t1 ? f32(x * 8388608) : x;
  const t3 = f32(exponent(t2) - (t1 ? 23 : 0));
  const t4 = f32(significand(t2) - 1);
  const t5 = f32(t4 / f32(t4 + 2));
  const t6 = f32(t5 * t5);
  const t7 = f32(
    t4 -
      f32(
        t6 *
          f32(
            f32(
              f32(
                f32(f32(f32(f32(0.2222222222222222) * t6) + f32(0.2857142857142857)) * t6) +
                  f32(0.4),
              ) * t6,
            ) + f32(0.6666666666666666),
          ),
      ),
  );
  return x > 0 && x < Infinity
    ? f32(
        f32(t3 * 0.693359375) +
          f32(t4 - f32(f32(t5 * t7) - f32(t3 * f32(-0.00021219444005469057)))),
      )
    : x < 0
      ? NaN
      : x === 0
        ? -Infinity
        : x;
}

function log1p(x) {
  const t1 = f32(1 + x);
  const t2 = log(t1);
  return x === 0 ? x : t1 > 0 && t1 < Infinity ? f32(t2 + f32(f32(x - f32(t1 - 1)) / t1)) : t2;
}

function tanh(x) {
  const t1 = x > f32(8.134845) ? f32(8.134845) : x;
  const t2 = t1 < f32(-8.134845) ? f32(-8.134845) : t1;
  const t3 = f32(t2 * t2);
  const t4 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(f32(1.48405139e-8) * t3) + f32(2.16372435e-5)) * t3) + f32(0.00355668443),
          ) * t3,
        ) + f32(0.134321213),
      ) * t3,
    ) + f32(0.999999992),
  );
  const t5 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(f32(8.37058616e-7) * t3) + f32(0.000338643801)) * t3) + f32(0.0261082913),
          ) * t3,
        ) + f32(0.467654471),
      ) * t3,
    ) + 1,
  );
  return f32(f32(t2 * t4) / t5);
}

function erf(x) {
  const t1 = Math.abs(x);
  const t2 = t1 > 9 ? 9 : t1;
  const t3 = f32(1 / f32(f32(3.7606030930863934) + t2));
  const t4 = f32(f32(f32(3.7606030930863934) - t2) * t3);
  const t5 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(f32(-1.4742731218415559e-8) * t4) + f32(-1.4871913157634646e-7)) * t4) +
              f32(7.423415990558731e-8),
          ) * t4,
        ) + f32(9.520915116775385e-7),
      ) * t4,
    ) + f32(-6.512434151050798e-8),
  );
  const t6 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(t5 * t4) + f32(-6.451117611615113e-6)) * t4) + f32(-5.111169444917406e-6),
          ) * t4,
        ) + f32(4.145751721242945e-5),
      ) * t4,
    ) + f32(9.814581810892006e-5),
  );
  const t7 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(t6 * t4) + f32(-0.00016113009692418956)) * t4) +
              f32(-0.0011928210147636024),
          ) * t4,
        ) + f32(-0.0017307240967378153),
      ) * t4,
    ) + f32(0.006026110195026273),
  );
  const t8 = f32(
    f32(
      f32(
        f32(
          f32(f32(f32(f32(t7 * t4) + f32(0.042984283879017225)) * t4) + f32(0.14575157593250515)) *
            t4,
        ) + f32(0.35704125599214176),
      ) * t4,
    ) + f32(0.7008013310382897),
  );
  const t9 = f32(
    f32(0.5641895835477563) +
      f32(
        f32(
          f32(
            f32(f32(f32(f32(t8 * t4) + f32(1.1520634115639845)) * t4) + f32(1.6232081325119645)) *
              t4,
          ) + f32(1.9853009774971668),
        ) * f32(t3 + t3),
      ),
  );
  const t10 = f32(1 - f32(f32(exp(-f32(t2 * t2)) * t9) * t3));
  return x === 0 ? x : x < 0 ? -t10 : t10;
}

function sin(x) {
  const t1 = x < 134217728 && x > -134217728;
  const t2 = t1 ? x : 0;
  const t3 = t2 * 0.6366197723675814 + 6755399441055744 - 6755399441055744;
  const t4 = f32(
    t3 * -6.123233995736766e-17 + (t3 * -1.5893254712295857e-8 + (t3 * -1.5707963109016418 + t2)),
  );
  const t5 = f32(t4 * t4);
  const t6 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(f32(-2.755731922398589e-7) * t5) + f32(2.48015873015873e-5)) * t5) +
              f32(-0.001388888888888889),
          ) * t5,
        ) + f32(0.041666666666666664),
      ) * t5,
    ) + -0.5,
  );
  const t7 = f32(
    f32(
      f32(t4 * t5) *
        f32(
          f32(
            f32(
              f32(f32(f32(f32(2.7557319223985893e-6) * t5) + f32(-0.0001984126984126984)) * t5) +
                f32(0.008333333333333333),
            ) * t5,
          ) + f32(-0.16666666666666666),
        ),
    ) + t4,
  );
  const t8 = has_bit(t3, 0) ? f32(f32(t5 * t6) + 1) : t7;
  return x === 0 ? x : t1 ? (has_bit(t3, 1) ? -t8 : t8) : NaN;
}

function cos(x) {
  const t1 = x < 134217728 && x > -134217728;
  const t2 = t1 ? x : 0;
  const t3 = t2 * 0.6366197723675814 + 6755399441055744 - 6755399441055744;
  const t4 = t3 + 1;
  const t5 = f32(
    t3 * -6.123233995736766e-17 + (t3 * -1.5893254712295857e-8 + (t3 * -1.5707963109016418 + t2)),
  );
  const t6 = f32(t5 * t5);
  const t7 = f32(
    f32(
      f32(
        f32(
          f32(
            f32(f32(f32(f32(-2.755731922398589e-7) * t6) + f32(2.48015873015873e-5)) * t6) +
              f32(-0.001388888888888889),
          ) * t6,
        ) + f32(0.041666666666666664),
      ) * t6,
    ) + -0.5,
  );
  const t8 = f32(
    f32(
      f32(t5 * t6) *
        f32(
          f32(
            f32(
              f32(f32(f32(f32(2.7557319223985893e-6) * t6) + f32(-0.0001984126984126984)) * t6) +
                f32(0.008333333333333333),
            ) * t6,
          ) + f32(-0.16666666666666666),
        ),
    ) + t5,
  );
  const t9 = has_bit(t4, 0) ? f32(f32(t6 * t7) + 1) : t8;
  return t1 ? (has_bit(t4, 1) ? -t9 : t9) : NaN;
}

function sign(x) {
  return x < 0 ? -1 : x > 0 ? 1 : x;
}

function exp_double(x) {
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
  return t1 ? times_power_of_two_double(t5 + t10 + 1, t4) : Number.isNaN(x) ? x : 0;
}

export function log_double(x) {
  const t1 = x < 2.2250738585072014e-308;
  const t2 = t1 ? x * 4503599627370496 : x;
  const t3 = exponent_double(t2) - (t1 ? 52 : 0);
  const t4 = significand_double(t2) - 1;
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

function power(x, y) {
  const t1 = Math.abs(x);
  const t2 = Math.floor(y) !== y;
  const t3 = f32(y * 0.5);
  const t4 = t1 === 1 || y === 0 ? 1 : f32(exp_double(y * log_double(t1)));
  return x < 0 && t1 < Infinity && t2 ? NaN : signbit(x) && Math.floor(t3) !== t3 && !t2 ? -t4 : t4;
}

function power_double(x, y) {
  const t1 = Math.abs(x);
  const t2 = Math.floor(y) !== y;
  const t3 = y * 0.5;
  const t4 = t1 > 0 && t1 < Infinity;
  const t5 = t1 < 2.2250738585072014e-308;
  const t6 = t5 ? t1 * 4503599627370496 : t1;
  const t7 = exponent_double(t6) - (t5 ? 52 : 0);
  const t8 = t7 * 0.6931471803691238;
  const t9 = significand_double(t6) - 1;
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
        ? times_power_of_two_double(t63 + t75 + 1, t62)
        : Number.isNaN(t58)
          ? t58
          : 0;
  return x < 0 && t1 < Infinity && t2
    ? NaN
    : signbit(x) && Math.floor(t3) !== t3 && !t2
      ? -t76
      : t76;
}

/** Each operation on arrays, with loops over their rows and columns. */
export const loops = {
  add(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = f32(x[x_at] + y[y_at]);
    }
  },
  subtract(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = f32(x[x_at] - y[y_at]);
    }
  },
  multiply(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = f32(x[x_at] * y[y_at]);
    }
  },
  divide(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = f32(x[x_at] / y[y_at]);
    }
  },
  maximum(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = maximum(x[x_at], y[y_at]);
    }
  },
  minimum(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = minimum(x[x_at], y[y_at]);
    }
  },
  power(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = power(x[x_at], y[y_at]);
    }
  },
  negative(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = -x[x_at];
    }
  },
  abs(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = Math.abs(x[x_at]);
    }
  },
  sqrt(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = f32(Math.sqrt(x[x_at]));
    }
  },
  floor(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = Math.floor(x[x_at]);
    }
  },
  ceil(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = Math.ceil(x[x_at]);
    }
  },
  exp(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = exp(x[x_at]);
    }
  },
  expm1(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = expm1(x[x_at]);
    }
  },
  log(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = log(x[x_at]);
    }
  },
  log1p(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = log1p(x[x_at]);
    }
  },
  tanh(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = tanh(x[x_at]);
    }
  },
  erf(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = erf(x[x_at]);
    }
  },
  sin(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = sin(x[x_at]);
    }
  },
  cos(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = cos(x[x_at]);
    }
  },
  sign(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = sign(x[x_at]);
    }
  },
  less(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] < y[y_at] ? 1 : 0;
    }
  },
  less_equal(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] <= y[y_at] ? 1 : 0;
    }
  },
  greater(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] > y[y_at] ? 1 : 0;
    }
  },
  greater_equal(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] >= y[y_at] ? 1 : 0;
    }
  },
  equal(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] === y[y_at] ? 1 : 0;
    }
  },
  not_equal(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] !== y[y_at] ? 1 : 0;
    }
  },
  logical_and(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] !== 0 && y[y_at] !== 0 ? 1 : 0;
    }
  },
  logical_or(o, rows, columns, x, x_begin, x_row, x_column, y, y_begin, y_row, y_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column)
        o[at++] = x[x_at] !== 0 || y[y_at] !== 0 ? 1 : 0;
    }
  },
  logical_not(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = !(x[x_at] !== 0) ? 1 : 0;
    }
  },
  isnan(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = Number.isNaN(x[x_at]) ? 1 : 0;
    }
  },
  isfinite(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column)
        o[at++] = Number.isFinite(x[x_at]) ? 1 : 0;
    }
  },
  where(
    o,
    rows,
    columns,
    x,
    x_begin,
    x_row,
    x_column,
    y,
    y_begin,
    y_row,
    y_column,
    z,
    z_begin,
    z_row,
    z_column,
  ) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row,
        y_at = y_begin + i * y_row,
        z_at = z_begin + i * z_row;
      for (let j = 0; j < columns; j++, x_at += x_column, y_at += y_column, z_at += z_column)
        o[at++] = x[x_at] !== 0 ? y[y_at] : z[z_at];
    }
  },
  copy(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = x[x_at];
    }
  },
  truth(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = x[x_at] !== 0 ? 1 : 0;
    }
  },
  whole(o, rows, columns, x, x_begin, x_row, x_column) {
    for (let i = 0, at = 0; i < rows; i++) {
      let x_at = x_begin + i * x_row;
      for (let j = 0; j < columns; j++, x_at += x_column) o[at++] = f32(whole(x[x_at]));
    }
  },
};

/** Operations on single numbers of float64. */
export const numbers = {
  add: (x, y) => x + y,
  subtract: (x, y) => x - y,
  multiply: (x, y) => x * y,
  divide: (x, y) => x / y,
  maximum: (x, y) => maximum(x, y),
  minimum: (x, y) => minimum(x, y),
  power: (x, y) => power_double(x, y),
  negative: (x) => -x,
  sqrt: (x) => Math.sqrt(x),
  exp: (x) => exp_double(x),
  log: (x) => log_double(x),
};

/** Reductions, in the order of sums. */
export const reductions = {
  sum: {
    /** All numbers, one by one. */
    each(x, begin, rows, x_row, columns, x_column) {
      let total = 0;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          total = f32(total + x[k]);
        }
      }
      return total;
    },
    /** All numbers, each row in lanes, so many of them by themselves first. */
    inLanes(x, begin, rows, x_row, columns, x_column) {
      let total = 0;
      for (let i = 0; i < rows; i++) {
        for (let first = 0; first < columns; first += 512) {
          const count = Math.min(512, columns - first);
          const rest = count - (count % 4);
          let k = begin + i * x_row + first * x_column;
          let lane0 = 0,
            lane1 = 0,
            lane2 = 0,
            lane3 = 0;
          for (let j = 0; j < rest; j += 4) {
            lane0 = f32(lane0 + x[k]);
            k += x_column;
            lane1 = f32(lane1 + x[k]);
            k += x_column;
            lane2 = f32(lane2 + x[k]);
            k += x_column;
            lane3 = f32(lane3 + x[k]);
            k += x_column;
          }
          for (let j = rest; j < count; j++, k += x_column) lane0 = f32(lane0 + x[k]);
          lane0 = f32(lane0 + lane2);
          lane1 = f32(lane1 + lane3);
          lane0 = f32(lane0 + lane1);
          total = f32(total + lane0);
        }
      }
      return total;
    },
    /** The numbers of each column, row after row. */
    down(o, x, begin, rows, x_row, columns, x_column) {
      for (let j = 0; j < columns; j++) o[j] = 0;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          o[j] = f32(o[j] + x[k]);
        }
      }
    },
  },
  prod: {
    /** All numbers, one by one. */
    each(x, begin, rows, x_row, columns, x_column) {
      let total = 1;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          total = f32(total * x[k]);
        }
      }
      return total;
    },
    /** All numbers, each row in lanes, so many of them by themselves first. */
    inLanes(x, begin, rows, x_row, columns, x_column) {
      let total = 1;
      for (let i = 0; i < rows; i++) {
        for (let first = 0; first < columns; first += 512) {
          const count = Math.min(512, columns - first);
          const rest = count - (count % 4);
          let k = begin + i * x_row + first * x_column;
          let lane0 = 1,
            lane1 = 1,
            lane2 = 1,
            lane3 = 1;
          for (let j = 0; j < rest; j += 4) {
            lane0 = f32(lane0 * x[k]);
            k += x_column;
            lane1 = f32(lane1 * x[k]);
            k += x_column;
            lane2 = f32(lane2 * x[k]);
            k += x_column;
            lane3 = f32(lane3 * x[k]);
            k += x_column;
          }
          for (let j = rest; j < count; j++, k += x_column) lane0 = f32(lane0 * x[k]);
          lane0 = f32(lane0 * lane2);
          lane1 = f32(lane1 * lane3);
          lane0 = f32(lane0 * lane1);
          total = f32(total * lane0);
        }
      }
      return total;
    },
    /** The numbers of each column, row after row. */
    down(o, x, begin, rows, x_row, columns, x_column) {
      for (let j = 0; j < columns; j++) o[j] = 1;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          o[j] = f32(o[j] * x[k]);
        }
      }
    },
  },
  max: {
    /** All numbers, one by one. */
    each(x, begin, rows, x_row, columns, x_column) {
      let total = -Infinity;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          total = maximum(total, x[k]);
        }
      }
      return total;
    },
    /** All numbers, each row in lanes, so many of them by themselves first. */
    inLanes(x, begin, rows, x_row, columns, x_column) {
      let total = -Infinity;
      for (let i = 0; i < rows; i++) {
        for (let first = 0; first < columns; first += 512) {
          const count = Math.min(512, columns - first);
          const rest = count - (count % 4);
          let k = begin + i * x_row + first * x_column;
          let lane0 = -Infinity,
            lane1 = -Infinity,
            lane2 = -Infinity,
            lane3 = -Infinity;
          for (let j = 0; j < rest; j += 4) {
            lane0 = maximum(lane0, x[k]);
            k += x_column;
            lane1 = maximum(lane1, x[k]);
            k += x_column;
            lane2 = maximum(lane2, x[k]);
            k += x_column;
            lane3 = maximum(lane3, x[k]);
            k += x_column;
          }
          for (let j = rest; j < count; j++, k += x_column) lane0 = maximum(lane0, x[k]);
          lane0 = maximum(lane0, lane2);
          lane1 = maximum(lane1, lane3);
          lane0 = maximum(lane0, lane1);
          total = maximum(total, lane0);
        }
      }
      return total;
    },
    /** The numbers of each column, row after row. */
    down(o, x, begin, rows, x_row, columns, x_column) {
      for (let j = 0; j < columns; j++) o[j] = -Infinity;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          o[j] = maximum(o[j], x[k]);
        }
      }
    },
  },
  min: {
    /** All numbers, one by one. */
    each(x, begin, rows, x_row, columns, x_column) {
      let total = Infinity;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          total = minimum(total, x[k]);
        }
      }
      return total;
    },
    /** All numbers, each row in lanes, so many of them by themselves first. */
    inLanes(x, begin, rows, x_row, columns, x_column) {
      let total = Infinity;
      for (let i = 0; i < rows; i++) {
        for (let first = 0; first < columns; first += 512) {
          const count = Math.min(512, columns - first);
          const rest = count - (count % 4);
          let k = begin + i * x_row + first * x_column;
          let lane0 = Infinity,
            lane1 = Infinity,
            lane2 = Infinity,
            lane3 = Infinity;
          for (let j = 0; j < rest; j += 4) {
            lane0 = minimum(lane0, x[k]);
            k += x_column;
            lane1 = minimum(lane1, x[k]);
            k += x_column;
            lane2 = minimum(lane2, x[k]);
            k += x_column;
            lane3 = minimum(lane3, x[k]);
            k += x_column;
          }
          for (let j = rest; j < count; j++, k += x_column) lane0 = minimum(lane0, x[k]);
          lane0 = minimum(lane0, lane2);
          lane1 = minimum(lane1, lane3);
          lane0 = minimum(lane0, lane1);
          total = minimum(total, lane0);
        }
      }
      return total;
    },
    /** The numbers of each column, row after row. */
    down(o, x, begin, rows, x_row, columns, x_column) {
      for (let j = 0; j < columns; j++) o[j] = Infinity;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          o[j] = minimum(o[j], x[k]);
        }
      }
    },
  },
  squares: {
    /** All numbers, one by one. */
    each(x, begin, rows, x_row, columns, x_column) {
      let total = 0;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          total = total + x[k] * x[k];
        }
      }
      return total;
    },
    /** All numbers, each row in lanes, so many of them by themselves first. */
    inLanes(x, begin, rows, x_row, columns, x_column) {
      let total = 0;
      for (let i = 0; i < rows; i++) {
        for (let first = 0; first < columns; first += 512) {
          const count = Math.min(512, columns - first);
          const rest = count - (count % 4);
          let k = begin + i * x_row + first * x_column;
          let lane0 = 0,
            lane1 = 0,
            lane2 = 0,
            lane3 = 0;
          for (let j = 0; j < rest; j += 4) {
            lane0 = lane0 + x[k] * x[k];
            k += x_column;
            lane1 = lane1 + x[k] * x[k];
            k += x_column;
            lane2 = lane2 + x[k] * x[k];
            k += x_column;
            lane3 = lane3 + x[k] * x[k];
            k += x_column;
          }
          for (let j = rest; j < count; j++, k += x_column) lane0 = lane0 + x[k] * x[k];
          lane0 = lane0 + lane2;
          lane1 = lane1 + lane3;
          lane0 = lane0 + lane1;
          total = total + lane0;
        }
      }
      return total;
    },
    /** The numbers of each column, row after row. */
    down(o, x, begin, rows, x_row, columns, x_column) {
      for (let j = 0; j < columns; j++) o[j] = 0;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          o[j] = o[j] + x[k] * x[k];
        }
      }
    },
  },
};
