#include "ir/random.h"

#include <math.h>

enum { ROUNDS = 10 };

void random_block(const uint32_t counter[4], uint64_t key, uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = (uint64_t)0xd2511f53u * c[0], b = (uint64_t)0xcd9e8d57u * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    for (int i = 0; i < 4; i++) out[i] = c[i];
}

/* FNV-1a, then splitmix64's last steps, so that near seeds and names have keys far apart. */
uint64_t random_key(uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    hash ^= seed * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
    return hash ^ hash >> 31;
}

/* A block has two numbers of 53 bits. */
double random_uniform(uint64_t key, uint64_t index)
{
    uint64_t block = index / 2;
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
    uint32_t words[4];
    random_block(counter, key, words);
    const uint32_t *at = words + 2 * (index % 2);
    uint64_t bits = (uint64_t)at[0] | (uint64_t)at[1] << 32;
    return ((double)(bits >> 11) + 0.5) * 0x1p-53;
}

/* ---- the normal distribution ---- */

enum { TERMS = 8, LOG_TERMS = 13 };

typedef struct Ratio {
    double above[TERMS], below[TERMS];
} Ratio;

static const Ratio center = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
     4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3, 2.1213794301586595867e+4,
     3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3}};
static const Ratio side = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}};
static const Ratio tail = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
     1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}};

static double ratio(const Ratio *of, double x)
{
    double above = 0, below = 0;
    for (int i = TERMS - 1; i >= 0; i--) {
        above = above * x + of->above[i];
        below = below * x + of->below[i];
    }
    return above / below;
}

/* The C library's may differ in its last bit from one machine to the next: log(m 2^e) = 2 atanh((m - 1) / (m + 1)) +
 * e log 2. */
static double logarithm(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int i = LOG_TERMS - 1; i >= 0; i--) sum = sum * square + 1.0 / (2 * i + 1);
    return 2 * s * sum + exponent * 0.69314718055994531;
}

double random_normal_quantile(double p)
{
    double q = p - 0.5;
    if (fabs(q) <= 0.425) return q * ratio(&center, 0.180625 - q * q);
    double r = sqrt(-logarithm(q < 0 ? p : 1 - p));
    double z = r <= 5 ? ratio(&side, r - 1.6) : ratio(&tail, r - 5);
    return q < 0 ? -z : z;
}
