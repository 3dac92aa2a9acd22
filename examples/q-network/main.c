/* Balances poles: ./cart [POLES [STEPS]] begins each a little tilted and moving, and says for how many of the steps, 20
 * ms each, it stood.  The cart is that of Barto, Sutton and Anderson (1983), as in train.py. */
#include "q_network.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Cart {
    double x, speed, angle, turning; /* m, m/s, rad, rad/s */
} Cart;

static _Alignas(Q_NETWORK_ARENA_ALIGN) unsigned char arena[Q_NETWORK_ARENA_BYTES];

/* 20 ms of a force of 10 N to the right or to the left, on a cart of 1 kg with a pole of 0.1 kg and 1 m. */
static void push(Cart *c, int right)
{
    const double mass = 1.1, half = 0.5, pole = 0.05, seconds = 0.02;
    double sine = sin(c->angle), cosine = cos(c->angle);
    double pull = ((right ? 10 : -10) + pole * c->turning * c->turning * sine) / mass;
    double turn = (9.8 * sine - cosine * pull) / (half * (4.0 / 3 - 0.1 * cosine * cosine / mass));
    double move = pull - pole * turn * cosine / mass;
    c->x += seconds * c->speed;
    c->speed += seconds * move;
    c->angle += seconds * c->turning;
    c->turning += seconds * turn;
}

static int fell(const Cart *c) { return fabs(c->x) > 2.4 || fabs(c->angle) > 3.14159265358979 / 15; }

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 33) / 2147483648.0;
}

/* Between -0.1 and 0.1 of each. */
static Cart begin(uint64_t *seed)
{
    double at[4];
    for (int i = 0; i < 4; i++) at[i] = 0.2 * uniform(seed) - 0.1;
    return (Cart){at[0], at[1], at[2], at[3]};
}

int main(int argc, char **argv)
{
    int poles = argc > 1 ? atoi(argv[1]) : 20, steps = argc > 2 ? atoi(argv[2]) : 500, stood = 0;
    uint64_t seed = 1;
    for (int n = 0; n < poles; n++) {
        Cart cart = begin(&seed);
        int step = 0;
        for (; step < steps && !fell(&cart); step++) {
            float seen[4] = {(float)cart.x, (float)cart.speed, (float)cart.angle, (float)cart.turning}, worth[2];
            if (q_network_run(seen, worth, arena, NULL) != LEP_OK) return 1;
            push(&cart, worth[1] > worth[0]);
        }
        stood += step == steps;
    }
    printf("%d of %d poles stood for %d steps\n", stood, poles, steps);
    return stood != poles;
}
