"""What a file of C has around its programs: steps of a training, and the check of its rows."""

STEPS = """\
/* One step by n rows, {most} at most: x has {width} numbers of each, y {targets} of the targets.
   Gives their mean loss, NaN where {nan},
   or there are more. */
double $train_batch(const {x} *x, const {y} *y, int32_t n) {{{checked}
  static int32_t order[{most}];
  if (n > {most}) return $mean(n, 0);
  for (int32_t i = 0; i < n; i++) order[i] = i;
  return $mean(n, $epoch(n, x, y, order));
}}

/* One step by one row. */
double $train_row(const {x} *x, const {y} *y) {{ return $train_batch(x, y, 1); }}

/* All n rows once, {most} a step, in the last order shuffled anew, as NumPy does. Before the first
   epoch `order` has the numbers 0, 1, ... n - 1. */
double $train_epoch(const {x} *x, const {y} *y, int32_t *order, int32_t n) {{{checked}
  $shuffle(order, n, $shuffling);
  return $mean(n, $epoch(n, x, y, order));
}}"""
MEAN = """\
static double $mean(int32_t n, int32_t row) {
  const double zero = 0.0;
  return row < 0 ? $loss_total[0] / n : zero / zero;
}"""
CHECK = """\
#ifdef HANDGRAD_CHECK
#include <stdio.h>
{pieces}
/* {rows} rows, and what the net says of them, in bits. */
static const {row} $rows[] = {{
{x}
}};

static const {word} $answers[] = {{
{p}
}};

int main(void) {{
  {number_in} x[{width}];
  {number} predictions[{n_out}];
  for (int i = 0; i < {rows}; i++) {{
    {given}
    $predict(x, predictions);
    for (int k = 0; k < {n_out}; k++) {{
      const {number} p = predictions[k], q = $of_bits($answers[i * {n_out} + k]);
      if ($bits(p) != $bits(q) && (p == p || q == q)) {{
        printf("row %d: %.17g, not %.17g; was it compiled with -std=c99 -ffp-contract=off?\\n", i,
               (double)p, (double)q);
        return 1;
      }}
    }}
  }}
  printf("{rows} rows, same bits\\n");
  return 0;
}}
#endif"""
