// The skeletons of this family for CPUs, one header each.
#include "kernels/rows/gather_cpu.h"
#include "kernels/rows/gather_words_cpu.h"
#include "kernels/rows/latent_write_cpu.h"
#include "kernels/rows/rope_cpu.h"
#include "kernels/rows/rope_table_cpu.h"
#include "kernels/rows/rows_cpu.h"
