// What matrix units multiply and what the cache holds is rounded by r1.cast (once for all readers); the router and sums stay f32.
// RUN: r1-opt %s --r1-bf16-activations --split-input-file | FileCheck %s

// Two layers share one rounding; their sum is float.
// CHECK-LABEL: @linears
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xf32>, %[[W:[a-z0-9]+]]: tensor<32x32xbf16>
// CHECK-NEXT: %[[B:.*]] = r1.cast %[[X]] : (tensor<?x32xf32>) -> tensor<?x32xbf16>
// CHECK-NEXT: %[[Y:.*]] = r1.linear %[[B]], %[[W]] : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32>
// CHECK-NEXT: %[[Z:.*]] = r1.linear %[[B]], %[[W]]
// CHECK-NEXT: %[[S:.*]] = r1.add %[[Y]], %[[Z]] : tensor<?x32xf32>
func.func @linears(%x: tensor<?x32xf32>, %w: tensor<32x32xbf16>) -> tensor<?x32xf32> {
  %y = r1.linear %x, %w : (tensor<?x32xf32>, tensor<32x32xbf16>) -> tensor<?x32xf32>
  %z = r1.linear %x, %w : (tensor<?x32xf32>, tensor<32x32xbf16>) -> tensor<?x32xf32>
  %s = r1.add %y, %z : tensor<?x32xf32>
  return %s : tensor<?x32xf32>
}

// -----

// Experts read the rounded row, the router the row itself.
// CHECK-LABEL: @experts
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xf32>
// CHECK: %[[B:.*]] = r1.cast %[[X]]
// CHECK: r1.router_logits %[[X]], %{{.*}} : (tensor<?x32xf32>
// CHECK: r1.expert_linear %[[B]],
func.func @experts(%x: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %w: tensor<8x32x32xbf16>, %r: tensor<8x32xbf16>)
    -> (tensor<?x8xf32>, tensor<?x2x32xf32>) {
  %l = r1.router_logits %x, %r : (tensor<?x32xf32>, tensor<8x32xbf16>) -> tensor<?x8xf32>
  %y = r1.expert_linear %x, %ids, %w : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<8x32x32xbf16>) -> tensor<?x2x32xf32>
  return %l, %y : tensor<?x8xf32>, tensor<?x2x32xf32>
}

// -----

!cache = !r1.cache<layers = 1, kv_lora = 64, rope = 32>

// A norm and a rotation that only the cache reads round as they store; so does the rotation that feeds attention, and attention itself.
// CHECK-LABEL: @attention
// CHECK: %[[N:.*]] = r1.rms_norm {{.*}} -> tensor<?x64xbf16>
// CHECK: %[[K:.*]] = r1.rope {{.*}} -> tensor<?x32xbf16>
// CHECK: r1.cache_append %{{.*}}, %[[N]], %[[K]],
// CHECK: %[[Q:.*]] = r1.rope {{.*}} -> tensor<?x256xbf16>
// CHECK-NOT: r1.cast
// CHECK: %[[O:.*]] = r1.attention %[[Q]], {{.*}} -> tensor<?x128xbf16>
// CHECK-NEXT: r1.linear %[[O]], {{.*}} -> tensor<?x32xf32>
func.func @attention(%c: !cache, %l: tensor<?x64xf32>, %v: tensor<64xf32>, %k: tensor<?x32xf32>, %q: tensor<?x256xf32>, %t: tensor<?x32xf32>,
                     %kv_b: tensor<256x64xbf16>, %w: tensor<32x128xbf16>, %p: tensor<?xi32>) -> (tensor<?x32xf32>, !cache) {
  %n = r1.rms_norm %l, %v {epsilon = 0.5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %r = r1.rope %k, %t {heads = 1, interleaved = true, offset = 0} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  %d = r1.cache_append %c, %n, %r, %p {layer = 0} : (!cache, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?xi32>) -> !cache
  %s = r1.rope %q, %t {heads = 4, interleaved = true, offset = 32} : (tensor<?x256xf32>, tensor<?x32xf32>) -> tensor<?x256xf32>
  %o = r1.attention %s, %kv_b, %d, %p {heads = 4, layer = 0, nope = 32, scale = 0.25 : f64, v = 32}
      : (tensor<?x256xf32>, tensor<256x64xbf16>, !cache, tensor<?xi32>) -> tensor<?x128xf32>
  %y = r1.linear %o, %w : (tensor<?x128xf32>, tensor<32x128xbf16>) -> tensor<?x32xf32>
  return %y, %d : tensor<?x32xf32>, !cache
}

// -----

!cache = !r1.cache<layers = 1, kv_lora = 64, rope = 32>

// A latent that others read too stays float for them; the cache gets a rounded copy.
// CHECK-LABEL: @shared_latent
// CHECK: %[[N:.*]] = r1.rms_norm {{.*}} -> tensor<?x64xf32>
// CHECK: %[[R:.*]] = r1.cast %[[N]] : (tensor<?x64xf32>) -> tensor<?x64xbf16>
// CHECK: r1.cache_append %{{.*}}, %[[R]],
// CHECK: return %[[N]]
func.func @shared_latent(%c: !cache, %l: tensor<?x64xf32>, %v: tensor<64xf32>, %k: tensor<?x32xf32>, %p: tensor<?xi32>) -> (tensor<?x64xf32>, !cache) {
  %n = r1.rms_norm %l, %v {epsilon = 0.5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %d = r1.cache_append %c, %n, %k, %p {layer = 0} : (!cache, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?xi32>) -> !cache
  return %n, %d : tensor<?x64xf32>, !cache
}

// -----

// Attention's result meets floats again: it is widened where it is added.
// CHECK-LABEL: @widened
// CHECK: %[[Y:.*]] = r1.expand_value {{.*}} -> tensor<?x16xbf16>
// CHECK: %[[F:.*]] = r1.cast %[[Y]] : (tensor<?x16xbf16>) -> tensor<?x16xf32>
// CHECK: r1.add %[[F]], %{{.*}} : tensor<?x16xf32>
func.func @widened(%x: tensor<?x16xf32>, %w: tensor<24x8xbf16>, %r: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %y = r1.expand_value %x, %w {heads = 2, nope = 4, v = 8} : (tensor<?x16xf32>, tensor<24x8xbf16>) -> tensor<?x16xf32>
  %s = r1.add %y, %r : tensor<?x16xf32>
  return %s : tensor<?x16xf32>
}
