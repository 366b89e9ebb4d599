#include "sieve.h"

#include <stdlib.h>

unsigned char *sieve(size_t limit) {
  unsigned char *composite = calloc(limit > 2 ? limit : 2, 1);
  if (composite == NULL) return NULL;
  composite[0] = composite[1] = 1;
  for (size_t i = 2; i * i < limit; i++)
    if (!composite[i])
      for (size_t j = i * i; j < limit; j += i) composite[j] = 1;
  return composite;
}
