// The end of the phase refuses what selection could not compute: float before matrix units, a rounded router input, a forked cache.
// RUN: r1-opt %s --r1-verify-optimized --verify-diagnostics --split-input-file | FileCheck %s

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>

// What it accepts passes unchanged.
// CHECK-LABEL: @fine
func.func @fine(%x: tensor<?x32xbf16>, %w: tensor<32x32xbf16>, %c: !cache, %l: tensor<?x8xbf16>, %k: tensor<?x4xbf16>, %p: tensor<?xi32>)
    -> (tensor<?x32xf32>, !cache) {
  %y = r1.linear %x, %w : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32>
  %d = r1.cache_append %c, %l, %k, %p {layer = 0} : (!cache, tensor<?x8xbf16>, tensor<?x4xbf16>, tensor<?xi32>) -> !cache
  %e = r1.cache_append %d, %l, %k, %p {layer = 1} : (!cache, tensor<?x8xbf16>, tensor<?x4xbf16>, tensor<?xi32>) -> !cache
  return %y, %e : tensor<?x32xf32>, !cache
}

// -----

func.func @float_linear(%x: tensor<?x32xf32>, %w: tensor<32x32xbf16>) -> tensor<?x32xf32> {
  // expected-error @+1 {{reads float where a matrix unit needs bf16; run r1-bf16-activations}}
  %y = r1.linear %x, %w : (tensor<?x32xf32>, tensor<32x32xbf16>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Inside a group too.
func.func @float_experts(%x: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %w: tensor<8x32x32xbf16>) -> tensor<?x2x32xf32> {
  %f = r1.fused ["a"](%x, %ids, %w) : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<8x32x32xbf16>) -> tensor<?x2x32xf32> {
  ^bb0(%a: tensor<?x32xf32>, %i: tensor<?x2xi32>, %v: tensor<8x32x32xbf16>):
    // expected-error @+1 {{reads float where a matrix unit needs bf16; run r1-bf16-activations}}
    %y = r1.expert_linear %a, %i, %v : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<8x32x32xbf16>) -> tensor<?x2x32xf32>
    r1.yield %y : tensor<?x2x32xf32>
  }
  return %f : tensor<?x2x32xf32>
}

// -----

func.func @rounded_router(%x: tensor<?x32xbf16>, %w: tensor<8x32xbf16>) -> tensor<?x8xf32> {
  // expected-error @+1 {{routes on rounded activations; the router reads f32}}
  %l = r1.router_logits %x, %w : (tensor<?x32xbf16>, tensor<8x32xbf16>) -> tensor<?x8xf32>
  return %l : tensor<?x8xf32>
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>

func.func @forked_cache(%c: !cache, %l: tensor<?x8xbf16>, %k: tensor<?x4xbf16>, %p: tensor<?xi32>) -> (!cache, !cache) {
  // expected-error @+1 {{appends to a cache that another operation also appends to; caches are one behind the other}}
  %d = r1.cache_append %c, %l, %k, %p {layer = 0} : (!cache, tensor<?x8xbf16>, tensor<?x4xbf16>, tensor<?xi32>) -> !cache
  %e = r1.cache_append %c, %l, %k, %p {layer = 1} : (!cache, tensor<?x8xbf16>, tensor<?x4xbf16>, tensor<?xi32>) -> !cache
  return %d, %e : !cache, !cache
}
