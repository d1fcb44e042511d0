// Decode: attention becomes absorb_query, latent_attention over the cache itself, expand_value. Prefill keeps the plain form.
// RUN: r1-opt %s --r1-absorb-kv-b --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// CHECK-LABEL: @decode
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x256xf32>, %[[B:[a-z0-9]+]]: tensor<288x64xf8E4M3FN>, %[[S:[a-z0-9]+]]: tensor<3x1xf32>, %[[C:[a-z0-9]+]]: !r1.cache<{{.*}}>, %[[P:[a-z0-9]+]]: tensor<?xi32>
// CHECK-NEXT: %[[A:.*]] = r1.absorb_query %[[Q]], %[[B]] scale %[[S]] {heads = 4 : i64, nope = 32 : i64, rope = 32 : i64, v = 40 : i64} : {{.*}} -> tensor<?x256xf32>
// CHECK-NEXT: %[[L:.*]] = r1.latent_attention %[[A]], %[[Q]], %[[C]], %[[P]] {heads = 4 : i64, layer = 1 : i64, nope = 32 : i64, scale = 2.500000e-01 : f64} : {{.*}} -> tensor<?x256xf32>
// CHECK-NEXT: %[[O:.*]] = r1.expand_value %[[L]], %[[B]] scale %[[S]] {heads = 4 : i64, nope = 32 : i64, v = 40 : i64} : {{.*}} -> tensor<?x160xf32>
// CHECK-NEXT: return %[[O]]
func.func @decode(%q: tensor<?x256xf32>, %kv_b: tensor<288x64xf8E4M3FN>, %s: tensor<3x1xf32>, %c: !cache, %p: tensor<?xi32>) -> tensor<?x160xf32> {
  // expected-remark @+1 {{[Passed] absorb-kv-b | Category:fusion | Function=decode | Remark="attention over 96 cached elements a token for all 4 heads"}}
  %o = r1.attention %q, %kv_b scale %s, %c, %p {heads = 4, layer = 1, nope = 32, scale = 0.25 : f64, v = 40}
      : (tensor<?x256xf32>, tensor<288x64xf8E4M3FN>, tensor<3x1xf32>, !cache, tensor<?xi32>) -> tensor<?x160xf32>
  return %o : tensor<?x160xf32>
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// The kind of step is the attribute r1.entry; a name alone decides only where it is absent.
// CHECK-LABEL: @decode
// CHECK: r1.attention
// CHECK-NOT: r1.latent_attention
func.func @decode(%q: tensor<?x256xf32>, %kv_b: tensor<256x64xbf16>, %c: !cache, %p: tensor<?xi32>) -> tensor<?x128xf32>
    attributes {r1.entry = "prefill"} {
  // expected-remark @+1 {{[Missed] absorb-kv-b | Category:fusion | Function=decode | Remark="many queries share the keys in prefill: expanding them once costs fewer operations"}}
  %o = r1.attention %q, %kv_b, %c, %p {heads = 4, layer = 0, nope = 32, scale = 0.25 : f64, v = 32}
      : (tensor<?x256xf32>, tensor<256x64xbf16>, !cache, tensor<?xi32>) -> tensor<?x128xf32>
  return %o : tensor<?x128xf32>
}
