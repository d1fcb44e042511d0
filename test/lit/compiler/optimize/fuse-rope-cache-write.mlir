// The latent's norm, the key's rotation and the store into the cache become one r1.fused, if the cache alone reads both.
// RUN: r1-opt %s --r1-fuse-rope-cache-write --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

!cache = !r1.cache<layers = 1, kv_lora = 64, rope = 32>

// CHECK-LABEL: @taken
// CHECK: %[[F:.*]] = r1.fused ["rope-cache-write"](
// CHECK-SAME: -> !r1.cache<layers = 1, kv_lora = 64, rope = 32> {
// CHECK-DAG:   %[[N:.*]] = r1.rms_norm
// CHECK-DAG:   %[[K:.*]] = r1.rope
// CHECK:   %[[A:.*]] = r1.cache_append %{{.*}}, %[[N]], %[[K]], %{{.*}} {layer = 0 : i64}
// CHECK-NEXT:   r1.yield %[[A]]
// CHECK: return %[[F]]
func.func @taken(%c: !cache, %l: tensor<?x64xf32>, %w: tensor<64xf32>, %k: tensor<?x32xf32>, %t: tensor<?x32xf32>, %p: tensor<?xi32>) -> !cache {
  %n = r1.rms_norm %l, %w {epsilon = 0.5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %r = r1.rope %k, %t {heads = 1, interleaved = true, offset = 0} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  // expected-remark @+1 {{[Passed] rope-cache-write | Category:fusion | Function=taken | Remark="the normalised latent and the rotated key exist only in the cache"}}
  %d = r1.cache_append %c, %n, %r, %p {layer = 0} : (!cache, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?xi32>) -> !cache
  return %d : !cache
}

// -----

!cache = !r1.cache<layers = 1, kv_lora = 64, rope = 32>

// Refused: the rotated key has another reader.
// CHECK-LABEL: @two_readers
// CHECK-NOT: r1.fused
func.func @two_readers(%c: !cache, %l: tensor<?x64xf32>, %w: tensor<64xf32>, %k: tensor<?x32xf32>, %t: tensor<?x32xf32>, %p: tensor<?xi32>)
    -> (!cache, tensor<?x32xf32>) {
  %n = r1.rms_norm %l, %w {epsilon = 0.5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %r = r1.rope %k, %t {heads = 1, interleaved = true, offset = 0} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  // expected-remark @+1 {{[Missed] rope-cache-write | Category:fusion | Function=two_readers | Remark="the latent is not a norm, or the key not a rotation, read by the cache alone"}}
  %d = r1.cache_append %c, %n, %r, %p {layer = 0} : (!cache, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?xi32>) -> !cache
  return %d, %r : !cache, tensor<?x32xf32>
}

// -----

!cache = !r1.cache<layers = 1, kv_lora = 64, rope = 32>

// Refused: nothing normalises the latent.
// CHECK-LABEL: @no_norm
// CHECK-NOT: r1.fused
func.func @no_norm(%c: !cache, %l: tensor<?x64xf32>, %k: tensor<?x32xf32>, %t: tensor<?x32xf32>, %p: tensor<?xi32>) -> !cache {
  %r = r1.rope %k, %t {heads = 1, interleaved = true, offset = 0} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  // expected-remark @+1 {{[Missed] rope-cache-write}}
  %d = r1.cache_append %c, %l, %r, %p {layer = 0} : (!cache, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?xi32>) -> !cache
  return %d : !cache
}
