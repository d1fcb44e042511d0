// The gather of the rows whose logits are wanted moves up to what all rows are needed for: the last layer's entry in the cache. A norm on
// the way is computed again for the few; attention's queries are those of the rows.
// RUN: r1-opt %s --r1-prune-unread-rows --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

!cache = !r1.cache<layers = 1, kv_lora = 8, rope = 4>

// CHECK-LABEL: @prefill
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x16xf32>, %[[T:[a-z0-9]+]]: tensor<?x4xf32>, %[[C:[a-z0-9]+]]: !r1.cache<{{.*}}>, %[[P:[a-z0-9]+]]: tensor<?xi32>, %[[R:[a-z0-9]+]]: tensor<?xi32>)
// CHECK-DAG: %[[FEW:.*]] = r1.gather_rows %[[X]], %[[R]]
// CHECK-DAG: %[[TABLE:.*]] = r1.gather_rows %[[T]], %[[R]]
// CHECK-DAG: %[[N:.*]] = r1.rms_norm %[[X]], %[[W:.*]] {epsilon
// CHECK-DAG: %[[M:.*]] = r1.rms_norm %[[FEW]], %[[W]] {epsilon
// CHECK: %[[KV:.*]] = r1.linear %[[N]], %{{.*}} -> tensor<?x12xf32>
// CHECK: %[[APPENDED:.*]] = r1.cache_append %[[C]]
// CHECK: %[[Q:.*]] = r1.linear %[[M]], %{{.*}} -> tensor<?x16xf32>
// CHECK: %[[ROTATED:.*]] = r1.rope %[[Q]], %[[TABLE]]
// CHECK: %[[O:.*]] = r1.attention %[[ROTATED]], %{{.*}}, %[[APPENDED]], %[[P]] rows %[[R]]
// CHECK: %[[S:.*]] = r1.add %[[FEW]], %[[O]]
// CHECK: return %[[S]], %[[APPENDED]]
func.func @prefill(%x: tensor<?x16xf32>, %t: tensor<?x4xf32>, %c: !cache, %p: tensor<?xi32>, %r: tensor<?xi32>) -> (tensor<?x16xf32>, !cache) {
  %w = r1.weight "norm" : tensor<16xbf16>
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x16xf32>, tensor<16xbf16>) -> tensor<?x16xf32>
  %wkv = r1.weight "kv_a" : tensor<12x16xbf16>
  %kv = r1.linear %n, %wkv : (tensor<?x16xf32>, tensor<12x16xbf16>) -> tensor<?x12xf32>
  %l = r1.slice %kv[0] : (tensor<?x12xf32>) -> tensor<?x8xf32>
  %k = r1.slice %kv[8] : (tensor<?x12xf32>) -> tensor<?x4xf32>
  %a = r1.cache_append %c, %l, %k, %p {layer = 0} : (!cache, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?xi32>) -> !cache
  %wq = r1.weight "q" : tensor<16x16xbf16>
  %q = r1.linear %n, %wq : (tensor<?x16xf32>, tensor<16x16xbf16>) -> tensor<?x16xf32>
  %rotated = r1.rope %q, %t {heads = 2, interleaved = true, offset = 4} : (tensor<?x16xf32>, tensor<?x4xf32>) -> tensor<?x16xf32>
  %b = r1.weight "kv_b" : tensor<24x8xbf16>
  %o = r1.attention %rotated, %b, %a, %p {heads = 2, layer = 0, nope = 4, scale = 0.5 : f64, v = 8}
      : (tensor<?x16xf32>, tensor<24x8xbf16>, !cache, tensor<?xi32>) -> tensor<?x16xf32>
  %s = r1.add %x, %o : tensor<?x16xf32>
  // expected-remark @+1 {{[Passed] prune-unread-rows | Category:fusion | Function=prefill | Remark="1 linear layers compute the rows whose logits are wanted, not every token's"}}
  %g = r1.gather_rows %s, %r : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return %g, %a : tensor<?x16xf32>, !cache
}

// -----

// What somebody else reads whole stays whole.
// CHECK-LABEL: @prefill
// CHECK: %[[Y:.*]] = r1.linear
// CHECK: r1.gather_rows %[[Y]]
func.func @prefill(%x: tensor<?x16xf32>, %r: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %w = r1.weight "w" : tensor<8x16xbf16>
  %y = r1.linear %x, %w : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
  // expected-remark @+1 {{no linear layer lies between the rows that are wanted and what reads every row}}
  %g = r1.gather_rows %y, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %g, %y : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// CHECK-LABEL: @decode
// CHECK: %[[Y:.*]] = r1.linear
// CHECK: r1.gather_rows %[[Y]]
func.func @decode(%x: tensor<?x16xf32>, %r: tensor<?xi32>) -> tensor<?x8xf32> {
  %w = r1.weight "w" : tensor<8x16xbf16>
  %y = r1.linear %x, %w : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
  // expected-remark @+1 {{every token of such a step wants its logits}}
  %g = r1.gather_rows %y, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %g : tensor<?x8xf32>
}

// -----

// Rows that the step does not give, but another kernel, are not known where the layer begins.
// CHECK-LABEL: @prefill
// CHECK: %[[Y:.*]] = r1.linear
// CHECK: r1.gather_rows %[[Y]]
func.func @prefill(%x: tensor<?x16xf32>, %l: tensor<?x8xf32>, %o: tensor<?x4xi32>, %d: tensor<?x2xi32>) -> tensor<?x8xf32> {
  %w = r1.weight "w" : tensor<8x16xbf16>
  %r = r1.sample %l, %o, %d : (tensor<?x8xf32>, tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?xi32>
  %y = r1.linear %x, %w : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
  // expected-remark @+1 {{the rows that are wanted are not given with the step}}
  %g = r1.gather_rows %y, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %g : tensor<?x8xf32>
}
