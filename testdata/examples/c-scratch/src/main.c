#include "sieve.h"

#include <stdio.h>
#include <stdlib.h>

/* Prints the primes below the number given, on one line. */
int main(int argc, char **argv) {
  long limit = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
  if (limit < 2 || limit > 100000000) {
    fprintf(stderr, "usage: primes LIMIT (2 to 100000000)\n");
    return 64;
  }
  unsigned char *composite = sieve((size_t)limit);
  if (composite == NULL) return 70;
  const char *separator = "";
  for (long i = 2; i < limit; i++)
    if (!composite[i]) {
      printf("%s%ld", separator, i);
      separator = " ";
    }
  putchar('\n');
  free(composite);
  return 0;
}
