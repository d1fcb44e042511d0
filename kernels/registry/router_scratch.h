// Scratch of the router skeletons. One place for the kernels, which lay it out, and the registry, which says
// how much.
#pragma once
#include "kernels/registry/params.h"

namespace r1::kernels {

// Scores f32 and their orders i32, [round_up(experts, 16)] each, then one i32 a group.
static inline constexpr int64_t router_choice_bytes(const RouterParams& p) {
  return (2 * ((p.experts + 15) / 16 * 16) + (p.groups + 15) / 16 * 16) * 4;
}

// One i32 an expert.
static inline constexpr int64_t router_group_bytes(const RouterParams& p) {
  return (p.experts + 15) / 16 * 16 * 4;
}

} // namespace r1::kernels
