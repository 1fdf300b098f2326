/* SHA-256 of a buffer, chained: the digest goes back into the buffer. Source: FIPS 180-4. */
#include "runtime.h"

#define ROUNDS 150 /* how often the buffer is hashed */
#define BUFFER_BYTES 65536

/* The constants of 4.2.2 are computed: the first 32 bits of the fractional parts of the cube roots
   of the first 64 primes; those of 5.3.3 come from the square roots of the first 8. */
static uint32_t k[64], h0[8];
static uint8_t buffer[BUFFER_BYTES + 128] __attribute__((aligned(8)));

/* The 32 fraction bits of n^(1/power): the largest x with x^power <= n * 2^(32 * power). */
static uint32_t root_fraction(uint64_t n, int power) {
  uint64_t low = 0, high = 1UL << 40;
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    unsigned __int128 raised = middle; /* at most 120 bits */
    for (int i = 1; i < power; i++) raised *= middle;
    if (raised > (unsigned __int128)n << 32 * power) high = middle;
    else low = middle;
  }
  return low;
}

static void compute_constants(void) {
  unsigned count = 0;
  for (unsigned n = 2; count < 64; n++) {
    unsigned prime = 1;
    for (unsigned d = 2; d * d <= n; d++)
      if (n % d == 0) prime = 0;
    if (!prime) continue;
    if (count < 8) h0[count] = root_fraction(n, 2);
    k[count++] = root_fraction(n, 3);
  }
}

static inline uint32_t rotr(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

static void compress(uint32_t h[8], const uint8_t *block) {
  uint32_t w[64], s[8];
  for (unsigned t = 0; t < 16; t++)
    w[t] = (uint32_t)block[4 * t] << 24 | block[4 * t + 1] << 16 | block[4 * t + 2] << 8 |
           block[4 * t + 3];
  for (unsigned t = 16; t < 64; t++) {
    uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
    uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
    w[t] = s1 + w[t - 7] + s0 + w[t - 16];
  }
  for (unsigned i = 0; i < 8; i++) s[i] = h[i];
  for (unsigned t = 0; t < 64; t++) {
    uint32_t e = s[4], a = s[0];
    uint32_t t1 = s[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & s[5]) ^ (~e & s[6])) +
                  k[t] + w[t];
    uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) +
                  ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    for (unsigned i = 7; i > 0; i--) s[i] = s[i - 1];
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (unsigned i = 0; i < 8; i++) h[i] += s[i];
}

/* The message is in buffer, which has room for the padding. */
static void sha256(uint32_t h[8], size_t bytes) {
  size_t padded = (bytes + 8) / 64 * 64 + 64;
  memset(buffer + bytes, 0, padded - bytes);
  buffer[bytes] = 0x80;
  for (unsigned i = 0; i < 8; i++) buffer[padded - 1 - i] = (uint64_t)bytes * 8 >> 8 * i;
  for (unsigned i = 0; i < 8; i++) h[i] = h0[i];
  for (size_t at = 0; at < padded; at += 64) compress(h, buffer + at);
}

int main(void) {
  uint32_t h[8];
  unsigned long start = instret();
  compute_constants();
  memcpy(buffer, "abc", 3);
  sha256(h, 3);
  if (h[0] != 0xba7816bf || h[7] != 0xf20015ad) return 1; /* FIPS 180-4, the example "abc" */
  for (unsigned round = 0; round < ROUNDS; round++) {
    memcpy(buffer + round * 32, h, sizeof h);
    sha256(h, BUFFER_BYTES);
  }
  report("sha256", (uint64_t)h[0] << 32 | h[1], instret() - start);
  return 0;
}
