/* For integer loops over d_sae features: the function is built once a vector width, at -O3, and
 * the machine picks its copy when the program starts. Never on floats: their sums must not
 * depend on the machine. The sanitizers do without, because the choice is made before their run
 * time is up; clang vectorises at -O2 by itself. */
#pragma once

#if defined(__clang__) || !defined(__GNUC__)
#define KERNEL
#elif defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) &&               \
	!defined(__SANITIZE_THREAD__)
#define KERNEL                                                                                     \
	__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3", "unroll-"       \
										   "loops")))
#else
#define KERNEL __attribute__((optimize("O3", "unroll-loops")))
#endif
