// The skeletons of this family for CPUs, one header each.
#include "kernels/mla/combine_cpu.h"
#include "kernels/mla/decode_cpu.h"
#include "kernels/mla/prefill_cpu.h"
