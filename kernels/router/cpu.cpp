// The skeletons of this family for CPUs, one header each.
#include "kernels/router/fused_cpu.h"
#include "kernels/router/group_cpu.h"
#include "kernels/router/logits_cpu.h"
#include "kernels/router/topk_cpu.h"
