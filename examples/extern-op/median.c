/* The operator that despike.lep declares: see despike.h, which lepc writes. */
#include "despike.h"

enum { MOST = 31 };

/* Sorts a few values by insertion and gives the middle one. */
static float middle(float *values, int64_t count)
{
    for (int64_t i = 1; i < count; i++)
        for (int64_t k = i; k > 0 && values[k] < values[k - 1]; k--) {
            float value = values[k];
            values[k] = values[k - 1];
            values[k - 1] = value;
        }
    return values[count / 2];
}

void running_median(const float *x, float *result, int64_t N, int64_t T, int64_t width)
{
    float around[MOST];
    int64_t reach = (width < MOST ? width : MOST) / 2;
    for (int64_t n = 0; n < N; n++)
        for (int64_t t = 0; t < T; t++) {
            int64_t count = 0;
            for (int64_t i = t - reach; i <= t + reach; i++)
                if (i >= 0 && i < T) around[count++] = x[n * T + i];
            result[n * T + t] = middle(around, count);
        }
}
