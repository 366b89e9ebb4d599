#ifndef SIEVE_H
#define SIEVE_H

#include <stddef.h>

/* Marks composites below limit; the caller frees the result. NULL when there is no memory. */
unsigned char *sieve(size_t limit);

#endif
