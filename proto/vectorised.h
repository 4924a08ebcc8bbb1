/* VECTORISED before an integer loop over per-feature data: gcc's -O2 leaves such loops scalar, which is
 * 8 to 17 times slower. Built for AVX2 beside the baseline and chosen when the program is loaded.
 * Never on floating point: every float must mean the same on every machine. */
#pragma once

#if defined(__clang__)
#define VECTORISED /* vectorises at -O2 by itself; its sanitizers and fuzzer dislike resolvers */
#elif defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) &&               \
	!defined(__SANITIZE_THREAD__)
#define VECTORISED __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define VECTORISED __attribute__((optimize("O3")))
#endif
