#!/bin/sh
# What the demo's image does: shows what each stage left, and where it runs.
cat banner.txt
echo
echo "  $GREETING"
echo "  primes: $(tr '\n' ' ' <primes)"
echo "  I am $(id -un), process $$ of $(hostname), on $(uname -sr)"
