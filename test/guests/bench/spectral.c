// Spectral norm: integer to double conversion, division and accumulation.
#include <math.h>
#include <stdio.h>

enum { N = 400, ROUNDS = 30 };
static double u[N], v[N], t[N];

static double entry(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void times(double *out, const double *in) {
  for (int i = 0; i < N; i++) {
    double sum = 0;
    for (int j = 0; j < N; j++) sum += entry(i, j) * in[j];
    out[i] = sum;
  }
}

static void transposed(double *out, const double *in) {
  for (int i = 0; i < N; i++) {
    double sum = 0;
    for (int j = 0; j < N; j++) sum += entry(j, i) * in[j];
    out[i] = sum;
  }
}

int main(void) {
  for (int i = 0; i < N; i++) u[i] = 1;
  for (int r = 0; r < ROUNDS; r++) {
    times(t, u), transposed(v, t);
    times(t, v), transposed(u, t);
  }
  double uv = 0, vv = 0;
  for (int i = 0; i < N; i++) uv += u[i] * v[i], vv += v[i] * v[i];
  printf("spectral %.15g\n", sqrt(uv / vv));
  return 0;
}
